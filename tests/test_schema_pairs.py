"""From any models to any others: the evolved database against one made anew, and against an oracle."""

import hashlib
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from drawn import build, clashes, pairs
from hypothesis import HealthCheck, given, settings
from oracle import OWN, SHARED, Oracle, plain, same, unshared

from schema_evolve import DESTRUCTIVE, IMPOSSIBLE, RENAME, SAFE, SLOW, _engine, plan, run
from talks.databases import open_database, patiently

IS_SOAK = os.environ.get("TALKS_SOAK") == "1"
PAIRS = {"sqlite": 500 if IS_SOAK else 60, "postgresql": 100 if IS_SOAK else 15}
PAIRS["mysql"] = PAIRS["postgresql"]
GENTLE, ALL = (SAFE, SLOW, RENAME), (SAFE, SLOW, RENAME, DESTRUCTIVE)


class Try:
    """One pair in one database."""

    def __init__(self, database, pair, folder):
        self.database, self.pair, self.folder = database, pair, folder
        self.engine = _engine(database)
        self.oracle = Oracle(pair, self.engine.name)

    def all(self, sql):
        return self.engine.all(sql)

    def models(self, tables, before=(), **options):
        made = build(tables, self.database, self.engine.name, before, **options)
        return made, list(made.values())[:: -1 if self.pair.backwards else 1]

    def evolve(self):
        self.empty()
        fresh = self.fresh()
        self.empty()
        self.begin()
        models, ordered = self.models(self.pair.after, self.pair.before)
        steps = self.plan_that_touches_nothing(ordered)
        if self.pair.in_stages:
            rest = run(steps, GENTLE)
            self.judge(rest)
            if all(step.risk == DESTRUCTIVE and step.loses for step in rest):  # only columns are too many
                self.add_rows(models)
            steps = rest
        rest = run(steps, ALL, self.folder)
        self.judge(rest)
        if rest:
            self.delete_offenders(rest, models)
            rest = run(plan(self.database, ordered), ALL, self.folder)
        assert [str(step) for step in rest] == []
        self.add_rows(models)
        self.compare_rows(models)
        self.compare_schema(fresh)
        assert plan(self.database, ordered) == []

    def fresh(self):
        """What Peewee and the engine say of tables that were made for `after`, by Peewee alone."""
        percent = "%" if self.engine.name == "sqlite" else "%%"
        made, models = self.models(self.pair.after, percent=percent)
        self.database.create_tables(models, safe=False)
        return self.described()

    def described(self):
        return {
            table.name: (self.as_read(table.name), self.as_peewee_reads(table.name))
            for table in self.pair.after
        }

    def as_read(self, name):
        table = self.engine.read()[name]
        # A sequence of PostgreSQL keeps the name that the table had.
        columns = {
            c.name: replace(c, default=None if c.primary else c.default) for c in table.columns.values()
        }
        return columns, Counter(table.foreign_keys), Counter(table.indexes), table.triggers

    def as_peewee_reads(self, name):
        found = self.database.get_columns(name)
        columns = [(c.name, c.data_type, c.null, c.primary_key, c.primary_key or c.default) for c in found]
        keys = [(k.column, k.dest_table, k.dest_column) for k in self.database.get_foreign_keys(name)]
        indexes = [(tuple(index.columns), index.unique) for index in self.database.get_indexes(name)]
        return set(columns), Counter(keys), Counter(indexes)

    def begin(self):
        """Tables and rows of `before`."""
        models, ordered = self.models(self.pair.before)
        assert run(plan(self.database, ordered)) == []
        for number, rows in self.pair.rows.items():
            for row in rows:
                models[number].create(**{f"f{column}": value for column, value in row.items()})
        self.before = {table.number: self.raw(table) for table in self.pair.before}

    def raw(self, table):
        """{id: {number of column: value}}, as the driver gives them."""
        quoted = map(self.engine.quote, ("id", *(column.name for column in table.columns)))
        rows = self.all(f"SELECT {', '.join(quoted)} FROM {self.engine.quote(table.name)}")
        numbers = [column.number for column in table.columns]
        return {key: dict(zip(numbers, map(plain, values), strict=True)) for key, *values in rows}

    def plan_that_touches_nothing(self, models):
        before = self.dump()
        steps = plan(self.database, models)
        again = plan(self.database, models)
        assert [(step.risk, step.table) for step in steps] == [(step.risk, step.table) for step in again]
        assert self.dump() == before
        return steps

    def dump(self):
        if self.engine.name == "sqlite":
            paths = (Path(self.database.database + ending) for ending in ("", "-wal"))
            return [hashlib.sha256(path.read_bytes()).digest() for path in paths]
        tables = self.engine.read()
        rows = {
            name: sorted(map(repr, self.all(f"SELECT * FROM {self.engine.quote(name)}"))) for name in tables
        }
        everything = {
            "postgresql": "SELECT relnamespace::regnamespace::text, relname, relfilenode FROM pg_class"
            " WHERE relnamespace::regnamespace::text !~ '^(pg_toast|pg_catalog|information_schema)$'"
            " UNION ALL SELECT 'function', proname, 0 FROM pg_proc ORDER BY 1, 2",
            "mysql": "SELECT table_schema, table_name, create_time FROM information_schema.tables"
            " WHERE table_schema LIKE CONCAT(DATABASE(), '%%') ORDER BY 1, 2",
        }[self.engine.name]
        return tables, rows, self.all(everything)

    def judge(self, rest):
        """What is left is what the rows do not allow, and what waits for it."""
        offended = {table.name for table in self.pair.after if self.oracle.offenders(table)}
        left = {step.table for step in rest if step.risk == IMPOSSIBLE}
        assert left <= offended, [str(step) for step in rest]
        assert {step.table for step in rest if step.risk != DESTRUCTIVE or not self.pair.in_stages} <= left
        for table in self.pair.before:
            self.compare_kept(table)

    def compare_kept(self, table):
        """Whatever of a table is still there, holds what it held."""
        after = self.oracle.tables.get(table.number, table)
        read = {name.casefold(): name for name in self.engine.read()[after.name].columns}
        found = {}
        for column in table.columns:
            then = after.column(column.number)
            name = then.name if then else column.name
            if name.casefold() in read:
                quoted = self.engine.quote(name)
                found[column] = (
                    then,
                    dict(self.all(f"SELECT id, {quoted} FROM {self.engine.quote(after.name)}")),
                )
            else:
                assert then is None
        rows = self.oracle.rows[table.number]
        for column, (then, values) in found.items():
            assert values.keys() >= rows.keys()
            for key in rows:
                self.compare_value(then, self.before[table.number][key][column.number], plain(values[key]))

    def compare_value(self, column, old, new):
        if old is None and column is not None and new is not None:
            how, value = column.default  # where there was nothing, there may be the default
            assert how == "callable" or same(value, new), (column, old, new)
        else:
            assert same(old, new), (column, old, new)

    def delete_offenders(self, rest, models):
        named = {step.table for step in rest}
        found = {t.number: self.oracle.offenders(t) for t in self.pair.after if t.name in named}
        gone = self.oracle.delete(found)
        names = {table.number: table.name for table in (*self.pair.before, *self.pair.after)}
        if self.engine.name == "mysql":  # it does not let go of a row that refers to itself
            self.all("SET foreign_key_checks = 0")
        for number in sorted(gone, reverse=True):
            for key in sorted(gone[number], reverse=True):
                self.all(f"DELETE FROM {self.engine.quote(names[number])} WHERE id = {key}")
        if self.engine.name == "mysql":
            self.all("SET foreign_key_checks = 1")

    def compare_rows(self, models):
        for table in self.pair.before:
            self.compare_kept(table)
        for table in self.pair.after:
            expected, raw = self.oracle.expected(table), self.raw(table)
            read = self.read_by(models[table.number]) if self.is_readable(table) else {}
            assert raw.keys() == expected.keys()
            for key, row in expected.items():
                for column in table.columns:
                    self.compare_read(column, row[column.number], {**raw, **read}[key][column.number])
            for column in table.columns:
                values = [row[column.number] for row in raw.values() if row[column.number] is not None]
                assert column.index != "unique" or len(values) == len(set(values))

    def is_readable(self, table):
        """Whether fields can make sense of what columns hold: they have the kind that they had."""
        was = self.oracle.was.get(table.number, table)
        return all(
            was.column(c.number) in (None, c) or was.column(c.number).kind == c.kind for c in table.columns
        )

    def read_by(self, model):
        """As raw(), through the fields."""
        numbers = {name: int(name[1:]) for name in model._meta.fields if name != "id"}
        return {
            row.pop("id"): {number: plain(row[name]) for name, number in numbers.items()}
            for row in model.select().dicts()
        }

    def compare_read(self, column, expected, found):
        if expected in (OWN, SHARED):
            assert found is not None
        else:
            assert same(expected, found), (column, expected, found)

    def add_rows(self, models):
        """The models can write: a row with all values, if it is unique."""
        for table in self.pair.after:
            row = dict(self.pair.extra[table.number])
            for column in table.columns:
                if column.kind == "key":
                    there = [*self.oracle.rows.get(column.target, ()), None]
                    row[column.number] = there[0]
            refused = any(row[c.number] is None and not c.null for c in table.columns)
            expected = [unshared(row) for row in self.oracle.expected(table).values()]
            if refused or clashes(table, [*expected, row]):
                continue
            made = models[table.number].create(**{f"f{number}": value for number, value in row.items()})
            self.oracle.rows.setdefault(table.number, {})[made.id] = row
            self.oracle.written.add((table.number, made.id))
            self.before.setdefault(table.number, {})[made.id] = self.raw(table)[made.id]

    def compare_schema(self, fresh):
        for name, found in self.described().items():
            for here, there in zip(found, fresh[name], strict=True):
                assert here == there

    def empty(self):
        """Nothing is left of the last example."""
        if self.engine.name == "sqlite":
            self.database.close()
            for path in Path(self.database.database).parent.glob(Path(self.database.database).name + "*"):
                path.unlink()
            Path(self.database.database).touch()
            self.database.connect()
        elif self.engine.name == "postgresql":
            self.database.execute_sql("DROP SCHEMA public CASCADE")
            self.database.execute_sql("CREATE SCHEMA public")
        else:
            name = self.engine.quote(self.database.database)
            for statement in (f"DROP DATABASE {name}", f"CREATE DATABASE {name}", f"USE {name}"):
                self.database.execute_sql(statement)
            self.database.settle()


@pytest.mark.slow
def test_any_models_become_any_others(empty_url, tmp_path):
    with patiently(open_database(empty_url)) as database:
        name = _engine(database).name

        @settings(max_examples=PAIRS[name], suppress_health_check=list(HealthCheck))
        @given(pair=pairs(name))
        def evolve(pair):
            Try(database, pair, tmp_path / "backups").evolve()

        evolve()
