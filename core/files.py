"""Files and folders that are whole or not there, or that one run has to itself, and names that are free."""

import errno
import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

from core.errors import StorageError, VitroError

#: NAME_MAX of Linux, taken for whole paths within a folder too [bytes].
_LONGEST_NAME = 255
#: torch writes archives past Python: a disk that is full is an error of this source of its own, without a number.
_ARCHIVE = "inline_container"
_SHORT = re.compile(r"\d+ requested and \d+ written")
_REMEDIES = dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Free some disk there (df -h)") | {
    errno.ENOENT: "Make the folder that is missing (mkdir -p)",
    errno.ENOTDIR: "Move away the file that stands where a folder must be",
    errno.EEXIST: "Move away the file that stands where a folder must be",
    errno.EISDIR: "Move away the folder that stands where the file must be",
    errno.ELOOP: "Remove the link that stands where the file must be",
    errno.EROFS: "Mount the disk so that it can be written to",
}


@contextmanager
def writing(path: Path, then: str = "") -> Iterator[None]:
    """Names the file or folder that could not be written, and what to do.

    Args:
        then: what the same command does once it can be written, as `it goes on from the last checkpoint`.

    Raises:
        StorageError: any OSError of the body.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or (os.strerror(_number(error)) if _number(error) else str(error))
        raise StorageError(f"{path} cannot be written ({reason}).", storage_remedy(error, then)) from error


def _number(error: OSError) -> int:
    """Why the system refused, 0 where that is not said; numpy tells of a disk that is full what it took of an array."""
    if error.errno is None and _SHORT.fullmatch(str(error)):
        return errno.ENOSPC
    return error.errno or 0


def storage_remedy(error: OSError, then: str = "") -> str:
    """What to do about a file that could not be written, and `then` what the same command does once it can be."""
    what = _REMEDIES.get(_number(error), "Mend its permissions")
    return (
        f"{what} and run the same command again{f': {then}' if then else ''}. "
        "Or write elsewhere: another file or --out where the command takes one, else VITRO_HOME."
    )


def demand_writable(path: Path) -> None:
    """Before any work whose results go there: that a file or folder of this name can be made, or written into.

    Raises:
        StorageError: it cannot.
    """
    with writing(path):
        place = next(place for place in (path, *path.absolute().parents) if os.path.lexists(place))
        if place != path and not place.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "Not a directory")
        if not os.access(place, os.W_OK):
            is_read_only = os.statvfs(place).f_flag & os.ST_RDONLY
            raise OSError(errno.EROFS if is_read_only else errno.EACCES, f"{place} takes no files")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name once all of it is on disk; a kill at any moment leaves the old or the new.

    Raises:
        OSError: the disk takes no more, or the folder no file; nothing half written is left.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with partial.open("xb") as file:  # made anew: a link that lay there would lead elsewhere
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def replace_file(path: Path, content: bytes) -> None:
    """Replaces a file, or makes it, as `replacing`."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def writing_archive(path: Path, then: str = "") -> Iterator[None]:
    """`writing`, where torch writes: a disk that is full is an error of its own."""
    with writing(path, then):
        try:
            yield
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):
                raise error.__context__ from None
            if _ARCHIVE in str(error):
                raise OSError(errno.ENOSPC, "the disk took only a part") from error
            raise


def write_archive(path: Path, content: Mapping[str, Any], then: str = "") -> None:
    """Replaces a file, or makes it, by what `torch.save` takes.

    Raises:
        StorageError: the disk takes no more, or the folder no file; what was there before stays.
    """
    import torch

    with writing_archive(path, then), replacing(path) as file:
        torch.save(dict(content), file)


def read_archive(path: Path) -> dict[str, Any]:
    """What `write_archive` wrote, with its tensors on the CPU.

    Raises:
        ValueError: it is missing or damaged; it says how.
    """
    import torch

    try:
        return dict(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises whatever its archive or pickle reader met
        # An EOFError says nothing; what an archive's reader says is long.
        raise ValueError((str(error) or "it ends early").splitlines()[0].partition(". ")[0]) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """An empty folder to fill, which gets its name once all of it is on disk; where that fails, nothing is left.

    Raises:
        OSError: the disk takes no more, or something of that name is there.
    """
    partial = path.with_name(f".{path.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        sync_files(partial.iterdir())
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def sync_files(files: Iterable[Path]) -> None:
    """Returns when the files, and the names in the folders among them, would survive a power cut."""
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def hold(lock: Path, refusal: VitroError) -> BinaryIO:
    """Locks a file, which it makes in a folder that is there: `with hold(out / ".lock", refusal): ...`.

    Or keep what it gives: the lock is held until that is closed or let go of, or the process ends, however it ends.
    The file stays: were it removed, two runs could lock two files of one name.

    Raises:
        VitroError: `refusal`, where somebody else holds it.
        OSError: the folder takes no file, or its file system no locks.
    """
    file = os.fdopen(open_lock(lock), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise refusal from error
    except OSError:
        file.close()
        raise
    return file


def demand_inside(*names: object) -> None:
    """Raises a ValueError unless each is the name of a file within a folder: what others wrote leads nowhere else."""
    for name in names:
        if (
            not isinstance(name, str)
            or not name.isprintable()
            or "\\" in name
            or len(name.encode()) > _LONGEST_NAME
            or not {"", ".", ".."}.isdisjoint(name.split("/"))
        ):
            raise ValueError(f"{name!r} names no file in its folder")


def open_lock(lock: Path) -> int:
    """A descriptor of a file that is made where there is none, and left as it is where there is one.

    Raises:
        OSError: the folder takes no file, or a link stands in its place.
    """
    return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def user_folder() -> Path:
    """A folder of this user's that nobody else may enter, for what all his processes must find; it is made.

    Raises:
        OSError: it cannot be made, or is somebody else's.
    """
    parent = Path(os.environ.get("XDG_RUNTIME_DIR") or Path.home() / ".cache")
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / "vitro"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise OSError(errno.EPERM, f"{folder} is not this user's own folder")
    folder.chmod(0o700)
    return folder


def free_folder(path: Path) -> Path:
    """`path`, or the first of `path-2`, `path-3`, ... that is not there yet."""
    number, free = 1, path
    while free.exists():
        number += 1
        free = path.with_name(f"{path.name}-{number}")
    return free
