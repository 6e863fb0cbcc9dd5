"""`python -m bench.rebuild URL`: another type for a column of a large table, which SQLite has to build anew.

Says how many seconds that took, and how many megabytes of memory at most.
"""

import re
import sys
import time
from pathlib import Path

import peewee

from schema_evolve import SAFE, SLOW, plan, run
from talks.databases import open_database


def table(of, name, **fields):
    """A model of the table that is changed; `fields` are more of them, or others."""

    class Row(peewee.Model):
        text = peewee.CharField(100)
        number = peewee.IntegerField(index=True)

        class Meta:
            database = of
            table_name = name

    for field_name, field in fields.items():
        Row._meta.add_field(field_name, field)
    return Row


def fill(model, rows):
    """Make the table, with so many rows."""
    database, name = model._meta.database, model._meta.table_name
    evolve(model)
    model.create(text="x" * 90, number=1)
    while missing := rows - model.select().count():
        copies = f"SELECT text, number + 1 FROM {name} LIMIT {missing}"
        database.execute_sql(f"INSERT INTO {name} (text, number) {copies}")


def evolve(model):
    """Bring the table to what its model says; returns the seconds."""
    started = time.perf_counter()
    rest = run(plan(model._meta.database, [model]), (SAFE, SLOW))
    if rest:
        raise ValueError(f"not done: {rest[0]}")
    return time.perf_counter() - started


def megabytes():
    """The most memory this process had at once. Not ru_maxrss: that begins with what the parent had."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def main(url):
    database = open_database(url)
    with database.connection_context():
        seconds = evolve(table(database, "many_rows", number=peewee.CharField(20, index=True)))
    print(f"{seconds:.3f} {megabytes():.1f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
