"""Verifying a folder of weights: every file read to its end, every tensor accounted for, every fault named."""

from dataclasses import dataclass
from pathlib import Path

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
class WeightFile:
    """One file of weights: what it holds, and what its component is recognised as ('' if nothing is known)."""

    component: str
    file: str
    tensors: int
    dtypes: tuple[str, ...]
    parameters: int
    recognised: str


@dataclass(frozen=True)
class FolderReport:
    """A folder is sound where there are no problems; `model` is '' where no manifest says which it is."""

    folder: Path
    model: str
    parts: tuple[WeightFile, ...]
    problems: tuple[str, ...]


def verify_folder(folder: Path, bar: Bar, model: str = "") -> FolderReport:
    """Everything that is wrong with the weights in `folder`, cheap checks first.

    A folder with no manifest and no `model` is taken for a DKT's, in any layout that its loader reads.
    """
    problems = Problems()
    parts: list[WeightFile] = []
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return FolderReport(folder, model, (), (f"{folder} is no folder to be read ({error.strerror}).",))
    with problems.collect():
        problems += [*dead_links(folder), *broken_json(folder)]
        manifest: Manifest | None = None
        with problems.collect():
            manifest = read_manifest(folder)
            if manifest is None and model:
                problems.append(f"{folder} has no manifest: its fetch was not finished.")
        model = model or (manifest.model if manifest else "")
        parts = _verify_files(folder, model, bar, problems)
        if manifest is not None:
            _compare(folder, manifest, bar, problems)
    return FolderReport(folder, model, tuple(parts), tuple(dict.fromkeys(problems)))


def _verify_files(folder: Path, model: str, bar: Bar, problems: Problems) -> list[WeightFile]:
    """What every file that can be read holds; names and shapes are known of a DKT's alone."""
    from perception.weights import dkt_parts

    is_dkt = model not in MODELS or bool(MODELS[model].prompt)
    if is_dkt:
        found = dkt_parts.components(folder, problems)
    else:
        found = [(str(file.parent.relative_to(folder)), file) for file in weight_files(folder)]
    whole = []
    for component, file in found:
        with problems.collect():
            demand_whole(file)
            whole.append((component, file))
    recognised = dkt_parts.recognise(folder, {file for _, file in whole}, problems) if is_dkt else {}
    parts = []
    for component, file in whole:
        name = str(file.relative_to(folder))
        with problems.collect(), bar(f"read {name}", file.stat().st_size) as advance:
            contents = read_through(file, advance)
            kind = recognised.pop(component, "")
            parts.append(WeightFile(component, name, contents.tensors, contents.dtypes, contents.parameters, kind))
            problems += _odd_numbers(file, contents, may_count=not is_dkt)
    return parts


def _odd_numbers(file: Path, contents: Contents, may_count: bool) -> list[str]:
    """Numbers that no weight is; other models' files may hold counters."""
    odd = {"numbers that are not finite": [f"{name} ({count})" for name, count in contents.not_finite.items()]}
    if not may_count:
        odd["whole numbers in place of weights"] = list(contents.integers)
    return [f"{file} holds {what}: {_few(names)}." for what, names in odd.items() if names]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more tensors" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _compare(folder: Path, manifest: Manifest, bar: Bar, problems: Problems) -> None:
    """Sizes and hashes of all files against what was fetched."""
    sizes = manifest.other_sizes(folder)
    for path, record in manifest.files.items():
        if path in sizes:
            size = sizes[path]
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
