"""Which form a log has, a new log in the newest form, and an older log brought to it by Alembic's migrations."""

from pathlib import Path

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, inspect, select, text

from core.errors import TrialError
from trials.table import metadata

MIGRATIONS = Path(__file__).parent / "migrations"
#: Alembic's names of every form that a log ever had; a form is one file in migrations/versions, the last is today's.
REVISIONS = sorted(path.stem[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9]*.py"))
NEWEST = REVISIONS[-1]
#: Any number that every Vitro takes and nobody else: PostgreSQL's name of the lock on a log's form.
_LOCK = 1_449_751_620

_bookkeeping = MetaData()
#: The form as a number: what every Vitro asks first, those from before Alembic too.
schema = Table("vitro_schema", _bookkeeping, Column("version", Integer, nullable=False))
_revision = Table("alembic_version", _bookkeeping, Column("version_num", String(32), primary_key=True))


def make_where_empty(connection: Connection) -> None:
    """Makes the newest tables in an empty database; another process that opens it meanwhile waits."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
    if not inspect(connection).get_table_names():
        metadata.create_all(connection)
        _bookkeeping.create_all(connection)
        connection.execute(schema.insert().values(version=int(NEWEST)))
        connection.execute(_revision.insert().values(version_num=NEWEST))


def revision_of(connection: Connection, name: str) -> str:
    """The form of the log called `name`, one of `REVISIONS`.

    Raises:
        TrialError: it is no log, or one of a newer Vitro.
    """
    tables = inspect(connection).get_table_names()
    if schema.name not in tables:
        raise TrialError(
            f"{name} is a database, but not a log of trials (its tables: {', '.join(sorted(tables)) or 'none'}).",
            "Name another file, or set VITRO_HOME to another folder.",
        )
    version = connection.execute(select(schema.c.version)).scalar()
    recorded = connection.execute(select(_revision.c.version_num)).scalar() if _revision.name in tables else None
    for revision in REVISIONS:
        if version == int(revision) and recorded in (None, revision):
            return revision
    raise TrialError(
        f"The trial log {name} has schema version {version}{f' ({recorded})' if recorded else ''}; this Vitro reads up "
        f"to version {int(NEWEST)}.",
        "Update Vitro (git pull), or set VITRO_HOME to another folder.",
    )


def migrate(connection: Connection, revision: str) -> None:
    """Brings a log from an older form to the newest, in the transaction of the connection: all of it or nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if not inspect(connection).has_table(_revision.name):
        command.stamp(config, revision)
    command.upgrade(config, "head")
    connection.execute(schema.update().values(version=int(NEWEST)))
