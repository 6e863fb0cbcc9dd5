"""Columns come to what the models say, with the values they have, or are said to be in the way."""

import datetime
import decimal
import itertools
import uuid
from pathlib import Path

import peewee
import pytest
from conftest import opened
from evolving import ALL, ask, column, dump, engine, evolve, impossible, make, one, risks, toy
from peewee import SQL, CharField, IntegerField, TextField

import schema_evolve
from schema_evolve import DESTRUCTIVE, IMPOSSIBLE, RENAME, SAFE, SLOW, plan, run


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


def test_a_column_that_may_be_null_is_added_without_writing_the_rows(database, books):
    steps = plan(database, [book(database, pages=IntegerField(null=True))])

    assert risks(steps) == [SAFE]
    assert steps[0].needed
    assert run(steps) == []
    assert column(database, "SELECT pages FROM book") == [None] * 3


def test_a_column_with_a_default_of_the_database_is_added_with_it(database, books):
    changed = book(database, pages=IntegerField(constraints=[SQL("DEFAULT 7")]))
    steps = plan(database, [changed])

    assert risks(steps) == [SAFE]
    assert run(steps) == []
    ask(database, "INSERT INTO book (title) VALUES ('D')")
    assert column(database, "SELECT pages FROM book") == [7] * 4


def test_a_column_with_a_default_of_python_gives_it_to_the_rows_there_are(database, books):
    changed = book(
        database,
        pages=IntegerField(default=7),
        note=CharField(30, default='it\'s 100% \\ "fine"\n%s', null=True),
        day=peewee.DateField(default=lambda: datetime.date(2024, 2, 29)),
        price=peewee.DecimalField(default=decimal.Decimal("1.50")),
        is_new=peewee.BooleanField(default=True),
        cover=peewee.BlobField(default=b"\0'\xff"),
    )
    rest = evolve(changed)

    assert rest == []
    row = changed.get(title="A")
    assert (row.pages, row.note, row.day) == (7, 'it\'s 100% \\ "fine"\n%s', datetime.date(2024, 2, 29))
    assert (row.price, row.is_new, bytes(row.cover)) == (decimal.Decimal("1.50"), True, b"\0'\xff")


def test_a_default_of_python_does_not_stay_in_the_database(database, books):
    evolve(book(database, pages=IntegerField(default=7)))

    with pytest.raises(peewee.DatabaseError):
        ask(database, "INSERT INTO book (title) VALUES ('D')")


@pytest.mark.parametrize("null", [False, True], ids=["not null", "null"])
def test_each_row_gets_its_own_where_values_are_unique(database, books, null):
    changed = book(database, guid=peewee.UUIDField(default=uuid.uuid4, unique=True, null=null))
    steps = plan(database, [changed])

    assert SLOW in risks(steps)
    assert run(steps, {SAFE, SLOW}) == []
    assert len({row.guid for row in changed}) == 3


def test_a_default_that_gives_nothing_fills_nothing(database, books):
    nothing = {"default": lambda: None}
    assert evolve(book(database, isbn=CharField(9, unique=True, null=True, **nothing))) == []

    needed = book(database, isbn=CharField(9, unique=True, **nothing), pages=IntegerField(**nothing))
    said = [str(step) for step in plan(database, [needed]) if step.risk == IMPOSSIBLE]
    assert ["isbn" in line or "pages" in line for line in said] == [True, True]


def test_more_rows_than_one_batch_get_values_of_their_own(database, books, monkeypatch):
    monkeypatch.setattr(schema_evolve, "BATCH", 2)
    changed = book(database, number=IntegerField(default=itertools.count(1).__next__, unique=True))

    assert evolve(changed) == []
    assert len({row.number for row in changed}) == 3


def test_a_column_that_needs_a_value_is_added_to_an_empty_table(database):
    make(book(database))

    changed = book(database, pages=IntegerField(), day=peewee.DateTimeField())

    assert evolve(changed) == []
    with pytest.raises(peewee.IntegrityError):
        changed.insert(title="A", day=datetime.datetime(2024, 1, 1), pages=None).execute()


def test_a_column_that_needs_a_value_is_impossible_while_there_are_rows(database, books):
    books.create(title="D")
    changed = book(database, pages=IntegerField(), born=IntegerField(null=True))
    steps = plan(database, [changed])

    assert impossible(steps) == (
        "Column book.pages may not be NULL and has no default. Rows in the way: 4. Among them: 1; 2; 3."
        " Give the field a default, or null=True."
    )
    assert [step.sentence for step in run(steps, ALL, Path("never made"))] == [steps[0].sentence]
    assert {field.name for field in database.get_columns("book")} == {"id", "title", "born"}


