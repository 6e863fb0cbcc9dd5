"""A database that refuses: a line for an operator, nothing half done that the next run does not mend."""

import re
import subprocess
import sys
import threading

import peewee
import pytest
from conftest import opened
from evolving import ALL, ask, column, dump, engine, evolve, make, toy
from peewee import CharField, IntegerField, TextField

import schema_evolve
from schema_evolve import RENAME, SAFE, SLOW, plan, run

SERVERS = [pytest.param(name, marks=pytest.mark.server) for name in ("postgresql", "mariadb")]
on_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("empty_url", SERVERS[:1], indirect=True)
on_mariadb = pytest.mark.parametrize("empty_url", SERVERS[1:], indirect=True)


@pytest.fixture
def database(empty_url):
    with opened(empty_url) as made:
        made.settle()
        yield made


@pytest.fixture
def books(database):
    make(toy(database, "book", title=CharField(40), pages=IntegerField(null=True)))
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 1), ('B', 2), ('C', NULL)")


def changed(database):
    """A table more, and two changes of the one there is."""
    return (
        toy(database, "apart", name=CharField(9)),
        toy(
            database, "book", title=CharField(20), pages=IntegerField(null=True), year=IntegerField(default=1)
        ),
    )


def said(error):
    """The first line, which an operator reads."""
    return str(error.value).splitlines()[0]


# Rights


@pytest.fixture
def as_reader(database, books, postgresql):
    """The connection of somebody who may only read."""
    role = f"reader_of_{database.database}"
    postgresql.execute(f"CREATE ROLE {role}; GRANT {role} TO talks")
    postgresql.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}", database.database)
    ask(database, f"SET ROLE {role}")
    return database


@on_postgresql
def test_a_role_without_the_right_to_change_is_refused_in_a_line(as_reader):
    before = dump(as_reader)
    steps = plan(as_reader, changed(as_reader))
    with pytest.raises(peewee.DatabaseError) as error:
        run(steps, {SAFE, SLOW})

    assert "permission denied for table book" in said(error)
    assert dump(as_reader) == before


@on_postgresql
def test_a_role_that_may_not_compare_is_refused_in_a_line(as_reader, postgresql):
    name = as_reader.database
    postgresql.execute(f"REVOKE TEMPORARY ON DATABASE {name} FROM PUBLIC")
    ask(as_reader, "RESET ROLE")
    postgresql.execute(f"ALTER DATABASE {name} OWNER TO operator")
    with pytest.raises(peewee.DatabaseError) as error:
        plan(as_reader, changed(as_reader))

    assert "permission denied to create temporary tables in database" in said(error)


def user(mariadb, database, rights):
    """The same database, opened by somebody with these rights to it."""
    name = f"u{database.database[5:]}"[:32]
    mariadb.execute(f"CREATE USER {name} IDENTIFIED BY 'secret'")
    for right in rights:
        mariadb.execute(f"GRANT {right.format(database.database)} TO {name}")
    return f"mysql://{name}:secret@127.0.0.1:{mariadb.port}/{database.database}"


@on_mariadb
def test_who_may_make_no_database_aside_is_told_so(database, books, mariadb):
    before = dump(database)
    with opened(user(mariadb, database, ["ALL ON `{}`.*"])) as mine:
        with pytest.raises(schema_evolve.Refused) as error:
            plan(mine, changed(mine))
        shadow = f"{database.database}_evolve_shadow"
        assert f"a comparison needs all rights on a database {shadow}" in said(error)
        assert "denied" in said(error)
        assert ask(mine, "SELECT DATABASE()")[0][0] == database.database
    assert dump(database) == before


@on_mariadb
def test_a_user_without_the_right_to_change_is_refused_in_a_line(database, books, mariadb):
    before = dump(database)
    rights = ["SELECT ON `{}`.*", "ALL ON `{}_evolve_shadow`.*"]
    with opened(user(mariadb, database, rights)) as mine:
        steps = plan(mine, changed(mine))
        with pytest.raises(peewee.DatabaseError) as error:
            run(steps, {SAFE, SLOW})
        assert "denied to user" in said(error)
    assert dump(database) == before


@on_sqlite
def test_a_file_that_may_only_be_read_is_refused_in_a_line(database, books, tmp_path):
    before = dump(database)
    reader = peewee.SqliteDatabase(f"file:{tmp_path}/empty.db?mode=ro", uri=True)
    steps = plan(reader, changed(reader))
    with pytest.raises(peewee.DatabaseError) as error:
        run(steps, {SAFE, SLOW})

    assert said(error) == "attempt to write a readonly database"
    assert dump(database) == before
    assert [step.sentence for step in plan(database, changed(database))] == [step.sentence for step in steps]


# Disks


@on_sqlite
def test_a_full_disk_is_said_in_a_line_and_leaves_everything_as_it_was(database, books):
    ask(
        database,
        f"INSERT INTO book (title) SELECT '{'x' * 20}'"
        " FROM pragma_function_list a, pragma_function_list b LIMIT 9000",
    )
    pages = ask(database, "PRAGMA page_count")[0][0]
    before = dump(database)
    ask(database, f"PRAGMA max_page_count = {pages + 5}")
    with pytest.raises(peewee.DatabaseError) as error:
        evolve(*changed(database))

    assert said(error) == "database or disk is full"
    assert dump(database) == before
    assert ask(database, "PRAGMA foreign_keys") == [(1,)]
    ask(database, "PRAGMA max_page_count = 1073741823")
    assert evolve(*changed(database)) == []


