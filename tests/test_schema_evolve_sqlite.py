"""SQLite builds a table anew for what ALTER TABLE cannot do, and nothing around it is lost."""

import sqlite3

import peewee
import pytest
from conftest import opened
from evolving import ALL, ask, column, dump, evolve, make, one, risks, toy
from peewee import SQL, CharField, ForeignKeyField, IntegerField
from playhouse.sqlite_ext import AutoIncrementField

import schema_evolve
from schema_evolve import SLOW, plan, run


@pytest.fixture
def database(tmp_path):
    with opened(f"sqlite:///{tmp_path}/toys.db") as made:
        yield made


@pytest.fixture
def author(database):
    """Ada, with an index, a book that goes with her, and a trigger here and there."""
    author = toy(database, "author", name=CharField(20, index=True), age=IntegerField(null=True))
    book = toy(database, "book", author=ForeignKeyField(author, on_delete="CASCADE"), title=CharField(20))
    make(author, book)
    book.create(author=author.create(name="Ada", age=36), title="A")
    for statement in (
        "CREATE TABLE log (what TEXT)",
        "CREATE TRIGGER named AFTER UPDATE OF name ON author BEGIN INSERT INTO log VALUES (new.name); END",
        "CREATE TRIGGER wrote AFTER INSERT ON book BEGIN"
        " UPDATE author SET name = name || '!' WHERE id = new.author_id; END",
        "CREATE VIEW adults AS SELECT name FROM author WHERE age > 17",
    ):
        ask(database, statement)
    return book


def older(database, **fields):
    """An author whose age is a text: the table is built anew."""
    return toy(database, "author", name=CharField(20, index=True), age=CharField(5, null=True), **fields)


def test_children_that_go_with_their_parent_stay(database, author):
    steps = plan(database, [older(database)])

    assert risks(steps) == [SLOW]
    assert run(steps, {SLOW}) == []
    assert ask(database, "SELECT author_id, title FROM book") == [(1, "A")]
    assert one(database, "SELECT age FROM author") == "36"
    ask(database, "DELETE FROM author")
    assert ask(database, "SELECT * FROM book") == []


def test_triggers_of_it_and_of_others_that_name_it_fire_afterwards(database, author):
    evolve(older(database))
    ask(database, "INSERT INTO book (author_id, title) VALUES (1, 'B')")

    assert column(database, "SELECT what FROM log") == ["Ada!"]


def test_views_and_indexes_are_as_they_were(database, author):
    about = "SELECT name, sql FROM sqlite_master WHERE type IN ('view', 'index', 'trigger') ORDER BY name"
    before = ask(database, about)
    evolve(older(database))

    assert ask(database, about) == before
    assert column(database, "SELECT name FROM adults") == ["Ada"]


def test_a_view_that_would_break_stops_it_and_nothing_is_changed(database, author, tmp_path):
    changed = toy(database, "author", name=CharField(30, index=True), id=peewee.AutoField())
    before = dump(database)
    with pytest.raises(peewee.DatabaseError, match="the view adults would break: no such column: age"):
        evolve(changed, allowed=ALL, backups=tmp_path / "backups")

    assert dump(database) == before
    assert one(database, "PRAGMA foreign_keys") == 1


def test_a_view_that_was_broken_before_is_no_obstacle(database, author):
    ask(database, "CREATE VIEW broken AS SELECT gone FROM nowhere")

    assert evolve(older(database)) == []


def test_rows_that_referred_to_nothing_before_are_no_obstacle(database, author):
    ask(database, "PRAGMA foreign_keys = 0")
    ask(database, "INSERT INTO book (author_id, title) VALUES (99, 'B')")
    ask(database, "PRAGMA foreign_keys = 1")

    assert evolve(older(database)) == []
    assert one(database, "SELECT author_id FROM book WHERE title = 'B'") == 99
    assert one(database, "PRAGMA foreign_keys") == 1


