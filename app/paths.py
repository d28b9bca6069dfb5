"""Where Vitro keeps what it writes, and where its cells are."""

import os
from pathlib import Path
from shlex import quote

from core.errors import ConfigurationError, TrialError, did_you_mean
from core.files import demand_writable, writing

CELLS = Path(__file__).parent / "cells"


def home(is_written: bool = True) -> Path:
    """The folder for trials and reports, made where there is none: $VITRO_HOME, else `runs/` beside main.py.

    is_written: False for who only reads there.

    Raises:
        StorageError: it cannot be made, or written to.
    """
    path = _home()
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
    if is_written:
        demand_writable(path)
    return path


def trial_log(is_written: bool = True) -> str:
    """Where the log of trials is: what $VITRO_TRIALS says, a file or an SQLAlchemy URL, else `trials.db` at home.

    is_written: as `home`.

    Raises:
        StorageError: as `home`; a log elsewhere is judged when it is opened.
        TrialError: $VITRO_TRIALS names a file to read that is not there, or the log's rows are gone and its trials'
            folders are not.
    """
    place = os.environ.get("VITRO_TRIALS")
    if place and "://" in place:
        home(is_written)  # trials of a server too have their pictures here
        return place
    file = Path(place) if place else home(is_written) / "trials.db"
    if place and not is_written and not file.exists():
        raise TrialError(
            f"There is no log of trials {file}, which VITRO_TRIALS names.",
            "Correct VITRO_TRIALS, or unset it for the log of VITRO_HOME; a run makes one where there is none.",
        )
    folders = trial_folder(str(file), 0).parent
    if file.is_file() and not file.stat().st_size and any(folders.glob("[0-9]*")):
        raise TrialError(
            f"The log of trials {file} is empty, but there are folders of its trials.",
            f"Restore it from a backup; or, to begin anew: mv {quote(str(folders))} {quote(f'{folders}.aside')}",
        )
    return str(file)


def calibrations() -> Path:
    """Where cells' calibrations are, as `CalibrationStore` keeps them; made by who saves one."""
    return _home() / "calibrations"


def _home() -> Path:
    return Path(os.environ.get("VITRO_HOME") or Path(__file__).parent.parent / "runs")


def trial_folder(log: str, id: int) -> Path:
    """Where a trial's pictures and frames lie: beside its log, in a folder of the log's name.

    log: the log's file, or its URL; trials of a server lie in `trials/` of the home folder.
    """
    if "://" in log:
        return home() / "trials" / f"{id:05d}"
    file = Path(log)
    folder = file.with_suffix("") if file.suffix else file.with_name(f"{file.name}-trials")
    return folder / f"{id:05d}"


def default_cell(camera: str) -> str:
    """The cell, by name, of a camera as `choose_world` names it, where nobody names another."""
    return "sim" if camera == "sim" else "lab"


def expand_home(path: Path) -> Path:
    """With the folder that a leading ~ or ~USER stands for, as no shell does after `--option=`; as it is where that is
    nobody's."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def demand_existing(path: Path, what: str, remedy: str) -> None:
    """Raises ConfigurationError for a path where nothing is."""
    if not path.exists():
        raise ConfigurationError(f"There is no {what} {path}.", remedy)


def demand_file(path: Path, remedy: str = "Check the path.") -> None:
    """Raises ConfigurationError for a path where nothing is, or a folder."""
    demand_existing(path, "file", remedy)
    if path.is_dir():
        raise ConfigurationError(f"{path} is a folder, no file.", remedy)


def cell_file(name: str) -> Path:
    """The YAML of a cell given by name (app/cells/NAME.yaml) or by path.

    Raises:
        ConfigurationError: no such cell; lists those there are.
    """
    if name.endswith((".yaml", ".yml")):
        file = expand_home(Path(name))
        demand_existing(file, "cell file", "Name an existing YAML with --cell.")
        return file
    path = CELLS / f"{name}.yaml"
    if not path.exists():
        known = sorted(p.stem for p in CELLS.glob("*.yaml"))
        given = expand_home(Path(name))
        is_there = f" {given} is {'a folder' if given.is_dir() else 'no .yaml'}." if given.exists() else ""
        raise ConfigurationError(
            f"There is no cell called {name!r}.{is_there or did_you_mean(name, known)}",
            f"Choose one of: {', '.join(known)}; or give a YAML file, as app/cells/lab.yaml is one.",
        )
    return path
