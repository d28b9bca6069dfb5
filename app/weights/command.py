"""`python main.py weights fetch|verify|where`: the models' weights."""

from dataclasses import asdict
from pathlib import Path

from rich.filesize import decimal
from rich.markup import escape

from app.console import Console
from core.errors import PerceptionError
from perception.weights.fetch import PARTIAL, Plan, demand_disk, fetch, plan_fetch
from perception.weights.models import MODELS, is_complete, weights_folder, weights_root
from perception.weights.verify import Part, Verdict, verify_folder
from perception.weights.where import find_places, size_on_disk

MARKS = {"complete": "[green]✓[/]", "partial": "[yellow]![/]", "absent": "–"}


def fetch_weights(name: str, keep_encoder: bool, as_json: bool) -> int:
    """Fetches what is missing of a model; 0 once it is complete."""
    console = Console(as_json)
    if not is_complete(name):
        plan = plan_fetch(name, keep_encoder)
        _show_plan(console, plan)
        demand_disk(plan)
        fetch(plan, console.bytes_bar)
    folder = weights_folder(name)
    console.say(f"  [green]✓[/] {name} is complete in {folder}")
    console.result({"model": name, "folder": str(folder), "complete": True, "size": size_on_disk(folder)})
    return 0


def show_weights(as_json: bool) -> int:
    """Every model, whether it is there, and the command that fetches it; always 0."""
    console = Console(as_json)
    places = find_places()
    console.say(f"Weights in {weights_root()}")
    for place in places:
        size = decimal(place.size) if place.size else ""
        console.say(f"  {MARKS[place.state]} {place.name:<24} {place.purpose:<28} {place.state:<9} {size}")
        if place.state != "complete":
            console.say(f"      → {place.command}")
    everything, unfinished = size_on_disk(weights_root()), size_on_disk(weights_root() / PARTIAL)
    console.say(f"  in all {decimal(everything)}, of it cut-off downloads ({PARTIAL}) {decimal(unfinished)}")
    models = [asdict(place) | {"folder": str(place.folder)} for place in places]
    console.result({"root": str(weights_root()), "size": everything, "unfinished": unfinished, "models": models})
    return 0


def verify_weights(model: str, as_json: bool) -> int:
    """Verifies a model, a folder, or all models there are; 1 if any has a fault."""
    console = Console(as_json)
    verdicts = [verify_folder(folder, console.bytes_bar, name) for folder, name in _to_verify(model)]
    for verdict in verdicts:
        _show_verdict(console, verdict)
    sound = not any(verdict.problems for verdict in verdicts)
    folders = [asdict(v) | {"folder": str(v.folder), "sound": not v.problems} for v in verdicts]
    console.result({"sound": sound, "folders": folders})
    return 0 if sound else 1


def _to_verify(model: str) -> list[tuple[Path, str]]:
    """Folders, each with the name that it was fetched under ('' for a folder given as such)."""
    if model in MODELS:
        folder = weights_folder(model)
        if not folder.is_dir():
            raise PerceptionError(f"{model} is not in {weights_root()}.", f"python main.py weights fetch {model}")
        return [(folder, model)]
    if model:
        return [(Path(model), "")]
    if there := [(place.folder, place.name) for place in find_places() if place.state != "absent"]:
        return there
    raise PerceptionError(f"There are no weights in {weights_root()}.", "python main.py weights where")


def _show_verdict(console: Console, verdict: Verdict) -> None:
    if verdict.parts:
        columns = ("component", "file", "tensors", "dtype", "parameters", "recognised")
        console.table(str(verdict.folder), columns, map(_row, verdict.parts))
    for problem in verdict.problems:
        console.say(f"  [bold red]✗[/] {escape(problem)}")
    if not verdict.problems:
        console.say(f"  [green]✓[/] {escape(str(verdict.folder))} is sound.")
    elif verdict.model:
        console.say(f"  [bold]→[/] Delete the files named, then: python main.py weights fetch {verdict.model}")
    else:
        console.say("  [bold]→[/] Copy it again from where it came, or: python main.py weights fetch dkt-1.3b")


def _row(part: Part) -> tuple[str, ...]:
    dtypes, parameters = ", ".join(part.dtypes), f"{part.parameters / 1e6:.2f} M"
    return (part.component, part.file, str(part.tensors), dtypes, parameters, part.recognised)


def _show_plan(console: Console, plan: Plan) -> None:
    rows = [
        (
            listing.source.repo,
            str(len(listing.files)),
            decimal(listing.size),
            listing.licence or listing.source.licence,
        )
        for listing in (*plan.listings, *plan.encoder)
    ]
    console.table(f"{plan.model.name}, {plan.model.purpose}", ("from the hub", "files", "size", "licence"), rows)
    console.say(f"  to fetch: {decimal(plan.missing_bytes)}; disk at the fullest: {decimal(plan.needed_bytes)}")
    if plan.encoder and not plan.keep_encoder:
        console.say("  The text encoder is fetched once, to embed the prompts, and deleted again.")