@pytest.mark.parametrize("guarded", [0, 1])
def test_settings_of_the_connection_are_afterwards_as_before(database, author, guarded):
    names = ("foreign_keys", "busy_timeout", "legacy_alter_table", "journal_mode")
    ask(database, f"PRAGMA foreign_keys = {guarded}")
    before = [one(database, f"PRAGMA {name}") for name in names]

    assert evolve(older(database)) == []
    assert [one(database, f"PRAGMA {name}") for name in names] == before


def test_an_id_that_was_used_is_not_given_again(database):
    make(toy(database, "job", id=AutoIncrementField(), name=CharField(9)))
    ask(database, "INSERT INTO job (name) VALUES ('a'), ('b'), ('c')")
    ask(database, "DELETE FROM job WHERE name <> 'a'")
    changed = toy(database, "job", id=AutoIncrementField(), name=CharField(9, null=True))

    assert evolve(changed) == []
    assert changed.create(name="d").id == 4
    assert column(database, "SELECT name FROM sqlite_sequence") == ["job"]
    assert evolve(toy(database, "job", id=AutoIncrementField(), name=CharField(8))) == []
    assert changed.create(name="e").id == 5


def test_an_id_of_an_emptied_table_is_not_given_again(database):
    make(toy(database, "job", id=AutoIncrementField(), name=CharField(9)))
    ask(database, "INSERT INTO job (name) VALUES ('a'), ('b'), ('c')")
    ask(database, "DELETE FROM job")

    changed = toy(database, "job", id=AutoIncrementField(), name=CharField(9, null=True))
    assert evolve(changed) == []
    assert changed.create(name="d").id == 4


def test_a_table_without_row_ids_stays_one(database):
    meta = {"without_rowid": True, "primary_key": peewee.CompositeKey("a", "b")}
    make(toy(database, "pair", meta, a=IntegerField(), b=IntegerField(), c=CharField(9)))
    ask(database, "INSERT INTO pair VALUES (1, 2, 'x')")

    changed = toy(database, "pair", meta, a=IntegerField(), b=IntegerField(), c=CharField(9, null=True))
    assert evolve(changed) == []
    assert ask(database, "SELECT * FROM pair") == [(1, 2, "x")]
    with pytest.raises(peewee.OperationalError):
        ask(database, "SELECT rowid FROM pair")


def test_a_strict_table_stays_one(database):
    class Line(CharField):
        field_type = "TEXT"

        def get_modifiers(self):
            return None

    make(toy(database, "strict", {"strict_tables": True}, n=IntegerField(), c=Line()))
    assert "STRICT" in one(database, "SELECT sql FROM sqlite_master WHERE name = 'strict'")
    ask(database, "INSERT INTO strict (n, c) VALUES (1, 'x')")

    changed = toy(database, "strict", {"strict_tables": True}, n=IntegerField(null=True), c=Line())
    assert evolve(changed) == []
    assert ask(database, "SELECT n, c FROM strict") == [(1, "x")]
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO strict (n, c) VALUES ('x', 'x')")


def test_a_definition_keeps_its_collation_and_its_check(database):
    def model(**fields):
        clauses = [SQL("COLLATE NOCASE"), SQL("CHECK (name NOT IN ('a,b', 'c)', 'NOT NULL'))")]
        return toy(database, "tag", name=CharField(20, constraints=clauses, unique=True), **fields)

    make(model(n=IntegerField()))
    ask(database, "INSERT INTO tag (name, n) VALUES ('Ada', 1)")

    changed = model(n=IntegerField(null=True))
    assert evolve(changed) == []
    with pytest.raises(peewee.IntegrityError):
        changed.create(name="ADA")
    with pytest.raises(peewee.IntegrityError):
        changed.create(name="a,b")


