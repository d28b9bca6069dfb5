"""What the Hugging Face hub has of a repository, and bringing one file of it onto the disk.

The hub's client downloads into files of random names, which it deletes when it is cut off, and compares no
hash: so the partial file and the check are ours, and of the client only the requests and the transfer.
"""

import hashlib
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from core.errors import ConfigurationError, PerceptionError
from core.files import demand_inside
from perception.weights.sources import Source

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo
    from huggingface_hub.hf_api import RepoSibling

#: Takes bytes as they are done (negative: they were lost).
Advance = Callable[[int], object]
#: Shows a bar for a label and a number of bytes.
Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]

_ANSWER_TIMEOUT_S = 20.0
_HEX_DIGITS = frozenset("0123456789abcdef")
_READ_BYTES = 4 << 20
_AGAIN = "run the command again: it goes on where it stopped."


@dataclass(frozen=True)
class RemoteFile:
    """One file at one commit, and its path within the model's folder.

    Large files (LFS) state their SHA-256, the others their git blob id.
    """

    repo: str
    revision: str
    path: str
    local_path: str
    size: int
    sha256: str | None
    blob_id: str | None

    @property
    def content_id(self) -> str:
        """Names its content wherever it is stored."""
        return self.sha256 or self.blob_id or f"{self.revision}-{self.path.replace('/', '-')}"


@dataclass(frozen=True)
class Listing:
    """A repository's files that a source asks for, and the licence that its card states (else the source)."""

    repo: str
    files: tuple[RemoteFile, ...]
    licence: str

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


def endpoint() -> str:
    """The hub's address: $HF_ENDPOINT, else huggingface.co.

    Raises:
        ConfigurationError: it is no web address.
    """
    address = (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f"HF_ENDPOINT is {address!r}, which is no web address.", "Unset it, or correct it.")
    return address


def list_source(source: Source) -> Listing:
    """Asks the hub for the newest commit of a repository and the files there that the source names.

    Raises:
        PerceptionError: no answer, no such repository or no such file in it.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HTTPError, OfflineModeIsEnabled

    try:
        info = HfApi(endpoint=endpoint()).model_info(source.repo, files_metadata=True, timeout=_ANSWER_TIMEOUT_S)
        files = [
            _remote_file(source, info, file)
            for file in info.siblings or ()
            if any(_matches(file.rfilename, pattern) for pattern in source.patterns)
        ]
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise _refusal(error, source.repo) from error
    except (ValueError, KeyError, TypeError) as error:
        raise PerceptionError(
            f"{endpoint()} does not answer as the hub does ({type(error).__name__}: {error}).",
            "Check HF_ENDPOINT, and whether the network asks you to sign in first.",
        ) from error
    for pattern in source.patterns:
        if not any(_matches(file.path, pattern) for file in files):
            raise PerceptionError(
                f"{source.repo} has no file {pattern} (commit {str(info.sha)[:8]}).",
                "It may have been renamed upstream: look at its page, and put the file into the folder by hand.",
            )
    if source.stored_as and len(files) > 1:
        raise PerceptionError(
            f"{source.repo} holds several files where one was released: {', '.join(file.path for file in files)}.",
            f"Fetch the right one by hand and put it into the folder as {source.stored_as} (docs/weights.md).",
        )
    card: Any = info.card_data or {}
    return Listing(source.repo, tuple(files), str(card.get("license_name") or card.get("license") or source.licence))


def download(file: RemoteFile, partial: Path, bar: Bar) -> None:
    """Brings `partial` to the file's full content; what an earlier run left in it is kept.

    Raises:
        PerceptionError: refused, unreachable, cut off without any progress, or not what the hub promised.
        OSError: the disk takes no more.
    """
    if partial.exists() and partial.stat().st_size > file.size:
        partial.unlink()
    with bar(f"fetch {file.local_path}", file.size) as advance:
        _transfer(file, partial, advance)
    with bar(f"check {file.local_path}", file.size) as advance:
        sound = is_content(file, partial, advance)
    if not sound:
        size = partial.stat().st_size
        partial.unlink()
        raise PerceptionError(
            f"{file.local_path} arrived damaged: {size} bytes whose hash is not the one that {file.repo} states.",
            "It was thrown away: run the command again. If it happens again, look for a proxy, mirror or disk at "
            "fault.",
        )


def is_content(file: RemoteFile, path: Path, advance: Advance) -> bool:
    """Whether `path` holds the file as the hub states it: its SHA-256, or git's blob id for small ones."""
    if path.stat().st_size != file.size:
        return False
    if file.sha256:
        return sha256_of(path, advance) == file.sha256
    blob = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    return file.blob_id is None or _digest(path, blob, advance) == file.blob_id


