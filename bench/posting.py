"""What people who post at once get: how many comments a second, and whether all of it is there afterwards."""

import random
import shutil
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import crowd
import live

import models
from talks import accounts
from talks.databases import open_database

CLIENTS, TURNS, SECONDS = 8, 5, 3  # a turn has so many seconds for each side
PER_SECOND = 50
RATIO_LIMIT = 0.04  # of the barest server; 50 comments a second where that keeps 1,250
SERVING = """
import os
wsgi_app, worker_class, threads, workers = "least:application", "gthread", 16, 2
bind, control_socket_disable = f"127.0.0.1:{os.environ['PORT']}", True
"""


class Load(NamedTuple):
    """One site under load, as measured; `wrong` is what should not be, in sentences."""

    name: str
    per_second: float
    ratio: float  # of what the barest server keeps
    wrong: list
    limit: str = f"{PER_SECOND} a second, or {RATIO_LIMIT}"

    @property
    def is_within(self):
        """A machine that is slow or busy is held to the ratio."""
        return not self.wrong and (self.per_second >= PER_SECOND or self.ratio >= RATIO_LIMIT)


class Least(live.Site):
    """The barest server, run like ours."""

    def copy_project(self):
        self.house.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("least.py"), self.house)
        (self.house / "gunicorn.conf.py").write_text(SERVING)


@contextmanager
def furnished(url):
    """[ids of talks] in a new database, which the models speak to meanwhile."""
    before, database = models.database.obj, open_database(url)
    models.database.initialize(database)
    try:
        with database.connection_context():
            database.create_tables(models.TABLES)
            ada = accounts.create_account("ada", "ada@example.org", password="not needed", is_speaker=True)
            yield [talk.id for talk in crowd.stage(ada)]
    finally:
        models.database.initialize(before)


def rate(people, seconds):
    """Comments a second that were answered as kept."""
    before, began = len(people.answered), time.monotonic()
    with people:
        time.sleep(seconds)
    return (len(people.answered) - before) / (time.monotonic() - began)


def complaints(site, people):
    """What was answered otherwise, or stands in the log."""
    wrong = [f"{times} answers {status}" for status, times in Counter(people.refused.values()).items()]
    wrong += [f"{len(people.in_doubt)} got no answer"] if people.in_doubt else []
    return wrong + [line for line in site.said()[1].splitlines() if "locked" in line]


def post(folder, turns=TURNS, seconds=SECONDS):
    """[Load]: people post under four talks of a site on SQLite."""
    folder = Path(folder)
    site = live.Site(folder / "posting", SECRET_KEY="none", TRUSTED_PROXIES=1)
    least = Least(folder / "least", LEAST_PATH=folder / "least.db")
    with furnished(site.settings["DATABASE_URL"]) as talks, site, least:
        ours, theirs = (crowd.Crowd(each.address, talks, CLIENTS) for each in (site, least))
        rates = []
        for _ in range(turns):
            found = {side: rate(side, seconds) for side in random.sample((ours, theirs), 2)}
            rates.append((found[ours], found[theirs]))
        wrong = complaints(site, ours) + crowd.wrong_in(ours)
    name = f"SQLite: {CLIENTS} clients post comments at once"
    return [Load(name, median(our for our, _ in rates), median(our / their for our, their in rates), wrong)]


def measure(folder):
    """All of it; what breaks its limit is measured once more."""
    found = post(Path(folder) / "first")
    return found if all(load.is_within for load in found) else post(Path(folder) / "second")
