"""What a fetched folder holds: written last, so that a folder with a manifest was once whole."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import PerceptionError
from core.files import demand_inside, replace_file
from core.json_values import to_json
from core.text_file import read_json

MANIFEST = "manifest.json"
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class FileRecord:
    """One file: its size and SHA-256, and the repository and commit that it (or its source) came from.

    Raises:
        ValueError: a size or hash that none is.
    """

    size: int
    sha256: str
    repo: str
    revision: str

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < 0 or not _SHA256.fullmatch(str(self.sha256)):
            raise ValueError(f"no file has the size {self.size} and the SHA-256 {self.sha256}")


@dataclass(frozen=True)
class Manifest:
    """The files of a model by their path within its folder."""

    model: str
    files: Mapping[str, FileRecord]

    def other_sizes(self, folder: Path) -> dict[str, int | None]:
        """Files that are missing (None) or of another size (which), by path."""
        sizes = {path: (folder / path).stat().st_size if (folder / path).is_file() else None for path in self.files}
        return {path: size for path, size in sizes.items() if size != self.files[path].size}


def read_manifest(folder: Path) -> Manifest | None:
    """The folder's manifest, None where it has none.

    Raises:
        PerceptionError: a manifest that cannot be read.
    """
    path = folder / MANIFEST
    try:
        content = read_json(path)
        demand_inside(*content["files"])
        files = {name: FileRecord(**record) for name, record in content["files"].items()}
        return Manifest(str(content["model"]), files)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PerceptionError(
            f"{path} cannot be read ({error}).", "Delete it; `python main.py weights fetch` writes it again."
        ) from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes it whole or not at all (OSError where the folder takes no file)."""
    replace_file(folder / MANIFEST, (to_json(manifest, indent=1) + "\n").encode())