def sha256_of(path: Path, advance: Advance = lambda count: None) -> str:
    return _digest(path, hashlib.sha256(), advance)


def _digest(path: Path, digest: Any, advance: Advance) -> str:
    with path.open("rb", buffering=0) as stream:
        block = bytearray(_READ_BYTES)
        while count := stream.readinto(block):
            digest.update(memoryview(block)[:count])
            advance(count)
    return str(digest.hexdigest())


def _transfer(file: RemoteFile, partial: Path, advance: Advance) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers, logging

    logging.set_verbosity_error()  # its warnings would break our bar
    url = hf_hub_url(file.repo, file.path, revision=file.revision, endpoint=endpoint())
    with partial.open("ab") as stream:
        advance(stream.tell())
        while True:
            before = stream.tell()
            try:
                http_get(
                    url,
                    stream,
                    resume_size=before,
                    headers=build_hf_headers(),
                    expected_size=file.size,
                    _tqdm_bar=cast(Any, SimpleNamespace(update=advance)),
                )
                stream.flush()
                os.fsync(stream.fileno())
                return
            except (HfHubHTTPError, OfflineModeIsEnabled) as error:
                raise _refusal(error, file.repo) from error
            except (HTTPError, OSError) as error:
                if isinstance(error, OSError) and error.errno is not None:
                    raise  # the disk's, not the line's
                # A line that breaks and still brings something each time gets there in the end.
                if stream.tell() <= before:
                    raise _refusal(error, file.repo) from error


def _refusal(error: Exception, repo: str) -> PerceptionError:
    """What a failed request means and what to do about it."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled

    where = f"{endpoint()}/{repo}"
    if isinstance(error, OfflineModeIsEnabled):
        return PerceptionError("HF_HUB_OFFLINE is set: nothing may be fetched.", "Unset it and run the command again.")
    if isinstance(error, GatedRepoError):
        return PerceptionError(
            f"{repo} is gated: its authors let in only who has accepted their terms.",
            f"Accept them at {where}, then `hf auth login` (or set HF_TOKEN), and {_AGAIN}",
        )
    if not isinstance(error, HfHubHTTPError):
        return PerceptionError(
            f"{endpoint()} cannot be reached ({str(error) or type(error).__name__}).",
            f"Check the network, or set HF_ENDPOINT to a mirror, and {_AGAIN} "
            "Without a network, copy the folder from a machine that has one (docs/weights.md).",
        )
    status = error.response.status_code
    if status in (401, 403, 404):
        return PerceptionError(
            f"{where} is not to be had ({status}): it is gone, private, or not yet open to you.",
            f"Open it in a browser; if it asks for an account, `hf auth login` (or set HF_TOKEN), and {_AGAIN}",
        )
    if status == 429:
        return PerceptionError(f"{endpoint()} asks for a pause (429).", f"Wait a few minutes, log in, and {_AGAIN}")
    return PerceptionError(f"{endpoint()} failed on {repo} ({status}).", f"Wait a few minutes and {_AGAIN}")


def _remote_file(source: Source, info: "ModelInfo", file: "RepoSibling") -> RemoteFile:
    if info.sha is None or file.size is None:
        raise ValueError(f"no commit or no size for {file.rfilename}")
    sha256 = file.lfs.sha256 if file.lfs else None
    # They name the partial file, and the request: a mirror may state anything.
    for said, digits in ((info.sha, (40,)), (sha256, (64,)), (file.blob_id, (40, 64))):
        if said is not None and not (len(said) in digits and set(said) <= _HEX_DIGITS):
            raise ValueError(f"{said!r} is no hash of {file.rfilename}")
    if not isinstance(file.size, int) or file.size < 0:
        raise ValueError(f"{file.rfilename} of {file.size} bytes")
    local_path = str(PurePosixPath(source.into) / (source.stored_as or file.rfilename))
    return RemoteFile(source.repo, info.sha, file.rfilename, local_path, file.size, sha256, file.blob_id)


def _matches(path: str, pattern: str) -> bool:
    """As in a shell: `*` stops at folders. What leaves the folder it would be fetched to matches nothing."""
    try:
        demand_inside(path)
    except ValueError:
        return False
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)
