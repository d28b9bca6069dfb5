"""Sizes of pictures as people write them."""

from core.errors import ConfigurationError

#: (width, height) [px]
Size = tuple[int, int]


def parse_size(text: str, option: str = "--size") -> Size | None:
    """(width, height) of `WIDTHxHEIGHT`, None of nothing; option: what messages call it.

    Raises:
        ConfigurationError: anything else.
    """
    if not text:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ConfigurationError(f"{option} {text!r} is not WIDTHxHEIGHT.", f"For example: {option} 832x480")
    return int(parts[0]), int(parts[1])
