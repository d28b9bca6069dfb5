"""A lab's own part (an estimator, a detector) in a Python file outside this project."""

import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import TypeVar

from core.errors import ConfigurationError, VitroError

T = TypeVar("T")


def is_plugin(name: str) -> bool:
    """Whether a choice on the command line is a file, not the name of a part of Vitro's."""
    return name.endswith(".py")


def load_plugin(file: Path, attribute: str, kind: type[T]) -> T:
    """What a file defines under the name `attribute`; it is run once a process unless it changes.

    Raises:
        ConfigurationError: no such file, it fails when it is run, or `attribute` is missing or of another type.
    """
    path = file.expanduser().resolve()
    if not path.is_file():
        raise ConfigurationError(f"There is no file {file}.", "Check the path; docs/estimators.md shows such a file.")
    found = getattr(_module(path, path.stat().st_mtime_ns), attribute, None)
    if not isinstance(found, kind):
        what = "defines no" if found is None else f"has a {type(found).__name__} as its"
        raise ConfigurationError(
            f"{file} {what} {attribute}.", f"It must define {attribute} = {kind.__name__}(...): see examples/."
        )
    return found


def part_name(name: str, choice: str) -> str:
    """A part's name for logs: of a lab's own with the file that was chosen."""
    return f"{name} ({Path(choice).expanduser().resolve()})" if is_plugin(choice) else name


@contextmanager
def naming_failures(
    file: Path | None,
    what: str,
    but: tuple[type[Exception], ...] = (),
    kind: type[VitroError] = ConfigurationError,
) -> Iterator[None]:
    """Names what fails in a lab's own file with its line; file: None for a part of Vitro's, whose failures are bugs.

    Raises:
        kind: whatever the body raises, except for a VitroError and what `but` names.
    """
    try:
        yield
    except (VitroError,) + but:  # noqa: RUF005
        raise
    except Exception as error:
        if file is None:
            raise
        raise kind(f"{file} cannot be {what}: {failure_in(file, error)}.", "Mend it there.") from error


def failure_in(file: Path, error: BaseException) -> str:
    """What failed in such a file and in which of its lines, in one line."""
    lines = [entry.lineno for entry in extract_tb(error.__traceback__) if entry.filename == str(file)]
    line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
    said = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}{f' in line {line}' if line else ''}{f': {said}' if said else ''}"


@lru_cache
def _module(path: Path, mtime_ns: int) -> ModuleType:
    """mtime_ns: the file's time of change, so that an edited file is run again."""
    name = f"vitro_plugin_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None  # a .py file always has both
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # what lies beside it can be imported, and shadows nothing
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        remedy = "Mend it there." if not isinstance(error, ImportError) else "Install what it imports into .venv."
        raise ConfigurationError(f"{path} cannot be run: {failure_in(path, error)}.", remedy) from error
    return module
