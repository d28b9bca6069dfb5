"""Verifying a folder of weights: every file read to its end, every tensor accounted for, every fault named."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import PerceptionError
from perception.weights.hub import Bar, sha256_of
from perception.weights.manifest import Manifest, read_manifest
from perception.weights.models import MODELS
from perception.weights.scan import (
    Contents,
    Problems,
    broken_json,
    dead_links,
    demand_whole,
    read_through,
    weight_files,
)

#: How many tensors of a file are named for the same fault.
_NAMED = 5


@dataclass(frozen=True)
class Part:
    """One file of weights: what it holds, and what its component is recognised as ('' if nothing is known)."""

    component: str
    file: str
    tensors: int
    dtypes: tuple[str, ...]
    parameters: int
    recognised: str


@dataclass(frozen=True)
class Verdict:
    """A folder is sound where there are no problems; `model` is '' where no manifest says which it is."""

    folder: Path
    model: str
    parts: tuple[Part, ...]
    problems: tuple[str, ...]


def verify_folder(folder: Path, bar: Bar, model: str = "") -> Verdict:
    """Everything that is wrong with the weights in `folder`, cheap checks first.

    A folder with no manifest and no `model` is taken for a DKT's, in any layout that its loader reads.
    """
    problems = Problems()
    parts: list[Part] = []
    manifest: Manifest | None = None
    with problems.collect():
        _demand_folder(folder)
        problems += [*dead_links(folder), *broken_json(folder)]
        with problems.collect():
            manifest = _demand_manifest(folder, model)
        model = model or (manifest.model if manifest else "")
        parts = _verify_files(folder, model, bar, problems)
        if manifest is not None:
            _compare(folder, manifest, bar, problems)
    return Verdict(folder, model, tuple(parts), tuple(dict.fromkeys(problems)))


def _verify_files(folder: Path, model: str, bar: Bar, problems: Problems) -> list[Part]:
    """What every file that can be read holds."""
    found, recognised = _recognise(folder, model, problems)
    parts = []
    for component, file in found:
        with problems.collect(), bar(f"read {file.relative_to(folder)}", file.stat().st_size) as advance:
            contents = read_through(file, advance)
            recognition = recognised.pop(component, "")
            name = str(file.relative_to(folder))
            parts.append(Part(component, name, contents.tensors, contents.dtypes, contents.parameters, recognition))
            problems += _odd_numbers(file, contents, may_count=not _is_dkt(model))
    return parts


def _recognise(folder: Path, model: str, problems: Problems) -> tuple[list[tuple[str, Path]], dict[str, str]]:
    """The files that are whole, each with its component, and what the components are."""
    from perception.weights import dkt_parts

    if _is_dkt(model):
        found = dkt_parts.components(folder, problems)
    else:
        found = [(str(file.parent.relative_to(folder)), file) for file in weight_files(folder)]
    whole = [(component, file) for component, file in found if _is_whole(file, problems)]
    return whole, dkt_parts.recognise(folder, {file for _, file in whole}, problems) if _is_dkt(model) else {}


def _is_dkt(model: str) -> bool:
    return model not in MODELS or bool(MODELS[model].prompt)


def _is_whole(file: Path, problems: Problems) -> bool:
    before = len(problems)
    with problems.collect():
        demand_whole(file)
    return len(problems) == before


def _odd_numbers(file: Path, contents: Contents, may_count: bool) -> list[str]:
    """Numbers that no weight is; other models' files may hold counters."""
    odd = {"numbers that are not finite": [f"{name} ({count})" for name, count in contents.not_finite.items()]}
    if not may_count:
        odd["whole numbers in place of weights"] = list(contents.integers)
    return [f"{file} holds {what}: {_few(names)}." for what, names in odd.items() if names]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more tensors" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _demand_folder(folder: Path) -> None:
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        raise PerceptionError(f"{folder} is no folder to be read ({error.strerror}).", "Name another.") from error


def _demand_manifest(folder: Path, model: str) -> Manifest | None:
    """The manifest; a folder that was fetched for a `model` must have one."""
    manifest = read_manifest(folder)
    if manifest is None and model:
        raise PerceptionError(f"{folder} has no manifest: its fetch was not finished.", "Fetch it again.")
    return manifest


def _compare(folder: Path, manifest: Manifest, bar: Bar, problems: Problems) -> None:
    """Sizes and hashes of all files against what was fetched."""
    unlike = manifest.unlike(folder)
    for path, record in manifest.files.items():
        if path in unlike:
            size = unlike[path]
            found = "missing" if size is None else f"{size} bytes where {record.size} were fetched"
            problems.append(f"{folder / path} is {found}.")
            continue
        with bar(f"hash {path}", record.size) as advance:
            try:
                digest = sha256_of(folder / path, advance)
            except OSError as error:
                problems.append(f"{folder / path} cannot be read ({error.strerror}).")
                continue
        if digest != record.sha256:
            problems.append(f"{folder / path} has changed: SHA-256 {digest[:12]}…, fetched {record.sha256[:12]}….")
