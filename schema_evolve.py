"""Bring a live database to what its Peewee models say, without migrations to write or to read.

    steps = plan(database, models)      # compares, touches nothing
    for step in steps:
        print(step.risk, step.sentence, step.statement)
    rest = run(steps)                   # does the safe ones, returns what is left

For SQLite, PostgreSQL, MariaDB and MySQL. The engine itself builds the models' tables aside, in a shadow: a
database in memory, temporary tables, a scratch database. Shadow and live tables are read by the same
queries and compared, so that no spelling of a type or a default is a difference. What Peewee has no word
for stands in `class Meta`:

    renamed_from = "old_table"          # the table had that name
    renamed = {"new": "old"}            # columns had those names
    triggers = [Trigger(...)]           # made, and kept as they are written
    evolve = False                      # leave this table alone

Left alone: tables without a model, models with a `schema`, generated columns, virtual tables, full-text
indexes, triggers no model declares. Not seen: CHECK constraints, collations, comments. A primary key that
differs is reported and not changed.

One file, whatever its length, so that it can be copied into any project.
"""

import base64
import json
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import peewee

SAFE = "safe"  # quick, and old code goes on working
SLOW = "slow"  # writes every row of a table
RENAME = "rename"  # old code must be stopped first
DESTRUCTIVE = "destructive"  # takes something away
IMPOSSIBLE = "impossible"  # the step's cure says what to do first

LOCK_SECONDS = 30  # how long a change waits for others who use its table
TURN_SECONDS = 1_800  # how long a process waits for another that changes the schema
BATCH = 1_000  # rows filled at once where each gets a value of its own
MEND = "Change or delete these rows first."
TEMPORARY = "_evolve_"  # before the name of a table that SQLite rebuilds


class Refused(peewee.OperationalError):
    """What was asked cannot be done on this database; one line for an operator."""


@dataclass(frozen=True)
class Trigger:
    """A trigger declared beside its model; it runs for each row. `when` is like "AFTER INSERT".

    `body` is statements, each ended by a semicolon, or a dict of them by engine ("sqlite", "postgresql",
    "mysql"): an engine without a body has no such trigger.
    """

    name: str
    when: str
    body: str | dict[str, str]

    def body_for(self, engine: str) -> str | None:
        return self.body.get(engine) if isinstance(self.body, dict) else self.body


@dataclass(frozen=True)
class Step:
    """One change: a sentence for people, statements for the database, a risk for whoever decides.

    `needed`: code that uses the models fails without it. `cure` is said of impossible steps only.
    """

    risk: str
    table: str
    sentence: str
    statements: tuple = ()
    cure: str = ""
    rows: str = ""  # three that stand in the way: their keys, or what they hold
    needed: bool = False
    uses: frozenset = frozenset()  # other tables that must have their new names before
    loses: tuple = ()  # columns whose values go
    # When: -1 impossible, 0 tables renamed, 1 columns renamed and triggers dropped that may name them,
    # 2 tables made and foreign keys dropped, 3 unique indexes dropped or made plain, 4 columns, 5 indexes,
    # 6 foreign keys, 7 other indexes dropped, 8 columns dropped, 9 triggers.
    order: int = 0
    origin: Any = field(default=None, repr=False, compare=False)

    @property
    def statement(self) -> str:
        return "\n".join(f"{statement};" for statement in self.statements)

    def __str__(self):
        among = f"Among them: {self.rows}." if self.rows else ""
        return " ".join(filter(None, (self.sentence, among, self.cure)))


def plan(database: peewee.Database, models: Iterable, ignore_tables: Iterable[str] = ()) -> list[Step]:
    """What has to happen in `database`, in that order, until it is as `models` say. Changes nothing.

    Raises peewee.DatabaseError when the database cannot be read or compared.
    """
    database = getattr(database, "obj", database)  # of a DatabaseProxy
    with _connected(database):
        return Comparison(database, tuple(models), frozenset(ignore_tables)).steps()


def run(
    steps: Iterable[Step],
    allowed: Iterable[str] = (SAFE,),
    backups: Path | None = None,
    done: list | None = None,
    lock_seconds: int | None = None,
) -> list[Step]:
    """Apply those of `steps` whose risk is in `allowed`; returns what is left to do afterwards.

    Who comes second waits for the first and does what is then left. All is one transaction, except on MariaDB
    and MySQL, which commit each statement: there the next run goes on where this one broke. What builds on a
    rename that is not allowed waits with it. Destructive steps need a folder for `backups`. What this run
    did, and not another, goes to the list `done`. `lock_seconds` is how long a change waits on a server for
    others who use its table, while more of them wait behind it. Raises peewee.DatabaseError or OSError.
    """
    steps, allowed = list(steps), set(allowed) - {IMPOSSIBLE}
    if not any(step.risk in allowed for step in steps):
        return steps
    if DESTRUCTIVE in allowed and backups is None:
        raise ValueError("destructive steps need a folder for backups")
    comparison, asked = steps[0].origin, {step.sentence for step in steps}
    known, applied = {step.sentence for step in comparison.found}, []
    with _connected(comparison.database):
        with comparison.engine.alone(lock_seconds or LOCK_SECONDS):
            for risks in ({RENAME} & allowed, allowed):  # the rest is planned on what the renames leave
                if risks:
                    comparison.engine.hold(
                        {step.table for step in steps if step.risk in risks & {SLOW, DESTRUCTIVE}}
                    )
                    ready = _ready(comparison.steps(), asked, known, risks)
                    if any(step.loses for step in ready):
                        comparison.engine.back_up(ready, Path(backups))
                    comparison.engine.apply(ready)
                    applied += ready
        if done is not None:
            done += applied
        return comparison.steps()


def _ready(steps, asked, known, risks):
    """Those to do now: asked for, or come up meanwhile unless they destroy; none before its rename."""
    chosen = [
        step
        for step in steps
        if step.risk in risks
        and (step.sentence in asked or step.sentence not in known and step.risk != DESTRUCTIVE)
    ]
    left = [step for step in steps if step.risk == RENAME and step not in chosen]
    waiting = {name for step in left for name in (step.table, *step.uses)}
    return [step for step in chosen if not waiting & {step.table, *step.uses}]


@contextmanager
def _connected(database):
    opened = database.connect(reuse_if_open=True)
    try:
        yield
    finally:
        if opened:
            database.close()


# What a database says of its tables. What is not compared is how the engine would write it.


@dataclass(frozen=True)
class Column:
    name: str
    type: str
    null: bool
    default: str | None
    primary: bool = False
    generated: bool = field(default=False, compare=False)
    definition: str = field(default="", compare=False)  # as it stands in CREATE TABLE
    collation: str = field(default="", compare=False)  # a clause


@dataclass(frozen=True)
class ForeignKey:
    columns: tuple[str, ...]
    table: str
    targets: tuple[str, ...]
    on_update: str
    on_delete: str
    name: str = field(default="", compare=False)

    def __str__(self):
        delete, update = (rule.lower() or "no action" for rule in (self.on_delete, self.on_update))
        there = f"{self.table} ({', '.join(self.targets)})"
        return f"({', '.join(self.columns)}) to {there}, on delete {delete}, on update {update}"


@dataclass(frozen=True)
class Index:
    columns: tuple[str, ...]  # "" for an expression
    unique: bool
    how: str = ""  # directions, method, expressions, predicate
    name: str = field(default="", compare=False)
    definition: str = field(default="", compare=False)  # what follows the table's name in CREATE INDEX
    is_constraint: bool = field(default=False, compare=False)  # stands in CREATE TABLE

    def __str__(self):
        return f"{'unique ' if self.unique else ''}index on ({', '.join(self.columns)})"

    @property
    def predicate(self):
        tokens = TOKEN.findall(self.definition)
        return "".join(tokens[tokens.index("WHERE") + 1 :]) if "WHERE" in tokens else ""


@dataclass
class Table:
    name: str
    columns: dict[str, Column] = field(default_factory=dict)
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    indexes: list[Index] = field(default_factory=list)
    triggers: dict[str, str] = field(default_factory=dict)
    statement: str = ""

    @property
    def key(self):
        """The primary key's columns."""
        return tuple(column.name for column in self.columns.values() if column.primary)

    def renamed(self, columns, tables):
        """This table when tables (old name -> new) and columns ((new table, old name) -> new) are renamed."""

        def new(names, table=self.name):
            return tuple(columns.get((tables.get(table, table), name), name) for name in names)

        return replace(
            self,
            name=tables.get(self.name, self.name),
            columns={
                name: replace(self.columns[old], name=name)
                for old, name in zip(self.columns, new(self.columns), strict=True)
            },
            foreign_keys=[
                replace(
                    key,
                    columns=new(key.columns),
                    table=tables.get(key.table, key.table),
                    targets=new(key.targets, key.table),
                )
                for key in self.foreign_keys
            ],
            indexes=[replace(index, columns=new(index.columns)) for index in self.indexes],
        )


