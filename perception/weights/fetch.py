"""Bringing a model's folder to completion: what is missing, whether it fits, and the fetch itself."""

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import PerceptionError, StorageError
from core.files import hold, replace_file
from perception.weights.hub import Bar, Listing, RemoteFile, download, is_content, list_source, sha256_of
from perception.weights.manifest import FileRecord, Manifest, read_manifest, write_manifest
from perception.weights.models import TEXT_ENCODER, TEXT_ENCODER_FILE, find_model
from perception.weights.prompt import CONTEXT, embed_prompts, prompt_file
from perception.weights.sources import Model, weights_root

#: Cut-off downloads, by content.
PARTIAL = ".partial"


@dataclass(frozen=True)
class FetchPlan:
    """What a fetch will do; `encoder` is empty where the model's prompt is embedded already."""

    model: Model
    listings: tuple[Listing, ...]
    encoder: tuple[Listing, ...]
    keep_encoder: bool

    @property
    def missing_bytes(self) -> int:
        """How much will be transferred."""
        return _missing(self.listings, self.model.folder) + _missing(self.encoder, TEXT_ENCODER.folder)

    @property
    def needed_bytes(self) -> int:
        """How much more disk it takes at its fullest: the encoder goes before the model comes."""
        encoder, model = _missing(self.encoder, TEXT_ENCODER.folder), _missing(self.listings, self.model.folder)
        if self.keep_encoder or not self.encoder:
            return encoder + model
        freed = next(file.size for file in _files(self.encoder) if file.local_path == TEXT_ENCODER_FILE)
        return max(encoder, encoder + model - freed)


def plan_fetch(name: str, keep_encoder: bool = False) -> FetchPlan:
    """Asks the hub what the model called `name` consists of.

    Raises:
        ConfigurationError: no such model.
        PerceptionError: the hub gives no answer, or lacks a repository or file.
    """
    model = find_model(name)
    listings = tuple(list_source(source) for source in model.sources)
    manifest, prompt = read_manifest(TEXT_ENCODER.folder) if model.prompt else None, prompt_file(model.prompt)
    is_embedded = manifest and prompt in manifest.files and prompt not in manifest.other_sizes(TEXT_ENCODER.folder)
    needs_encoder = model.prompt and not is_embedded
    encoder = tuple(list_source(source) for source in TEXT_ENCODER.sources) if needs_encoder else ()
    return FetchPlan(model, listings, encoder, keep_encoder)


def demand_disk(plan: FetchPlan) -> None:
    """Refuses to begin what the disk cannot hold.

    Raises:
        PerceptionError: too little is free.
    """
    place = next(folder for folder in (plan.model.folder, *plan.model.folder.parents) if folder.exists())
    free, needed = shutil.disk_usage(place).free, plan.needed_bytes
    if needed > free:
        raise PerceptionError(
            f"{plan.model.name} needs {needed / 1e9:.1f} GB at {weights_root()}, and {free / 1e9:.1f} GB are free.",
            f"Free {(needed - free) / 1e9:.1f} GB, or keep weights on another disk: VITRO_WEIGHTS=/FOLDER before "
            "the command.",
        )


def fetch(plan: FetchPlan, bar: Bar) -> Manifest:
    """Carries the plan out; what is there already is checked instead of fetched. The manifest comes last.

    Raises:
        PerceptionError: a file that cannot be had or arrives damaged, another fetch at work.
        StorageError: the disk takes no more.
    """
    root, folder = weights_root(), plan.model.folder
    # Two fetches at a time would append to the same partial files.
    busy = PerceptionError(
        f"Another `weights fetch` is at work in {root}.", "Wait for it to end, then run this one again."
    )
    try:
        (root / PARTIAL).mkdir(parents=True, exist_ok=True)
        with hold(root / ".lock", busy):
            if plan.encoder:
                _fetch_prompts(plan, bar)
            records = {file.local_path: _obtain(file, folder, bar) for file in _files(plan.listings)}
            if plan.model.prompt:
                prompts, name = read_manifest(TEXT_ENCODER.folder), prompt_file(plan.model.prompt)
                assert prompts is not None, "the prompts were embedded before"
                replace_file(folder / CONTEXT, (TEXT_ENCODER.folder / name).read_bytes())
                records[CONTEXT] = prompts.files[name]
            manifest = Manifest(plan.model.name, records)
            write_manifest(folder, manifest)
            return manifest
    except OSError as error:
        raise StorageError(
            f"{root} takes no more files ({error.strerror or error}).",
            "Free some disk (df -h) or set VITRO_WEIGHTS to another, and run the command again: what came is kept.",
        ) from error


def _obtain(file: RemoteFile, folder: Path, bar: Bar) -> FileRecord:
    """Puts the file into the model's folder: it is there already, or another model has it, or it is fetched."""
    target = folder / file.local_path
    target.parent.mkdir(parents=True, exist_ok=True)
    for copy in _copies(file, target):
        with bar(f"check {file.local_path}", file.size) as advance:
            same = is_content(file, copy, advance)
        if not same:
            continue
        if copy != target:
            # One copy on the disk under two names, where the disk can; either name may be deleted.
            target.unlink(missing_ok=True)
            try:
                os.link(copy, target)
            except OSError:
                shutil.copyfile(copy, target)
        break
    else:
        partial = _partial(file)
        download(file, partial, bar)
        partial.replace(target)
    return FileRecord(file.size, file.sha256 or sha256_of(target), file.repo, file.revision)


def _fetch_prompts(plan: FetchPlan, bar: Bar) -> None:
    """Embeds every prompt there is, so that the text encoder is needed once for all models."""
    folder = TEXT_ENCODER.folder
    records = {file.local_path: _obtain(file, folder, bar) for file in _files(plan.encoder)}
    encoder = records[TEXT_ENCODER_FILE]
    for path in embed_prompts(folder, bar):
        records[path.name] = FileRecord(path.stat().st_size, sha256_of(path), encoder.repo, encoder.revision)
    if not plan.keep_encoder:
        del records[TEXT_ENCODER_FILE]
    write_manifest(folder, Manifest(TEXT_ENCODER.name, records))
    if not plan.keep_encoder:
        (folder / TEXT_ENCODER_FILE).unlink()


def _files(listings: tuple[Listing, ...]) -> list[RemoteFile]:
    return [file for listing in listings for file in listing.files]


def _partial(file: RemoteFile) -> Path:
    return weights_root() / PARTIAL / file.content_id


def _missing(listings: tuple[Listing, ...], folder: Path) -> int:
    """Bytes of these files that are nowhere on the disk yet."""
    files = [file for file in _files(listings) if not _copies(file, folder / file.local_path)]
    partials = [_partial(file) for file in files]
    return sum(file.size for file in files) - sum(path.stat().st_size for path in partials if path.exists())


def _copies(file: RemoteFile, target: Path) -> list[Path]:
    """Files of its size that may be it: the target, and the same content in other models' folders, by manifests."""
    copies = [target]
    for folder in weights_root().glob("*/"):
        with contextlib.suppress(PerceptionError):
            manifest = read_manifest(folder)
            records = manifest.files if manifest and file.sha256 else {}
            copies += [folder / path for path, record in records.items() if record.sha256 == file.sha256]
    return [path for path in copies if path.is_file() and path.stat().st_size == file.size]
