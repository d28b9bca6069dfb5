"""Writing a recording: messages in order of time, in compressed chunks with an index, whole or not at all."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from app.trial_recording.messages import TimedMessage
from core.files import replacing, writing

#: Name of the metadata record by which a recording of ours is known.
METADATA = "vitro"


def write_recording(path: Path, messages: Iterable[TimedMessage], facts: Mapping[str, str]) -> int:
    """Writes an MCAP of Foxglove's protobuf schemas; how many bytes it has. Killed, it leaves `.NAME.partial` alone.

    Raises:
        StorageError: the folder takes no file, or the disk no more; nothing is left then.
    """
    from mcap_protobuf.writer import Writer

    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file, Writer(file) as writer:  # type: ignore[arg-type]
            writer.add_metadata(METADATA, dict(facts))
            for number, one in enumerate(sorted(messages, key=lambda one: one.time_ns)):
                writer.write_message(one.topic, one.build(), one.time_ns, one.time_ns, number)
        return path.stat().st_size