@dataclass(frozen=True)
class Fill:
    """Gives each row without a value one of its own."""

    table: str
    column: str
    key: str
    make: Callable[[], Any] = field(compare=False)

    def __str__(self):
        return f"-- each row of {self.table} without a {self.column} gets one of its own"

    def __call__(self, engine):
        table, column, key = map(engine.quote, (self.table, self.column, self.key))
        mark = engine.database.param
        find = f"SELECT {key} FROM {table} WHERE {column} IS NULL ORDER BY {key} LIMIT {BATCH}"
        before = None
        while rows := engine.all(find):
            if rows == before:
                raise Refused(f"{self.table}: the rows with {self.key} {_shown(rows[:3])} cannot be filled")
            before = rows
            for (value,) in rows:
                engine.all(f"UPDATE {table} SET {column} = {mark} WHERE {key} = {mark}", self.make(), value)


@dataclass
class Work:
    """The differences of one table that can be mended."""

    have: Table
    want: Table
    # With what fills it: None, a literal, a Fill.
    added: list[tuple[Column, Any]] = field(default_factory=list)
    changed: list[tuple[Column, Column, Any]] = field(default_factory=list)  # from, to, what fills NULL
    gone: list[Column] = field(default_factory=list)
    new_keys: list[ForeignKey] = field(default_factory=list)
    lost_keys: list[ForeignKey] = field(default_factory=list)
    new_indexes: list[tuple[Index, Index | None]] = field(default_factory=list)  # with the one it replaces
    lost_indexes: list[Index] = field(default_factory=list)
    is_stuck: bool = False  # something of this table is impossible

    @property
    def loosened(self):
        """Unique indexes that become plain ones: before columns are filled, as unique ones that go."""
        return [(new, old) for new, old in self.new_indexes if old and old.unique and not new.unique]

    @property
    def filled(self):
        """Names of columns that get values where they have none."""
        return {column.name for *_, column, filling in (*self.added, *self.changed) if filling}

    @property
    def late(self):
        """Names of columns that cannot become what they should be."""
        coming = {column.name for *_, column, _ in (*self.added, *self.changed)}
        same = {name for name, column in self.want.columns.items() if self.have.columns.get(name) == column}
        return self.want.columns.keys() - coming - same - set(self.want.key)

    def leave(self, names):
        """Let these columns be as they are."""
        self.added = [pair for pair in self.added if pair[0].name not in names]
        self.changed = [change for change in self.changed if change[1].name not in names]

    def is_in_the_way(self, index):
        """Whether a unique index that goes would refuse what columns are filled with."""
        return index.unique and not {new.name for _, new, fill in self.changed if fill}.isdisjoint(
            index.columns
        )

    @property
    def relaxed(self):
        """Columns no model has, and which a row of the new code could not leave out."""
        return [column for column in self.gone if not column.null and column.default is None]


