"""`python main.py bench dkt`: what DKT takes, fast and exact, beside diffusers' classes used plainly."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from app.bench.dkt_table import NOTES, BenchResult, Floor, Row, markdown, table
from app.bench.options import BenchDktOptions
from app.console import Console
from app.machine import describe_device
from core.errors import ConfigurationError, PerceptionError
from core.files import writing
from perception.estimators.dkt.estimator import WARM
from perception.estimators.dkt.model import DktSettings, assemble
from perception.estimators.dkt.warm_clip import fits_one_window
from perception.estimators.memory import is_out_of_memory
from perception.estimators.options import EstimatorOptions
from perception.estimators.running import fitting, pick_device, pick_dtype
from perception.learning.speed.flops import clip_flops
from perception.learning.speed.models import FolderWeights, RandomWeights, Weights
from perception.learning.speed.watch import matmul_rate
from perception.learning.speed.ways import (
    Frames,
    Maps,
    PlainPipeline,
    Streamed,
    Warm,
    Way,
    difference,
    drifting_clip,
    measure,
)
from perception.weights.models import find_model

_SMALL_BECAUSE = (
    "There is no CUDA device: a small model of the same build at a small size, which shows how the ways compare "
    "and not how fast DKT is. The released one, in minutes a run: --size 1.3b --resolution 832x480 --frames 1."
)


def measure_dkt(options: BenchDktOptions) -> int:
    """Measures every way at every length and prints the table; 1 where none of it ran."""
    console = Console(options.as_json)
    bench = _Bench(options, console)
    if options.out is not None:
        _demand_writable(options.out)
    if bench.is_small:
        console.say(_SMALL_BECAUSE)
    settings = bench.settings
    with console.stage("matmul") as line:
        rate = matmul_rate(bench.device, settings.dtype)
        line.detail = f"measured matmul rate {rate / 1e12:.2f} TFLOP/s"
    released, exact_maps = bench.measure_released()
    fast, ran = bench.measure_fast(exact_maps)
    rows = [*released, *fast]
    result = BenchResult(
        model=bench.weights.description,
        ran=ran,
        device=describe_device(bench.device),
        dtype=str(settings.dtype).removeprefix("torch."),
        resolution=settings.size,
        steps=settings.steps,
        repeats=bench.repeats,
        matmul_flops=rate,
        floors=tuple(bench.floor(count, rate) for count in bench.frames),
        rows=tuple(rows),
    )
    console.say("")
    console.table(*table(result))
    console.say(f"\n{result.conditions}.\n{NOTES}")
    if options.out is not None:
        with writing(options.out):
            options.out.write_text(markdown(result))
        console.say(f"written to [bold]{options.out}[/]")
    console.result(vars(result))
    if all(row.failed for row in rows):
        raise PerceptionError("No way to run DKT fitted into the memory.", "Try a smaller --resolution or --size.")
    return 0


def _demand_writable(path: Path) -> None:
    """Finds out before minutes are spent, and leaves no empty file.

    Raises:
        StorageError: the file cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not path.exists()
        path.open("a").close()
        if is_new:
            path.unlink()


class _Bench:
    """What is run: a model, on clips of some lengths, each as often as counts."""

    def __init__(self, options: BenchDktOptions, console: Console) -> None:
        self._console = console
        self.device = pick_device(options.device)
        is_cuda = self.device.type == "cuda"
        if self.device.index is not None:
            torch.cuda.set_device(self.device)
        self.settings = DktSettings(
            str(self.device),
            pick_dtype(EstimatorOptions(dtype=options.dtype), self.device, torch.bfloat16),
            size=options.resolution or ((832, 480) if is_cuda else (208, 112)),
            steps=options.steps,
            offload=options.offload,
        )
        self.frames = options.frames or ((1, 5, 21, 81) if is_cuda else (1, 5))
        self.repeats = options.repeats or (5 if is_cuda else 3)
        self.is_small = not is_cuda and options.size is None and options.weights is None
        self.weights = _choose_weights(options, is_cuda)

    def floor(self, count: int, rate: float) -> Floor:
        """What the arithmetic of the released computation takes at the measured rate."""
        windows = self.settings.window, self.settings.stride
        flops = clip_flops(*self.weights.sizes, count, self.settings.size, windows)
        encode, denoise, decode = flops.encode, self.settings.steps * flops.step, flops.decode
        return Floor(count, *(1e3 * each / rate / count for each in (encode, denoise, decode)))

    def measure_released(self) -> tuple[list[Row], dict[int, Maps]]:
        """diffusers' classes used plainly and our exact mode, on the same modules; exact's maps by length."""
        rows, maps = [], {}
        with fitting(self.weights.description):
            built = self.weights.build(self.settings)
            exact = assemble(built.transformer, built.vae, built.prompt, self.settings, "")
        for count in self.frames:
            rows.append(self._measure("plain", count, lambda _: PlainPipeline(built, self.settings))[0])
            row, maps[count] = self._measure("exact", count, lambda _: Streamed(exact))
            rows.append(row)
        return rows, {count: given for count, given in maps.items() if given is not None}

    def measure_fast(self, exact: dict[int, Maps]) -> tuple[list[Row], str]:
        """Fast mode, streamed and warm, on the model's twin, as both modes use a model up; and how it ran."""
        rows = []
        with fitting(self.weights.description):
            built = self.weights.build(self.settings)
            fast = assemble(built.transformer, built.vae, built.prompt, replace(self.settings, mode="fast"), "")
        for count in self.frames:
            # As a process that sees clips of this length alone: code compiled for others is slower.
            torch.compiler.reset()
            ways: dict[str, Callable[[Frames], Way]] = {"fast": lambda _: Streamed(fast)}
            if count in WARM and fits_one_window(fast, count):
                ways["warm"] = lambda frames: Warm(fast, frames)
            for way, make in ways.items():
                row, maps = self._measure(way, count, make)
                if maps is not None and count in exact:
                    row = replace(row, difference=difference(maps, exact[count]))
                rows.append(row)
        return rows, fast.describe()

    def _measure(self, way: str, count: int, make: Callable[[Frames], Way]) -> tuple[Row, Maps | None]:
        """One row of the table; what fails there is told there."""
        frames = drifting_clip(count, self.settings.size)
        with self._console.stage(f"{way}, {count}") as line:
            try:
                timing, maps = measure(lambda: make(frames), frames, self.repeats, self.device)
                line.detail = f"{timing.whole_ms:.1f} ms/frame"
                return Row(way, count, timing), maps
            except PerceptionError as error:
                failed = error.cause
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                failed = "no memory"
            line.detail = failed
            return Row(way, count, None, failed=failed), None


def _choose_weights(options: BenchDktOptions, is_cuda: bool) -> Weights:
    """The folder asked for, else random ones if asked for, else those fetched if there are any."""
    if options.weights is not None:
        if options.random_weights or options.size is not None:
            raise ConfigurationError(
                "--weights says which model runs: neither --random-weights nor --size goes with it.",
                "Leave them out, or leave out --weights.",
            )
        return FolderWeights(options.weights)
    size = options.size or ("1.3b" if is_cuda else "small")
    fetched = find_model(f"dkt-{size}").folder if size != "small" else None
    if fetched is not None and fetched.is_dir() and not options.random_weights:
        return FolderWeights(fetched)
    return RandomWeights(size)
