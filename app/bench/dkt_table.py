"""The result of `bench dkt`: rows like the paper's Table IV, for the console and as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from perception.learning.speed.ways import STAGES, Timing

_WAYS = {
    "plain": "diffusers, plain",
    "exact": "Vitro, exact",
    "fast": "Vitro, fast",
    "warm": "Vitro, kept warm",
}
_COLUMNS = ("frames", "way", *STAGES, "all", "× plain", "peak GB", "differs")
_TITLE = "DKT, milliseconds a frame"
#: The DKT paper's Table IV, on an L20; it states neither the length of the clips nor the steps.
_PAPER = (
    ("–", "DKT paper 1.3B, L20", "46.53", "52.88", "68.07", "167.48", "–", "11.19", "–"),
    ("–", "DKT paper 14B, L20", "–", "297.11", "–", "–", "–", "–", "–"),
)
#: What the words of the table mean.
NOTES = """\
plain: whole-clip encode, denoise with all 512 + 257 tokens of prompt and empty image, whole-clip decode, by \
diffusers' classes. exact: the same sums, streamed. fast: constants folded and, on CUDA, compiled. kept warm: the \
newest map alone, as the cell asks for it. floor: the arithmetic of the released computation at the measured matmul \
rate; fast mode needs less of it, most of all for a single frame. all: from frames to maps, upload, resizing and \
download included. peak: of the device's memory, weights included (CPU: of the process). differs: median relative \
difference of disparity, and so of depth, from exact; fast is held to 0.5 %."""


@dataclass(frozen=True)
class Row:
    """A way at a length of clip; without a timing `failed` says why."""

    way: str
    frames: int
    timing: Timing | None
    difference: float | None = None
    failed: str = ""


@dataclass(frozen=True)
class Floor:
    """Milliseconds a frame that the arithmetic takes."""

    frames: int
    encode_ms: float
    denoise_ms: float
    decode_ms: float

    @property
    def whole_ms(self) -> float:
        return self.encode_ms + self.denoise_ms + self.decode_ms


@dataclass(frozen=True)
class BenchResult:
    """What a reader needs to judge the numbers; ran: how fast mode ran."""

    model: str
    ran: str
    device: str
    dtype: str
    resolution: tuple[int, int]
    steps: int
    repeats: int
    matmul_flops: float
    floors: tuple[Floor, ...]
    rows: tuple[Row, ...]

    @property
    def conditions(self) -> str:
        return (
            f"{self.model}, {self.resolution[0]}x{self.resolution[1]}, {self.steps} steps, {self.dtype}, on "
            f"{self.device}; medians of {self.repeats} runs after a warm-up; measured matmul rate "
            f"{self.matmul_flops / 1e12:.2f} TFLOP/s; fast ran as: {self.ran}"
        )


def table(result: BenchResult) -> tuple[str, Sequence[str], list[Sequence[str]]]:
    return _TITLE, _COLUMNS, _rows(result)


def markdown(result: BenchResult) -> str:
    cells = (_COLUMNS, ["---"] * len(_COLUMNS), *_rows(result))
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([f"# {_TITLE}", "", f"{result.conditions}.", "", *lines, "", NOTES, ""])


def _rows(result: BenchResult) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for floor in result.floors:
        here = [row for row in result.rows if row.frames == floor.frames]
        plain = next((row.timing.whole_ms for row in here if row.way == "plain" and row.timing), None)
        rows += [_cells(row, plain) for row in here]
        times = (floor.encode_ms, floor.denoise_ms, floor.decode_ms, floor.whole_ms)
        rows.append((str(floor.frames), "floor", *map(_ms, times), "–", "–", "–"))
    return [*rows, *_PAPER]


def _cells(row: Row, plain_ms: float | None) -> Sequence[str]:
    name = _WAYS[row.way]
    if row.timing is None:
        return (str(row.frames), name, *["–"] * len(STAGES), row.failed, "–", "–", "–")
    timing = row.timing
    if timing.note:
        name = f"{name} ({timing.note})"
    stages = [_ms(timing.stages_ms[stage]) if stage in timing.stages_ms else "–" for stage in STAGES]
    ratio = f"{plain_ms / timing.whole_ms:.2f}" if plain_ms else "–"
    peak = f"{timing.peak_bytes / 1e9:.2f}" if timing.peak_bytes else "–"
    differs = f"{row.difference:.3%}" if row.difference is not None else "–"
    return (str(row.frames), name, *stages, _ms(timing.whole_ms), ratio, peak, differs)


def _ms(value: float) -> str:
    return f"{value:.2f}"