class Comparison:
    """The live tables against those of the models, and the steps from one to the other."""

    def __init__(self, database, models, ignored):
        self.database = database
        self.engine = _engine(database)
        self.made = {}  # what callable defaults gave: a step that is planned anew is still the same step
        self.models = [
            model for model in peewee.sort_models(models)
            if getattr(model._meta, "evolve", True) and model._meta.table_name not in ignored
            and not model._meta.schema and not hasattr(model._meta, "extension_module")
        ]  # fmt: skip

    def steps(self):
        while True:
            self.live = seen = self.engine.read()
            try:
                return self._steps()
            except peewee.DatabaseError:
                # Perhaps another process is renaming what is looked at: then look again.
                if self.database.in_transaction() or self.engine.read() == seen:
                    raise

    def _steps(self):
        self.found = []
        wanted = self.engine.shadow(_with_references(self.models))
        self._rename()
        for model in self.models:
            name = model._meta.table_name
            if name in self.live:
                self._compare(model, wanted[name])
            else:
                self._create(model, wanted[name])
            self._declare_triggers(model)
        return sorted(self.found, key=lambda step: step.order)

    def _add(self, *values, **named):
        self.found.append(Step(*values, **named, origin=self))

    def _impossible(self, work, sentence, cure, count=0, rows=""):
        work.is_stuck = True
        sentence += f" Rows in the way: {count}." if count else ""
        self._add(IMPOSSIBLE, work.want.name, sentence, cure=cure, rows=rows, order=-1)

    def _rename(self):
        """Give the live tables their new names here, and remember what they are called there."""
        quote, live = self.engine.quote, self.live
        tables, columns = {}, {}  # old name -> new; (new name of its table, old name) -> new
        for model in self.models:
            new, old = model._meta.table_name, getattr(model._meta, "renamed_from", None)
            if old in live and old not in tables and new not in live:
                tables[old] = new
                sentence = f"Rename table {old} to {new}."
                statement = f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}"
                uses = frozenset({old})  # by a table made anew
                self._add(RENAME, new, sentence, (statement,), needed=True, uses=uses, order=0)
        self.old_tables = {new: old for old, new in tables.items()}
        for model in self.models:
            name, combined = model._meta.table_name, model._meta.combined
            have = live.get(self.old_tables.get(name, name))
            for new, old in getattr(model._meta, "renamed", {}).items() if have else ():
                new = combined[new].column_name if new in combined else new
                old = old if old in have.columns else f"{old}_id"
                if old in have.columns and new not in have.columns and (name, old) not in columns:
                    columns[name, old] = new
                    sentence = f"Rename column {name}.{old} to {new}."
                    statement = f"ALTER TABLE {quote(name)} RENAME COLUMN {quote(old)} TO {quote(new)}"
                    self._add(RENAME, name, sentence, (statement,), needed=True, order=1)
        self.old_columns = {(table, new): old for (table, old), new in columns.items()}
        self.live = {tables.get(old, old): table.renamed(columns, tables) for old, table in live.items()}

    def _there(self, table, column=None):
        """The quoted name that a table or column has in the database now."""
        if column is None:
            return self.engine.quote(self.old_tables.get(table, table))
        return self.engine.quote(self.old_columns.get((table, column), column))

    def _create(self, model, want):
        uses = frozenset(key.table for key in want.foreign_keys) - {want.name}
        statements, taken = self.engine.create(model), self._index_names()
        for name in taken & {index.name for index in want.indexes}:  # by a table that had this one's name
            free = self.engine.quote(_free(name, taken))
            name = self.engine.quote(name)
            statements = tuple(sql.replace(f"INDEX {name} ON", f"INDEX {free} ON") for sql in statements)
        self._add(SAFE, want.name, f"Create table {want.name}.", statements, needed=True, uses=uses, order=2)
        if late := self.engine.late_keys(model):
            self._add(SAFE, want.name, f"Add foreign keys of {want.name}.", late, uses=uses, order=6)

    def _index_names(self):
        return {index.name for table in self.live.values() for index in table.indexes}

    def _declare_triggers(self, model):
        table = model._meta.table_name
        have = self.live[table].triggers if table in self.live else {}
        for trigger in getattr(model._meta, "triggers", ()):
            body = trigger.body_for(self.engine.name)
            if body is None or have.get(trigger.name) == self.engine.trigger_text(trigger, table, body):
                continue
            verb, statements = "Create", self.engine.make_trigger(trigger, table, body)
            if trigger.name in have:
                drop = (self.engine.drop_trigger(trigger, table),)
                if self.old_tables or self.old_columns:  # it may name them, and fire before its turn comes
                    self._add(
                        RENAME, table, f"Drop the old trigger {trigger.name} of {table}.", drop, order=1
                    )
                else:
                    verb, statements = "Replace", drop + statements
            uses = frozenset(re.findall(r"\w+", body)) & self.live.keys()
            sentence = f"{verb} trigger {trigger.name} of {table}."
            self._add(SAFE, table, sentence, statements, uses=uses, order=9)

    def _compare(self, model, want):
        work = Work(self.live[want.name], want)
        self._compare_columns(model, work)
        self._compare_indexes(work)
        self._compare_keys(work)
        self._wait(work)
        for step in self.engine.steps(work):
            self.found.append(replace(step, origin=self))

    def _compare_columns(self, model, work):
        have, want = work.have, work.want
        kinds = [{name: table.columns[name].type for name in table.key} for table in (have, want)]
        if kinds[0] != kinds[1]:
            shown = [", ".join(f"{name} {kind}" for name, kind in kind.items()) or "none" for kind in kinds]
            sentence = f"The primary key of {want.name} is {shown[0]}, and the models want {shown[1]}."
            self._impossible(work, sentence, "Primary keys are not changed: make a table of another name.")
        for column in want.columns.values():
            there = have.columns.get(column.name)
            if column.primary or there and (there.primary or there.generated or column.generated):
                continue
            if there is None:
                self._compare_added(model, work, column)
            elif there != column:
                self._compare_changed(model, work, there, column)
        work.gone = [
            column for column in have.columns.values()
            if column.name not in want.columns and not column.generated and not column.primary
        ]  # fmt: skip

    def _compare_added(self, model, work, column):
        empty = self._is_empty(work.want.name)
        filling = None if empty or column.default is not None else self._filling(model, work, column)
        if empty or column.null or filling or column.default is not None or column.generated:
            work.added.append((column, filling))
        else:
            count, rows = self._offenders(work, "1 = 1")
            name = f"{work.want.name}.{column.name}"
            sentence = f"Column {name} may not be NULL and has no default."
            self._impossible(work, sentence, "Give the field a default, or null=True.", count, rows)

    def _compare_changed(self, model, work, there, column):
        table, name = work.want.name, f"{work.want.name}.{column.name}"
        here, filling = self._there(table, column.name), None
        if there.type != column.type and not self.engine.widens(there, column):
            count, rows = self.engine.misfits(self._there(table), self._key(work), here, there, column)
            if count:
                sentence = f"Column {name} cannot become {column.type}, which was {there.type}."
                self._impossible(work, sentence, MEND, count, rows)
                return
        if there.null and not column.null:
            count, rows = self._offenders(work, f"{self.engine.quote(column.name)} IS NULL")
            filling = self._filling(model, work, column) if count else None
            if count and not filling:
                sentence = f"Column {name} may no longer be NULL."
                self._impossible(
                    work, sentence, "Fill these rows first, or give the field a default.", count, rows
                )
                return
        work.changed.append((there, column, filling))

    def _filling(self, model, work, column):
        """What rows get that have no value: a literal, a Fill where each needs its own, or None."""
        if column.default is not None:
            return column.default
        field = model._meta.columns[column.name]
        make = value = field.default
        if callable(make):
            value = self.made.setdefault((work.want.name, column.name), make())
            if value is not None and field.unique and len(work.have.key) == 1:
                return Fill(work.want.name, column.name, work.have.key[0], lambda: field.db_value(make()))
        return None if value is None else self.engine.literal(field.db_value(value))

    def _compare_indexes(self, work):
        have, want = work.have, work.want
        lost = [
            index for index in have.indexes if index not in want.indexes and not _is_generated(index, work)
        ]
        taken = self._index_names()
        filled = work.filled
        for index in want.indexes:
            is_new = index not in have.indexes
            if index.unique and (is_new or filled & set(index.columns)):
                if found := self._duplicates(work, index):
                    sentence = f"The {index} of {want.name} cannot be: rows share values."
                    self._impossible(work, sentence, MEND, *found)
                    work.leave(index.columns)
                    continue
            if is_new:
                same = (old for old in lost if old.columns == index.columns and "" not in old.columns)
                if replaced := next(same, None):
                    lost.remove(replaced)
                    taken.discard(replaced.name)
                name = _free(index.name, taken)
                taken.add(name)
                work.new_indexes.append((replace(index, name=name), replaced))
        work.lost_indexes = lost

    def _duplicates(self, work, index):
        """(number of rows, three of the values) in the way of a unique index; None if nothing is."""
        if "" in index.columns:
            return None  # the database judges expressions
        names = self.engine.names(index.columns)
        conditions = [f"{self.engine.quote(name)} IS NOT NULL" for name in index.columns]
        conditions += [f"({index.predicate})"] if index.predicate else []
        groups = (
            f"SELECT {names}, COUNT(*) AS n FROM {self._future(work)}"
            f" WHERE {' AND '.join(conditions)} GROUP BY {names} HAVING COUNT(*) > 1"
        )
        count = self.engine.all(f"SELECT SUM(n) FROM ({groups}) AS g")[0][0]
        return count and (count, _shown(row[:-1] for row in self.engine.all(f"{groups} LIMIT 3")))

    def _compare_keys(self, work):
        have, want = work.have, work.want
        work.lost_keys = [key for key in have.foreign_keys if key not in want.foreign_keys]
        filled = work.filled
        for key in want.foreign_keys:
            is_new = key not in have.foreign_keys
            if work.late & set(key.columns):
                continue
            count, rows = self._orphans(work, key) if is_new or filled & set(key.columns) else (0, "")
            if count:
                sentence = f"The foreign key {want.name} {key} cannot be: rows refer to nothing."
                self._impossible(work, sentence, MEND, count, rows)
                work.leave(key.columns)
            elif is_new:
                work.new_keys.append(key)

    def _wait(self, work):
        """Indexes and foreign keys wait for columns that cannot become what they should be."""
        late = work.late
        words = [self.engine.quote(name)[1:-1] for name in late]
        work.new_keys = [key for key in work.new_keys if not late & set(key.columns)]
        work.new_indexes = [
            (index, replaced)
            for index, replaced in work.new_indexes
            if not late & set(index.columns) and not any(word in index.predicate for word in words)
        ]

    def _future(self, work):
        """A subquery: the rows of a table as they will be, NULL where nobody can know yet."""
        added = {column.name: filling or column.default for column, filling in work.added}
        changed = {new.name: (old, filling) for old, new, filling in work.changed}
        selected = []
        for name, column in work.want.columns.items():
            value, filling = self._there(work.want.name, name), added.get(name)
            if name in changed:
                old, filling = changed[name]
                value = self.engine.converted(value, old.type, column.type)
            elif name not in work.have.columns:
                value = self.engine.converted("NULL", "text", column.type)
            if filling and not isinstance(filling, Fill):
                value = f"COALESCE({value}, {filling})"
            selected.append(f"{value} AS {self.engine.quote(name)}")
        return f"(SELECT {', '.join(selected)} FROM {self._there(work.want.name)}) c"

    def _orphans(self, work, key):
        """(number of rows, three of them) that refer to nothing."""
        child = [f"c.{self.engine.quote(name)}" for name in key.columns]
        condition = " AND ".join(f"{name} IS NOT NULL" for name in child)
        if key.table in self.live:
            parent = [f"p.{self._there(key.table, name)}" for name in key.targets]
            same = " AND ".join(f"{left} = {right}" for left, right in zip(parent, child, strict=True))
            condition += f" AND NOT EXISTS (SELECT 1 FROM {self._there(key.table)} p WHERE {same})"
        return self._offenders(work, condition, key.columns)

    def _key(self, work):
        """The first column of the primary key, as it is called now; None if there is none."""
        return self._there(work.want.name, work.have.key[0]) if work.have.key else None

    def _offenders(self, work, condition, columns=()):
        """(number of rows where `condition` holds, three of them)."""
        key = work.want.key[:1]
        shown = self.engine.names((*key, *columns)) or "1"
        order = f"ORDER BY {self.engine.names(key)}" if key else ""
        return self.engine.some(shown, f"FROM {self._future(work)} WHERE {condition}", order)

    def _is_empty(self, table):
        return not self.engine.all(f"SELECT 1 FROM {self._there(table)} LIMIT 1")


def _with_references(models):
    """`models` and all they refer to: the shadow needs both ends of a foreign key."""
    found, waiting = set(), list(models)
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            waiting += model._meta.refs.values()
    return peewee.sort_models(found)


def _is_generated(index, work):
    """Whether an index belongs to a generated column that is left alone."""
    columns = [work.have.columns[name] for name in index.columns if name]
    return any(column.generated and column.name not in work.want.columns for column in columns)


