"""The parts of a DKT one after the other, so that verification names the damage in each."""

from collections.abc import Container
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
from perception.weights.scan import Problems

#: How many modules of a LoRA are named.
_NAMED = 8


def components(folder: Path, problems: Problems) -> list[tuple[str, Path]]:
    """Every file of a DKT with the component that it is (part of); what is missing is a problem."""
    with problems.collect():
        find_files(folder)
    return [(name, file) for name, files in find_parts(folder).items() for file in files]


def recognise(folder: Path, whole: Container[Path], problems: Problems) -> dict[str, str]:
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
            recognised[TRANSFORMER] = _describe(transformer)
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
    problems += wrong[:_NAMED]
    if len(wrong) > _NAMED:
        problems.append(f"{file} does not fit in {len(wrong) - _NAMED} more modules.")
    ranks = sorted({pair.rank for pair in pairs.values()})
    return "" if wrong else f"rank {', '.join(map(str, ranks))} on {len(pairs)} modules"


def _describe(size: TransformerSize) -> str:
    name = RELEASED.get((size.dim, size.layers), "small").upper()
    return f"{name}: {size.layers} layers, {size.heads} heads of {size.head_dim}"
