"""What the models have no word for stays as it is, also where its table changes or is built anew."""

import peewee
import pytest
from conftest import opened
from evolving import ALL, DESTRUCTIVE, ask, column, dump, engine, evolve, make, one, risks, toy
from peewee import SQL, CharField, IntegerField, TextField
from playhouse.sqlite_ext import FTS5Model, SearchField

from schema_evolve import plan, run

on_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
SERVER = pytest.mark.server
on_postgresql = pytest.mark.parametrize(
    "empty_url", [pytest.param("postgresql", marks=SERVER)], indirect=True
)
on_mariadb = pytest.mark.parametrize("empty_url", [pytest.param("mariadb", marks=SERVER)], indirect=True)


@pytest.fixture
def database(empty_url):
    with opened(empty_url) as made:
        made.settle()
        yield made


def before(database):
    return toy(
        database, "book", title=CharField(40), pages=IntegerField(null=True), note=TextField(null=True)
    )


def after(database):
    """As before, with a column more, one less, and others that need a table built anew on SQLite."""
    return toy(
        database, "book", {"indexes": ((("pages", "year"), False),)},
        title=CharField(40), pages=CharField(9, default="?"), year=IntegerField(default=3),
    )  # fmt: skip


@pytest.fixture
def changed(database, tmp_path):
    """Evolves a table with one row as far as it goes."""

    def change(database):
        model = after(database)
        assert evolve(model, allowed=ALL, backups=tmp_path / "backups") == []
        assert plan(database, [model]) == []
        return model

    return change


def test_a_table_nobody_knows_stays_and_may_have_any_name(database, changed):
    make(before(database))
    mark = "`" if engine(database) == "mysql" else '"'
    names = ["100% of it", "it's", "Größe"]
    for name in names:
        sql = f"CREATE TABLE {mark}{name}{mark} (a INTEGER NOT NULL DEFAULT 5, {mark}b, c{mark} TEXT)"
        ask(database, sql.replace("%", "%%") if database.param == "%s" else sql)

    changed(database)

    assert set(names) <= set(database.get_tables())


def test_a_table_nobody_knows_may_refer_to_one_that_changes(database, changed):
    make(before(database))
    ask(database, "INSERT INTO book (title, note) VALUES ('A', 'n')")
    ask(
        database,
        "CREATE TABLE mine (book INTEGER, FOREIGN KEY (book) REFERENCES book (id) ON DELETE CASCADE)",
    )
    ask(database, "INSERT INTO mine VALUES (1)")

    model = changed(database)

    assert column(database, "SELECT book FROM mine") == [1]
    model.delete().execute()
    assert column(database, "SELECT book FROM mine") == []


KEY = {
    "sqlite": "INTEGER NOT NULL PRIMARY KEY", "postgresql": "SERIAL NOT NULL PRIMARY KEY",
    "mysql": "INTEGER NOT NULL PRIMARY KEY AUTO_INCREMENT",
}  # fmt: skip


@pytest.mark.parametrize("kind", ["VIRTUAL", "STORED"])
def test_a_generated_column_stays_with_its_index(database, changed, kind):
    if kind == "VIRTUAL" and engine(database) == "postgresql":
        pytest.skip("no such columns there")
    note = "LONGTEXT" if engine(database) == "mysql" else "TEXT"
    ask(
        database,
        f"CREATE TABLE book (id {KEY[engine(database)]},"
        f" loud VARCHAR(60) GENERATED ALWAYS AS (upper(title)) {kind},"
        f" title VARCHAR(40) NOT NULL, pages INTEGER, note {note})",
    )
    ask(database, "CREATE UNIQUE INDEX by_loud ON book (loud)")
    ask(database, "INSERT INTO book (title, note) VALUES ('a', 'n')")
    assert plan(database, [before(database)]) == []

    model = changed(database)

    model.create(title="b")
    assert column(database, "SELECT loud FROM book ORDER BY id") == ["A", "B"]
    with pytest.raises(peewee.IntegrityError):
        model.create(title="A")


