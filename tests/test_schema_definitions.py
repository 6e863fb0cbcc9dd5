"""Reading CREATE TABLE: what stands between its parentheses, whatever SQLite lets people write there."""

import re
import sqlite3

from hypothesis import assume, given
from hypothesis import strategies as st

from schema_evolve import _definitions

QUOTES = (("", ""), ('"', '"'), ("'", "'"), ("`", "`"), ("[", "]"))
PLAIN = ("a", "b1", "_c", "größe", "x$y", "名前")
HOSTILE = (
    *PLAIN, "", " ", "select", "primary", "check", "unique", "a,b", "a(b", "a)b", "--", "/*", "it's",
    'quo"te', "back`tick", "br[ack", "line\nline", "constraint", "foreign", "😀", "A",
)  # fmt: skip
TYPES = (
    "",
    "INTEGER",
    "VARCHAR(20)",
    "DECIMAL(10, 5)",
    "unsigned big int",
    "varchar ( 3 )",
    '"my type"',
    "T[]",
)
CLAUSES = (
    "", "NOT NULL", "NULL", "UNIQUE", "DEFAULT 'a, b) \"c'", "DEFAULT (1 + (2))", "DEFAULT -1",
    "CHECK (1 > 0)", "COLLATE NOCASE", 'CONSTRAINT "x, y" NOT NULL', "REFERENCES t (a) ON DELETE CASCADE",
    "DEFAULT x'00'", "GENERATED ALWAYS AS (1 + 1)", "AS ('),(') STORED",
    "/* a, b) */", "-- a, b)\n", "DEFAULT ''''",
    "NOT  null",
)  # fmt: skip
LAST = (
    "",
    ", CHECK (1 IN (1, 2))",
    ", UNIQUE (id)",
    ", CONSTRAINT c CHECK (id <> ')')",
    ", FOREIGN KEY (id) REFERENCES t (a)",
    ", PRIMARY KEY (id)",
    ",primary key(id)",
    ', constraint "c," unique (id) check (1)',
)
AFTER = ("", " WITHOUT ROWID", " STRICT", " -- the end", "\n")


@st.composite
def quoted(draw):
    begin, end = draw(st.sampled_from(QUOTES))
    name = draw(st.sampled_from(HOSTILE if begin else PLAIN))
    assume(begin != "[" or "]" not in name)
    return begin + (name.replace(end, 2 * end) if end and begin != "[" else name) + end


@st.composite
def columns(draw):
    blank = draw(st.sampled_from((" ", "\n", "\t", " /* , */ ", " -- )\n ")))
    clauses = draw(st.lists(st.sampled_from(CLAUSES), max_size=3))
    return blank.join([draw(quoted()), draw(st.sampled_from(TYPES)), *clauses])


def described(connection, table):
    """What SQLite says of the columns; a comment that it takes for part of a type is left out."""
    rows = connection.execute("SELECT * FROM pragma_table_xinfo(?)", (table,)).fetchall()
    return [(*row[:2], re.sub(r"/\*.*?\*/|--[^\n]*\n?", "", row[2]).strip(), *row[3:]) for row in rows]


@given(
    name=quoted(),
    made=st.lists(columns(), max_size=4),
    last=st.sampled_from(LAST),
    after=st.sampled_from(AFTER),
)
def test_a_definition_is_found_for_each_column(name, made, last, after):
    connection = sqlite3.connect(":memory:")
    try:
        try:
            connection.execute(f"CREATE TABLE {name} ({', '.join(['id INTEGER', *made])}{last}){after}")
        except sqlite3.DatabaseError:
            assume(False)
        table, sql = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchone()

        definitions, constraints, options = _definitions(sql)

        assert list(definitions) == [column[1] for column in described(connection, table)]
        lines = ",\n".join([*definitions.values(), *constraints])
        connection.execute(f'CREATE TABLE "once more" ({lines}\n){options}')
        assert described(connection, "once more") == described(connection, table)
    finally:
        connection.close()
