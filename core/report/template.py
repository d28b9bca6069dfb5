"""A report as one HTML page that needs nothing beside it."""

from pathlib import Path
from typing import Any


def render_page(template: Path, **values: Any) -> str:
    """The page of a jinja2 template, which may include `style.html` of this folder; what it is given is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(**values)
