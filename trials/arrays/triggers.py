"""What keeps counted blocks true: whatever changes a trial or a label, by whichever program, forgets its block in the
same transaction."""

#: Trials of one block: ids that are equal but for so many low bits. It stands in every log's triggers.
BLOCK_BITS = 14
#: Table -> its column that holds a trial's id.
_TABLES = {"trials": "id", "labels": "trial"}
#: What happens to a row -> by which of its two forms a block is told.
_CHANGES = {"INSERT": ("NEW",), "UPDATE": ("OLD", "NEW"), "DELETE": ("OLD",)}


def trigger_statements(dialect: str) -> tuple[str, ...]:
    """Makes the triggers in a database of this dialect of SQLAlchemy's, `sqlite` or `postgresql`."""
    of = _sqlite_trigger if dialect == "sqlite" else _postgresql_trigger
    return tuple(
        statement
        for table, column in _TABLES.items()
        for change, forms in _CHANGES.items()
        for statement in of(f"{table}_{change.lower()}_forgets", table, change, _forget(column, forms))
    )


def _forget(column: str, forms: tuple[str, ...]) -> str:
    blocks = ", ".join(f"{form}.{column} >> {BLOCK_BITS}" for form in forms)
    return f"DELETE FROM counted_blocks WHERE block IN ({blocks});"


def _sqlite_trigger(name: str, table: str, change: str, forget: str) -> tuple[str, ...]:
    return (f"CREATE TRIGGER {name} AFTER {change} ON {table} BEGIN {forget} END",)


def _postgresql_trigger(name: str, table: str, change: str, forget: str) -> tuple[str, ...]:
    made = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS"
    return (
        f"{made} $$ BEGIN {forget} RETURN NULL; END $$",
        f"CREATE TRIGGER {name} AFTER {change} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()",
    )
