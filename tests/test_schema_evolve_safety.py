"""A plan touches nothing, a run does what is allowed, and what goes is backed up before."""

import datetime
import json
import resource
import sqlite3
import threading
from contextlib import contextmanager

import peewee
import pytest
from conftest import opened
from evolving import ALL, ask, column, dump, engine, evolve, impossible, make, one, risks, toy
from peewee import SQL, CharField, ForeignKeyField, IntegerField, TextField

import schema_evolve
from schema_evolve import DESTRUCTIVE, RENAME, SAFE, plan, run

SERVERS = [pytest.param(name, marks=pytest.mark.server) for name in ("postgresql", "mariadb")]
on_servers = pytest.mark.parametrize("empty_url", SERVERS, indirect=True)
on_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("empty_url", SERVERS[:1], indirect=True)
on_mariadb = pytest.mark.parametrize("empty_url", SERVERS[1:], indirect=True)


@pytest.fixture
def database(empty_url):
    with opened(empty_url) as made:
        made.settle()
        yield made


@pytest.fixture
def small_files():
    """A disk with room for files of so many bytes only."""

    @contextmanager
    def limited(size):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


def old(database):
    author = toy(database, "author", name=CharField(20), born=CharField(10), note=TextField(null=True))
    book = toy(
        database,
        "book",
        author=ForeignKeyField(author, on_delete="CASCADE"),
        title=CharField(20, unique=True),
    )
    return author, book


def new(database):
    """A step of every risk but the impossible."""
    author = toy(database, "writer", {"renamed_from": "author"}, name=CharField(30), born=IntegerField())
    book = toy(
        database, "book", {"renamed": {"writer": "author"}},
        writer=ForeignKeyField(author, on_delete="CASCADE"), title=CharField(20),
        year=IntegerField(default=1),
    )  # fmt: skip
    prize = toy(database, "prize", book=ForeignKeyField(book))
    return author, book, prize


@pytest.fixture
def models(database):
    """The models of later, for tables of today with rows in them."""
    author, book = old(database)
    make(author, book)
    ask(
        database,
        "INSERT INTO author (name, born, note) VALUES ('Ada', '1815', 'first'), ('Bob', '1900', NULL)",
    )
    ask(database, "INSERT INTO book (author_id, title) VALUES (1, 'A'), (2, 'B')")
    return new(database)


def arrived(database, models):
    """Whether everything is as the models say, with all rows."""
    assert plan(database, models) == []
    assert ask(database, "SELECT id, name, born FROM writer ORDER BY id")[0][1:] == ("Ada", 1815)
    assert column(database, "SELECT title FROM book ORDER BY writer_id") == ["A", "B"]
    return True


# A plan


def test_a_plan_touches_nothing(database, models):
    before = dump(database)
    steps = plan(database, models)

    assert {SAFE, RENAME, DESTRUCTIVE} <= set(risks(steps))
    assert dump(database) == before


@on_sqlite
def test_a_plan_leaves_the_file_as_it_is(database, models, tmp_path):
    ask(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    before = (tmp_path / "empty.db").read_bytes()
    plan(database, models)

    assert (tmp_path / "empty.db").read_bytes() == before
    assert (tmp_path / "empty.db-wal").read_bytes() == b""


def test_a_plan_that_says_impossible_touches_nothing(database, models):
    ask(database, "UPDATE author SET born = 'long ago'")
    before = dump(database)

    assert "Rows in the way: 2." in impossible(plan(database, models))
    assert dump(database) == before


@on_postgresql
def test_who_may_only_read_may_plan(database, models, postgresql):
    name = database.database
    role = f"reader_of_{name}"
    postgresql.execute(f"CREATE ROLE {role}; GRANT {role} TO talks")
    postgresql.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}", name)
    steps = plan(database, models)
    ask(database, f"SET ROLE {role}")

    with pytest.raises(peewee.ProgrammingError):
        ask(database, "CREATE TABLE mine (x INTEGER)")
    assert plan(database, models) == steps


@on_mariadb
def test_a_comparison_that_fails_leaves_no_database_behind(database, models):
    before = dump(database)
    bad = toy(database, "bad", x=IntegerField(constraints=[SQL("DEFAULT 'no number'")]))

    with pytest.raises(peewee.DatabaseError):
        plan(database, [*models, bad])
    assert dump(database) == before
    assert one(database, "SELECT DATABASE()") == database.database
    assert one(database, f"SELECT IS_USED_LOCK('evolve {database.database}')") is None


@on_mariadb
def test_what_a_comparison_left_when_it_was_killed_is_no_obstacle(database, models):
    shadow = f"{database.database}_evolve_shadow"
    ask(database, f"CREATE DATABASE {shadow}")
    ask(database, f"CREATE TABLE {shadow}.author (x INTEGER)")

    assert RENAME in risks(plan(database, models))
    assert shadow not in column(database, "SHOW DATABASES")