def test_a_generated_column_that_a_model_has_is_added(database):
    make(before(database))
    ask(database, "INSERT INTO book (title) VALUES ('a')")
    made = SQL("GENERATED ALWAYS AS (length(title)) STORED")
    model = toy(
        database, "book", title=CharField(40), pages=IntegerField(null=True), note=TextField(null=True),
        letters=IntegerField(null=True, constraints=[made]),
    )  # fmt: skip

    assert evolve(model) == []
    assert plan(database, [model]) == []
    assert one(database, "SELECT letters FROM book") == 1


@on_sqlite
def test_a_full_text_table_stays_in_step_with_a_table_built_anew(database, changed):
    make(before(database))
    for statement in (
        "CREATE VIRTUAL TABLE search USING fts5(title, content='book', content_rowid='id')",
        "CREATE TRIGGER found AFTER INSERT ON book BEGIN"
        " INSERT INTO search (rowid, title) VALUES (new.id, new.title); END",
        "CREATE TRIGGER gone AFTER DELETE ON book BEGIN"
        " INSERT INTO search (search, rowid, title) VALUES ('delete', old.id, old.title); END",
        "INSERT INTO book (title, note) VALUES ('red fox', 'n')",
    ):
        ask(database, statement)

    model = changed(database)
    model.create(title="blue fox")
    model.delete().where(model.title == "red fox").execute()

    assert column(database, "SELECT title FROM search WHERE search MATCH 'fox'") == ["blue fox"]
    ask(database, "INSERT INTO search (search, rank) VALUES ('integrity-check', 1)")


@on_sqlite
def test_a_virtual_table_of_an_unknown_kind_is_no_obstacle(database, changed):
    make(before(database))
    ask(database, "PRAGMA writable_schema = 1")
    kind = "CREATE VIRTUAL TABLE odd USING unknown_kind(a)"
    ask(database, f"INSERT INTO sqlite_master VALUES ('table', 'odd', 'odd', 0, '{kind}')")
    ask(database, "PRAGMA writable_schema = RESET")

    changed(database)

    assert one(database, "SELECT sql FROM sqlite_master WHERE name = 'odd'") == kind


def other_columns(database):
    """The columns of all tables but ours, and what inherits from it, as the server describes them."""
    return ask(
        database,
        "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns"
        " WHERE table_name NOT IN ('book', 'heir') AND table_schema NOT IN"
        " ('information_schema', 'pg_catalog', 'mysql', 'performance_schema', 'sys') ORDER BY 1, 2",
    )


@on_mariadb
def test_what_only_mariadb_has_is_no_obstacle(database, changed):
    make(before(database))
    for statement in (
        "CREATE SEQUENCE numbers",
        "CREATE TABLE kept (x INT INVISIBLE, j JSON, e ENUM('a,b', 'c)'), p POINT,"
        " d DATETIME DEFAULT NOW() ON UPDATE NOW() COMMENT 'a\nb, `c` it''s') WITH SYSTEM VERSIONING",
        "CREATE TABLE parts (x INT, CONSTRAINT `ok` CHECK (x < 9)) PARTITION BY HASH (x) PARTITIONS 3",
        "CREATE TABLE lost (x INT)",
        "CREATE VIEW broken AS SELECT x FROM lost",
        "DROP TABLE lost",
    ):
        ask(database, statement)
    others = other_columns(database)

    changed(database)

    assert {"kept", "numbers", "parts"} <= {table for table, *_ in others}
    assert other_columns(database) == others


@on_postgresql
def test_what_only_postgresql_has_is_no_obstacle(database, changed):
    make(before(database))
    for statement in (
        "CREATE TYPE mood AS ENUM ('a', 'b')",
        "CREATE TABLE parts (x int, m mood DEFAULT 'a') PARTITION BY RANGE (x)",
        "CREATE TABLE part PARTITION OF parts FOR VALUES FROM (1) TO (5)",
        "CREATE TABLE heir () INHERITS (book)",
        "CREATE MATERIALIZED VIEW seen AS SELECT x FROM parts",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
        "CREATE TABLE odd (d positive, i int GENERATED ALWAYS AS IDENTITY,"
        " EXCLUDE USING gist (int4range(i, i) WITH &&))",
        "CREATE UNIQUE INDEX ON odd (d) INCLUDE (i)",
        "CREATE RULE kept AS ON DELETE TO odd DO INSTEAD NOTHING",
        "CREATE SCHEMA other CREATE TABLE book (x int)",
    ):
        ask(database, statement)
    others = other_columns(database)

    changed(database)

    assert {"odd", "part", "parts"} <= {table for table, *_ in others}
    assert other_columns(database) == others


