"""A log's content as lines of JSON, from which it can be made again without loss.

First a head, then a line a campaign, a line a trial with its labels, and an end that counts them: a file that was cut
short is seen by that.
"""

import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from core.errors import TrialError
from core.json_values import plain, to_json
from trials.campaign import Campaign, is_name
from trials.columns import read_row, row_from_json
from trials.exchange.content import ExchangedTrial, LogContent
from trials.label import Label
from trials.process import ProcessStamp
from trials.record import TrialRecord
from trials.schema import NEWEST
from trials.table import campaign_of, label_of, record_of

_HEAD, _END = "vitro_trials", "end"
#: In a zip: its one file.
_MEMBER = "trials.jsonl"
#: Characters of a line: no row is longer.
_LONGEST_LINE = 1 << 26
#: RuntimeError: a flipped bit says that it is encrypted.
_DAMAGED = (OSError, zipfile.BadZipFile, zlib.error, EOFError, UnicodeDecodeError, RuntimeError)
_NOT_A_ROW = (ValueError, TypeError, LookupError, RecursionError)


def write_lines(content: LogContent, file: TextIO) -> int:
    """Writes a log's content; how many trials that were. Raises as `content.trials` does."""
    _write(file, {_HEAD: {"version": int(NEWEST), "campaigns": len(content.campaigns)}})
    for campaign in content.campaigns:
        _write(file, {"campaign": campaign})
    trials = 0
    for each in content.trials:
        trials += 1
        _write(file, {"trial": plain(each.record) | plain(each.process), "labels": each.labels})
    _write(file, {_END: {"trials": trials}})
    return trials


def write_zip(content: LogContent, file: BinaryIO) -> int:
    """As `write_lines`, compressed."""
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(_MEMBER, "w", force_zip64=True) as member,
        TextIOWrapper(member, encoding="utf-8") as text,
    ):
        return write_lines(content, text)


@contextmanager
def reading_lines(path: Path) -> Iterator[LogContent]:
    """The content of a file that `write_lines` or `write_zip` made, read while it is gone through.

    Raises:
        TrialError: it cannot be read, is something else, of a newer Vitro or cut short; at its trials too.
    """
    try:
        with path.open("rb") as file, _text(file) as text:
            yield _content(text, path)
    except FileNotFoundError as error:
        raise TrialError(
            f"There is no file {path}.", "Name what `trials export FILE.jsonl` or `.zip` wrote."
        ) from error
    except (*_DAMAGED, KeyError) as error:
        raise _unusable(path, str(getattr(error, "strerror", None) or error)) from error


@contextmanager
def _text(file: BinaryIO) -> Iterator[TextIO]:
    is_zip = file.read(2) == b"PK"  # one that was cut short has no other mark left
    file.seek(0)
    if not is_zip:
        yield TextIOWrapper(file, encoding="utf-8")
        return
    with zipfile.ZipFile(file) as archive, archive.open(_MEMBER) as member:
        yield TextIOWrapper(member, encoding="utf-8")


def _content(text: TextIO, path: Path) -> LogContent:
    lines = _objects(text, path)
    head = next(lines, {}).get(_HEAD)
    if not isinstance(head, dict) or not isinstance(head.get("version"), int):
        raise _unusable(path, "it does not begin as an export of trials")
    if head["version"] > int(NEWEST):
        raise TrialError(
            f"{path} is an export of version {head['version']}; this Vitro reads up to version {int(NEWEST)}.",
            "Update Vitro (git pull), then import it again.",
        )
    number = head.get("campaigns")
    if not isinstance(number, int):
        raise _unusable(path, "it does not begin as an export of trials")
    campaigns = [_parsed(path, 2 + n, next(lines, {}), _campaign) for n in range(number)]
    return LogContent(tuple(campaigns), _trials(path, lines, first=2 + len(campaigns)))


def _trials(path: Path, lines: Iterator[dict[str, Any]], first: int) -> Iterator[ExchangedTrial]:
    for read, line in enumerate(lines):
        if _END not in line:
            yield _parsed(path, first + read, line, _trial)
        elif line[_END] != {"trials": read} or next(lines, None) is not None:
            raise _unusable(path, f"it counts other trials than the {read} that it holds")
        else:
            return
    raise _unusable(path, "it was cut short: its end is missing")


def _objects(text: TextIO, path: Path) -> Iterator[dict[str, Any]]:
    for number in count(1):
        try:
            if not (line := text.readline(_LONGEST_LINE)):
                return
            value = json.loads(line, parse_constant=_no_constant)
        except _DAMAGED as error:
            raise _unusable(path, str(getattr(error, "strerror", None) or error)) from error
        except _NOT_A_ROW as error:
            raise _unusable(path, f"line {number} is cut short or no JSON") from error
        if not isinstance(value, dict):
            raise _unusable(path, f"line {number} is no object")
        yield value


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _parsed(path: Path, number: int, line: dict[str, Any], parse: Any) -> Any:
    try:
        return parse(line)
    except _NOT_A_ROW as error:
        said = " ".join(str(error).split())
        raise _unusable(path, f"line {number} is not what an export holds: {said}") from error


def _campaign(line: dict[str, Any]) -> Campaign:
    campaign = campaign_of(row_from_json(Campaign, line["campaign"]))
    _demand_uuid(campaign.uuid)
    if not is_name(campaign.name):
        raise ValueError(f"{campaign.name!r} is no name for a campaign")
    return campaign


def _trial(line: dict[str, Any]) -> ExchangedTrial:
    row = line["trial"]
    record = record_of(row_from_json(TrialRecord, row))
    _demand_uuid(record.uuid)
    if record.outcome is None or record.finished is None:
        raise ValueError("a trial without its end")
    history = tuple(label_of(row_from_json(Label, label)) for label in line["labels"])
    return ExchangedTrial(record, read_row(ProcessStamp, row_from_json(ProcessStamp, row)), history)


def _demand_uuid(uuid: str) -> None:
    if not (uuid.isalnum() and uuid.isascii() and len(uuid) == 32):
        raise ValueError(f"{uuid!r} is no uuid")


def _unusable(path: Path, why: str) -> TrialError:
    return TrialError(
        f"{path} cannot be imported ({why.rstrip('.')}); nothing was.",
        "Export it anew: python main.py trials export FILE.jsonl",
    )


def _write(file: TextIO, value: dict[str, Any]) -> None:
    file.write(to_json(value) + "\n")