def test_a_column_no_model_has_keeps_its_definition(database):
    ask(
        database,
        """CREATE TABLE book (id INTEGER NOT NULL PRIMARY KEY, title VARCHAR(9) NOT NULL, -- yes, (
        "mine, too" TEXT COLLATE NOCASE DEFAULT 'not null, (or' /* , */ NOT NULL CHECK ("mine, too" <> ','),
        [else] DECIMAL(5, 2) DEFAULT (1 + (2)), UNIQUE ("mine, too", [else]))""",
    )
    ask(database, "INSERT INTO book (title) VALUES ('A')")
    changed = toy(database, "book", title=CharField(9, null=True))
    evolve(changed)

    ask(database, "INSERT INTO book (title, \"mine, too\") VALUES (NULL, 'x')")
    assert ask(database, 'SELECT title, "mine, too", [else] FROM book') == [
        ("A", "not null, (or", 3), (None, "x", 3)
    ]  # fmt: skip
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (\"mine, too\") VALUES (',')")


def test_a_foreign_key_of_a_column_no_model_has_is_kept(database, author):
    changed = toy(database, "book", title=CharField(20, null=True))
    evolve(changed)

    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (author_id) VALUES (99)")
    ask(database, "DELETE FROM author")
    assert ask(database, "SELECT * FROM book") == []


def test_odd_names_survive(database):
    name, odd = 'it\'s "odd", so', "100% `of` [it]"
    ask(database, "CREATE TABLE other (x)")
    model = toy(database, name, value=CharField(9, column_name=odd, unique=True, null=True))
    make(model)
    model.create(value="1")
    changed = toy(database, name, value=IntegerField(column_name=odd, index=True, default=5))

    assert evolve(changed) == []
    assert changed.get().value == 1


def test_text_that_only_looks_like_a_keyword_is_no_keyword(database):
    def model(**fields):
        clause = SQL("DEFAULT 'x AUTOINCREMENT, UNIQUE (a) STORED -- '")
        return toy(database, "note", text=CharField(60, constraints=[clause]), **fields)

    make(model(n=IntegerField()))
    ask(database, "INSERT INTO note (n) VALUES (1)")

    assert evolve(model(n=IntegerField(null=True))) == []
    assert one(database, "SELECT text FROM note") == "x AUTOINCREMENT, UNIQUE (a) STORED -- "


def test_what_breaks_in_the_middle_leaves_nothing_behind(database, author, monkeypatch):
    before = dump(database)
    done = schema_evolve.Engine.do

    def fail(engine, statement):
        if statement.startswith("ALTER TABLE") and "_evolve_" in statement:
            raise peewee.OperationalError("disk I/O error")
        return done(engine, statement)

    with monkeypatch.context() as patch, pytest.raises(peewee.OperationalError):
        patch.setattr(schema_evolve.Engine, "do", fail)
        evolve(older(database))

    assert dump(database) == before
    assert [one(database, f"PRAGMA {name}") for name in ("foreign_keys", "legacy_alter_table")] == [1, 0]
    assert evolve(older(database)) == []


def test_a_database_in_memory_evolves_too(tmp_path):
    with opened("sqlite:///:memory:") as database:
        make(toy(database, "book", title=CharField(9), pages=IntegerField()))
        ask(database, "INSERT INTO book (title, pages) VALUES ('A', 1)")

        assert evolve(toy(database, "book", title=CharField(9)), allowed=ALL, backups=tmp_path) == []
        assert column(database, "SELECT title FROM book") == ["A"]
        (copy,) = tmp_path.iterdir()
    assert sqlite3.connect(copy).execute("SELECT title, pages FROM book").fetchall() == [("A", 1)]


def test_a_column_of_time_that_has_a_default_of_the_engine_is_built_anew(database):
    make(toy(database, "book", title=CharField(9)))
    ask(database, "INSERT INTO book (title) VALUES ('A')")
    changed = toy(
        database, "book", title=CharField(9),
        at=peewee.DateTimeField(constraints=[SQL("DEFAULT CURRENT_TIMESTAMP")]),
    )  # fmt: skip

    assert evolve(changed) == []
    assert changed.get().at.year > 2000


def test_inside_a_transaction_nothing_is_changed(database, author):
    steps = plan(database, [older(database)])
    with database.atomic(), pytest.raises(peewee.DatabaseError, match="not changed inside a transaction"):
        run(steps, {SLOW})

    assert run(steps, {SLOW}) == []
