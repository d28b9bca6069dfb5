"""Labels, campaigns, and what a trial's row holds since: every row has a uuid, a digital cell's verdict is a label."""

from hashlib import sha256
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

#: Columns that logs of the first form got one after the other: name -> type, what older rows have there (SQL).
_ADDED: dict[str, tuple[Any, str | None]] = {
    "objects": (sa.Integer(), "1"),
    "pick": (sa.Integer(), "1"),
    "expected": (sa.Float(), None),
    "attempts": (sa.Integer(), "1"),
    "first_outcome": (sa.String(), None),
    "first_simulator_verdict": (sa.Boolean(), None),
    "uuid": (sa.String(), "''"),
    "campaign": (sa.Integer(), "0"),
    "scene_number": (sa.Integer(), "0"),
    "calibration": (sa.String(), "''"),
    "software": (sa.String(), "''"),
    "frame_digest": (sa.String(), "''"),
    "width_m": (sa.Float(), None),
    "effort_nm": (sa.Float(), None),
}
_ROWS_AT_ONCE = 20_000

# Trials that a person, a crash or a camera ended say nothing of the system: they get no label.
_LABELS_OF_THE_SIMULATOR = """
INSERT INTO labels (trial, value, note, "by", made)
SELECT id, CASE WHEN simulator_verdict THEN 'success' ELSE 'failure' END,
       'migrated from the simulator''s verdict', 'simulator', finished
FROM trials
WHERE simulator_verdict IS NOT NULL AND outcome IS NOT NULL AND finished IS NOT NULL
  AND reason NOT IN ('camera', 'operator', 'crash') AND (outcome <> 'interrupted' OR reason IN ('tracking', 'arm'))
"""


def upgrade() -> None:
    _add_columns()
    _give_uuids()
    stamp = sa.DateTime(timezone=True)
    op.create_table(
        "labels",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("reason", sa.String()),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("made", stamp, nullable=False),
        sa.Column("undone", stamp),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )
    _create_campaigns(stamp)
    _create_indexes()
    op.execute(_LABELS_OF_THE_SIMULATOR)


def _add_columns() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("trials")}
    for name, (kind, before) in _ADDED.items():
        if name not in there:
            default = None if before is None else sa.text(before)
            op.add_column("trials", sa.Column(name, kind, nullable=before is None, server_default=default))
        elif before is not None:
            op.execute(f"UPDATE trials SET {name} = {before} WHERE {name} IS NULL")


def _give_uuids() -> None:
    """The same to the same row wherever it is migrated, so that two copies of a log can be merged."""
    connection = op.get_bind()
    trials = sa.table("trials", *map(sa.column, ("id", "pid", "process_started_s", "host", "begun", "uuid")))
    known = (trials.c.host, trials.c.pid, trials.c.process_started_s, trials.c.begun)
    last = 0
    while True:
        query = sa.select(trials.c.id, *known).where(trials.c.id > last, trials.c.uuid == "").order_by(trials.c.id)
        rows = connection.execute(query.limit(_ROWS_AT_ONCE)).all()
        if not rows:
            return
        last = rows[-1].id
        named = [{"row": row.id, "name": sha256(repr(tuple(row)).encode()).hexdigest()[:32]} for row in rows]
        change = trials.update().where(trials.c.id == sa.bindparam("row")).values(uuid=sa.bindparam("name"))
        connection.execute(change, named)


def _create_campaigns(stamp: Any) -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", sa.Integer(), primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("uuid", "name", "question")),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("estimators", "surfaces")),
        sa.Column("scenes", sa.Integer(), nullable=False),
        sa.Column("objects", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_blind", "is_exploratory")),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("begun", stamp, nullable=False),
        sa.Column("finished", stamp),
        sa.Column("looks", sa.JSON(), nullable=False),
        sqlite_autoincrement=True,
        if_not_exists=True,
    )


def _create_indexes() -> None:
    is_open = sa.text("outcome IS NULL OR finished IS NULL")
    op.create_index("trials_uuid", "trials", ["uuid"], unique=True, if_not_exists=True)
    op.create_index("trials_open", "trials", ["id"], sqlite_where=is_open, postgresql_where=is_open, if_not_exists=True)
    for name in ("surface", "estimator", "campaign"):
        op.create_index(f"trials_{name}", "trials", [name, "id"], if_not_exists=True)
    counted = (
        "surface",
        "estimator",
        "world",
        "outcome",
        "reason",
        "seed",
        "scene_number",
        "pick",
        "objects",
        "attempts",
    )
    op.create_index("trials_counted", "trials", ["campaign", "id", *counted], if_not_exists=True)
    several, stand = sa.text("objects > 1"), sa.text("undone IS NULL")
    partial: dict[str, Any] = {"sqlite_where": several, "postgresql_where": several, "if_not_exists": True}
    op.create_index("trials_of_several", "trials", ["id"], **partial)
    partial |= {"sqlite_where": stand, "postgresql_where": stand}
    op.create_index("labels_counted", "labels", ["trial", "made", "id", "value", "reason"], **partial)
    op.create_index("labels_trial", "labels", ["trial", "made"], if_not_exists=True)
    for name in ("name", "uuid"):
        op.create_index(f"campaigns_{name}", "campaigns", [name], unique=True, if_not_exists=True)
