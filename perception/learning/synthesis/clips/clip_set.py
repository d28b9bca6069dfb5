"""A TransPhy3D data set on disk: one settings file, one folder a clip; what is there, what is missing, what is damaged.

dataset.json    the settings and the number of clips
clips/NNNNNN/   a clip (clip_files.py)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ConfigurationError, DatasetError
from core.files import free_folder, writing
from core.text_file import read_json
from core.work import changes, hold_folder, write_whole
from perception.learning.synthesis.clips.clip_files import (
    MOST_CLIPS,
    REPAIR,
    as_json,
    clip_name,
    clips_in,
    problems_of,
    remove_partial,
)
from perception.learning.synthesis.clips.settings import FORMAT, SynthSettings, settings_digest, settings_of

SETTINGS = "dataset.json"
_LOCK = ".synth.lock"
_SET_ASIDE = "set-aside"
#: Problems that an error lists; `--verify` lists all.
_LISTED = 10
THEN = "it goes on with the rest"


class ClipSet:
    """The data set in a folder, new or begun by an earlier run with the same settings."""

    def __init__(self, root: Path, settings: SynthSettings, count: int) -> None:
        self.root = root
        self.settings = settings
        self.count = count
        self.clips = root / "clips"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Nobody else writes to it meanwhile; what killed runs left half is removed. Makes it where it is not there.

        Raises:
            ConfigurationError: another run is at it, something else lies there, or a set of other settings.
            StorageError: it cannot be written.
        """
        self._refuse_foreign()
        with hold_folder(self.root, lock=_LOCK, then=THEN):
            write_whole(self.root / SETTINGS, as_json(self.settings.as_facts() | {"clips": self.count}), THEN)
            remove_partial(self.clips)
            yield

    def missing(self) -> list[int]:
        """Numbers of the clips that are still to be rendered.

        Raises:
            DatasetError: finished clips lack files, have others, or are of another set: they were changed by hand.
        """
        if problems := [line for _, lines in self._find_damage(thorough=False) for line in lines]:
            more = f"; {len(problems) - _LISTED} more" if len(problems) > _LISTED else ""
            raise DatasetError(f"{'; '.join(problems[:_LISTED])}{more}.", REPAIR)
        there = {path.name for path in clips_in(self.clips)}
        return [number for number in range(self.count) if clip_name(number) not in there]

    def discard_damaged(self) -> list[str]:
        """Moves every clip that does not hold what was rendered to `set-aside/`, so that it is missing; names what
        was wrong. Nothing is deleted: what was changed by hand may be somebody's work.

        Raises:
            StorageError: it cannot be moved.
        """
        found = []
        for path, problems in self._find_damage(thorough=True):
            found += problems
            with writing(self.root / _SET_ASIDE, THEN):
                (self.root / _SET_ASIDE).mkdir(exist_ok=True)
                path.rename(free_folder(self.root / _SET_ASIDE / path.name))
        return found

    def _find_damage(self, thorough: bool) -> Iterator[tuple[Path, list[str]]]:
        """Clips of the set that are there, with what is wrong with them; see `problems_of`."""
        for path in clips_in(self.clips):
            if int(path.name) < self.count and (problems := problems_of(path, thorough, self.settings.digest)):
                yield path, problems

    def _refuse_foreign(self) -> None:
        if (self.root / SETTINGS).exists():
            facts = read_settings(self.root)
            there = {key: value for key, value in facts.items() if key != "clips"}
            words = "{key}: {before} there, {now} asked for"
            if changed := changes(there, self.settings.as_facts(), words):
                raise ConfigurationError(
                    f"{self.root} holds a data set of other settings ({'; '.join(changed)}).",
                    "Give the same ones to go on with it, or name another --out.",
                )
            self.count = max(self.count, int(facts["clips"]))
            return
        # A run that was killed early leaves a data set without its dataset.json.
        ours = (_LOCK, "clips", f".{SETTINGS}.partial", _SET_ASIDE, "README.md", "card.png")
        if self.root.exists() and (
            not self.root.is_dir() or any(path.name not in ours for path in self.root.iterdir())
        ):
            raise ConfigurationError(
                f"{self.root} is there and no data set of this command.", "Name a new or empty folder with --out."
            )


def read_settings(root: Path) -> dict[str, Any]:
    """What dataset.json says.

    Raises:
        DatasetError: it is missing, damaged or no TransPhy3D set's.
    """
    file = root / SETTINGS
    try:
        facts = read_json(file)
        if facts["format"] != FORMAT or not 1 <= int(facts["clips"]) <= MOST_CLIPS:
            raise ValueError(f"format {facts['format']!r}, {facts['clips']} clips")
        settings_of(facts)
    except OSError as error:
        raise DatasetError(f"{file} cannot be read ({error.strerror}).", "Name the folder of a data set.") from error
    except (ValueError, KeyError, TypeError, ConfigurationError) as error:
        raise DatasetError(
            f"{file} is not what `synth` writes ({error}).", "Remove it; `synth` with the same options writes it again."
        ) from error
    return facts


def verify(root: Path) -> Iterator[list[str]]:
    """For every clip that is there or should be: what is wrong with it, each file named.

    Raises:
        DatasetError: there is no data set.
    """
    facts = read_settings(root)
    count, digest = int(facts["clips"]), settings_digest(facts)
    there = {path.name for path in clips_in(root / "clips")}
    wanted = {clip_name(number) for number in range(count)}
    for name in sorted(there | wanted):
        folder = root / "clips" / name
        if name not in there:
            yield [f"{folder} is missing"]
        elif name not in wanted:
            yield [f"{folder} is one more than the {count} clips of {SETTINGS}"]
        else:
            yield problems_of(folder, thorough=True, digest=digest)
