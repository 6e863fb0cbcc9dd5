"""Tables come to what the models say, with the rows they have; the rest is left alone."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import peewee
import pytest
from conftest import opened
from evolving import ALL, ask, column, engine, evolve, make, one, risks, toy
from peewee import CharField, ForeignKeyField, IntegerField, TextField

import schema_evolve
from schema_evolve import RENAME, SAFE, SLOW, plan, run


@pytest.fixture
def database(empty_url):
    with opened(empty_url) as made:
        made.settle()
        yield made


def book(database, meta=None, table="book", **fields):
    return toy(database, table, meta, title=CharField(40), **fields)


@pytest.fixture
def books(database):
    """The titles A, B and C."""
    model = book(database)
    make(model)
    model.insert_many([{"title": title} for title in "ABC"]).execute()
    return model


def test_it_imports_nothing_but_peewee_and_the_standard_library():
    tree = ast.parse(Path(schema_evolve.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"peewee"}


@pytest.mark.slow
def test_a_copy_of_the_file_works_in_a_project_of_its_own(tmp_path):
    shutil.copy(schema_evolve.__file__, tmp_path)
    (tmp_path / "project.py").write_text(
        "import peewee, schema_evolve\n"
        "database = peewee.SqliteDatabase('project.db')\n"
        "class Note(peewee.Model):\n"
        "    text = peewee.TextField()\n"
        "    class Meta:\n"
        "        database = database\n"
        "print(schema_evolve.run(schema_evolve.plan(database, [Note])), Note.create(text='a').id)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import project"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (ended.stdout, ended.stderr) == ("[] 1\n", "")


def test_a_missing_table_is_made_in_a_safe_step(database):
    author = toy(database, "author", name=CharField(20, unique=True))
    book = toy(database, "book", author=ForeignKeyField(author, on_delete="CASCADE"), title=TextField())
    steps = plan(database, [book, author])

    assert [step.sentence for step in steps] == ["Create table author.", "Create table book."]
    assert risks(steps) == [SAFE, SAFE]
    assert all(step.needed for step in steps)
    assert run(steps) == []
    assert book.create(author=author.create(name="Ada"), title="A").id == 1


def test_tables_that_refer_to_each_other_are_made(database):
    first = toy(database, "first", second=peewee.DeferredForeignKey("Second", null=True))
    second = toy(database, "second", first=ForeignKeyField(first, null=True))

    make(first, second)

    assert plan(database, [first, second]) == []
    if engine(database) == "sqlite":  # where peewee makes no such key
        return
    with pytest.raises(peewee.IntegrityError):
        first.insert(second=99).execute()


def test_models_are_found_through_a_proxy(database):
    proxy = peewee.DatabaseProxy()
    model = book(proxy)
    proxy.initialize(database)

    assert run(plan(proxy, [model])) == []
    assert database.table_exists("book")


def test_a_plan_opens_and_closes_the_connection_it_needs(database):
    model = book(database)
    database.close()
    steps = plan(database, [model])
    assert database.is_closed()
    assert run(steps) == []
    assert database.is_closed()
    database.connect()
    assert database.table_exists("book")


def test_a_table_no_model_covers_stays(database, books):
    other = toy(database, "other", name=CharField(20))
    rest = evolve(other, allowed=ALL, backups=Path("never made"))

    assert rest == []
    assert column(database, "SELECT title FROM book ORDER BY id") == ["A", "B", "C"]


def test_a_model_that_does_not_evolve_is_left_alone(database, books):
    assert plan(database, [book(database, {"evolve": False}, pages=IntegerField())]) == []
    assert plan(database, [book(database, {"evolve": False}, "absent")]) == []


def test_a_table_is_left_alone_when_asked(database, books):
    changed = book(database, pages=IntegerField())

    assert plan(database, [changed], ignore_tables=["book"]) == []
    assert plan(database, [changed]) != []


def test_a_table_may_refer_to_one_that_is_left_alone(database, books):
    changed = book(database, {"evolve": False}, pages=IntegerField(null=True))
    loan = toy(database, "loan", book=ForeignKeyField(changed))
    steps = plan(database, [changed, loan])

    assert [step.sentence for step in steps] == ["Create table loan."]
    assert run(steps) == []
    with pytest.raises(peewee.IntegrityError):
        loan.insert(book=99).execute()


# Renames


@pytest.fixture
def library(database):
    """Ada's book A, with a trigger of each table that writes to the other one."""
    author = toy(database, "author", name=CharField(20, unique=True), score=IntegerField(default=0))
    book = toy(database, "book", author=ForeignKeyField(author, on_delete="CASCADE"), title=CharField(20))
    written = schema_evolve.Trigger("written", "AFTER INSERT", "UPDATE author SET score = score + 1;")
    book._meta.triggers = [written]
    make(author, book)
    ada = author.create(name="Ada")
    book.create(author=ada, title="A")
    if engine(database) != "mysql":  # where views name tables by their text
        ask(database, "CREATE VIEW authors AS SELECT name FROM author")
    return author, book