def at_once(url, count, act):
    """What `act` returned or raised in as many threads, each with a database of its own."""
    found, start = [], threading.Barrier(count)

    def work():
        with opened(url) as mine:
            start.wait(60)
            try:
                found.append(act(mine))
            except Exception as error:
                found.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return found


def test_plans_at_once_do_not_disturb_each_other(database, models, empty_url):
    expected = [step.sentence for step in plan(database, models)]
    found = at_once(empty_url, 4, lambda mine: [step.sentence for step in plan(mine, new(mine))])

    assert found == [expected] * 4


def test_a_plan_looks_again_when_another_process_renames_what_it_looks_at(
    database, models, empty_url, monkeypatch, tmp_path
):
    rename, others = schema_evolve.Comparison._rename, []

    def meanwhile(comparison):
        if not others:
            others.append("at work")
            with opened(empty_url) as other:
                assert evolve(*new(other), allowed=ALL, backups=tmp_path) == []
        rename(comparison)

    monkeypatch.setattr(schema_evolve.Comparison, "_rename", meanwhile)

    assert plan(database, models) == []


def test_of_two_runs_at_once_one_finds_nothing_to_do(database, models, empty_url, tmp_path):
    database.close()
    rests = at_once(empty_url, 2, lambda mine: evolve(*new(mine), allowed=ALL, backups=tmp_path / "backups"))

    assert rests == [[], []]
    database.connect()
    assert arrived(database, models)
    assert len(list((tmp_path / "backups").iterdir())) == 1


# A run


def test_a_run_does_what_is_safe_unless_told_otherwise(database, models):
    extra = toy(database, "extra", name=CharField(9))
    steps = plan(database, [*models, extra])
    kept = [
        one(database, "SELECT COUNT(*) FROM author"),
        column(database, "SELECT title FROM book ORDER BY id"),
    ]
    rest = run(steps)

    assert {step.sentence for step in steps} - {step.sentence for step in rest} == {"Create table extra."}
    assert [
        one(database, "SELECT COUNT(*) FROM author"), column(database, "SELECT title FROM book ORDER BY id")
    ] == kept  # fmt: skip


def test_a_run_without_steps_touches_nothing(database):
    assert run([], ALL) == []


def test_what_is_not_allowed_touches_nothing(database, models):
    steps = plan(database, models)
    before = dump(database)

    assert run(steps, ()) == steps
    assert dump(database) == before


def test_an_impossible_step_is_never_run(database, models, tmp_path):
    ask(database, "UPDATE author SET born = 'long ago'")
    steps = plan(database, models)

    rest = run(steps, {*ALL, "impossible"}, tmp_path)
    assert "Rows in the way: 2." in impossible(rest)
    assert column(database, "SELECT born FROM writer") == ["long ago"] * 2


def test_taking_away_needs_a_folder_for_backups(database, models):
    steps = plan(database, models)
    before = dump(database)

    with pytest.raises(ValueError, match="a folder for backups"):
        run(steps, ALL)
    assert dump(database) == before


def test_when_all_is_allowed_nothing_is_left(database, models, tmp_path):
    assert run(plan(database, models), ALL, tmp_path) == []
    assert arrived(database, models)


def test_only_what_was_planned_is_done(database, models, tmp_path):
    """What another step takes away that nobody was shown, for instance."""
    author, *others = models
    steps = plan(database, [author, *others])
    ask(database, "ALTER TABLE book ADD COLUMN mine INTEGER")
    ask(database, "UPDATE book SET mine = id")

    rest = run(steps, ALL, tmp_path)

    assert column(database, "SELECT mine FROM book ORDER BY id") == [1, 2]
    assert risks(rest) == [DESTRUCTIVE]


# Backups


def backup(folder):
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_what_is_taken_away_can_be_read_afterwards(database, models, tmp_path):
    folder = tmp_path / "instance" / "backups"
    run(plan(database, models), ALL, folder)

    if engine(database) == "sqlite":
        copy = sqlite3.connect(backup(folder))
        assert copy.execute("SELECT id, note FROM author").fetchall() == [(1, "first"), (2, None)]
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        copy.close()
    else:
        assert lines(backup(folder)) == [
            {"table": "writer", "key": {"id": 1}, "row": {"note": "first"}},
            {"table": "writer", "key": {"id": 2}, "row": {"note": None}},
        ]


def test_nothing_is_backed_up_when_nothing_is_taken_away(database, models, tmp_path):
    folder = tmp_path / "backups"
    author = toy(database, "author", name=CharField(30), born=CharField(10), note=TextField(null=True))
    ask(database, "CREATE INDEX mine ON author (born)")

    assert evolve(author, allowed=ALL, backups=folder) == []
    assert not folder.exists()


