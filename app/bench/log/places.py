"""Logs that are there for as long as they are measured."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

#: A server's log is a schema of this name.
_SCHEMA = "vitro_bench"


@contextmanager
def new_log(folder: Path, server: str | None) -> Iterator[str]:
    """Where an empty log can be made: a file in a folder, or, given a server's database, a schema there."""
    if server is None:
        with TemporaryDirectory(dir=folder) as own:
            yield str(Path(own) / "trials.db")
        return
    from sqlalchemy import create_engine, make_url, text
    from sqlalchemy.pool import NullPool

    engine = create_engine(make_url(server).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE"))
        connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
    url = make_url(server).update_query_dict({"options": f"-csearch_path={_SCHEMA}"})
    yield url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {_SCHEMA} CASCADE"))