def writer(database, **fields):
    return toy(
        database, "writer", {"renamed_from": "author"},
        name=CharField(20, unique=True), score=IntegerField(default=0), **fields
    )  # fmt: skip


def book_of(database, author):
    return toy(database, "book", author=ForeignKeyField(author, on_delete="CASCADE"), title=CharField(20))


def test_a_renamed_table_keeps_its_rows_and_what_refers_to_it(database, library):
    author = writer(database)
    book = book_of(database, author)
    steps = plan(database, [author, book])

    assert [(step.risk, step.sentence) for step in steps] == [(RENAME, "Rename table author to writer.")]
    assert run(steps, {RENAME}) == []
    assert not database.table_exists("author")
    assert list(author.select().tuples()) == [(1, "Ada", 1)]
    if engine(database) != "mysql":
        assert column(database, "SELECT name FROM authors") == ["Ada"]
    with pytest.raises(peewee.IntegrityError):
        book.insert(author=99, title="B").execute()
    author.delete().execute()
    assert book.select().count() == 0


def test_a_trigger_follows_a_renamed_table(database, library):
    author, book = library
    work = toy(
        database, "work", {"renamed_from": "book", "triggers": book._meta.triggers},
        author=ForeignKeyField(author, on_delete="CASCADE"), title=CharField(20),
    )  # fmt: skip
    assert evolve(author, work, allowed=ALL, backups=Path("never made")) == []

    work.create(author=1, title="B")

    assert one(database, "SELECT score FROM author") == 2


def test_a_rename_that_was_done_is_not_done_again(database, library):
    author = writer(database)
    book = book_of(database, author)
    evolve(author, book, allowed={RENAME})
    author.create(name="Bob")

    assert plan(database, [author, book]) == []


def test_a_table_is_not_renamed_over_another(database, library):
    make(toy(database, "writer", name=CharField(20, unique=True), score=IntegerField(default=0)))

    assert plan(database, [writer(database)]) == []
    assert one(database, "SELECT name FROM author") == "Ada"


def test_a_renamed_column_keeps_its_values_and_its_index(database, library):
    changed = toy(
        database, "author", {"renamed": {"called": "name"}},
        called=CharField(20, unique=True), score=IntegerField(default=0),
    )  # fmt: skip
    steps = plan(database, [changed])

    assert [str(step) for step in steps] == ["Rename column author.name to called."]
    assert risks(steps) == [RENAME]
    assert run(steps, {RENAME}) == []
    assert one(database, "SELECT called FROM author") == "Ada"
    with pytest.raises(peewee.IntegrityError):
        changed.create(called="Ada")


