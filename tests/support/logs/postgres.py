"""A PostgreSQL of the tests' own: one cluster for all of a session, on a socket in a folder of its own."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

#: Nothing of it outlives the tests, and clients are what they kill: no power cut has to be survived.
_SETTINGS = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB", "listen_addresses=", "max_connections=400")

_numbers = count()


@contextmanager
def postgres_cluster() -> Iterator[str]:
    """The URL of a server without a database's name, as `URL.format(database="vitro")`; skips, and says why, where
    PostgreSQL is not installed or will not start."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="vitro-postgres-"))
    run: Any = partial(subprocess.run, capture_output=True, text=True, cwd=folder, timeout=60)
    if os.getuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        run = partial(run, user="postgres", group="postgres", extra_groups=[])
    try:
        control = programs / "pg_ctl"
        make = [programs / "initdb", "-D", "data", "-U", "vitro", "-A", "trust", "--no-sync", "-E", "UTF8"]
        options = " ".join(f"-c {setting}" for setting in _SETTINGS) + f" -k {folder}"
        for command in (make, [control, "-D", "data", "-l", "log", "-w", "-o", options, "start"]):
            if (done := run(command)).returncode:
                pytest.skip(f"PostgreSQL will not start: {done.stderr.strip() or done.stdout.strip()}")
        try:
            yield f"postgresql://vitro@/{{database}}?host={folder}"
        finally:
            run([control, "-D", "data", "-m", "immediate", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str) -> str:
    """The URL of one more place for a log, which is empty: a schema, which takes a hundredth of a database's time."""
    import psycopg

    name, url = f"log_{next(_numbers)}", server.format(database="postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{url}&options=-csearch_path%3D{name}"