@on_sqlite
def test_a_file_that_is_no_database_is_said_in_a_line(tmp_path, empty_url):
    (tmp_path / "toys.db").write_bytes(b"not a database, " * 500)
    database = peewee.SqliteDatabase(tmp_path / "toys.db")
    with pytest.raises(peewee.DatabaseError) as error:
        plan(database, changed(database))

    assert said(error) == "file is not a database"
    assert database.is_closed()


# Locks


HOLD = {
    "sqlite": ["BEGIN IMMEDIATE", "INSERT INTO book (title) VALUES ('mine')"],
    "postgresql": ["BEGIN", "INSERT INTO book (title) VALUES ('mine')"],
    "mysql": ["BEGIN", "INSERT INTO book (title) VALUES ('mine')"],
}


@pytest.fixture
def held(database, books, empty_url):
    """Another session that is in the middle of writing to the table."""
    with opened(empty_url) as other:
        for statement in HOLD[engine(other)]:
            ask(other, statement)
        yield other


def test_who_holds_a_table_is_waited_for_and_then_it_is_said(database, held, monkeypatch):
    monkeypatch.setattr(schema_evolve, "LOCK_SECONDS", 1)
    before = dump(database)
    steps = plan(database, changed(database))
    with pytest.raises(peewee.DatabaseError) as error:
        run(steps, {SAFE, SLOW})

    assert re.search(
        "database is locked|canceling statement due to lock timeout|Lock wait timeout", said(error)
    )
    if engine(database) != "mysql":
        assert dump(database) == before
    ask(held, "COMMIT")
    assert evolve(*changed(database)) == []
    assert column(database, "SELECT title FROM book ORDER BY id") == ["A", "B", "C", "mine"]


def test_who_holds_a_table_for_a_while_is_waited_for(database, held):
    steps = plan(database, changed(database))
    threading.Timer(1.0, held.connection().commit).start() if engine(database) != "sqlite" else None
    if engine(database) == "sqlite":  # whose connections belong to their thread
        ask(held, "COMMIT")

    assert run(steps, {SAFE, SLOW}) == []
    assert column(database, "SELECT title FROM book ORDER BY id") == ["A", "B", "C", "mine"]


WRITER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
database.execute("INSERT INTO book (title) VALUES ('mine')")
print("ready", flush=True)
sys.stdin.read(1)
database.execute("COMMIT")
"""


@on_sqlite
def test_a_plan_reads_while_another_process_writes(database, books, tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, tmp_path / "empty.db"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout.readline() == "ready\n"
    steps = plan(database, changed(database))
    writer.communicate("\n", timeout=60)

    assert writer.returncode == 0
    assert run(steps, {SAFE, SLOW}) == []
    assert column(database, "SELECT title FROM book ORDER BY id") == ["A", "B", "C", "mine"]


def test_settings_of_the_session_are_as_before_when_it_is_refused(database, held, monkeypatch):
    monkeypatch.setattr(schema_evolve, "LOCK_SECONDS", 1)
    names = {
        "sqlite": ["PRAGMA busy_timeout", "PRAGMA foreign_keys"],
        "postgresql": ["SHOW lock_timeout", "SHOW search_path"],
        "mysql": ["SELECT @@lock_wait_timeout", "SELECT DATABASE()", "SELECT @@innodb_lock_wait_timeout"],
    }[engine(database)]
    before = [ask(database, name) for name in names]
    with pytest.raises(peewee.DatabaseError):
        run(plan(database, changed(database)), {SAFE, SLOW})

    assert [ask(database, name) for name in names] == before


# What only the statement shows


def test_a_default_the_engine_does_not_take_is_said_in_a_line(database, books):
    before = dump(database)
    bad = toy(database, "bad", x=IntegerField(constraints=[peewee.SQL("DEFAULT (((")]))
    with pytest.raises(peewee.DatabaseError) as error:
        plan(database, [*changed(database), bad])

    assert "syntax" in said(error)
    assert dump(database) == before
    assert evolve(*changed(database)) == []


@on_postgresql
def test_a_view_that_holds_a_column_is_said_in_a_line(database, books, tmp_path):
    ask(database, "CREATE VIEW titles AS SELECT pages FROM book")
    before = dump(database)
    with pytest.raises(peewee.DatabaseError) as error:
        evolve(toy(database, "book", title=TextField()), allowed=ALL, backups=tmp_path / "backups")

    assert "cannot drop column pages of table book because other objects depend on it" in said(error)
    assert dump(database) == before


def test_a_rename_to_a_name_the_engine_does_not_take_changes_nothing(database, books):
    ask(database, "CREATE VIEW novel AS SELECT title FROM book")
    before = column(database, "SELECT title FROM book ORDER BY id")
    novel = toy(
        database, "novel", {"renamed_from": "book"}, title=CharField(40), pages=IntegerField(null=True)
    )
    with pytest.raises(peewee.DatabaseError) as error:
        evolve(novel, allowed={SAFE, RENAME})

    assert "novel" in said(error)
    assert column(database, "SELECT title FROM book ORDER BY id") == before