def _free(name, taken):
    """`name`, or the first of name_2, name_3 … that is free."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def _shown(rows):
    """Rows for people: long values cut, nothing that moves a terminal."""
    values = [[repr(value) for value in row] for row in rows]
    return "; ".join(", ".join(v if len(v) <= 40 else f"{v[:39]}…" for v in row) for row in values)


class Engine:
    """What the databases have in common: ALTER TABLE for one change each."""

    name = ""
    mark = '"'

    def __init__(self, database):
        self.database = database

    def quote(self, name):
        return f"{self.mark}{name.replace(self.mark, 2 * self.mark)}{self.mark}"

    def names(self, names):
        return ", ".join(map(self.quote, names))

    def all(self, sql, *values):
        if not values and self.database.param == "%s":
            sql = sql.replace("%", "%%")  # of names and literals
        cursor = self.database.execute_sql(sql, values)
        return cursor.fetchall() if cursor.description else []

    def some(self, shown, source, order=""):
        """(number of rows, three of them as they are said to people)."""
        count = self.all(f"SELECT COUNT(*) {source}")[0][0]
        return count, _shown(self.all(f"SELECT {shown} {source} {order} LIMIT 3")) if count else ""

    def do(self, statement):
        if callable(statement):
            statement(self)
        else:
            self.all(statement)

    def hold(self, tables):
        """Let nobody write to these tables between the look at their rows and the change."""

    def apply(self, steps):
        for step in steps:
            for statement in step.statements:
                self.do(statement)

    def converted(self, value, old, new):
        """SQL for a value of another type; only PostgreSQL does not find its way by itself."""
        return value

    def literal(self, value):
        """`value` as it may stand in DDL, which takes no parameters."""
        return self.all(self.quoting, value)[0][0]

    def create(self, model):
        """The statements that make a model's table with its indexes."""
        manager = type(model._schema)(model, self.database)
        queries = [manager._create_table(safe=False), *manager._create_indexes(safe=False)]
        return tuple(query.query()[0] for query in queries)

    def late_keys(self, model):
        """The statements that make those foreign keys that wait for a table made later."""
        manager = type(model._schema)(model, self.database)
        late = [key for key in model._meta.refs if key.deferred and self.name != "sqlite"]
        return tuple(manager._create_foreign_key(key).query()[0] for key in late)

    def make(self, models):
        for statements in (self.create, self.late_keys):
            for model in models:
                for statement in statements(model):
                    self.do(statement)

    def steps(self, work):
        name, table = work.want.name, self.quote(work.want.name)
        moving = {new.name for _, new, _ in work.changed} | {c for key in work.new_keys for c in key.columns}
        for key in work.lost_keys:
            # One that only changes, or stands in the way of its column, is no loss.
            risk = SAFE if set(key.columns) & moving else DESTRUCTIVE
            yield Step(risk, name, f"Drop foreign key {name} {key}.", (self.drop_key(table, key),), order=2)
        for old, new, filling in work.changed:
            risk = SLOW if filling or self.rewrites(old, new) else SAFE
            sentence = f"Change column {name}.{new.name}: {_difference(old, new, filling)}."
            yield Step(risk, name, sentence, self.change_and_fill(name, old, new, filling), order=4)
        for column, filling in work.added:
            yield self.add_column(work, column, filling)
        for column in work.relaxed:
            sentence = f"Let column {name}.{column.name} be NULL: no model has it."
            statements = self.change_column(table, column, replace(column, null=True))
            yield Step(SAFE, name, sentence, statements, order=4)
        for index, replaced in work.new_indexes:
            if replaced:
                sentence = f"Replace the {replaced} of {name} by the {index}."
                order = 3 if (index, replaced) in work.loosened else 5
                yield Step(SAFE, name, sentence, self.replace_index(table, replaced, index), order=order)
            else:
                statement = self.create_index(table, index)
                yield Step(SAFE, name, f"Create {index} of {name}.", (statement,), order=5)
        for key in work.new_keys:
            sentence, uses = f"Add foreign key {name} {key}.", frozenset({key.table} - {name})
            yield Step(SAFE, name, sentence, (self.add_key(table, key),), uses=uses, order=6)
        yield from self.drop_indexes(work, work.lost_indexes)
        for column in work.gone:
            statements = (f"ALTER TABLE {table} DROP COLUMN {self.quote(column.name)}",)
            sentence, loses = f"Drop column {name}.{column.name}.", (column.name,)
            yield Step(DESTRUCTIVE, name, sentence, statements, loses=loses, order=8)

    def drop_indexes(self, work, lost):
        """What no model declares may be somebody's own: a former version's, or an operator's."""
        name, table = work.want.name, self.quote(work.want.name)
        for index in lost:
            stays = not work.is_in_the_way(index) and self.holds(index, work.changed)
            risk, order = (DESTRUCTIVE, 7) if stays else (SAFE, 3)
            yield Step(risk, name, f"Drop {index} of {name}.", (self.drop_index(table, index),), order=order)

    def holds(self, index, changed):
        """Whether an index can be there while columns change."""
        return True

    def change_and_fill(self, table, old, new, filling):
        statements, quoted = (), self.quote(table)
        if filling and old.type != new.type:  # what fills it is of the new type
            loose = replace(new, null=True)
            statements, old = self.change_column(quoted, old, loose), loose
        if filling:
            statements += self.fill(table, new, filling)
        return statements + self.change_column(quoted, old, new)

    def fill(self, table, column, filling):
        """Statements that leave no NULL in a column that is there."""
        if isinstance(filling, Fill):
            return (filling,)
        quoted = self.quote(column.name)
        return (f"UPDATE {self.quote(table)} SET {quoted} = {filling} WHERE {quoted} IS NULL",)

    def add_column(self, work, column, filling):
        name, table = work.want.name, self.quote(work.want.name)
        quoted = self.quote(column.name)
        if isinstance(filling, Fill):
            bare = replace(column, null=True)
            statements = (
                f"ALTER TABLE {table} ADD COLUMN {quoted} {self.defined(bare)}",
                filling,
                *(() if column.null else self.change_column(table, bare, column)),
            )
        elif filling:  # a default for a moment: no row is written
            statements = (
                f"ALTER TABLE {table} ADD COLUMN {quoted} {self.defined(column, filling)}",
                f"ALTER TABLE {table} ALTER COLUMN {quoted} DROP DEFAULT",
            )
        else:
            statements = (f"ALTER TABLE {table} ADD COLUMN {quoted} {self.defined(column)}",)
        is_stored = column.generated and "STORED" in column.definition
        risk = SLOW if isinstance(filling, Fill) or is_stored else SAFE
        sentence = f"Add column {name}.{_adding(column, filling)}."
        return Step(risk, name, sentence, statements, needed=True, order=4)

    def replace_index(self, table, old, new):
        return self.drop_index(table, old), self.create_index(table, new)

    def create_index(self, table, index):
        unique = "UNIQUE " if index.unique else ""
        return f"CREATE {unique}INDEX {self.quote(index.name)} ON {table} {index.definition}"

    def add_key(self, table, key):
        return f"ALTER TABLE {table} ADD {self.key_clause(key)}"

    def key_clause(self, key):
        return f"FOREIGN KEY ({self.names(key.columns)}) {self.references(key)}"

    def references(self, key):
        targets = f" ({self.names(key.targets)})" if all(key.targets) else ""
        there = f"REFERENCES {self.quote(key.table)}{targets}"
        return (
            there
            + (f" ON DELETE {key.on_delete}" if key.on_delete else "")
            + (f" ON UPDATE {key.on_update}" if key.on_update else "")
        )

    def drop_trigger(self, trigger, table):
        return f"DROP TRIGGER {self.quote(trigger.name)}"

    def back_up(self, steps, folder):
        """Write what `steps` take away as JSON lines: {"table", "key", "row"}."""
        with _new_file(folder, "jsonl") as file:
            for table in dict.fromkeys(step.table for step in steps if step.loses):
                lost = [name for step in steps if step.table == table for name in step.loses]
                key = self.read()[table].key
                for row in self.rows(table, key, lost):
                    values = [_plain(value) for value in row]
                    line = {
                        "table": table,
                        "key": dict(zip(key, values[: len(key)], strict=True)),
                        "row": dict(zip(lost, values[len(key) :], strict=True)),
                    }
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def rows(self, table, key, columns):
        """The values of key and columns, row by row, with some of them in memory at a time."""
        select = f"SELECT {self.names([*key, *columns])} FROM {self.quote(table)}"
        if not key:
            yield from self.all(select)
            return
        marks = ", ".join([self.database.param] * len(key))
        order = f" ORDER BY {self.names(key)} LIMIT {BATCH}"
        rows = self.all(select + order)
        while rows:
            yield from rows
            last = rows[-1][: len(key)]
            rows = self.all(f"{select} WHERE ({self.names(key)}) > ({marks}){order}", *last)


def _difference(old, new, filling):
    said = []
    if old.type != new.type:
        said.append(f"{new.type}, which was {old.type}")
    if old.null != new.null:
        said.append("may be NULL" if new.null else "may no longer be NULL")
    if filling:
        said.append("where it is NULL, " + _filled(filling))
    if old.default != new.default:
        said.append(f"default {new.default or 'none'}, which was {old.default or 'none'}")
    return ", ".join(said)


def _filled(filling):
    return "each row gets a value of its own" if isinstance(filling, Fill) else f"rows get {filling[:40]}"


def _adding(column, filling):
    filled = f", {_filled(filling)}" if filling else ""
    return f"{column.name}, {column.type}{filled}"


def _plain(value):
    if isinstance(value, bytes | memoryview):
        return {"base64": base64.b64encode(value).decode()}
    return value if isinstance(value, str | int | float | bool | None) else str(value)


