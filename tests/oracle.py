"""What a change of schema ought to do to rows, worked out without SQL."""

import datetime
import re
import struct
import uuid
from decimal import Decimal, InvalidOperation

from drawn import BITS, clashes

SHARED, OWN = object(), object()  # what a callable default gave: the same for all rows, another for each


def convertible(engine, old, new, value):
    """Whether nobody could complain about a column `old` becoming `new` with this value in it."""
    integers, texts = BITS.keys(), ("char", "text")
    if new.kind in texts and old.kind in ("uuid", *texts, *integers):
        longest = {"uuid": 36}.get(old.kind) or len(str(value))
        return new.kind == "text" or longest <= new.size
    if old.kind in ("bool", *integers) and new.kind in integers:
        return engine == "sqlite" or -(2 ** BITS[new.kind]) <= value < 2 ** BITS[new.kind]
    if old.kind in integers and new.kind in ("float", "double", "decimal"):
        return abs(value) < 10**6
    if old.kind in integers and new.kind == "bool":
        return value in (0, 1)
    if old.kind in texts and new.kind in integers:
        return bool(re.fullmatch("0|-?[1-9][0-9]{0,8}", value)) and abs(int(value)) < 2 ** BITS[new.kind]
    if old.kind == "datetime" and new.kind == "date":
        return value.time() == datetime.time(0)
    if old.kind == new.kind == "decimal":
        return value == value.quantize(Decimal(1).scaleb(-new.size))
    return old.kind == new.kind or (old.kind, new.kind) == ("date", "datetime")


class Oracle:
    """What `after` ought to hold of the rows, and which of them do not allow the change."""

    def __init__(self, pair, engine):
        self.engine, self.pair = engine, pair
        self.written = set()  # (table, id) of rows that the models of `after` have written
        self.was = {table.number: table for table in pair.before}
        self.tables = {table.number: table for table in pair.after}
        self.rows = {
            number: {place: dict(row) for place, row in enumerate(rows, start=1)}
            for number, rows in pair.rows.items()
        }

    def expected(self, table):
        """{id: {number of column: value}}"""
        was = self.was.get(table.number)
        rows = self.rows.get(table.number, {})
        return {key: {c.number: self.value(c, was, row) for c in table.columns} for key, row in rows.items()}

    def value(self, column, was, row):
        if column.number in row and (row[column.number] is not None or column.null):
            return row[column.number]
        how, value = column.default or ("", None)
        return (OWN if column.index == "unique" else SHARED) if how == "callable" else value

    def offenders(self, table):
        """Ids of rows that the change is not bound to cope with."""
        expected, was = self.expected(table), self.was.get(table.number)
        keys = list(expected)
        found = {keys[place] for place in clashes(table, [unshared(row) for row in expected.values()])}
        for column in table.columns:
            old = was.column(column.number) if was else None
            for key, row in expected.items():
                value, had = row[column.number], self.rows[table.number][key].get(column.number)
                if value is None and not column.null:
                    found.add(key)
                if (
                    column.kind == "key"
                    and value is not None
                    and value not in self.rows.get(column.target, ())
                ):
                    found.add(key)
                if old and had is not None and (table.number, key) not in self.written:
                    found |= set() if convertible(self.engine, old, column, had) else {key}
        return found

    def delete(self, found):
        """Take away the rows of {number of table: ids}, and those that refer to them before or after."""
        gone = {number: set(keys) for number, keys in found.items()}
        size = -1
        while size != (size := sum(map(len, gone.values()))):
            for table in (*self.pair.before, *self.pair.after):
                for column in table.columns:
                    if column.kind == "key":
                        lost = gone.get(column.target, set())
                        rows = self.rows.get(table.number, {}).items()
                        held = column.default[1] if column.default else None  # where there is nothing
                        hit = {key for key, row in rows if (row.get(column.number) or held) in lost}
                        gone.setdefault(table.number, set()).update(hit)
        for number, keys in gone.items():
            for key in keys & self.rows.get(number, {}).keys():
                del self.rows[number][key]
        return gone


def unshared(row):
    return {number: object() if value is OWN else value for number, value in row.items()}


def plain(value):
    """A value of a driver, as it may be compared."""
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, datetime.timedelta):
        # MariaDB has negative times, and numbers for all of them.
        return (datetime.datetime.min + value).time() if value.days >= 0 else -number_of(-value)
    return value


def number_of(moment):
    return int(re.sub(r"\D", "", str(moment)))


def same(old, new):
    """Whether two values say the same, whatever their types are."""
    if isinstance(new, bytes) and not isinstance(old, bytes | str):
        return said_by(new.decode(errors="replace"), old)
    if isinstance(new, str) and not isinstance(old, str):
        return said_by(new, old)
    if isinstance(old, str) and not isinstance(new, str):
        return said_by(old, new)
    if type(old) is type(new) is float:  # servers show a short one as if it were not 0.10000000149011612
        return old == new or struct.pack("f", old) == struct.pack("f", new)
    if {type(old), type(new)} == {float, Decimal}:
        return float(old) == float(new)
    for moment, number in ((old, new), (new, old)):
        if isinstance(moment, datetime.date | datetime.time) and isinstance(number, int | float | Decimal):
            return int(number) == number_of(moment)  # as MariaDB has it
    if isinstance(old, datetime.datetime) != isinstance(new, datetime.datetime):
        return str(old)[:10] == str(new)[:10] and "00:00:00" in f"{old}{new}"
    return old == new


def said_by(text, value):
    if isinstance(value, bytes):
        return text.encode() == value or text == rf"\x{value.hex()}"
    if isinstance(value, bool) and text in ("true", "false"):
        return value is (text == "true")
    try:
        if isinstance(value, uuid.UUID):
            return uuid.UUID(text) == value
        if isinstance(value, int | float | Decimal):
            return same(type(value)(text) if isinstance(value, float) else Decimal(text), value)
        return type(value).fromisoformat(text) == value
    except (ValueError, InvalidOperation):
        return False
