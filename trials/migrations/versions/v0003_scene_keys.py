"""A number that tells scenes apart which two stations laid with the same seed; older rows have none."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_INDEX = "trials_counted"
_COUNTED = ("surface", "estimator", "world", "outcome", "reason", "pick", "objects", "attempts")
_OF_SCENE = ("seed", "scene_number", "scene_key")


def upgrade() -> None:
    there = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("trials")}
    if "scene_key" not in there:
        op.add_column("trials", sa.Column("scene_key", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.drop_index(_INDEX, "trials", if_exists=True)
    op.create_index(_INDEX, "trials", ["campaign", "id", *_COUNTED, *_OF_SCENE])
