"""The three kinds of table that success is reported for."""

from enum import StrEnum


class Surface(StrEnum):
    """The table's surface, as the paper's success table names it."""

    REFLECTIVE = "reflective"
    TRANSLUCENT = "translucent"
    DIFFUSE = "diffuse"


SURFACES = tuple(Surface)