def test_a_foreign_key_is_renamed_by_the_names_of_its_fields(database, library):
    author, _ = library
    changed = toy(
        database, "book", {"renamed": {"writer": "author"}},
        writer=ForeignKeyField(author, on_delete="CASCADE"), title=CharField(20),
    )  # fmt: skip
    steps = plan(database, [author, changed])

    assert [step.sentence for step in steps] == ["Rename column book.author_id to writer_id."]
    assert run(steps, {RENAME}) == []
    assert changed.get().writer.name == "Ada"
    author.delete().execute()
    assert changed.select().count() == 0


def test_a_column_renamed_in_a_table_renamed_is_changed_at_once(database, library):
    if engine(database) == "postgresql":
        ask(database, "DROP VIEW authors")  # it would not let go of the type
    changed = toy(
        database, "writer", {"renamed_from": "author", "renamed": {"called": "name"}},
        called=CharField(60, unique=True), score=IntegerField(default=0), born=IntegerField(null=True),
    )  # fmt: skip

    assert evolve(changed, book_of(database, changed), allowed={SAFE, SLOW, RENAME}) == []
    assert list(changed.select().tuples()) == [(1, "Ada", 1, None)]


def test_a_table_may_take_the_name_of_one_that_is_renamed(database, library):
    writers = writer(database)
    authors = toy(database, "author", name=CharField(20, unique=True))
    book = book_of(database, writers)
    steps = plan(database, [writers, authors, book])

    assert run(steps, {SAFE, SLOW}) == steps
    assert one(database, "SELECT name FROM author") == "Ada"
    assert run(steps, {SAFE, RENAME}) == []
    assert one(database, "SELECT name FROM writer") == "Ada"
    assert authors.select().count() == 0
    with pytest.raises(peewee.IntegrityError):
        authors.insert_many([{"name": "Bob"}, {"name": "Bob"}]).execute()


def test_a_foreign_key_follows_a_column_it_refers_to(database):
    author = toy(database, "author", name=CharField(20, unique=True))
    make(author, toy(database, "book", author=ForeignKeyField(author, field="name", on_delete="CASCADE")))
    author = toy(database, "author", {"renamed": {"called": "name"}}, called=CharField(20, unique=True))
    book = toy(database, "book", author=ForeignKeyField(author, field="called", on_delete="CASCADE"))
    steps = plan(database, [author, book])

    assert [step.sentence for step in steps] == ["Rename column author.name to called."]
    assert run(steps, {RENAME}) == []


def test_two_columns_that_change_their_names_in_a_row_both_keep_their_values(database):
    make(toy(database, "point", x=IntegerField(), y=IntegerField()))
    ask(database, "INSERT INTO point (x, y) VALUES (1, 2)")
    changed = toy(database, "point", {"renamed": {"y": "x", "z": "y"}}, y=IntegerField(), z=IntegerField())

    assert evolve(changed, allowed={SAFE, SLOW, RENAME}) == []
    assert list(changed.select(changed.y, changed.z).tuples()) == [(1, 2)]
    assert plan(database, [changed]) == []


def test_no_rename_happens_unless_it_is_allowed(database, library):
    author = writer(database, born=IntegerField(null=True))
    prize = toy(database, "prize", author=ForeignKeyField(author))
    apart = toy(database, "apart", name=CharField(9))
    steps = plan(database, [author, prize, apart, book_of(database, author)])
    before = column(database, "SELECT name FROM author")

    rest = run(steps, {SAFE, SLOW})

    assert [step.sentence for step in rest] == [step.sentence for step in steps if step.table != "apart"]
    assert database.table_exists("apart")
    assert not database.table_exists("prize") and not database.table_exists("writer")
    assert column(database, "SELECT name FROM author") == before


def test_a_column_is_not_added_in_the_place_of_one_that_is_to_be_renamed(database, books):
    renamed = {"renamed": {"name": "title"}}
    changed = toy(database, "book", renamed, name=CharField(40), pages=IntegerField(null=True))
    rest = evolve(changed)

    assert RENAME in risks(rest)
    assert {field.name for field in database.get_columns("book")} == {"id", "title"}