@contextmanager
def _new_file(folder, suffix):
    """A new file in `folder`, readable by its owner only; gone again if what is written to it fails."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}-{time.monotonic_ns() % 10**9}"
    path = folder / f"{stamp}.{suffix}"
    with open(path, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


class Sqlite(Engine):
    """Changes what ALTER TABLE cannot by building the table anew (https://sqlite.org/lang_altertable.html)."""

    name = "sqlite"
    quoting = "SELECT quote(?)"

    COLUMNS = """
        SELECT m.name, m.sql, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden
        FROM sqlite_master m, pragma_table_xinfo(m.name) c
        WHERE m.type = 'table' AND m.sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY m.name, c.cid"""
    KEYS = """
        SELECT m.name, k.id, k."table", k."from", k."to", k.on_update, k.on_delete
        FROM sqlite_master m, pragma_foreign_key_list(m.name) k
        WHERE m.type = 'table' ORDER BY m.name, k.id, k.seq"""
    INDEXES = """
        SELECT m.name, l.name, l."unique", l.origin, l.partial, x.name, x."desc", x.coll, i.sql
        FROM sqlite_master m, pragma_index_list(m.name) l, pragma_index_xinfo(l.name) x
        LEFT JOIN sqlite_master i ON i.type = 'index' AND i.name = l.name
        WHERE m.type = 'table' AND l.origin <> 'pk' AND x.key ORDER BY m.name, l.name, x.seqno"""
    TRIGGERS = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"

    def read(self):
        tables = {}
        for table, sql, name, kind, not_null, default, primary, hidden in self.all(self.COLUMNS):
            if table not in tables:
                tables[table], definitions = Table(table, statement=sql), _definitions(sql)[0]
            kind, made = re.sub(r"\s+", " ", kind.upper()), hidden in (2, 3)
            text = definitions.get(name, "")
            column = Column(name, kind, not not_null, default, bool(primary), made, text)
            tables[table].columns[name] = column
        for table, group in _grouped(self.all(self.KEYS), tables):
            _, _, target, _, _, on_update, on_delete = group[0]
            columns, targets = tuple(row[3] for row in group), tuple(row[4] or "" for row in group)
            table.foreign_keys.append(ForeignKey(columns, target, targets, on_update, on_delete))
        for table, group in _grouped(self.all(self.INDEXES), tables):
            _, name, unique, origin, is_partial, *_, sql = group[0]
            columns = tuple(row[5] or "" for row in group)
            how = " ".join(f"{row[7]}{' DESC' if row[6] else ''}" for row in group)
            tokens = TOKEN.findall(sql or f"({self.names(columns)})")
            definition = "".join(tokens[tokens.index("(") :])
            if is_partial or "" in columns:
                how += re.sub(r"\s+", " ", definition)
            table.indexes.append(Index(columns, bool(unique), how, name, definition, origin == "u"))
        for table, name, sql in self.all(self.TRIGGERS):
            if table in tables:
                tables[table].triggers[name] = sql
        return tables

    def shadow(self, models):
        shadow = type(self.database)(":memory:")
        for name, collation in self.database._collations.items():
            shadow.register_collation(collation, name)
        with shadow:
            engine = Sqlite(shadow)
            engine.make(models)
            return engine.read()

    def widens(self, old, new):
        return False

    def misfits(self, table, key, column, old, new):
        """What the new column would not hold, or would hold as something else."""
        self.all("DROP TABLE IF EXISTS temp._evolve_fit")
        self.all(f"CREATE TEMP TABLE _evolve_fit (id, old, new {new.type})")
        self.all(
            f"INSERT INTO temp._evolve_fit SELECT {key or 'NULL'}, {column}, {column}"
            f" FROM {table} WHERE {column} IS NOT NULL"
        )
        shown = "id, old" if key else "old"
        found = self.some(shown, f"FROM temp._evolve_fit WHERE {_misfit(new.type)}")
        self.all("DROP TABLE temp._evolve_fit")
        return found

    @contextmanager
    def alone(self, lock_seconds):
        if self.database.in_transaction():
            raise Refused("a schema is not changed inside a transaction")
        waits, guarded = (self.all(f"PRAGMA {name}")[0][0] for name in ("busy_timeout", "foreign_keys"))
        self.all(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")  # readers do not wait behind it
        self.all("PRAGMA foreign_keys = 0")  # else dropping the old table empties those that refer to it
        try:
            with self.database.transaction("IMMEDIATE"):
                if self.all("PRAGMA foreign_keys")[0][0]:
                    raise Refused("foreign keys cannot be switched off on this connection")
                yield
        finally:
            self.all("PRAGMA legacy_alter_table = 0")
            self.all(f"PRAGMA foreign_keys = {guarded}")
            self.all(f"PRAGMA busy_timeout = {waits}")

    def apply(self, steps):
        views = self.all("SELECT name FROM sqlite_master WHERE type = 'view'")
        sound = [name for (name,) in views if self.view_problem(name) is None]
        changed = {step.table for step in steps if TEMPORARY in step.statement}
        before = self.dangling(changed)
        super().apply(steps)
        for (name, parent), count in (self.dangling(changed) - before).items():
            raise peewee.IntegrityError(f"{count} rows of {name} would refer to nothing in {parent}")
        for name in sound:
            if problem := self.view_problem(name):
                raise Refused(f"the view {name} would break: {problem}")

    def dangling(self, changed):
        """How many rows refer to nothing, by table and target, in what is changed or refers to it."""
        found = Counter()
        for name, table in self.read().items() if changed else ():
            if changed & {name, *(key.table for key in table.foreign_keys)}:
                rows = self.all(f"PRAGMA foreign_key_check({self.quote(name)})")
                found.update((name, parent) for _, _, parent, _ in rows)
        return found

    def view_problem(self, name):
        try:
            self.all(f"SELECT * FROM {self.quote(name)} LIMIT 0")
        except peewee.DatabaseError as error:
            return error

    def back_up(self, steps, folder):
        """Copy the whole database as it is committed now."""
        live = self.all("PRAGMA database_list")[0][2]
        with _new_file(folder, "db") as file:
            if not live:  # in memory
                file.buffer.write(self.database.connection().serialize())
                return
            try:
                # By a connection of its own: one that holds the write lock waits for itself for ever.
                with closing(sqlite3.connect(live)) as source, closing(sqlite3.connect(file.name)) as copy:
                    source.backup(copy)
            except sqlite3.Error as error:
                raise peewee.OperationalError(f"no backup could be written to {file.name}: {error}") from None

    def trigger_text(self, trigger, table, body):
        name, table = self.quote(trigger.name), self.quote(table)
        return f"CREATE TRIGGER {name} {trigger.when} ON {table} BEGIN {body} END"

    def make_trigger(self, trigger, table, body):
        return (self.trigger_text(trigger, table, body),)

    def drop_index(self, table, index):
        return f"DROP INDEX {self.quote(index.name)}"

    def steps(self, work):
        name = work.want.name
        simple = {column.name for column, filling in work.added if self._is_simple(work, column, filling)}
        inline = [key for key in work.new_keys if len(key.columns) == 1 and simple.issuperset(key.columns)]
        gone = {column.name for column in work.gone}
        lost_keys = [key for key in work.lost_keys if not gone.issuperset(key.columns)]
        new_keys = [key for key in work.new_keys if key not in inline]
        lost = [i for i in work.lost_indexes if i.is_constraint and not gone & set(i.columns)]
        reasons = [
            *(f"change column {new.name}, {_difference(old, new, fill)}" for old, new, fill in work.changed),
            *(f"add column {_adding(new, fill)}" for new, fill in work.added if new.name not in simple),
            *(f"drop foreign key {key}" for key in lost_keys),
            *(f"add foreign key {key}" for key in new_keys),
            *(f"drop {index}" for index in lost),
        ]  # fmt: skip
        if work.relaxed:
            yield self._relaxed(work)
        if by_hand := self._by_hand(work):
            reasons = reasons and [*reasons, f"take away {', '.join(by_hand)}, which no model has"]
        if reasons and not work.is_stuck:
            uses = frozenset(key.table for key in work.new_keys) - {name}
            needed = any(column.name not in simple for column, _ in work.added)
            sentence = f"Rebuild table {name}: {'; '.join(reasons)}."
            risk, loses = (DESTRUCTIVE if by_hand else SLOW), tuple(by_hand)
            statements = self._rebuilt(work)
            yield Step(risk, name, sentence, statements, needed=needed, uses=uses, loses=loses, order=4)
        else:
            for column, filling in work.added:
                if column.name in simple:
                    yield self._simple_column(
                        work, column, filling, [key for key in inline if key.columns == (column.name,)]
                    )
        yield from self._index_steps(work, simple)
        if work.gone and not work.is_stuck:
            loses = tuple(column.name for column in work.gone)
            sentence = f"Rebuild table {name} to drop column {', '.join(loses)}."
            yield Step(DESTRUCTIVE, name, sentence, self._rebuilt(work, drop=True), loses=loses, order=8)

    def _index_steps(self, work, simple):
        """Indexes of their own; a table that waits has those whose columns are there."""
        columns = {"", *work.have.columns, *simple}
        new = [
            (index, old if old and not old.is_constraint else None)
            for index, old in work.new_indexes
            if not work.is_stuck or columns.issuperset(index.columns)
        ]
        lost = [index for index in work.lost_indexes if not index.is_constraint]
        yield from super().steps(Work(work.have, work.want, new_indexes=new))
        yield from self.drop_indexes(work, lost)

    def _by_hand(self, work):
        """What a table has that its model does not say, and that would be lost in a rebuild."""
        definitions, constraints, options = _definitions(work.have.statement)
        shared = [text for name, text in definitions.items() if name in work.want.columns]
        there, said = (
            set(TOKEN.findall(text.upper()))
            for text in (" ".join([*shared, *constraints, options]), work.want.statement)
        )
        return [word for word in ("CHECK", "COLLATE", "STRICT", "AUTOINCREMENT") if word in there - said]

    def _relaxed(self, work):
        """Columns may be NULL from now on: the schema's text says so, and no row is written.

        As https://sqlite.org/lang_altertable.html#otheralter has it, section 7.
        """
        name, text = work.want.name, work.have.statement
        for column in work.relaxed:
            text = text.replace(column.definition, _without_not_null(column.definition), 1)
        statements = (
            "PRAGMA writable_schema = 1",
            f"UPDATE sqlite_master SET sql = {self.literal(text)}"
            f" WHERE type = 'table' AND name = {self.literal(name)}",
            "PRAGMA writable_schema = RESET",
            "CREATE TABLE _evolve_notice (id)",  # so that other connections read the schema again
            "DROP TABLE _evolve_notice",
        )
        names = ", ".join(column.name for column in work.relaxed)
        return Step(SAFE, name, f"Let column {name}.{names} be NULL: no model has it.", statements, order=4)

    def _is_simple(self, work, column, filling):
        """Whether ALTER TABLE ADD COLUMN makes it as the models have it."""
        if column.generated:
            return "STORED" not in column.definition.upper()
        refers = any(column.name in key.columns for key in work.new_keys)
        if isinstance(filling, Fill):
            return column.null
        if column.default is not None:
            return bool(CONSTANT.fullmatch(column.default)) and not refers
        return column.null

    def _simple_column(self, work, column, filling, keys):
        name, table = work.want.name, self.quote(work.want.name)
        refers = "".join(f" {self.references(key)}" for key in keys)
        statements = (f"ALTER TABLE {table} ADD COLUMN {column.definition}{refers}",)
        if filling:
            statements += self.fill(name, column, filling)
        risk = SLOW if filling else SAFE
        sentence = f"Add column {name}.{_adding(column, filling)}."
        uses = frozenset(key.table for key in keys) - {name}
        return Step(risk, name, sentence, statements, needed=True, uses=uses, order=4)

    def _rebuilt(self, work, drop=False):
        """Statements that build a table anew as the models have it, with what they do not know or without."""
        have, want, table = work.have, work.want, self.quote(work.want.name)
        made = self.quote(TEMPORARY + want.name)
        added, changed = ([], []) if drop else (work.added, work.changed)
        kept = [
            column
            for column in have.columns.values()
            if column.name not in want.columns and (column.generated or not drop)
        ]
        before, values = [], {}
        for column, filling in added:
            if isinstance(filling, Fill):
                before += [f"ALTER TABLE {table} ADD COLUMN {self.quote(column.name)} {column.type}", filling]
            else:
                values[column.name] = filling or column.default or "NULL"
        for _, column, filling in changed:
            before += self.fill(want.name, column, filling) if filling else ()
        copied = [c.name for c in (*want.columns.values(), *kept) if not c.generated]
        selected = ", ".join(values.get(name) or self.quote(name) for name in copied)
        old, new = self.literal(want.name), self.literal(TEMPORARY + want.name)
        sequence = (
            f"DELETE FROM sqlite_sequence WHERE name = {new}",
            f"INSERT INTO sqlite_sequence SELECT {new}, (SELECT seq FROM sqlite_sequence WHERE name = {old})",
        )
        return (
            *before,
            "PRAGMA foreign_keys = 0",  # it is already, unless somebody runs by hand what is shown
            "PRAGMA legacy_alter_table = 1",  # what refers to the table goes on doing so
            self._create_made(work, kept),
            f"INSERT INTO {made} ({self.names(copied)}) SELECT {selected} FROM {table}",
            *(sequence if "AUTOINCREMENT" in TOKEN.findall(want.statement.upper()) else ()),
            f"DROP TABLE {table}",
            f"ALTER TABLE {made} RENAME TO {table}",
            "PRAGMA legacy_alter_table = 0",
            *(self.create_index(table, index) for index in self._indexes_after(work, drop)),
            *have.triggers.values(),
        )

    def _create_made(self, work, kept):
        """CREATE TABLE as the models have it, under its temporary name and with the columns `kept`."""
        definitions, constraints, options = _definitions(work.want.statement)
        names = {c.name for c in kept if "REFERENCES" not in c.definition.upper()}
        loose = {column.name for column in work.relaxed}
        lines = [
            *definitions.values(),
            *(_without_not_null(c.definition) if c.name in loose else c.definition for c in kept),
            *constraints,
            *(self.key_clause(key) for key in work.have.foreign_keys if names & set(key.columns)),
        ]
        return f"CREATE TABLE {self.quote(TEMPORARY + work.want.name)} ({', '.join(lines)}){options}"

    def _indexes_after(self, work, drop):
        """The indexes that a table built anew has again."""
        found = [index for index in work.have.indexes if not index.is_constraint]
        twins = {index: index for index in work.want.indexes}
        found += [twins[index] for index in work.have.indexes if index.is_constraint and index in twins]
        lost = [index for index in work.lost_indexes if drop or work.is_in_the_way(index)]
        pairs = work.new_indexes if drop else work.loosened
        gone = [*lost, *(old for _, old in pairs)]
        return [index for index in found if index not in gone] + [index for index, _ in pairs]


CONSTANT = re.compile(r"[+-]?[0-9.]+|'(?:[^']|'')*'|[xX]'[0-9a-fA-F]*'|NULL|TRUE|FALSE", re.IGNORECASE)
TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/|[\w$]+|\s+|.""", re.DOTALL
)


def _definitions(sql):
    """What stands in a CREATE TABLE: ({column: definition}, [table constraint], what follows)."""
    # Without comments: one that reaches to the end of its line would swallow what is put behind it.
    tokens = [" " if token[:2] in ("--", "/*") else token for token in TOKEN.findall(sql)]
    parts, depth, rest = [[]], 0, []
    for token in tokens[tokens.index("(") + 1 :]:
        depth += (token == "(") - (token == ")")
        if depth < 0 or rest:
            rest.append(token)
        elif token == "," and depth == 0:
            parts.append([])
        else:
            parts[-1].append(token)
    columns, constraints = {}, []
    for part in parts:
        first = next(token for token in part if not token.isspace())
        text = "".join(part).strip()
        if first.upper() in ("CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"):
            constraints.append(text)
        else:
            name = first[1:-1].replace(first[-1] * 2, first[-1]) if first[0] in "\"'`[" else first
            columns[name] = text
    return columns, constraints, "".join(rest[1:])


def _without_not_null(definition):
    depth, kept = 0, []
    for token in TOKEN.findall(definition):
        depth += (token == "(") - (token == ")")
        if depth == 0 and token.upper() == "NULL" and kept[-1].upper() == "NOT":
            kept.pop()
        elif not token.isspace():
            kept.append(token)
    return " ".join(kept)


def _misfit(kind):
    """A condition on `old` and `new`, the same value stored with the affinity of `kind`, as SQLite has it."""
    length = re.search(r"CHAR\((\d+)\)", kind)
    if "INT" in kind:
        same = "typeof(new) = 'integer'"
        if "SMALLINT" in kind:
            same += " AND new BETWEEN -32768 AND 32767"
    elif "CHAR" in kind or "TEXT" in kind or "CLOB" in kind:
        same = "typeof(new) = 'text'" + (f" AND length(new) <= {length[1]}" if length else "")
    elif "BLOB" in kind:
        same = "typeof(new) = 'blob'"
    elif "DATE" in kind or "TIME" in kind:
        same = "typeof(new) = 'text' AND datetime(new) IS NOT NULL"
        if "DATE" in kind:  # 30 February would be another day
            same += " AND date(new, '+0 days') = substr(new, 1, 10)"
    elif "REAL" in kind or "FLOA" in kind or "DOUB" in kind or "DEC" in kind or "NUM" in kind:
        same = "typeof(new) IN ('integer', 'real')"
    else:
        return "0"
    equal = (
        "CASE WHEN 'text' NOT IN (typeof(old), typeof(new)) THEN new"
        " WHEN typeof(old) = 'real' THEN CAST(new AS REAL)"
        " WHEN typeof(old) = 'integer' THEN CAST(new AS INTEGER) ELSE CAST(new AS TEXT) END = old"
    )
    return f"NOT ({same} AND {equal})"


def _grouped(rows, tables):
    """(Table, rows) for each table and name that rows begin with; those of no table of ours are left out."""
    groups = {}
    for row in rows:
        groups.setdefault(row[:2], []).append(row)
    return [(tables[first[0]], group) for first, group in groups.items() if first[0] in tables]


class Postgresql(Engine):
    """Everything in one transaction; the shadow is temporary tables, which need no right to make schemas."""

    name = "postgresql"
    quoting = "SELECT quote_nullable(%s::text)"

    COLUMNS = """
        SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
               pg_get_expr(d.adbin, d.adrelid), COALESCE(a.attnum = ANY(p.conkey), false),
               ' COLLATE ' || quote_ident(l.collname)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_collation l ON l.oid = a.attcollation AND l.oid <> t.typcollation
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        LEFT JOIN pg_constraint p ON p.conrelid = c.oid AND p.contype = 'p'
        WHERE c.relnamespace = %s AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum"""
    KEYS = """
        SELECT c.relname, k.conname, t.relname, k.confupdtype, k.confdeltype,
               ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u (n, i)
                     JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
               ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u (n, i)
                     JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i)
        FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class t ON t.oid = k.confrelid
        WHERE c.relnamespace = %s AND k.contype = 'f'"""
    INDEXES = """
        SELECT c.relname, n.relname, i.indisunique, o.oid IS NOT NULL, pg_get_indexdef(i.indexrelid),
               i.indoption::text, i.indexprs IS NOT NULL OR i.indpred IS NOT NULL,
               ARRAY(SELECT COALESCE(a.attname::text, '') FROM unnest(i.indkey) WITH ORDINALITY u (n, i)
                     LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.n ORDER BY u.i)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class n ON n.oid = i.indexrelid
        JOIN pg_am m ON m.oid = n.relam AND m.amname = 'btree'
        LEFT JOIN pg_constraint o ON o.conindid = i.indexrelid AND o.contype = 'u'
        WHERE c.relnamespace = %s AND NOT i.indisprimary"""
    TRIGGERS = """
        SELECT c.relname, t.tgname, p.prosrc FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_proc p ON p.oid = t.tgfoid WHERE c.relnamespace = %s AND NOT t.tgisinternal"""
    RULES = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT", "a": ""}

    def read(self, temporary=False):
        where = "pg_my_temp_schema()" if temporary else "current_schema()::regnamespace"
        tables = {}

        def all(sql):
            return self.all(sql.replace("%s", where))

        for table, name, kind, not_null, made, default, primary, collation in all(self.COLUMNS):
            clause, text = collation or "", ""
            if made:
                text, default = f"{kind}{clause} GENERATED ALWAYS AS ({default}) STORED", None
            column = Column(name, kind, not not_null, default, primary, bool(made), text, clause)
            tables.setdefault(table, Table(table)).columns[name] = column
        for table, name, target, on_update, on_delete, columns, targets in all(self.KEYS):
            rules = self.RULES[on_update], self.RULES[on_delete]
            tables[table].foreign_keys.append(
                ForeignKey(tuple(columns), target, tuple(targets), *rules, name)
            )
        for table, name, unique, is_constraint, sql, options, is_special, columns in all(self.INDEXES):
            tokens = TOKEN.findall(sql)
            definition = "".join(tokens[tokens.index("USING") :])
            how = definition if is_special else options
            index = Index(tuple(columns), unique, how, name, definition, is_constraint)
            if table in tables:
                tables[table].indexes.append(index)
        for table, name, source in all(self.TRIGGERS):
            if table in tables:  # a view has triggers too
                tables[table].triggers[name] = source
        return tables

    def defined(self, column, default=None):
        if column.generated:
            return column.definition
        default = default or column.default
        text = f"{column.type}{column.collation}{f' DEFAULT {default}' if default else ''}"
        return text if column.null else f"{text} NOT NULL"

    def shadow(self, models):
        path = self.all("SHOW search_path")[0][0]
        with self.database.atomic() as transaction:
            self.do(f"SET LOCAL search_path TO pg_temp, {path}")
            self.make(models)
            tables = self.read(temporary=True)
            transaction.rollback()
        return tables

    def widens(self, old, new):
        """Longer text needs neither a look at the rows nor a new table."""
        lengths = [re.fullmatch(r"character varying\((\d+)\)", column.type) for column in (old, new)]
        if not lengths[0]:
            return False
        return new.type == "text" or bool(lengths[1]) and int(lengths[0][1]) <= int(lengths[1][1])

    def rewrites(self, old, new):
        return old.type != new.type and not self.widens(old, new)

    def misfits(self, table, key, column, old, new):
        """What does not come back as it was from the new type."""
        with self.database.atomic() as transaction:
            value = self.converted("$1", old.type, new.type)
            self.do(
                f"CREATE FUNCTION pg_temp.evolve_fits({old.type}) RETURNS boolean LANGUAGE plpgsql"
                f" AS $evolve$BEGIN"
                f" RETURN {self.converted(f'({value})', new.type, old.type)} IS NOT DISTINCT FROM $1;"
                " EXCEPTION WHEN others THEN RETURN false; END$evolve$"
            )
            source = f"FROM {table} WHERE {column} IS NOT NULL AND NOT pg_temp.evolve_fits({column})"
            found = self.some(f"{key}, {column}" if key else column, source)
            transaction.rollback()
        return found

    def converted(self, value, old, new):
        if old != new and "bytea" in (old, new):  # bytes are UTF-8, not their hexadecimal digits
            old_text = f"convert_from({value}, 'UTF8')"
            return f"{old_text}::{new}" if old == "bytea" else f"convert_to({value}::text, 'UTF8')"
        return f"{value}::{_direct(old, new)}{new}"

    @contextmanager
    def alone(self, lock_seconds):
        with self.database.atomic():
            self.do(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'")
            self.all("SELECT pg_advisory_xact_lock(hashtext('evolve ' || current_schema()))")
            self.do(f"SET LOCAL lock_timeout = '{lock_seconds}s'")
            # What they would check later is in the way of ALTER TABLE.
            self.do("SET CONSTRAINTS ALL IMMEDIATE")
            yield

    def hold(self, tables):
        if there := tables & self.read().keys():
            self.do(f"LOCK TABLE {self.names(sorted(there))} IN ACCESS EXCLUSIVE MODE")

    def change_column(self, table, old, new):
        column = f"ALTER TABLE {table} ALTER COLUMN {self.quote(new.name)}"
        statements, differs = [], (old.type, old.default) != (new.type, new.default)
        if differs and old.default is not None:
            statements.append(f"{column} DROP DEFAULT")
        if old.type != new.type:
            using = self.converted(self.quote(new.name), old.type, new.type)
            statements.append(f"{column} TYPE {new.type}{new.collation} USING {using}")
        if differs and new.default is not None:
            statements.append(f"{column} SET DEFAULT {new.default}")
        if old.null != new.null:
            statements.append(f"{column} {'DROP' if new.null else 'SET'} NOT NULL")
        return tuple(statements)

    def drop_key(self, table, key):
        return f"ALTER TABLE {table} DROP CONSTRAINT {self.quote(key.name)}"

    def drop_index(self, table, index):
        name = self.quote(index.name)
        return f"ALTER TABLE {table} DROP CONSTRAINT {name}" if index.is_constraint else f"DROP INDEX {name}"

    def trigger_text(self, trigger, table, body):
        result = "NULL" if trigger.when.upper().startswith("AFTER") else "COALESCE(NEW, OLD)"
        return f"/* {trigger.when} */ BEGIN {body} RETURN {result}; END"

    def make_trigger(self, trigger, table, body):
        name, function = self.quote(trigger.name), self.quote(f"{table}_{trigger.name}")
        return (
            f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql"
            f" AS $evolve${self.trigger_text(trigger, table, body)}$evolve$",
            f"CREATE TRIGGER {name} {trigger.when} ON {self.quote(table)}"
            f" FOR EACH ROW EXECUTE FUNCTION {function}()",
        )

    def drop_trigger(self, trigger, table):
        return f"DROP TRIGGER {self.quote(trigger.name)} ON {self.quote(table)}"


def _direct(old, new):
    """The way from one type to another: straight where PostgreSQL knows one, else by the text."""
    numbers = ("integer", "bigint", "smallint", "numeric", "real", "double precision")
    kinds = {"number" if kind.startswith(numbers) else kind.split("(")[0] for kind in (old, new)}
    if kinds == {"boolean", "number"}:
        return "integer::"
    straight = len(kinds) == 1 or all(kind.startswith(("timestamp", "date")) for kind in kinds)
    return "" if straight else "text::"


class Mysql(Engine):
    """MariaDB and MySQL: each statement commits, and leaves a state that the next run can plan on."""

    name = "mysql"
    mark = "`"
    quoting = "SELECT QUOTE(%s)"

    COLUMNS = """
        SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLUMN_KEY, EXTRA
        FROM information_schema.COLUMNS JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME)
        WHERE TABLE_SCHEMA = %s AND TABLE_TYPE <> 'VIEW' ORDER BY TABLE_NAME, ORDINAL_POSITION"""
    KEYS = """
        SELECT k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_TABLE_NAME,
               k.REFERENCED_COLUMN_NAME, r.UPDATE_RULE, r.DELETE_RULE
        FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r
        ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.TABLE_NAME = k.TABLE_NAME
        AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME
        WHERE k.TABLE_SCHEMA = %s ORDER BY k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION"""
    INDEXES = """
        SELECT TABLE_NAME, INDEX_NAME, NON_UNIQUE, COLUMN_NAME, COLLATION, SUB_PART
        FROM information_schema.STATISTICS
        WHERE TABLE_SCHEMA = %s AND INDEX_NAME <> 'PRIMARY' AND INDEX_TYPE = 'BTREE'
        ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"""
    TRIGGERS = """
        SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT
        FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = %s"""

    def read(self, schema=None):
        schema = schema or self.database.database
        tables = {}
        for table, name, kind, null, default, key, extra in self.all(self.COLUMNS, schema):
            if table not in tables:
                statement = self.all(f"SHOW CREATE TABLE {self.quote(schema)}.{self.quote(table)}")[0][1]
                tables[table] = Table(table, statement=statement)
                definitions = dict(re.findall(r"^  (`(?:[^`]|``)+`) (.*?),?$", statement, re.MULTILINE))
            default = None if default == "NULL" else default
            made = "GENERATED" in extra.upper().replace("DEFAULT_GENERATED", "")
            text = definitions[self.quote(name)]
            tables[table].columns[name] = Column(name, kind, null == "YES", default, key == "PRI", made, text)
        for table, group in _grouped(self.all(self.KEYS, schema), tables):
            _, name, _, target, _, *rules = group[0]
            columns, targets = tuple(row[2] for row in group), tuple(row[4] for row in group)
            table.foreign_keys.append(ForeignKey(columns, target, targets, *rules, name))
        for table, group in _grouped(self.all(self.INDEXES, schema), tables):
            _, name, not_unique, *_ = group[0]
            columns = tuple(row[3] or "" for row in group)
            parts = [
                f"{self.quote(column or '')}{f'({part})' if part else ''}{' DESC' if order == 'D' else ''}"
                for _, _, _, column, order, part in group
            ]
            how = " ".join(f"{row[4]}{row[5] or ''}" for row in group)
            table.indexes.append(Index(columns, not not_unique, how, name, f"({', '.join(parts)})"))
        for table, name, *text in self.all(self.TRIGGERS, schema):
            if table in tables:
                tables[table].triggers[name] = " ".join(text)
        return tables

    def defined(self, column, default=None):
        text = column.definition
        if column.null:
            text = re.sub(r"('(?:[^']|'')*')|\bNOT NULL\b", lambda found: found[1] or "NULL", text)
        if default is not None:
            text += f" DEFAULT ({default})"  # MySQL takes none for a text without these
        return text

    @contextmanager
    def scratch(self):
        """A database beside the live one, which is in use inside and gone afterwards."""
        live, name = self.quote(self.database.database), f"{self.database.database[:50]}_evolve_shadow"
        charset, collation = self.all("SELECT @@character_set_database, @@collation_database")[0]
        with self.locked():
            try:
                self.do(f"DROP DATABASE IF EXISTS {self.quote(name)}")
                self.do(f"CREATE DATABASE {self.quote(name)} CHARACTER SET {charset} COLLATE {collation}")
            except peewee.DatabaseError as error:
                said = f"a comparison needs all rights on a database {name}, which it makes and drops"
                raise Refused(f"{said}: {error.args[-1]}") from None
            try:
                self.do(f"USE {self.quote(name)}")
                yield name
            finally:
                self.do(f"USE {live}")
                self.do(f"DROP DATABASE {self.quote(name)}")

    def shadow(self, models):
        with self.scratch() as name:
            self.make(models)
            return self.read(name)

    def literal(self, value):
        return f"X'{value.hex()}'" if isinstance(value, bytes | bytearray) else super().literal(value)

    def widens(self, old, new):
        """Longer text, as long as its length is kept in as many bytes, needs no new table."""
        lengths = [re.fullmatch(r"varchar\((\d+)\)", column.type) for column in (old, new)]
        if not all(lengths):
            return False
        old, new = (int(length[1]) for length in lengths)
        return old <= new and (old * 4 < 256) == (new * 4 < 256)

    def rewrites(self, old, new):
        return old.null and not new.null or old.type != new.type and not self.widens(old, new)

    def holds(self, index, changed):
        """An index takes no text without an end."""
        return {new.name for _, new, _ in changed if re.search("text|blob", new.type)}.isdisjoint(
            index.columns
        )

    def misfits(self, table, key, column, old, new):
        """What does not come back as it was from the new type."""
        source = f"{self.quote(self.database.database)}.{table}"
        with self.scratch():
            self.do(f"CREATE TABLE fit (id TEXT, old {old.type}, new {new.type}, back {old.type})")
            self.do(
                f"INSERT IGNORE INTO fit (id, old, new) SELECT {key or 'NULL'}, {column}, {column}"
                f" FROM {source} WHERE {column} IS NOT NULL"
            )
            self.do("UPDATE IGNORE fit SET back = new")
            # A moment comes back with more noughts than a text may have had.
            where = "FROM fit WHERE NOT (back <=> old OR TRIM(TRAILING '.000000' FROM back) <=> old)"
            return self.some("id, old" if key else "old", where)

    @contextmanager
    def locked(self):
        name = f"evolve {self.database.database}"[:64]
        if self.all("SELECT GET_LOCK(%s, %s)", name, TURN_SECONDS)[0][0] != 1:
            raise Refused("another process has been changing the schema for long; look what it is at")
        try:
            yield
        finally:
            with suppress(peewee.DatabaseError):  # when the connection broke, the lock went with it
                self.all("SELECT RELEASE_LOCK(%s)", name)

    @contextmanager
    def alone(self, lock_seconds):
        waits = self.all("SELECT @@lock_wait_timeout")[0][0]
        with self.locked():
            self.do(f"SET SESSION lock_wait_timeout = {lock_seconds}")
            try:
                yield
            finally:
                with suppress(peewee.DatabaseError):  # as there
                    self.do(f"SET SESSION lock_wait_timeout = {waits}")

    def change_column(self, table, old, new):
        return (f"ALTER TABLE {table} MODIFY COLUMN {self.quote(new.name)} {self.defined(new)}",)

    def drop_key(self, table, key):
        return f"ALTER TABLE {table} DROP FOREIGN KEY {self.quote(key.name)}"

    def drop_index(self, table, index):
        return f"ALTER TABLE {table} DROP INDEX {self.quote(index.name)}"

    def replace_index(self, table, old, new):
        """In one statement: a foreign key may need an index of these columns."""
        unique = "UNIQUE " if new.unique else ""
        added = f"ADD {unique}INDEX {self.quote(new.name)} {new.definition}"
        return (f"ALTER TABLE {table} DROP INDEX {self.quote(old.name)}, {added}",)

    def trigger_text(self, trigger, table, body):
        return f"{trigger.when} BEGIN {body} END"

    def make_trigger(self, trigger, table, body):
        name, table = self.quote(trigger.name), self.quote(table)
        return (f"CREATE TRIGGER {name} {trigger.when} ON {table} FOR EACH ROW BEGIN {body} END",)


def _engine(database):
    for kind, engine in (
        (peewee.SqliteDatabase, Sqlite),
        (peewee.PostgresqlDatabase, Postgresql),
        (peewee.MySQLDatabase, Mysql),
    ):
        if isinstance(database, kind):
            return engine(database)
    raise TypeError(f"{type(database).__name__} is not supported")
