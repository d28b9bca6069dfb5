"""What trials looked like: small pictures of their stages, inside the report itself."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import zip_longest
from pathlib import Path

from core.errors import VitroError
from core.image_file import read_image
from trials.label import LabelledTrial, LabelValue

#: Trials that are shown: more make a page that no tablet opens.
MOST_SHOWN = 60
SHOWN_RULE = (
    f"At most {MOST_SHOWN} trials, failures first, then successes, then what does not count; of each surface and "
    "estimator in turn the newest."
)
#: Of a trial's folder, in the order of its stages. Depth is drawn beside the colour, and names its estimator.
PICTURES, BLIND_PICTURES = ("depth", "objects", "chosen"), ("color", "objects", "chosen")
_HEIGHT_PX = 150


@dataclass(frozen=True)
class Filmstrip:
    """A trial with its pictures, (name, JPEG as a data URL); attempt: which one they are of, the last."""

    trial: LabelledTrial
    pictures: tuple[tuple[str, str], ...]
    attempt: int


def filmstrips(
    trials: Sequence[LabelledTrial], folder: Callable[[int], Path], is_blind: bool = False
) -> Iterator[Filmstrip]:
    """Of those that `SHOWN_RULE` names and that left pictures; blind ones tell nothing of their estimators.

    Args:
        folder: where the pictures of the trial of an id lie; it need not be there.
    """
    shown = 0
    for known in _in_turn(trials):
        strip = _strip(known, folder(known.trial.id), BLIND_PICTURES if is_blind else PICTURES)
        if strip.pictures:
            yield strip
            shown += 1
        if shown == MOST_SHOWN:
            return


def _in_turn(trials: Sequence[LabelledTrial]) -> Iterator[LabelledTrial]:
    groups: dict[tuple[LabelValue, str, str], list[LabelledTrial]] = {}
    for known in reversed(trials):
        groups.setdefault((known.value, known.trial.surface, known.trial.estimator), []).append(known)
    for value in (LabelValue.FAILURE, LabelValue.SUCCESS, LabelValue.INVALID):
        some = [group for key, group in sorted(groups.items()) if key[0] is value]
        for row in zip_longest(*some):
            yield from (known for known in row if known is not None)


def _strip(known: LabelledTrial, folder: Path, names: Sequence[str]) -> Filmstrip:
    attempt = folder / f"attempt-{known.trial.attempts}"
    last = attempt if known.trial.attempts > 1 and attempt.is_dir() else folder
    made = {name: _small(last / f"{name}.png") for name in names}
    if not made.get("depth", "there"):  # the trial ended before it
        made = {"color": _small(last / "color.png")} | made
    return Filmstrip(known, tuple((name, data) for name, data in made.items() if data), known.trial.attempts)


def _small(file: Path) -> str:
    """A JPEG as a data URL, empty where there is no whole picture."""
    from PIL import Image

    if not file.is_file():
        return ""
    try:
        image = Image.fromarray(read_image(file))
    except VitroError:
        return ""
    image.thumbnail((4 * _HEIGHT_PX, _HEIGHT_PX))
    with BytesIO() as jpeg:
        image.save(jpeg, "JPEG", quality=72, optimize=True)
        return "data:image/jpeg;base64," + b64encode(jpeg.getvalue()).decode()
