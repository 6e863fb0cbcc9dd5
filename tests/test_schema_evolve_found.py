"""What random schemas have shown once, one example each."""

import itertools

import pytest
from conftest import opened
from peewee import (
    CharField,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from schema_evolve import DESTRUCTIVE, IMPOSSIBLE, RENAME, SAFE, SLOW, _definitions, plan, run

ALL = (SAFE, SLOW, RENAME, DESTRUCTIVE)


@pytest.fixture
def database(empty_url):
    with opened(empty_url) as made:
        made.settle()
        yield made


def table(database, name, meta=None, **fields):
    meta = {"database": database, "table_name": name, "legacy_table_names": False, **(meta or {})}
    return type("Table", (Model,), fields | {"Meta": type("Meta", (), meta)})


def make(*models):
    assert run(plan(models[0]._meta.database, models)) == []


def evolve(tmp_path, *models):
    return run(plan(models[0]._meta.database, models), ALL, tmp_path / "backups")


@pytest.mark.parametrize("name", ["(open", "a WHERE b", "a ON b", "a USING b", "ß on (x"])
def test_names_may_look_like_what_stands_in_an_index(database, tmp_path, name):
    make(table(database, name, a=IntegerField(), **{"f": IntegerField(column_name=name)}))
    indexed = table(database, name, a=IntegerField(), f=IntegerField(column_name=name, unique=True))

    assert evolve(tmp_path, indexed) == []
    assert plan(database, [indexed]) == []


def test_a_callable_default_that_gives_another_value_each_time_is_applied(database, tmp_path):
    make(table(database, "t", a=IntegerField()))
    database.execute_sql("INSERT INTO t (a) VALUES (1)")

    counted = IntegerField(default=itertools.count().__next__)
    assert evolve(tmp_path, table(database, "t", a=IntegerField(), b=counted)) == []


def test_a_default_that_refers_to_nothing_is_impossible(database, tmp_path):
    make(parent := table(database, "parent"), table(database, "child", a=IntegerField()))
    database.execute_sql("INSERT INTO child (a) VALUES (1)")
    child = table(database, "child", a=IntegerField(), parent=ForeignKeyField(parent, default=1))

    assert [step.risk for step in evolve(tmp_path, parent, child)] == [IMPOSSIBLE]


def test_a_default_for_an_old_key_that_refers_to_nothing_is_impossible(database, tmp_path):
    parent = table(database, "parent")
    make(parent, table(database, "child", parent=ForeignKeyField(parent, null=True)))
    database.execute_sql("INSERT INTO child (parent_id) VALUES (NULL)")
    child = table(database, "child", parent=ForeignKeyField(parent, default=1))

    assert [step.risk for step in evolve(tmp_path, parent, child)] == [IMPOSSIBLE]


def test_text_that_cannot_become_a_key_is_one_impossible_step(database, tmp_path):
    parent = table(database, "parent")
    make(parent, table(database, "child", parent=CharField(column_name="parent_id")))
    database.execute_sql("INSERT INTO child (parent_id) VALUES ('x')")
    child = table(database, "child", parent=ForeignKeyField(parent))

    assert [step.risk for step in plan(database, [parent, child])] == [IMPOSSIBLE]


@pytest.mark.parametrize("options", [{}, {"index": True}], ids=["goes", "becomes a plain one"])
def test_a_unique_index_goes_before_its_column_is_filled(database, tmp_path, options):
    make(table(database, "t", a=IntegerField(null=True, unique=True)))
    database.execute_sql("INSERT INTO t (a) VALUES (NULL), (NULL), (7)")
    filled = table(database, "t", a=IntegerField(default=7, **options))

    assert evolve(tmp_path, filled) == []
    assert [row.a for row in filled.select()] == [7, 7, 7]
    assert plan(database, [filled]) == []


def test_an_index_waits_for_a_column_that_another_makes_impossible(database, tmp_path):
    make(table(database, "t", a=IntegerField()))
    database.execute_sql("INSERT INTO t (a) VALUES (1), (1)")
    fields = {"a": IntegerField(), "b": IntegerField(default=1, index=True)}
    wanted = table(database, "t", {"indexes": ((("a", "b"), True),)}, **fields)

    assert {step.risk for step in evolve(tmp_path, wanted)} == {IMPOSSIBLE}


def test_a_number_that_its_text_would_round_is_impossible(database, tmp_path):
    make(table(database, "t", a=DoubleField()))
    database.execute_sql("INSERT INTO t (a) VALUES (0.3333333333333333)")
    wanted = table(database, "t", a=TextField())

    rest = evolve(tmp_path, wanted)

    assert [step.risk for step in rest] == [IMPOSSIBLE] or float(wanted.get().a) == 1 / 3


def test_a_comment_in_a_table_does_not_hide_its_next_column():
    columns, _, _ = _definitions("CREATE TABLE t (a -- the first, )\n, b)")

    assert columns == {"a": "a", "b": "b"}
