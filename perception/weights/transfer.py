"""One file from the hub onto the disk: goes on where an earlier run was cut off, and checked before it counts."""

import hashlib
import io
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from core.errors import PerceptionError
from perception.weights.hub import RemoteFile, refusal

#: Takes bytes as they are done (negative: they were lost).
Advance = Callable[[int], None]
#: Shows a bar for a label and a number of bytes.
Bar = Callable[[str, int], AbstractContextManager[Advance]]

_READ_BYTES = 4 << 20


def download(file: RemoteFile, partial: Path, bar: Bar) -> None:
    """Brings `partial` to the file's full content; what an earlier run left in it is kept.

    The hub's own downloader starts a file over after a crash (its temporary names are random), so the
    partial file is ours and only the transfer is the hub's.

    Raises:
        PerceptionError: refused, unreachable, cut off without any progress, or not what the hub promised.
        OSError: the disk takes no more.
    """
    if partial.exists() and partial.stat().st_size > file.size:
        partial.unlink()
    with bar(f"fetch {file.local_path}", file.size) as advance:
        _transfer(file, partial, advance)
    with bar(f"check {file.local_path}", file.size) as advance:
        _check(file, partial, advance)


def sha256_of(path: Path, advance: Advance) -> str:
    """The file's SHA-256.

    Raises:
        OSError: it cannot be read.
    """
    return _digest(path, hashlib.sha256(), advance)


def is_content(file: RemoteFile, path: Path, advance: Advance) -> bool:
    """Whether `path` holds the file as the hub states it: its SHA-256, or git's blob id for small ones.

    Raises:
        OSError: it cannot be read.
    """
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        return sha256_of(path, advance) == file.sha256
    blob = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    return file.blob_id is None or _digest(path, blob, advance) == file.blob_id


def _transfer(file: RemoteFile, partial: Path, advance: Advance) -> None:
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, logging
    from huggingface_hub.utils.tqdm import silent_tqdm

    logging.set_verbosity_error()  # its warnings would break our bar
    with _Counted(partial, advance) as stream:
        while True:
            before = stream.tell()
            try:
                http_get(
                    file.url,
                    stream,  # type: ignore[arg-type]
                    resume_size=before,
                    headers=build_hf_headers(),
                    expected_size=file.size,
                    tqdm_class=silent_tqdm,  # type: ignore[arg-type]
                )
                stream.flush()
                os.fsync(stream.fileno())
                return
            except (HfHubHTTPError, OfflineModeIsEnabled) as error:
                raise refusal(error, file.repo) from error
            except (HTTPError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # the disk's, not the line's
                # A line that breaks and still brings something each time gets there in the end.
                if stream.tell() <= before:
                    raise refusal(error, file.repo) from error


def _check(file: RemoteFile, partial: Path, advance: Advance) -> None:
    if is_content(file, partial, advance):
        return
    size = partial.stat().st_size
    partial.unlink()
    raise PerceptionError(
        f"{file.local_path} arrived damaged: {size} bytes whose hash is not the one that {file.repo} states.",
        "It was thrown away: run the command again. If it happens again, look for a proxy, mirror or disk at fault.",
    )


class _Counted(io.BufferedRandom):
    """A file open for appending that tells how much it took."""

    def __init__(self, path: Path, advance: Advance) -> None:
        raw = io.FileIO(path, "r+" if path.exists() else "x+")
        super().__init__(raw)
        advance(self.seek(0, io.SEEK_END))
        self._advance = advance

    def write(self, data: Any, /) -> int:
        written = super().write(data)
        self._advance(written)
        return written

    def truncate(self, size: int | None = None, /) -> int:
        before = os.fstat(self.fileno()).st_size
        after = super().truncate(size)
        self._advance(after - before)
        return after


def _digest(path: Path, digest: Any, advance: Advance) -> str:
    with path.open("rb", buffering=0) as stream:
        block = bytearray(_READ_BYTES)
        while count := stream.readinto(block):
            digest.update(memoryview(block)[:count])
            advance(count)
    return str(digest.hexdigest())
