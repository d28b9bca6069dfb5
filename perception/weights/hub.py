"""What the Hugging Face hub has of a repository, and its refusals in words that help."""

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from core.errors import ConfigurationError, PerceptionError
from perception.weights.models import Source

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo
    from huggingface_hub.hf_api import RepoSibling

_ANSWER_TIMEOUT_S = 20.0
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

    @property
    def url(self) -> str:
        return f"{endpoint()}/{self.repo}/resolve/{self.revision}/{quote(self.path)}"


@dataclass(frozen=True)
class Listing:
    """A repository's files that a source asks for, and the licence that its card states ('' if none)."""

    source: Source
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
        files = [_remote_file(source, info, file) for file in info.siblings or () if _wanted(source, file.rfilename)]
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise refusal(error, source.repo) from error
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
    return Listing(source, tuple(files), _licence(info))


def refusal(error: Exception, repo: str) -> PerceptionError:
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
        said = str(error) or type(error).__name__
        return PerceptionError(
            f"{endpoint()} cannot be reached ({said}).",
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
    local_path = str(PurePosixPath(source.into) / (source.stored_as or file.rfilename))
    return RemoteFile(source.repo, info.sha, file.rfilename, local_path, file.size, sha256, file.blob_id)


def _wanted(source: Source, path: str) -> bool:
    """A file that a pattern names and that stays within the folder it is fetched to."""
    inside = not path.startswith("/") and ".." not in PurePosixPath(path).parts
    return inside and any(_matches(path, pattern) for pattern in source.patterns)


def _matches(path: str, pattern: str) -> bool:
    """As in a shell: `*` stops at folders."""
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)


def _licence(info: "ModelInfo") -> str:
    card = info.card_data
    stated = (card.get("license_name") or card.get("license")) if card else None
    return str(stated) if stated else ""
