"""Numbers in sentences."""


def counted(count: int, noun: str) -> str:
    """As `1 trial`, `0 trials`, `1,000 trials`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
