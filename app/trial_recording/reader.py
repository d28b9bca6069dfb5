"""Reading a trial's recording back: whole, or named as what it is: cut short, damaged, another program's, too new."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from app.trial_recording.contents import FORMAT
from app.trial_recording.writer import METADATA
from core.errors import TrialError

MAGIC = b"\x89MCAP0\r\n"
#: A record that claims to be longer is damaged [bytes]: ours are a megabyte before they are packed.
_LONGEST_RECORD = 1 << 28
_AGAIN = "Copy it again. The trial's row, frames and pictures do not need it."


@dataclass(frozen=True)
class TrialRecording:
    """facts: its metadata. messages: by topic, each (time [ns since 1970], Foxglove's message), in order of time."""

    path: Path
    facts: Mapping[str, str]
    messages: Mapping[str, tuple[tuple[int, Any], ...]]

    def first(self, topic: str) -> Any | None:
        """The first message of a topic, None where there is none."""
        return next((message for _, message in self.messages.get(topic, ())), None)

    @property
    def span_ns(self) -> tuple[int, int]:
        """From its first message to its last."""
        times = [time_ns for said in self.messages.values() for time_ns, _ in said]
        return min(times), max(times)


def read_recording(path: Path) -> TrialRecording:
    """Everything in a recording, checked to its last byte.

    Raises:
        TrialError: there is none, or it is not a whole recording of a trial; it says which.
    """
    _demand_ends(path)
    with _naming_damage(path), path.open("rb") as file:
        facts = _facts(path, file)
        messages: dict[str, list[tuple[int, Any]]] = defaultdict(list)
        for _, channel, message, decoded in _reader(file).iter_decoded_messages():
            messages[channel.topic].append((message.log_time, decoded))
    if not messages:
        raise TrialError(f"{path} holds no message.", _AGAIN)
    return TrialRecording(path, facts, {topic: tuple(said) for topic, said in messages.items()})


def partial_of(path: Path) -> Path:
    """Where a recording lies while it is written: what is there afterwards was cut off by a crash."""
    return path.with_name(f".{path.name}.partial")


def _demand_ends(path: Path) -> None:
    """Tells by its first and last bytes what is no MCAP and what was cut short."""
    if not path.exists():
        if partial_of(path).exists():
            raise TrialError(
                f"The recording {path} was being written when its process ended: {partial_of(path).name} is cut off.",
                "Use the trial's frames and pictures, which were on disk before; the cut-off file can be removed.",
            )
        raise TrialError(
            f"There is no recording {path}.",
            "Name a trial's number (python main.py trials list), its folder, or the trial.mcap in it.",
        )
    try:
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
            size = file.seek(0, 2)
            file.seek(max(size - len(MAGIC), 0))
            end = file.read()
    except OSError as error:
        raise TrialError(f"{path} cannot be read ({error.strerror}).", "Mend its permissions.") from error
    if start != MAGIC[: len(start)]:
        raise TrialError(f"{path} is no MCAP recording.", "Name a trial's trial.mcap, its folder or its number.")
    if size < 2 * len(MAGIC) or end != MAGIC:
        raise TrialError(f"{path} was cut short: {size} bytes, and no end.", _AGAIN)


def _facts(path: Path, file: IO[bytes]) -> dict[str, str]:
    found = {record.name: dict(record.metadata) for record in _reader(file).iter_metadata()}
    if METADATA not in found:
        raise TrialError(f"{path} is an MCAP recording, but of no trial of Vitro's.", "Open it in Foxglove or Rerun.")
    facts = found[METADATA]
    if int(facts["format"]) > FORMAT:
        raise TrialError(f"{path} was written by a newer Vitro ({facts.get('software')}).", "Update this one.")
    return facts


def _reader(file: IO[bytes]) -> Any:
    from mcap.reader import SeekingReader
    from mcap_protobuf.decoder import DecoderFactory

    file.seek(0)
    return SeekingReader(file, True, [DecoderFactory()], _LONGEST_RECORD)


@contextmanager
def _naming_damage(path: Path) -> Iterator[None]:
    """Raises a TrialError for whatever the reader of a damaged file meets: it indexes and unpacks as it goes."""
    try:
        yield
    except TrialError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise TrialError(f"{path} is damaged ({said}).", _AGAIN) from error
