"""What changing large tables costs: time on servers, against small tables; memory on SQLite."""

import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import NamedTuple

import peewee
import servers

from bench.rebuild import evolve, fill, table
from talks.databases import open_database, patiently

FEW = 1_000  # rows of the small table
TURNS = 5
RATIO_LIMIT, MEGABYTES_LIMIT = 2.0, 300
ROOT = Path(__file__).resolve().parent.parent
COLUMNS = {
    "a nullable column": lambda: peewee.IntegerField(null=True),
    "a NOT NULL column with a default": lambda: peewee.CharField(20, default="some text"),
}


class Change(NamedTuple):
    """One change as measured; without `seconds` it was not, and `found` says why."""

    name: str
    found: str
    limit: str = ""
    seconds: float | None = None
    is_within: bool = True


def rebuild(folder, rows):
    """[Change]: SQLite builds a table anew, in a process of its own."""
    url = f"sqlite:///{folder}/rebuild.db"
    database = open_database(url)
    with database.connection_context():
        fill(table(database, "many_rows"), rows)
    program = [sys.executable, "-m", "bench.rebuild", url]
    ended = subprocess.run(program, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    (Path(folder) / "rebuild.db").unlink()
    seconds, megabytes = map(float, ended.stdout.split())
    name, found = f"SQLite: rebuild a table of {rows:,} rows", f"{megabytes:.0f} MB of memory at most"
    return [Change(name, found, f"{MEGABYTES_LIMIT} MB", seconds, megabytes <= MEGABYTES_LIMIT)]


def additions(kind, rows):
    """[Change]: each of COLUMNS is added, on a server of this kind."""
    if not kind.is_installed():
        return [Change(f"{kind.package}: add a column", f"not measured: {kind.package} is not installed")]
    with kind() as server:
        with patiently(open_database(server.make_database())) as database:
            return added_to(server, database, rows)


def added_to(server, database, rows):
    database.settle()
    fill(table(database, "few_rows"), FEW)
    fill(table(database, "many_rows"), rows)
    there = {}
    return [addition(server, database, rows, what, field, there) for what, field in COLUMNS.items()]


def addition(server, database, rows, what, field, there):
    """A Change; `there` are the fields that both tables have got, as functions that make them."""
    before, few, many = identity(server, database), [], []
    for _ in range(TURNS):
        there[f"added_{len(there)}"] = field
        for name, seconds in (("few_rows", few), ("many_rows", many)):
            fields = {name: make() for name, make in there.items()}
            seconds.append(evolve(table(database, name, **fields)))
    ratio, is_kept = median(many) / median(few), identity(server, database) == before
    return Change(
        f"{server.package}: add {what} to {rows:,} rows",
        f"{ratio:.2f} × that of {FEW:,} rows; the table is {'not ' if is_kept else ''}written anew",
        f"{RATIO_LIMIT:.2f} ×", median(many), is_kept and ratio <= RATIO_LIMIT,
    )  # fmt: skip


def identity(server, database):
    """What a large table that is written anew has another one of."""
    if isinstance(server, servers.Postgresql):
        [(number,)] = database.execute_sql("SELECT pg_relation_filenode('many_rows')").fetchall()
    else:
        tables = "SELECT table_id FROM information_schema.innodb_sys_tables"
        [(number,)] = server.execute(f"{tables} WHERE name = '{database.database}/many_rows'")
    return number


def measure(folder, rows):
    """All changes; what breaks its limit is measured once more."""
    changes = []
    for taken in (
        lambda: rebuild(folder, rows),
        lambda: additions(servers.Postgresql, rows),
        lambda: additions(servers.Mariadb, rows),
    ):
        found = taken()
        changes += found if all(change.is_within for change in found) else taken()
    return changes
