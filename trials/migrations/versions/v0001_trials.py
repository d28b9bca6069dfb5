"""The first log: trials alone. Some of its age have columns more, which the next migration makes alike."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    text, number, json = sa.String(), sa.Integer(), sa.JSON()
    required: list[tuple[str, Any]] = [
        *((name, text) for name in ("surface", "estimator", "detector", "planner", "cell", "world")),
        *(("seed", number), ("scene", json), ("begun", sa.DateTime(timezone=True)), ("reason", text), ("detail", text)),
        *(("stages_s", json), ("metric", json), ("notes", json)),
        *(("pid", number), ("process_started_s", sa.Float()), ("host", text)),
    ]
    op.create_table(
        "trials",
        sa.Column("id", number, primary_key=True),
        *(sa.Column(name, kind, nullable=False) for name, kind in required),
        sa.Column("finished", sa.DateTime(timezone=True)),
        sa.Column("outcome", text),
        sa.Column("verified", sa.Boolean()),
        sa.Column("simulator_verdict", sa.Boolean()),
        sqlite_autoincrement=True,
    )
