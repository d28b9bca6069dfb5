"""What Alembic runs: the migrations of the log that `trials.schema.migrate` has open, in its transaction."""

from alembic import context

from trials.table import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
