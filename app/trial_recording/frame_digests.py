"""What proves that a trial's frames are those it was decided on: SHA256SUMS among them, which `sha256sum -c` reads too.

The log's row keeps the digest of these lists, so that neither a frame nor its list can be changed unseen.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from core.errors import TrialError
from core.files import demand_inside
from core.text_file import read_bytes

SUMS = "SHA256SUMS"
#: The longest list that is read [bytes]: of ten thousand files.
_MOST_BYTES = 1 << 20


def write_sums(folder: Path) -> None:
    """Lists the files in a folder with their SHA-256.

    Raises:
        OSError: it cannot be read or written.
    """
    names = sorted(file.name for file in folder.iterdir() if file.is_file() and file.name != SUMS)
    (folder / SUMS).write_text("".join(f"{_sum_of(folder / name)}  {name}\n" for name in names))


def frame_digest(folders: Sequence[Path]) -> str:
    """Of the lists in the frames' folders, a folder an attempt; '' where no folder has one."""
    lists = [(folder / SUMS).read_bytes() for folder in folders if (folder / SUMS).is_file()]
    return hashlib.sha256(b"\n".join(lists)).hexdigest() if lists else ""


def require_same_frames(folders: Sequence[Path], digest: str) -> None:
    """Refuses frames that are not what they were; a trial that was logged without a digest has nothing to compare.

    Raises:
        TrialError: a file that was changed or is missing, by name; or whole lists that are another trial's.
    """
    if not digest:
        return
    for folder in folders:
        for name, said in _read_sums(folder).items():
            if not (folder / name).is_file():
                raise _change_error(f"{folder / name} is missing")
            if _sum_of(folder / name) != said:
                raise _change_error(f"{folder / name} is not what it was when the trial ran")
    if frame_digest(folders) != digest:
        raise _change_error(f"{' and '.join(str(folder / SUMS) for folder in folders)} is not of this trial's row")


def _read_sums(folder: Path) -> dict[str, str]:
    """The sums by name. Raises a TrialError where they cannot be read."""
    try:
        lines = read_bytes(folder / SUMS, _MOST_BYTES).decode().splitlines()
        listed = {name: said for said, _, name in (line.partition("  ") for line in lines)}
        demand_inside(*listed)
    except (OSError, ValueError) as error:
        raise _change_error(f"{folder / SUMS} cannot be read ({error})") from error
    return listed


def _sum_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _change_error(what: str) -> TrialError:
    return TrialError(
        f"{what}, so nothing that is computed on these frames would tell of that trial.",
        "Copy the trial's folder again from where it was made, or from a backup.",
    )
