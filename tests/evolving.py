"""Toy models, and what the tests of schema_evolve ask a database."""

import peewee

from schema_evolve import DESTRUCTIVE, IMPOSSIBLE, RENAME, SAFE, SLOW, plan, run

ALL = (SAFE, SLOW, RENAME, DESTRUCTIVE)


def toy(database, table, meta=None, **fields):
    """A model of `table`."""
    options = type("Meta", (), {"database": database, "table_name": table, **(meta or {})})
    return type(table.capitalize(), (peewee.Model,), {"Meta": options, **fields})


def evolve(*models, allowed=(SAFE, SLOW), backups=None):
    """Plan and run; returns what is left."""
    return run(plan(models[0]._meta.database, models), allowed, backups)


def make(*models):
    """Have the tables of these models made."""
    assert evolve(*models) == []


def risks(steps):
    return [step.risk for step in steps]


def ask(database, sql):
    cursor = database.execute_sql(sql)
    return cursor.fetchall() if cursor.description else []


def one(database, sql):
    ((value,),) = ask(database, sql)
    return value


def column(database, sql):
    return [value for (value,) in ask(database, sql)]


def impossible(steps):
    """The one step among `steps` that cannot be done, as it is said to people."""
    (step,) = (step for step in steps if step.risk == IMPOSSIBLE)
    assert step.cure
    return str(step)


def engine(database):
    kinds = {"sqlite": peewee.SqliteDatabase, "postgresql": peewee.PostgresqlDatabase}
    return next((name for name, kind in kinds.items() if isinstance(database, kind)), "mysql")


CATALOGUES = {
    "sqlite": ["SELECT type, name, tbl_name, sql, rootpage FROM main.sqlite_master ORDER BY name"],
    "postgresql": [
        "SELECT oid, relname, relnamespace, relfilenode FROM pg_class WHERE relnamespace > 16383 OR"
        " relnamespace = 'public'::regnamespace ORDER BY oid",
        "SELECT oid, proname FROM pg_proc WHERE oid > 16383 ORDER BY oid",
        "SELECT attrelid, attname, atttypid, atttypmod, attnotnull FROM pg_attribute WHERE attrelid IN"
        " (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) ORDER BY attrelid, attnum",
        "SELECT oid, conname, contype FROM pg_constraint ORDER BY oid",
        "SELECT oid, tgname FROM pg_trigger ORDER BY oid",
    ],
    "mysql": [
        "SELECT schema_name FROM information_schema.schemata ORDER BY 1",
        "SELECT trigger_name, action_statement FROM information_schema.triggers ORDER BY 1",
    ],
}  # fmt: skip


def dump(database):
    """All that is in a database: its catalogue and its rows."""
    kind = engine(database)
    found = [ask(database, sql) for sql in CATALOGUES[kind]]
    for name in database.get_tables():
        if kind == "mysql":
            found.append(ask(database, f"SHOW CREATE TABLE `{name}`"))
        found.append(sorted(map(repr, ask(database, f"SELECT * FROM {name}"))))
    return found