def test_a_column_is_dropped_only_when_taking_away_is_allowed(database, tmp_path):
    make(book(database, pages=IntegerField(null=True, index=True)))
    book(database, pages=IntegerField(null=True)).create(title="A", pages=3)
    changed = book(database)
    steps = plan(database, [changed])

    assert set(risks(steps)) == {DESTRUCTIVE}
    assert risks(run(steps, {SAFE, SLOW, RENAME})) == risks(steps)
    assert one(database, "SELECT pages FROM book") == 3
    assert run(steps, ALL, tmp_path / "backups") == []
    assert {field.name for field in database.get_columns("book")} == {"id", "title"}
    assert one(database, "SELECT title FROM book") == "A"


def test_a_column_no_model_has_lets_new_rows_be_written(database):
    make(book(database, pages=IntegerField()))
    book(database, pages=IntegerField()).create(title="A", pages=3)
    changed = book(database)

    rest = evolve(changed)

    assert risks(rest) == [DESTRUCTIVE]
    changed.create(title="B")
    assert column(database, "SELECT pages FROM book ORDER BY id") == [3, None]


def test_a_wider_text_keeps_its_rows(database, books):
    assert evolve(toy(database, "book", title=CharField(300))) == []
    assert evolve(toy(database, "book", title=TextField())) == []
    assert column(database, "SELECT title FROM book ORDER BY id") == ["A", "B", "C"]


def test_a_narrower_text_keeps_rows_that_fit(database, books):
    assert evolve(toy(database, "book", title=CharField(1))) == []
    assert column(database, "SELECT title FROM book ORDER BY id") == ["A", "B", "C"]
    assert [field.data_type.lower() for field in database.get_columns("book")][1] != "text"


def test_a_narrower_text_is_impossible_for_rows_that_do_not_fit(database, books):
    books.insert_many([{"title": f"long {number}"} for number in range(4)]).execute()
    steps = plan(database, [toy(database, "book", title=CharField(3), pages=IntegerField(null=True))])
    said = impossible(steps)

    assert "Column book.title cannot become " in said
    assert "Rows in the way: 4. Among them: " in said and said.count("'long ") == 3
    run(steps, {SAFE, SLOW})
    assert books.select().where(books.title == "long 3").count() == 1