@on_sqlite
def test_a_model_of_a_full_text_table_is_left_alone(database):
    meta = type("Meta", (), {"database": database, "options": {"tokenize": "porter"}})
    search = type("Search", (FTS5Model,), {"title": SearchField(), "Meta": meta})
    assert plan(database, [search]) == []
    search.create_table()
    kept = dump(database)

    assert evolve(search, allowed=ALL, backups="never made") == []
    assert dump(database) == kept


@on_mariadb
def test_a_full_text_index_stays(database, changed):
    make(before(database))
    ask(database, "CREATE FULLTEXT INDEX words ON book (title)")
    ask(database, "INSERT INTO book (title, note) VALUES ('quick fox', 'n'), ('slow cow', 'n'), ('dog', 'n')")

    changed(database)

    found = "SELECT title FROM book WHERE MATCH (title) AGAINST ('quick' IN BOOLEAN MODE)"
    assert column(database, found) == ["quick fox"]


@on_postgresql
def test_a_search_vector_stays_with_its_indexes(database, changed):
    make(before(database))
    for statement in (
        "ALTER TABLE book ADD words tsvector GENERATED ALWAYS AS (to_tsvector('simple', title)) STORED",
        "CREATE INDEX by_words ON book USING gin (words)",
        "CREATE INDEX by_title ON book USING gin (to_tsvector('simple', title))",
        "INSERT INTO book (title, note) VALUES ('quick fox', 'n')",
    ):
        ask(database, statement)

    model = changed(database)

    model.create(title="slow fox")
    found = "SELECT title FROM book WHERE words @@ to_tsquery('simple', 'slow')"
    assert column(database, found) == ["slow fox"]
    names = column(database, "SELECT indexname FROM pg_indexes WHERE tablename = 'book'")
    assert {"by_words", "by_title"} <= set(names)


@pytest.mark.parametrize("what", ["(pages)", "(title, pages)", "(lower(title))"])
def test_an_index_of_the_operators_goes_only_when_taking_away_is_allowed(database, what):
    if engine(database) == "mysql" and "lower" in what:
        pytest.skip("no such indexes there")
    make(before(database))
    ask(database, f"CREATE INDEX mine ON book {what}")
    steps = plan(database, [before(database)])

    assert risks(steps) == [DESTRUCTIVE]
    assert risks(evolve(before(database))) == [DESTRUCTIVE]
    model = toy(
        database, "book", title=CharField(40), pages=IntegerField(default=1), note=TextField(null=True)
    )
    assert risks(evolve(model)) == [DESTRUCTIVE]
    assert "mine" in {index.name for index in database.get_indexes("book")}


def test_a_view_of_the_operators_goes_on_working(database, changed):
    make(before(database))
    ask(database, "CREATE VIEW titles AS SELECT title FROM book")
    ask(database, "INSERT INTO book (title, note) VALUES ('A', 'n')")

    changed(database)

    assert one(database, "SELECT title FROM titles") == "A"


@on_postgresql
def test_a_new_column_of_text_has_the_order_of_its_field(database):
    class Exact(CharField):
        def ddl_datatype(self, ctx):
            return SQL(f'{super().ddl_datatype(ctx).sql} COLLATE "C"')

    orders = (
        "SELECT attname FROM pg_attribute JOIN pg_collation l ON l.oid = attcollation"
        " WHERE attrelid = 'book'::regclass AND collname = 'C' AND attname <> 'id' ORDER BY 1"
    )
    make(toy(database, "book", title=Exact(20)))
    ask(database, "INSERT INTO book (title) VALUES ('12345')")
    model = toy(database, "book", title=Exact(30), note=Exact(20, default="none"), kind=Exact(20, null=True))
    assert evolve(model) == []
    assert column(database, orders) == ["kind", "note", "title"]

    assert evolve(toy(database, "book", title=Exact(9), note=Exact(20), kind=Exact(20, null=True))) == []
    assert column(database, orders) == ["kind", "note", "title"]
    assert run(plan(database, [model])) == []
