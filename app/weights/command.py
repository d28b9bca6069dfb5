"""`python main.py weights fetch|verify|where`: the models' weights."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.filesize import decimal

from app.console import Console
from app.weights.options import FetchOptions, VerifyOptions, WhereOptions
from core.errors import PerceptionError
from core.json_values import plain
from perception.weights.fetch import PARTIAL, FetchPlan, demand_disk, fetch, plan_fetch
from perception.weights.models import MODELS, find_model, is_complete
from perception.weights.sources import weights_root

if TYPE_CHECKING:
    from perception.weights.verify import FolderReport

MARKS = {"complete": "[green]✓[/]", "partial": "[yellow]![/]", "absent": "–"}


def fetch_weights(options: FetchOptions) -> int:
    """0 when the model is complete."""
    console, name = Console(options.as_json), options.name
    if not is_complete(name):
        plan = plan_fetch(name, options.keep_text_encoder)
        _show_plan(console, plan)
        demand_disk(plan)
        fetch(plan, console.bytes_bar)
    folder = find_model(name).folder
    console.say(f"  [green]✓[/] {name} is complete in {folder}")
    console.result({"model": name, "folder": str(folder), "complete": True, "size": _size_on_disk(folder)})
    return 0


def verify_weights(options: VerifyOptions) -> int:
    """1 where something is wrong."""
    from perception.weights.verify import verify_folder  # brings PyTorch, which fetching and listing do without

    console = Console(options.as_json)
    reports = [verify_folder(folder, console.bytes_bar, name) for folder, name in _to_verify(options.model)]
    for report in reports:
        _show_report(console, report)
    sound = not any(report.problems for report in reports)
    console.result({"sound": sound, "folders": [plain(v) | {"sound": not v.problems} for v in reports]})
    return 0 if sound else 1


def show_weights(options: WhereOptions) -> int:
    console, root = Console(options.as_json), weights_root()
    models = [_state(name) for name in MODELS]
    console.say(f"Weights in {root}")
    for model in models:
        size = decimal(model["size"]) if model["size"] else ""
        state = model["state"]
        console.say(f"  {MARKS[state]} {model['name']:<24} {model['purpose']:<28} {state:<9} {size}")
        if state != "complete":
            console.say(f"      → {model['command']}")
    total, unfinished = _size_on_disk(root), _size_on_disk(root / PARTIAL)
    console.say(f"  in all {decimal(total)}, of it cut-off downloads ({PARTIAL}) {decimal(unfinished)}")
    console.result({"root": str(root), "size": total, "unfinished": unfinished, "models": models})
    return 0


def _state(name: str) -> dict[str, Any]:
    """One model's folder, the bytes in it (files that models share count for each), what fetches it."""
    folder = find_model(name).folder
    size = _size_on_disk(folder)
    return {
        "name": name,
        "purpose": MODELS[name].purpose,
        "folder": str(folder),
        "state": "complete" if is_complete(name) else "partial" if size else "absent",
        "size": size,
        "command": f"python main.py weights fetch {name}",
    }


def _size_on_disk(folder: Path) -> int:
    """Bytes of the files under a folder; one under two names counts once."""
    states = [path.stat() for path in folder.rglob("*") if path.is_file()]
    return sum({(state.st_dev, state.st_ino): state.st_size for state in states}.values())


def _to_verify(model: str) -> list[tuple[Path, str]]:
    """Folders, each with the name that it was fetched under ('' for a folder given as such)."""
    if model in MODELS:
        folder = find_model(model).folder
        if not folder.is_dir():
            raise PerceptionError(f"{model} is not in {weights_root()}.", f"python main.py weights fetch {model}")
        return [(folder, model)]
    if model:
        return [(Path(model), "")]
    if there := [(find_model(name).folder, name) for name in MODELS if _state(name)["state"] != "absent"]:
        return there
    raise PerceptionError(f"There are no weights in {weights_root()}.", "python main.py weights where")


def _show_report(console: Console, report: "FolderReport") -> None:
    if report.parts:
        rows = [
            (
                part.component,
                part.file,
                str(part.tensors),
                ", ".join(part.dtypes),
                f"{part.parameters / 1e6:.2f} M",
                part.recognised,
            )
            for part in report.parts
        ]
        console.table(str(report.folder), ("component", "file", "tensors", "dtype", "parameters", "recognised"), rows)
    for problem in report.problems:
        console.say(f"  [bold red]✗[/] {problem}")
    if not report.problems:
        console.say(f"  [green]✓[/] {report.folder!s} is sound.")
    elif report.model:
        console.say(f"  [bold]→[/] Delete the files named, then: python main.py weights fetch {report.model}")
    else:
        console.say("  [bold]→[/] Copy it again from where it came, or: python main.py weights fetch dkt-1.3b")


def _show_plan(console: Console, plan: FetchPlan) -> None:
    listings = (*plan.listings, *plan.encoder)
    rows = [(part.repo, str(len(part.files)), decimal(part.size), part.licence) for part in listings]
    console.table(f"{plan.model.name}, {plan.model.purpose}", ("from the hub", "files", "size", "licence"), rows)
    console.say(f"  to fetch: {decimal(plan.missing_bytes)}; disk at the fullest: {decimal(plan.needed_bytes)}")
    if plan.encoder and not plan.keep_encoder:
        console.say("  The text encoder is fetched once, to embed the prompts, and deleted again.")