FITS = {
    "text to number": (CharField(20), ["1", "-20"], IntegerField(), [1, -20]),
    "number to text": (IntegerField(), [1, -20], CharField(20), ["1", "-20"]),
    "number to larger number": (IntegerField(), [1, -20], peewee.BigIntegerField(), [1, -20]),
    "number to smaller number": (IntegerField(), [1, -20], peewee.SmallIntegerField(), [1, -20]),
    "number to yes and no": (IntegerField(), [0, 1], peewee.BooleanField(), [False, True]),
    "yes and no to number": (peewee.BooleanField(), [False, True], IntegerField(), [0, 1]),
    "number to float": (IntegerField(), [1, -20], peewee.FloatField(), [1.0, -20.0]),
    "date to moment": (
        peewee.DateField(), [datetime.date(2024, 2, 29)],
        peewee.DateTimeField(), [datetime.datetime(2024, 2, 29)],
    ),
    "text to moment": (
        CharField(30), ["2024-02-29 12:13:14"],
        peewee.DateTimeField(), [datetime.datetime(2024, 2, 29, 12, 13, 14)],
    ),
    "moment to text": (
        peewee.DateTimeField(), [datetime.datetime(2024, 2, 29, 12, 13, 14, 5)], TextField(), None,
    ),
}  # fmt: skip
MISFITS = {
    "text to number": (CharField(20), ["1", "x", "1.5", "", "7 "], IntegerField(), 4),
    "number to shorter text": (IntegerField(), [1, 1000, -100, 999], CharField(3), 2),
    "float to number": (peewee.FloatField(), [1.0, 1.5, -0.25], IntegerField(), 2),
    "text to moment": (
        CharField(30), ["2024-02-29 12:13:14", "soon", "2023-02-29"],
        peewee.DateTimeField(), 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FITS)
def test_a_type_changes_with_rows_that_fit(database, case):
    old, values, new, expected = FITS[case]
    before = toy(database, "fact", value=old.clone())
    make(before)
    before.insert_many([{"value": value} for value in values]).execute()
    after = toy(database, "fact", value=new.clone())

    assert evolve(after) == []
    found = [row.value for row in after.select().order_by(after.id)]
    if expected is None:
        assert found[0][:10] == "2024-02-29" and found[0].endswith("12:13:14.000005")
    else:
        assert found == expected
        assert [type(value) for value in found] == [type(value) for value in expected]
    assert plan(database, [after]) == []


@pytest.mark.parametrize("case", MISFITS)
def test_a_type_that_does_not_fit_is_impossible_and_says_how_many_rows(database, case):
    old, values, new, count = MISFITS[case]
    before = toy(database, "fact", value=old.clone())
    make(before)
    before.insert_many([{"value": value} for value in values]).execute()
    kept = dump(database)
    steps = plan(database, [toy(database, "fact", value=new.clone())])

    said = impossible(steps)
    assert "Column fact.value cannot become " in said and f"Rows in the way: {count}. Among" in said
    assert said.count("; ") == min(count, 3) - 1
    assert len(run(steps, ALL, Path("never made"))) == 1
    assert dump(database) == kept


def test_a_column_may_become_null(database, books):
    changed = toy(database, "book", title=CharField(40, null=True))

    assert evolve(changed) == []
    changed.create(title=None)


def test_a_column_may_no_longer_be_null_when_no_row_is(database):
    make(toy(database, "book", title=CharField(40, null=True)))
    changed = book(database)
    ask(database, "INSERT INTO book (title) VALUES ('A')")

    assert evolve(changed) == []
    with pytest.raises(peewee.IntegrityError):
        ask(database, "INSERT INTO book (title) VALUES (NULL)")


def test_rows_that_are_null_get_the_default_of_a_column_that_may_not_be(database):
    make(toy(database, "book", title=CharField(40, null=True)))
    ask(database, "INSERT INTO book (title) VALUES ('A'), (NULL)")
    steps = plan(database, [toy(database, "book", title=CharField(40, default="it's 5%"))])

    assert risks(steps) == [SLOW]
    assert run(steps, {SLOW}) == []
    assert column(database, "SELECT title FROM book ORDER BY id") == ["A", "it's 5%"]


def test_rows_that_are_null_make_not_null_impossible(database):
    make(toy(database, "book", title=CharField(40, null=True)))
    ask(database, "INSERT INTO book (title) VALUES ('A'), (NULL), (NULL), (NULL), (NULL)")
    steps = plan(database, [book(database)])

    assert impossible(steps) == (
        "Column book.title may no longer be NULL. Rows in the way: 4. Among them: 2; 3; 4."
        " Fill these rows first, or give the field a default."
    )


def test_defaults_of_every_kind_make_no_difference(database):
    def model(**fields):
        kinds = {
            "a": CharField(20, constraints=[SQL("DEFAULT 'it''s (, '")]),
            "b": peewee.DateTimeField(constraints=[SQL("DEFAULT CURRENT_TIMESTAMP")]),
            "c": peewee.DecimalField(10, 2, constraints=[SQL("DEFAULT 1.50")]),
            "d": peewee.BooleanField(constraints=[SQL("DEFAULT TRUE")]),
            "e": peewee.FloatField(constraints=[SQL("DEFAULT -1.5")]),
        }
        return toy(database, "fact", **kinds, **fields)

    make(model())
    assert plan(database, [model()]) == []
    assert evolve(model(z=IntegerField(null=True))) == []
    ask(database, "INSERT INTO fact (z) VALUES (NULL)")
    row = model(z=IntegerField(null=True)).get()
    assert (row.a, row.c, row.d, row.e) == ("it's (, ", decimal.Decimal("1.50"), True, -1.5)


@pytest.mark.parametrize("old, new", [(None, "7"), ("5", "7"), ("5", None)])
def test_a_default_of_the_database_changes_for_new_rows_only(database, old, new):
    def model(default):
        clauses = [SQL(f"DEFAULT {default}")] if default else []
        return book(database, pages=IntegerField(null=True, constraints=clauses))

    make(model(old))
    ask(database, "INSERT INTO book (title) VALUES ('A')")

    assert evolve(model(new)) == []
    ask(database, "INSERT INTO book (title) VALUES ('B')")
    assert column(database, "SELECT pages FROM book ORDER BY id") == [
        int(default) if default else None for default in (old, new)
    ]
    assert plan(database, [model(new)]) == []


def test_rows_that_are_null_get_a_default_of_the_new_type(database):
    make(toy(database, "book", title=CharField(40), pages=IntegerField(null=True)))
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 5), ('B', NULL)")
    changed = book(database, pages=CharField(9, default="many", index=True))

    assert evolve(changed) == []
    assert column(database, "SELECT pages FROM book ORDER BY id") == ["5", "many"]


def test_several_changes_of_one_table_happen_together(database, books, tmp_path):
    changed = toy(
        database, "book",
        {"indexes": ((("pages", "year"), False),)},
        pages=IntegerField(default=1), year=IntegerField(null=True), title=TextField(null=True),
    )  # fmt: skip

    assert evolve(changed, allowed=ALL, backups=tmp_path) == []
    assert list(changed.select(changed.title, changed.pages).order_by(changed.id).tuples()) == [
        ("A", 1), ("B", 1), ("C", 1)
    ]  # fmt: skip


def test_a_primary_key_that_differs_is_said_and_not_changed(database, books):
    steps = plan(database, [toy(database, "book", id=peewee.BigAutoField(), title=CharField(40))])
    if engine(database) == "sqlite":  # where both are one type
        assert steps == []
        return
    said = impossible(steps)

    assert "primary key of book" in said and "another name" in said
    assert len(run(steps, ALL, Path("never made"))) == 1
