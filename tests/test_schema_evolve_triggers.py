"""Triggers come to what the models say, and fire whatever happens to their table."""

import pytest
from conftest import opened
from evolving import ALL, ask, engine, evolve, make, one, toy
from peewee import CharField, IntegerField

from schema_evolve import RENAME, SAFE, SLOW, Trigger, plan, run


@pytest.fixture
def database(empty_url):
    with opened(empty_url) as made:
        made.settle()
        yield made


def book(database, meta=None, **fields):
    return toy(database, "book", meta, title=CharField(40), **fields)


def counting(database, body="UPDATE total SET n = n + 1;", meta=None, **fields):
    triggers = [Trigger("counted", "AFTER INSERT", body)] if body else []
    return book(database, (meta or {}) | {"triggers": triggers}, **fields)


@pytest.fixture
def total(database):
    make(toy(database, "total", n=IntegerField()))
    ask(database, "INSERT INTO total (n) VALUES (0)")


def test_a_trigger_is_made_with_its_table_and_fires(database, total):
    model = counting(database)
    steps = plan(database, [model])

    assert [step.sentence for step in steps] == ["Create table book.", "Create trigger counted of book."]
    assert run(steps) == []
    model.create(title="A")
    assert one(database, "SELECT n FROM total") == 1


def test_a_trigger_that_changed_is_replaced(database, total):
    make(counting(database))
    model = counting(database, "UPDATE total SET n = n + 10; UPDATE total SET n = n + 100;")
    steps = plan(database, [model])

    assert [(step.risk, step.sentence) for step in steps] == [(SAFE, "Replace trigger counted of book.")]
    assert run(steps) == []
    model.create(title="A")
    assert one(database, "SELECT n FROM total") == 110


def test_a_trigger_that_fires_at_another_moment_is_replaced(database, total):
    make(counting(database))
    model = counting(database)
    model._meta.triggers = [Trigger("counted", "AFTER DELETE", "UPDATE total SET n = n + 1;")]

    assert evolve(model) == []
    model.create(title="A").delete_instance()
    assert one(database, "SELECT n FROM total") == 1


def test_a_trigger_before_a_change_may_refuse_or_let_it(database, total):
    make(book(database))
    model = counting(database)
    model._meta.triggers = [Trigger("counted", "BEFORE DELETE", "UPDATE total SET n = n + 1;")]

    assert evolve(model) == []
    model.create(title="A").delete_instance()
    assert model.select().count() == 0
    assert one(database, "SELECT n FROM total") == 1


def test_a_trigger_has_a_body_for_each_engine_or_is_not_made(database, total):
    name = engine(database)
    model = counting(database, {name: "UPDATE total SET n = n + 5;", "other": "nonsense"})
    make(model)
    model.create(title="A")

    assert one(database, "SELECT n FROM total") == 5
    assert plan(database, [counting(database, {"other": "nonsense"})]) == []


def test_a_trigger_is_kept_and_fires_after_every_change_of_its_table(database, total, tmp_path):
    make(counting(database, pages=IntegerField(null=True), year=IntegerField(null=True)))
    ask(database, "INSERT INTO book (title, pages) VALUES ('A', 1)")
    model = counting(database, pages=CharField(5, default=""), born=IntegerField(default=1))

    assert evolve(model, allowed=ALL, backups=tmp_path) == []
    assert one(database, "SELECT n FROM total") == 1
    model.create(title="B")
    assert one(database, "SELECT n FROM total") == 2
    assert plan(database, [model]) == []


def test_a_trigger_no_model_declares_is_kept(database, total, tmp_path):
    make(counting(database, pages=IntegerField(null=True)))
    model = book(database, pages=CharField(5, default=""))

    assert evolve(model, allowed=ALL, backups=tmp_path) == []
    model.create(title="A")
    assert one(database, "SELECT n FROM total") == 1


def test_a_trigger_that_names_what_is_to_be_renamed_waits_with_it(database, total):
    sums = toy(database, "sums", {"renamed_from": "total"}, n=IntegerField())
    make(counting(database))
    steps = plan(database, [sums, counting(database, "UPDATE sums SET n = n + 10;")])

    assert run(steps) == steps
    book(database).create(title="A")
    assert one(database, "SELECT n FROM total") == 1


def test_a_trigger_that_names_what_was_renamed_is_not_fired_before_it_is_made_anew(database, total):
    when = "AFTER UPDATE"
    old = counting(database, None, pages=IntegerField(null=True))
    old._meta.triggers = [Trigger("counted", when, "UPDATE total SET n = n + 1;")]
    make(old)
    ask(database, "INSERT INTO book (title) VALUES ('A')")
    total = toy(database, "total", {"renamed": {"m": "n"}}, m=IntegerField())
    model = counting(database, None, pages=IntegerField(default=1))
    model._meta.triggers = [Trigger("counted", when, "UPDATE total SET m = m + 1;")]

    assert evolve(total, model, allowed={SAFE, SLOW, RENAME}) == []
    before = one(database, "SELECT m FROM total")
    ask(database, "UPDATE book SET title = 'B'")
    assert one(database, "SELECT m FROM total") == before + 1
    assert plan(database, [total, model]) == []
