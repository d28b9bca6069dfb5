"""Changes of a cell's YAML that leave its comments and its order alone."""

import re
from pathlib import Path

from core.errors import ConfigurationError
from core.files import replace_file, writing


def swap_channels(file: Path, one: str, other: str) -> None:
    """Swaps two arms' CAN channels; the old file is kept as NAME.yaml.before.

    Raises:
        ConfigurationError: the channels are not written as `channel: NAME`, once each; nothing is changed.
        StorageError: a file that cannot be written.
    """
    text = file.read_text(encoding="utf-8")
    swapped = {one: other, other: one}
    pattern = re.compile(r"(\bchannel:\s*[\"']?)(" + "|".join(map(re.escape, swapped)) + r")(?=[\"']?\s*[,}\n#])")
    changed, count = pattern.subn(lambda found: found[1] + swapped[found[2]], text)
    if count != 2:
        raise ConfigurationError(
            f"The channels {one} and {other} were not found once each in {file}.", "Swap them by hand."
        )
    with writing(file):
        replace_file(file.with_name(f"{file.name}.before"), text.encode())
        replace_file(file, changed.encode())
