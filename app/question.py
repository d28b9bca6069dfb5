"""A question to the person at the cell, and what was answered."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

KEY, PAGE = "key", "page"


@dataclass(frozen=True)
class Question:
    """id: of no other question of this process. choices: key -> what it means. subject: what it is about, for who
    draws it (`approve`, `label`, ...). enter: the key that Enter stands for, if any. takes_text: a line of free text is
    an answer (under the key ""). trial: the number of the one that it is about, an earlier one too; 0 where it names
    none."""

    text: str
    choices: Mapping[str, str]
    subject: str = ""
    enter: str = ""
    takes_text: bool = False
    trial: int = 0
    id: int = field(default_factory=itertools.count(1).__next__)


@dataclass(frozen=True)
class Reply:
    """key: one of the question's. by: `key` or `page`. text: what was written beside it."""

    key: str
    by: str = KEY
    text: str = ""
