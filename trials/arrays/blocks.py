"""Trials kept as they were read for counting, block by block, so that a million of them are read at once.

The log's triggers delete a block in the transaction that changes one of its trials or labels, whoever makes it: a block
that is there is true. Those that are not are read from the rows, and kept where the log may be written.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from zlib import crc32

from sqlalchemy import Connection, func, select

from core.errors import StorageError, TrialError
from trials.arrays.reading import read_rows
from trials.arrays.trial_arrays import ReadTrials, TrialArrays, TrialKind, arrays_of, read_bytes
from trials.arrays.triggers import BLOCK_BITS
from trials.store import TrialStore
from trials.table import counted_blocks, trials

#: Blocks that are made in one transaction, for which others wait that write: tenths of a second.
_AT_ONCE = 8


def read_arrays(store: TrialStore, campaign: int | None = None) -> TrialArrays:
    """The log's trials, or one campaign's.

    Raises:
        TrialError: a row was edited into what no trial is.
    """
    try:
        with suppress(TrialError, StorageError):  # somebody writes, or nobody may: the rows are there all the same
            keep_blocks(store, campaign)
        with store.reading() as connection:
            return arrays_of(_read(connection, campaign))
    except (TypeError, OverflowError, ValueError) as error:
        raise TrialError(
            f"A trial or label in {store.where} was edited into what none is.", "Find it: python main.py trials list"
        ) from error


def keep_blocks(store: TrialStore, campaign: int | None = None) -> None:
    """Makes the blocks that are not there, of the whole log or of the ids that a campaign's trials lie among; but for
    the newest, which changes with every trial.

    Raises:
        TrialError, StorageError: the log takes none now; those that were made stay.
    """
    with store.reading() as connection:
        ids, newest = _ids(connection, campaign), _ids(connection, None)
        missing = set(_blocks(ids)) - {newest.stop - 1 >> BLOCK_BITS} - _kept(connection)
    for several in _runs(sorted(missing)):
        with store.writing_alone() as connection:
            read = read_rows(connection, range(several.start << BLOCK_BITS, several.stop << BLOCK_BITS))
            for block in set(several) - _kept(connection):
                rows = read.where(read.columns["id"] >> BLOCK_BITS == block).to_bytes()
                values = {"block": block, "kinds": read.kinds, "rows": rows, "checksum": _checksum(rows, read.kinds)}
                connection.execute(counted_blocks.insert().values(values))


def _read(connection: Connection, campaign: int | None) -> Iterator[ReadTrials]:
    """By id: blocks that are kept, and between them rows."""
    ids = _ids(connection, campaign)
    wanted = _blocks(ids)
    query = select(counted_blocks).where(counted_blocks.c.block.between(wanted.start, wanted.stop - 1))
    last = ids.start
    for row in connection.execute(query.order_by(counted_blocks.c.block)).all():
        kinds = [TrialKind(*kind) for kind in row.kinds]
        if _checksum(row.rows, kinds) != row.checksum:
            continue  # the disk's fault; the rows are read in its place
        start = row.block << BLOCK_BITS
        if last < start:
            yield read_rows(connection, range(last, start), campaign)
        read = read_bytes(row.rows, kinds)
        yield read if campaign is None else read.where(read.columns["campaign"] == campaign)
        last = start + (1 << BLOCK_BITS)
    if last < ids.stop:
        yield read_rows(connection, range(last, ids.stop), campaign)


def _ids(connection: Connection, campaign: int | None) -> range:
    """From the first to the last of the log, or of a campaign; empty where there is none."""
    first, last = (select(of(trials.c.id)) for of in (func.min, func.max))
    if campaign is not None:
        first, last = (query.where(trials.c.campaign == campaign) for query in (first, last))
    start, end = (connection.execute(query).scalar() for query in (first, last))
    return range(0) if start is None or end is None else range(start, end + 1)


def _blocks(ids: range) -> range:
    """Those in which they lie."""
    return range(ids.start >> BLOCK_BITS, (ids.stop - 1 >> BLOCK_BITS) + 1) if ids else range(0)


def _kept(connection: Connection) -> set[int]:
    return set(connection.execute(select(counted_blocks.c.block)).scalars())


def _runs(blocks: list[int]) -> Iterator[range]:
    """Blocks that follow one another, no more than are made at once."""
    start = 0
    for place in range(1, len(blocks) + 1):
        is_last = place == len(blocks) or blocks[place] != blocks[place - 1] + 1
        if is_last or place - start == _AT_ONCE:
            yield range(blocks[start], blocks[place - 1] + 1)
            start = place


def _checksum(rows: bytes, kinds: Sequence[TrialKind]) -> int:
    return crc32(rows, crc32(json.dumps(kinds).encode()))
