"""Random schemas: what tables are before a change, what they become, and rows for them (hypothesis).

`before` and `after` say the same thing by the same number, whatever it is called. Keys refer to tables of
lower numbers or to their own, so that there is an order in which rows can come and go.
"""

import datetime
import itertools
import re
import uuid
from dataclasses import dataclass, replace
from decimal import Decimal

import peewee
from hypothesis import strategies as st
from peewee import SQL

NAMES = (
    "plain", "order", "group", "Upper", "a b", "it's", 'quo"te', "back`tick", "Größe", "semi;colon",
    "co, mma)", "(open", "-- dash", "/* star */", "brac[ket]", "名前", "a WHERE b", "100", "a.b", "what?",
    "default", "null", "a USING b",
)  # fmt: skip
# Peewee itself puts names into statements whose percent signs the drivers of servers take for placeholders.
NAMES_FOR_SQLITE = (*NAMES, "per%cent", "%s")
TEXTS = (
    "", "a", "A", "a ", "5", "-17", "0", "007", "3.50", "1e3", "100%", "%s", "it's", 'a"b', "back\\slash",
    "a, b)", "line\nline", "😀", "ẞß", "true", "NULL", "2020-02-29", "2020-02-29 12:00:00",
)  # fmt: skip
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
MOMENTS = (datetime.datetime(1970, 1, 1), datetime.datetime(2020, 2, 29, 23, 59, 59, 999_999))
POOLS = {
    "char": TEXTS,
    "text": TEXTS,
    "small": (0, 1, 2, -1, 2**15 - 1, -(2**15)),
    "int": (0, 1, 2, 3, -1, 2**31 - 1, -(2**31), 40_000),
    "big": (0, 1, 2, -1, 2**63 - 1, -(2**63), 3 * 10**9),
    "float": (0.0, 1.0, -2.5, 0.25, 65_536.0, 0.1),
    "double": (0.0, 1.0, -2.5, 1 / 3, 1e100, 0.1),
    "decimal": tuple(map(Decimal, ("0", "1", "-2.5", "9999999999.99", "0.01"))),
    "bool": (False, True),
    "date": (datetime.date(1970, 1, 1), datetime.date(2020, 2, 29), datetime.date(9999, 12, 31)),
    "datetime": MOMENTS,
    "time": (datetime.time(0), datetime.time(23, 59, 59)),
    "uuid": (uuid.UUID(int=0), uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")),
    "blob": (b"", b"\0\xff", b"abc", b"it's 100%"),
}
FIELDS = {
    "char": peewee.CharField, "text": peewee.TextField, "small": peewee.SmallIntegerField,
    "int": peewee.IntegerField, "big": peewee.BigIntegerField, "float": peewee.FloatField,
    "double": peewee.DoubleField, "decimal": peewee.DecimalField, "bool": peewee.BooleanField,
    "date": peewee.DateField, "datetime": peewee.DateTimeField, "time": peewee.TimeField,
    "uuid": peewee.UUIDField, "blob": peewee.BlobField, "key": peewee.ForeignKeyField,
}  # fmt: skip
BITS = {"small": 15, "int": 31, "big": 63, "key": 31}
LENGTHS = (20, 1, 5, 64, 255, 300)
WITHOUT_INDEX = ("text", "blob")  # MariaDB would want the length of a prefix
COUNTER = itertools.count(10_000_000)


@dataclass(frozen=True)
class Column:
    number: int
    name: str
    kind: str
    size: int = 0  # characters, or digits behind the point
    null: bool = False
    default: tuple = ()  # ("python" or "ddl" or "callable", value)
    index: str = ""  # "plain" or "unique"
    target: int = 0  # a key's table
    rules: tuple = (None, None)  # on delete, on update

    def field(self, models, engine, percent):
        """`percent` is how a percent sign has to be written in a statement."""
        options = {"column_name": self.name, "null": self.null}
        options |= {"unique": True} if self.index == "unique" else {"index": True} if self.index else {}
        how, value = self.default or ("", None)
        if how == "ddl":
            options["constraints"] = [SQL("DEFAULT " + literal(value, engine).replace("%", percent))]
        elif how:
            options["default"] = self.make if how == "callable" else value
        if self.kind == "key":
            on_delete, on_update = self.rules
            options |= {"on_delete": on_delete, "on_update": on_update, "backref": "+"}
            options["object_id_name"] = f"f{self.number}_id"
            return peewee.ForeignKeyField(models.get(self.target, "self"), **options)
        if self.kind == "char":
            options["max_length"] = self.size
        if self.kind == "decimal":
            options |= {"max_digits": 10 + self.size, "decimal_places": self.size}
        return FIELDS[self.kind](**options)

    def make(self):
        """A callable default: another value each time."""
        number = next(COUNTER)
        return {"uuid": uuid.UUID(int=number), "text": f"c{number}", "char": f"c{number}"}.get(
            self.kind, number
        )


@dataclass(frozen=True)
class Index:
    numbers: tuple[int, ...]
    unique: bool
    filled: int = 0  # partial: only where this column is not NULL


@dataclass(frozen=True)
class Table:
    number: int
    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()

    def column(self, number):
        return next((column for column in self.columns if column.number == number), None)

    @property
    def all_indexes(self):
        own = (Index((c.number,), c.index == "unique") for c in self.columns if c.index or c.kind == "key")
        return (*own, *self.indexes)


@dataclass(frozen=True)
class Pair:
    before: tuple[Table, ...]
    after: tuple[Table, ...]
    rows: dict  # {number of table: [{number of column: value}]}: their ids are 1, 2 …
    extra: dict  # {number of table: {number of column: value}}: a row to write afterwards
    in_stages: bool  # what is destructive later than the rest
    backwards: bool  # the order in which models are named


def build(tables, database, engine, before=(), percent="%"):
    """{number: model}; `before` is what they were, for those that have another name now."""
    made, old = {}, {table.number: table for table in before}
    for table in tables:
        was = old.get(table.number)
        meta = {"database": database, "table_name": table.name, "legacy_table_names": False}
        meta["indexes"] = tuple(
            (tuple(f"f{number}" for number in index.numbers), index.unique)
            for index in table.indexes
            if not index.filled
        )
        if was and was.name != table.name:
            meta["renamed_from"] = was.name
        names = {column.number: column.name for column in was.columns} if was else {}
        meta["renamed"] = {
            f"f{column.number}": names[column.number]
            for column in table.columns
            if names.get(column.number, column.name) != column.name
        }
        fields = {f"f{column.number}": column.field(made, engine, percent) for column in table.columns}
        model = type(f"T{table.number}", (peewee.Model,), fields | {"Meta": type("Meta", (), meta)})
        for index in table.indexes:
            if index.filled:
                there = model._meta.fields[f"f{index.filled}"].is_null(False)
                on = (model._meta.fields[f"f{number}"] for number in index.numbers)
                model.add_index(*on, unique=index.unique, where=there)
        made[table.number] = model
    return made


def literal(value, engine):
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = str(value).replace("'", "''")
    return f"'{text.replace(chr(92), 2 * chr(92)) if engine == 'mysql' else text}'"


@st.composite
def pairs(draw, engine):
    drawing = Drawing(draw, engine)
    before = drawing.tables(range(1, draw(st.integers(1, 3)) + 1))
    after = drawing.evolved(before)
    rows, extra = {}, {}
    for table in before:
        wanted = [drawing.row(table, rows, place) for place in range(1, draw(st.integers(0, 5)) + 1)]
        rows[table.number] = drawing.admitted(table, wanted, rows)
    for table in after:
        extra[table.number] = {c.number: drawing.value(c) for c in table.columns if c.kind != "key"}
    return Pair(before, after, rows, extra, draw(st.booleans()), draw(st.booleans()))


class Drawing:
    def __init__(self, draw, engine):
        self.draw, self.engine = draw, engine
        self.numbers = itertools.count(1)
        self.names = NAMES_FOR_SQLITE if engine == "sqlite" else NAMES
        self.used = set()  # names of tables
        self.kinds = (*POOLS, "char", "int", "key", "key")

    def one(self, *choices):
        return self.draw(st.sampled_from(choices))

    def name(self, used):
        """A name that is none of `used`; indexes are named after it, with all but letters gone."""
        name = found = self.one(*self.names)
        while re.sub(r"\W+", "_", found).casefold() in used:
            found = f"{name}{next(self.numbers)}"
        used.add(re.sub(r"\W+", "_", found).casefold())
        return found

    def tables(self, numbers):
        tables = []
        for number in numbers:
            used, targets = set(), [table.number for table in tables]
            columns = tuple(
                self.column(number, targets, self.name(used)) for _ in range(self.draw(st.integers(1, 5)))
            )
            tables.append(Table(number, self.name(self.used), columns, self.indexes(columns)))
        return tuple(tables)

    def column(self, table, targets, name, number=None, kind=None):
        """A key of the table refers to one of `targets` or to itself."""
        kind = kind or self.one(*self.kinds)
        column = Column(number or next(self.numbers), name, kind, null=self.draw(st.booleans()))
        if kind == "key":
            target = self.one(*targets, table)
            rules = [None, "CASCADE", "RESTRICT", "NO ACTION"] + ["SET NULL"] * column.null
            column = replace(column, target=target, rules=(self.one(*rules), self.one(*rules)))
            if target == table:  # else there is no first row
                column = replace(column, null=True)
        elif kind not in WITHOUT_INDEX:
            column = replace(column, index=self.one("", "", "", "plain", "unique"))
        size = {"char": self.one(*LENGTHS), "decimal": self.one(2, 4)}.get(kind, 0)
        column = replace(column, size=size)
        return replace(column, default=self.default(column))

    def default(self, column):
        if column.kind == "key":
            return self.one((), (), ("python", 1))
        how = self.one("", "", "python", "ddl", "callable")
        if how == "callable" and (
            column.kind in ("int", "big", "uuid", "text") or column.kind == "char" and column.size >= 20
        ):
            return how, None
        if how == "python" or how == "ddl" and column.kind not in ("blob", "uuid"):
            return how, self.value(replace(column, null=False))
        return ()

    def indexes(self, columns):
        able = [column for column in columns if column.kind not in WITHOUT_INDEX]
        if len(able) < 2 or self.draw(st.booleans()):
            return ()
        first, second = self.draw(st.permutations(able))[:2]
        partial = self.engine != "mysql" and self.draw(st.booleans())
        filled = self.one(*columns).number if partial else 0
        return (Index((first.number, second.number), self.draw(st.booleans()), filled),)

    def value(self, column):
        if column.null and self.one(False, False, True):
            return None
        value = self.one(*POOLS[column.kind])
        if column.kind in ("char", "text") and self.one(False, False, True):
            value = self.draw(st.text(CHARACTERS, max_size=30))
        if column.kind == "char":
            return value[: column.size]
        return value.quantize(Decimal(1).scaleb(-column.size)) if column.kind == "decimal" else value

    def row(self, table, rows, place):
        row = {}
        for column in table.columns:
            if column.kind == "key":
                there = range(1, place if column.target == table.number else len(rows[column.target]) + 1)
                choices = [*there, *([None] if column.null else [])]
                row[column.number] = self.one(*choices) if choices else "none"
            else:
                row[column.number] = self.value(column)
        return row

    def admitted(self, table, wanted, rows):
        """Those of the rows that the table takes."""
        found = []
        for row in wanted:
            own = [column.number for column in table.columns if column.target == table.number]
            fits = all((row[number] or 0) <= len(found) for number in own)
            if fits and "none" not in row.values() and not clashes(table, [*found, row]):
                found.append(row)
        return found

    def evolved(self, before):
        after = []
        for table in before:
            if self.one(True, True, True, True, False):
                after.append(self.evolved_table(table, [table.number for table in after]))
        if not after or self.draw(st.booleans()):
            number = len(before) + 1
            used, targets = set(), [table.number for table in after]
            columns = (self.column(number, targets, self.name(used)),)
            after.append(Table(number, self.name(self.used), columns))
        return tuple(after)

    def evolved_table(self, table, targets):
        used = {re.sub(r"\W+", "_", column.name).casefold() for column in table.columns}
        columns = []
        for column in table.columns:
            fate = self.one("same", "same", "change", "change", "kind", "rename", "rename change", "gone")
            if fate == "gone":
                continue
            name = self.name(used) if "rename" in fate else column.name
            if "change" in fate or column.kind == "key" and column.target not in (*targets, table.number):
                column = self.column(table.number, targets, name, column.number, column.kind)
            if fate == "kind":
                column = self.column(table.number, targets, name, column.number)
            columns.append(replace(column, name=name))
        for _ in range(self.draw(st.integers(0, 2))):
            columns.append(self.column(table.number, targets, self.name(used)))
        if not columns:
            columns.append(self.column(table.number, targets, self.name(used)))
        numbers = {column.number for column in columns}
        kept = [index for index in table.indexes if numbers.issuperset({*index.numbers, index.filled} - {0})]
        indexes = tuple(kept) if self.draw(st.booleans()) else self.indexes(columns)
        able = {column.number for column in columns if column.kind not in WITHOUT_INDEX}
        indexes = tuple(index for index in indexes if able.issuperset(index.numbers))
        name = self.name(self.used) if self.one(False, False, True) else table.name
        return Table(table.number, name, tuple(columns), indexes)


def clashes(table, rows):
    """Places (from 0) of `rows` that share what is unique in `table`."""
    found = set()
    for index in table.all_indexes:
        groups = {}
        for place, row in enumerate(rows):
            values = tuple(row[number] for number in index.numbers)
            if None not in values and (not index.filled or row[index.filled] is not None):
                groups.setdefault(values, []).append(place)
        if index.unique:
            found |= {place for group in groups.values() if len(group) > 1 for place in group}
    return found
