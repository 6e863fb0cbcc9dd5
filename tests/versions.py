"""A site's tables in two versions, and a program that brings a database from the first to the second.

    python tests/versions.py URL FOLDER [GATE]

It says "ready", waits until the file GATE is there, says "begins" and "ends" around the change itself, and
then how many steps it found and left. Backups go to FOLDER.
"""

import os
import sys
import time

from peewee import (
    SQL,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from schema_evolve import DESTRUCTIVE, RENAME, SAFE, SLOW, plan, run  # noqa: E402
from talks.databases import open_database, patiently  # noqa: E402

ROWS = 100_000
ALL = (SAFE, SLOW, RENAME, DESTRUCTIVE)


def base(of):
    class Base(Model):
        class Meta:
            database = of
            legacy_table_names = False

    return Base


def first(database):
    base_model = base(database)

    class Owner(base_model):
        name = CharField(40)

    class Person(base_model):
        owner = ForeignKeyField(Owner, on_delete="CASCADE")
        name = CharField(40)
        number = CharField(20)
        note = TextField(null=True)
        rank = IntegerField(null=True)

        class Meta:
            table_name = "person"

    return [Owner, Person]


def second(database):
    """Table and column renamed, a type, a filled column, new ones, a unique index, a column less."""
    base_model = base(database)

    class Owner(base_model):
        name = CharField(40)

    class Member(base_model):
        owner = ForeignKeyField(Owner, on_delete="CASCADE")
        full_name = CharField(60, unique=True)
        number = IntegerField(index=True)
        rank = IntegerField(default=7)
        kind = CharField(10, constraints=[SQL("DEFAULT 'plain'")])
        active = BooleanField(default=True)

        class Meta:
            renamed_from = "person"
            renamed = {"full_name": "name"}

    return [Owner, Member]


def name_of(key):
    return f"name {key} ü 😀"


def fill(models):
    """Rows for the first version: their values follow from their ids."""
    owner, person = models
    with person._meta.database.atomic():
        owner.create(name="one")
        for start in range(1, ROWS + 1, 1000):
            rows = [
                {"owner": 1, "name": name_of(key), "number": str(key), "note": "100%", "rank": rank_of(key)}
                for key in range(start, start + 1000)
            ]
            person.insert_many(rows).execute()


def rank_of(key):
    return None if key % 3 else key


def main(url, folder, gate=None):
    with patiently(open_database(url)) as database:
        print("ready", flush=True)
        while gate and not os.path.exists(gate):
            time.sleep(0.002)
        print("begins", flush=True)
        steps = plan(database, second(database))
        rest = run(steps, ALL, folder)
        print("ends", flush=True)
    print(len(steps), len(rest), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