@on_servers
def test_values_of_every_kind_are_in_a_backup(database, tmp_path, monkeypatch):
    monkeypatch.setattr(schema_evolve, "BATCH", 2)
    meta = {"primary_key": peewee.CompositeKey("a", "b")}
    fields = {
        "text": TextField(), "data": peewee.BlobField(), "price": peewee.DecimalField(),
        "day": peewee.DateField(), "at": peewee.DateTimeField(), "yes": peewee.BooleanField(),
    }  # fmt: skip
    pair = toy(database, "pair", meta, a=IntegerField(), b=CharField(5), **fields)
    make(pair)
    row = dict(
        text="é\n\"100%\" \\", data=b"\0\xff", price="1.50", day=datetime.date(2024, 2, 29),
        at=datetime.datetime(2024, 2, 29, 1, 2, 3, 4), yes=True,
    )  # fmt: skip
    pair.insert_many([{"a": n // 2, "b": f"{n % 2}", **row} for n in range(5)]).execute()

    rest = evolve(
        toy(database, "pair", meta, a=IntegerField(), b=CharField(5)), allowed=ALL, backups=tmp_path
    )

    assert rest == []
    (path,) = tmp_path.iterdir()
    found = lines(path)
    assert [line["key"] for line in found] == [{"a": n // 2, "b": f"{n % 2}"} for n in range(5)]
    assert found[0]["row"] | {"yes": True, "price": ""} == {
        "text": "é\n\"100%\" \\", "data": {"base64": "AP8="}, "price": "",
        "day": "2024-02-29", "at": "2024-02-29 01:02:03.000004", "yes": True,
    }  # fmt: skip
    assert float(found[0]["row"]["price"]) == 1.5 and found[0]["row"]["yes"] in (1, True)


def test_the_rows_of_a_table_without_a_key_are_in_a_backup(database, tmp_path):
    meta = {"primary_key": False}
    make(toy(database, "plain", meta, a=IntegerField(), b=IntegerField(null=True)))
    ask(database, "INSERT INTO plain VALUES (1, 2), (1, 2)")

    assert evolve(toy(database, "plain", meta, a=IntegerField()), allowed=ALL, backups=tmp_path) == []
    if engine(database) != "sqlite":
        (path,) = tmp_path.iterdir()
        assert lines(path) == [{"table": "plain", "key": {}, "row": {"b": 2}}] * 2


def test_a_folder_that_cannot_be_made_stops_it_before_anything_is_changed(database, models, tmp_path):
    (tmp_path / "file").write_text("")
    before = dump(database)
    with pytest.raises(OSError):
        run(plan(database, models), ALL, tmp_path / "file" / "backups")

    if engine(database) != "mysql":
        assert dump(database) == before
    assert evolve(*models, allowed=ALL, backups=tmp_path / "backups") == []
    assert arrived(database, models)


def test_a_backup_for_which_there_is_no_room_stops_it(database, models, tmp_path, small_files):
    ask(database, f"UPDATE author SET note = '{'x' * 20_000}'")
    steps = plan(database, models)
    before = dump(database)
    said = "no backup could be written to" if engine(database) == "sqlite" else "File too large"
    with pytest.raises((OSError, peewee.DatabaseError), match=said), small_files(8_000):
        run(steps, ALL, tmp_path / "backups")

    assert list((tmp_path / "backups").iterdir()) == []
    if engine(database) != "mysql":
        assert dump(database) == before
    else:
        assert len(column(database, "SELECT note FROM writer")[0]) == 20_000
    assert evolve(*models, allowed=ALL, backups=tmp_path / "backups") == []


# What breaks


@pytest.fixture
def breaking(monkeypatch):
    """Makes the n-th statement of a run fail, as when the connection or the machine does."""

    def at(number):
        left, done = [number], schema_evolve.Engine.do

        def do(self, statement):
            if not str(statement).startswith("USE "):  # how a comparison ends, if there is a connection
                left[0] -= 1
                if left[0] == 0:
                    raise peewee.OperationalError("it broke")
            done(self, statement)

        patch = pytest.MonkeyPatch()
        patch.setattr(schema_evolve.Engine, "do", do)
        return patch

    return at


def test_wherever_it_breaks_nothing_is_half_done_that_the_next_run_does_not_mend(
    database, models, breaking, tmp_path
):
    before = dump(database)
    steps, number, broke = plan(database, models), 0, 0
    while True:
        number += 4 if engine(database) == "mysql" else 1  # where each goes on from the one before
        patch = breaking(number)
        try:
            rest = run(steps, ALL, tmp_path)
        except peewee.OperationalError:
            broke += 1
        else:
            break
        finally:
            patch.undo()
        if engine(database) == "mysql":
            assert one(database, "SELECT DATABASE()") == database.database
            steps = plan(database, models)
        else:
            # After the commit it may still break, while it looks for what is left.
            assert dump(database) == before or plan(database, models) == []
            if engine(database) == "sqlite":
                assert one(database, "PRAGMA foreign_keys") == 1
    assert broke > 5
    assert rest == []
    assert arrived(database, models)


def test_what_is_shown_is_what_is_run(database, models, tmp_path):
    """Statements of a first plan, run by hand, leave as little as a run does."""
    for _ in range(3):
        for step in plan(database, models):
            for statement in step.statements:
                ask(database, statement)

    assert arrived(database, models)
