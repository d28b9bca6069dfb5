"""What keeps counted blocks true: whatever changes a trial or a label, by whichever program, forgets its block in the
same transaction."""

#: Trials of one block: ids that are equal but for so many low bits. It stands in every log's triggers.
BLOCK_BITS = 14
#: Table -> its column that holds a trial's id.
_TABLES = {"trials": "id", "labels": "trial"}
#: Table -> that column, and the one by which a new row may be in the way of one of another block.
_IN_THE_WAY = {"trials": ("id", "uuid"), "labels": ("trial", "id")}
_FORGET = "DELETE FROM counted_blocks WHERE block IN"
#: What happens to a row -> by which of its two forms a block is told.
_CHANGES = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}


def trigger_statements(dialect: str) -> tuple[str, ...]:
    """Makes the triggers of single rows in a database of this dialect of SQLAlchemy's, `sqlite` or `postgresql`."""
    of = _sqlite_trigger if dialect == "sqlite" else _postgresql_trigger
    return tuple(
        statement
        for table, column in _TABLES.items()
        for change, forms in _CHANGES.items()
        for statement in of(f"{table}_{change.lower()}_forgets", table, change, _forget(column, forms))
    )


def replacing_statements(dialect: str) -> tuple[str, ...]:
    """As `trigger_statements`, for what fires none of those though it takes rows away: SQLite's REPLACE, which deletes
    whatever is in a new row's way, and PostgreSQL's TRUNCATE."""
    if dialect == "sqlite":
        return tuple(
            f"CREATE TRIGGER {table}_{name}_replaces BEFORE {change} ON {table} "
            f"BEGIN {_FORGET} (SELECT {column} >> {BLOCK_BITS} FROM {table} WHERE {unique} = NEW.{unique}); END"
            for table, (column, unique) in _IN_THE_WAY.items()
            for name, change in (("insert", "INSERT"), ("update", f"UPDATE OF {unique}"))
        )
    return tuple(
        statement
        for table in _TABLES
        for statement in _postgresql_trigger(
            f"{table}_truncate_forgets", table, "TRUNCATE", "DELETE FROM counted_blocks;", each="STATEMENT"
        )
    )


def _forget(column: str, forms: tuple[str, ...]) -> str:
    blocks = ", ".join(f"{form}.{column} >> {BLOCK_BITS}" for form in forms)
    return f"{_FORGET} ({blocks});"


def _sqlite_trigger(name: str, table: str, change: str, forget: str) -> tuple[str, ...]:
    return (f"CREATE TRIGGER {name} AFTER {change} ON {table} BEGIN {forget} END",)


def _postgresql_trigger(name: str, table: str, change: str, forget: str, each: str = "ROW") -> tuple[str, ...]:
    made = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS"
    return (
        f"{made} $$ BEGIN {forget} RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {change} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()",
    )
