"""Names that people may not be shown, in what they read."""

import re
from collections.abc import Iterable


def hide_names(text: str, names: Iterable[str], alias: str) -> str:
    """A text with the alias in the place of each name that stands in it as a whole word."""
    for name in sorted(filter(None, names), key=len, reverse=True):
        text = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", alias.replace("\\", r"\\"), text)
    return text
