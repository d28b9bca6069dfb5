"""Blocks of trials as they were read for counting, which the log's own triggers forget as soon as one changes."""

import sqlalchemy as sa
from alembic import op

from trials.arrays.triggers import trigger_statements

revision = "0004"
down_revision = "0003"

_INDEX = "trials_counted"
_COUNTED = ("campaign", "surface", "estimator", "world", "outcome", "reason", "pick", "objects", "attempts")
_OF_SCENE = ("seed", "scene_number", "scene_key")


def upgrade() -> None:
    op.drop_index(_INDEX, "trials", if_exists=True)
    op.create_index(_INDEX, "trials", ["id", *_COUNTED, *_OF_SCENE])
    op.create_table(
        "counted_blocks",
        sa.Column("block", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("rows", sa.LargeBinary(), nullable=False),
        sa.Column("checksum", sa.BigInteger(), nullable=False),
    )
    for statement in trigger_statements(op.get_bind().dialect.name):
        op.execute(statement)
