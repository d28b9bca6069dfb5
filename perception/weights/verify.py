"""Verifying a folder of weights: every file read to its end, every tensor accounted for, every fault named."""

from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

from perception.estimators.dkt.files import (
    LORA,
    PROMPT,
    TRANSFORMER,
    VAE,
    DktFiles,
    find_files,
    find_parts,
    read_header,
)
from perception.estimators.dkt.load import (
    changeable_weights,
    check_context,
    check_transformer,
    check_vae,
    demand_same_latents,
)
from perception.estimators.dkt.lora import LoraPair, is_unused, pair_keys
from perception.estimators.dkt.model import RELEASED
from perception.estimators.dkt.sizes import TransformerSize, VaeSize
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

#: How many tensors of a file are named for the same fault, and how many modules of a LoRA.
_NAMED, _NAMED_MODULES = 5, 8


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
    is_dkt = model not in MODELS or bool(MODELS[model].prompt)
    if is_dkt:
        with problems.collect():
            find_files(folder)
        found = [(name, file) for name, files in find_parts(folder).items() for file in files]
    else:
        found = [(str(file.parent.relative_to(folder)), file) for file in weight_files(folder)]
    whole = []
    for component, file in found:
        with problems.collect():
            demand_whole(file)
            whole.append((component, file))
    recognised = _recognise_dkt(folder, {file for _, file in whole}, problems) if is_dkt else {}
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
    more = {what: f" and {len(names) - _NAMED} more tensors" * (len(names) > _NAMED) for what, names in odd.items()}
    return [f"{file} holds {what}: {', '.join(names[:_NAMED])}{more[what]}." for what, names in odd.items() if names]


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


def _recognise_dkt(folder: Path, whole: Container[Path], problems: Problems) -> dict[str, str]:
    """What each component is; names and shapes of all tensors are checked.

    Components that are missing or have a file that is not `whole` are left out, and what depends on them too.
    """
    recognised: dict[str, str] = {}
    files = _files(folder)
    transformer: TransformerSize | None = None
    vae: VaeSize | None = None
    with problems.collect():
        if all(file in whole for file in files.transformer):
            transformer = check_transformer(files)
            size = RELEASED.get((transformer.dim, transformer.layers), "small").upper()
            heads = f"{transformer.heads} heads of {transformer.head_dim}"
            recognised[TRANSFORMER] = f"{size}: {transformer.layers} layers, {heads}"
    with problems.collect():
        if files.vae in whole:
            vae = check_vae(files)
            recognised[VAE] = f"{vae.base_dim} channels x {vae.dim_mult}, {vae.z_dim} latents"
    if transformer is None:
        return recognised
    with problems.collect():
        if vae is not None:
            demand_same_latents(transformer, vae)
    with problems.collect():
        if files.context in whole:
            recognised[PROMPT] = f"{check_context(files, transformer)} tokens"
    if files.lora in whole and (description := _check_lora(files.lora, transformer, problems)):
        recognised[LORA] = description
    return recognised


def _files(folder: Path) -> DktFiles:
    """The files, with one that is not `whole` for each that is missing or not to be told from others."""
    absent, parts = folder / "absent", find_parts(folder)
    transformer, (vae, prompt) = tuple(parts[TRANSFORMER]), (next(iter(parts[name]), absent) for name in (VAE, PROMPT))
    lora = parts[LORA][0] if len(parts[LORA]) == 1 else absent
    return DktFiles(folder, transformer or (absent,), vae, lora, prompt)


def _check_lora(file: Path, transformer: TransformerSize, problems: Problems) -> str:
    """What it is, '' if wrong; modules that do not fit are problems of their own, the first few of them named."""
    shapes = {name: info.shape for name, info in read_header(file).items()}
    modules: dict[str, list[str]] = {}
    for name in (name for name in shapes if not is_unused(name)):
        modules.setdefault(name.split(".lora_")[0], []).append(name)
    weights, wrong = changeable_weights(transformer), Problems()
    pairs: dict[str, LoraPair] = {}
    for names in modules.values() or [[]]:
        with wrong.collect():
            pairs |= pair_keys({name: shapes[name] for name in names}, weights)
    problems += wrong[:_NAMED_MODULES]
    if len(wrong) > _NAMED_MODULES:
        problems.append(f"{file} does not fit in {len(wrong) - _NAMED_MODULES} more modules.")
    ranks = sorted({pair.rank for pair in pairs.values()})
    return "" if wrong else f"rank {', '.join(map(str, ranks))} on {len(pairs)} modules"
