"""`python main.py bench calibration`: many digital cells calibrated, what came of it beside the truth."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from app.bench.options import BenchCalibrationOptions
from app.console import Console
from app.paths import cell_file, home
from core.errors import CalibrationError
from core.files import replace_file, writing
from core.text_file import read_json

MAIN = Path(__file__).parents[2] / "main.py"
#: What issue and guide promise of a cell; of uncertainties, that so many of the numbers lie within 1.96 of them.
WANTED = {"translation_mm": 1.5, "rotation_deg": 0.15, "holdout_px": 0.4, "holdout_mm": 2.0, "touch_mm": 2.0}
SURE, COVERED = 1.96, (0.90, 0.99)


def bench_calibration(options: BenchCalibrationOptions) -> int:
    """Calibrates cell after cell, each a process of its own, going on from what is kept.

    Raises:
        CalibrationError: none of them came to something.
    """
    console = Console(options.as_json)
    folder = options.out or home() / "bench-calibration"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    results = list(console.progress(_calibrate_cells(options, folder), "cells", options.cells))
    accepted = [one for one in results if one["accepted"]]
    if not accepted:
        raise CalibrationError("No cell could be calibrated.", f"See the messages in {folder}.")
    summary = summarise(results)
    _show(summary, console)
    console.result(summary | {"cells": results})
    return 0 if all(one["kept"] for one in summary["figures"].values()) else 1


def summarise(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Median, 95th percentile and what is wanted of each figure; how many numbers lie within their 95 %."""
    accepted = [one for one in results if one["accepted"]]
    arms = [arm for one in accepted for arm in one["errors"].values()]
    values: dict[str, list[float]] = {
        **{key: [arm[key] for arm in arms] for key in ("translation_mm", "rotation_deg")},
        **{f"holdout_{unit}": [one["holdout"][unit] for one in accepted] for unit in ("px", "mm")},
        **{f"driven_{unit}": [one["driven"][unit] for one in accepted] for unit in ("px", "mm")},
        "touch_mm": [mm for one in accepted for mm in one["touch_mm"]],
        "seconds": [one["seconds"] for one in accepted],
    }
    figures = {name: _figure(name, of) for name, of in values.items() if of}
    sigmas = np.array([number for one in accepted for arm in one["error_sigmas"].values() for number in arm])
    share = float(np.mean(np.abs(sigmas) < SURE))
    figures["covered"] = {
        "median": share,
        "p95": None,
        "wanted": list(COVERED),
        "kept": COVERED[0] <= share <= COVERED[1],
        "of": len(sigmas),
    }
    return {"calibrated": len(accepted), "of": len(results), "figures": figures}


def _figure(name: str, values: Sequence[float]) -> dict[str, Any]:
    """A hold-out is a root mean square already: its median counts, of all others the 95th percentile."""
    median, p95 = (float(np.percentile(values, share)) for share in (50, 95))
    wanted = WANTED.get(name)
    judged = median if name.startswith("holdout") else p95
    return {
        "median": median,
        "p95": p95,
        "wanted": wanted,
        "kept": wanted is None or judged <= wanted,
        "of": len(values),
    }


def _calibrate_cells(options: BenchCalibrationOptions, folder: Path) -> Iterator[dict[str, Any]]:
    """The result of each cell, kept once it is there."""
    with ThreadPoolExecutor(options.workers) as pool:
        yield from pool.map(
            lambda seed: _calibrate_cell(options, folder, seed), range(options.seed, options.seed + options.cells)
        )


def _calibrate_cell(options: BenchCalibrationOptions, folder: Path, seed: int) -> dict[str, Any]:
    cell = cell_file(options.cell)
    name = f"{cell.stem}-{options.views}-{'drawn' if options.drawn else 'traced'}-{seed}"
    kept = folder / f"{name}.json"
    if kept.exists():
        return dict(read_json(kept))
    begun_s = time.monotonic()
    command = [sys.executable, str(MAIN), "calibrate", "--cell", str(cell), "--camera", "sim", "--arms", "sim"]
    command += ["--auto", "--seed", str(seed), "--views", str(options.views), "--yes", "--headless", "--json"]
    environment = os.environ | {"VITRO_HOME": str(folder / name)}
    done = subprocess.run(
        [*command, *["--drawn"] * options.drawn], env=environment, capture_output=True, text=True, check=False
    )
    result = result_of(done.stdout, done.stderr) | {"seed": seed, "seconds": time.monotonic() - begun_s}
    if "errors" in result:  # a calibration that ended by itself, and not one that was broken off
        with writing(kept):
            replace_file(kept, json.dumps(result).encode())
    return result


def result_of(stdout: str, stderr: str) -> dict[str, Any]:
    """What a calibration said it came to; `errors` are missing where it was broken off before it could."""
    try:
        result = json.loads(stdout)
        if "accepted" in result:
            return dict(result)
    except (ValueError, TypeError):
        pass
    last = stderr.strip().splitlines()[-1:]
    return {"accepted": False, "findings": [{"kind": "error", "cause": " ".join(last)}]}


def _show(summary: Mapping[str, Any], console: Console) -> None:
    rows = [
        (
            name.replace("_", ", "),
            f"{one['median']:.3g}",
            "" if one["p95"] is None else f"{one['p95']:.3g}",
            "" if one["wanted"] is None else str(one["wanted"]),
            "" if one["kept"] else "missed",
            str(one["of"]),
        )
        for name, one in summary["figures"].items()
    ]
    title = f"{summary['calibrated']} of {summary['of']} cells calibrated"
    console.table(title, ("figure", "median", "95th percentile", "wanted", "", "of"), rows)
