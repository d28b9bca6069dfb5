"""Reading weights through: files that cannot be opened, and numbers that are not finite."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import PerceptionError
from core.text_file import read_json
from perception.estimators.dkt.files import read_header, read_pth
from perception.weights.hub import Advance

if TYPE_CHECKING:
    from torch import Tensor

_SUFFIXES = (".safetensors", ".pth")
#: A tokenizer's vocabulary is a JSON file of 33 MB.
_MOST_JSON_BYTES = 64 << 20


class Problems(list[str]):
    """What is wrong, in the order it was found, for checks that go on after the first fault."""

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Keeps what the body raises, and lets the next check have its turn."""
        try:
            yield
        except PerceptionError as error:
            self.append(error.cause)


@dataclass(frozen=True)
class Contents:
    """What a file of weights holds.

    not_finite: how many numbers of which tensors are infinite or NaN; integers: the tensors of whole numbers.
    """

    tensors: int
    dtypes: tuple[str, ...]
    parameters: int
    not_finite: dict[str, int]
    integers: tuple[str, ...]


def weight_files(folder: Path) -> list[Path]:
    """Every file under `folder` that is named as weights, hidden ones left out."""
    found = (path for path in folder.rglob("*") if path.suffix in _SUFFIXES)
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


def dead_links(folder: Path) -> list[str]:
    """Links that lead nowhere or to themselves, in words."""
    links = (path for path in sorted(folder.rglob("*")) if path.is_symlink() and not path.exists())
    return [f"{link} is a link that leads nowhere (to {link.readlink()})." for link in links]


def broken_json(folder: Path) -> list[str]:
    """Configurations that are no JSON objects, in words."""
    broken = []
    for path in sorted(path for path in (*folder.glob("*.json"), *folder.glob("*/*.json")) if path.is_file()):
        try:
            is_object = isinstance(read_json(path, _MOST_JSON_BYTES), dict)
        except (OSError, ValueError):
            is_object = False
        if not is_object:
            broken.append(f"{path} is no JSON object: it is damaged.")
    return broken


def demand_whole(file: Path) -> None:
    """Cheap: reads the header (.safetensors) or the index (.pth).

    Raises:
        PerceptionError: the file is cut off, longer than it says, or something else.
    """
    if not file.is_file():
        raise PerceptionError(f"{file} is no regular file.", "Put the file itself there.")
    if file.suffix == ".safetensors":
        read_header(file)
    else:
        next(_tensors(file))


def read_through(file: Path, advance: Advance) -> Contents:
    """Reads every number of a whole file, one tensor in memory at a time.

    Raises:
        PerceptionError: the file cannot be read to its end.
    """
    count, parameters, dtypes, not_finite, integers = 0, 0, set(), {}, []
    for name, tensor in _tensors(file):
        count, parameters = count + 1, parameters + tensor.numel()
        dtypes.add(str(tensor.dtype).removeprefix("torch."))
        if not tensor.is_floating_point():
            integers.append(name)
        elif tensor.numel():
            # float8 knows neither of the two; the extremes take a thirtieth of the time of looking at each number.
            values = tensor if tensor.element_size() > 1 else tensor.float()
            if not all(extreme.isfinite() for extreme in values.aminmax()):
                not_finite[name] = values.numel() - int(values.isfinite().sum())
        advance(tensor.nbytes)
    return Contents(count, tuple(sorted(dtypes)), parameters, not_finite, tuple(integers))


def _tensors(file: Path) -> Iterator[tuple[str, "Tensor"]]:
    """The tensors of a file one after the other, mapped rather than read. Raises as `read_through`."""
    from safetensors import SafetensorError, safe_open

    try:
        if file.suffix == ".safetensors":
            with safe_open(file, "pt") as opened:
                for name in opened.keys():  # noqa: SIM118 - no dict: it is not iterable
                    yield name, opened.get_tensor(name)
        else:
            yield from read_pth(file).items()
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        said = " ".join(str(error).split())[:200].rstrip(".")
        size = file.stat().st_size if file.exists() else 0
        raise PerceptionError(f"{file} ({size} bytes) is damaged: {said}.", "Fetch it again.") from error
