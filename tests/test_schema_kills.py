"""Whoever is killed while a schema evolves loses nothing, and whoever comes second finds nothing to do."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import versions
from conftest import ENGINES, opened
from live import clean_environment, dying_with_us, wait_for
from reliability import IS_SOAK, record

from schema_evolve import _engine, plan, run
from talks.databases import open_database, patiently

KILLS = 50 if IS_SOAK else 3
PAIRS = 10 if IS_SOAK else 1


class Original:
    """Databases of one engine: one with the first version's rows, and copies of it."""

    def __init__(self, engine, server, folder):
        self.engine, self.server, self.folder = engine, server, folder
        self.url = self.new()
        with patiently(open_database(self.url)) as database:
            database.settle()
            models = versions.first(database)
            assert run(plan(database, models)) == []
            versions.fill(models)

    def new(self):
        if self.server:
            return self.server.make_database()
        return f"sqlite:///{self.folder}/{len(list(self.folder.iterdir()))}.db"

    def copy(self):
        url = self.new()
        name, original = (address.rpartition("/")[2] for address in (url, self.url))
        if self.engine == "sqlite":
            shutil.copy(self.folder / original, self.folder / name)
        elif self.engine == "postgresql":
            self.server.drop_database(url)
            self.server.execute(f"CREATE DATABASE {name} OWNER talks TEMPLATE {original}")
        else:
            with patiently(open_database(url)) as database:
                database.settle()
                models = versions.first(database)
                assert run(plan(database, models)) == []
                for model in models:
                    table = model._meta.table_name
                    database.execute_sql(f"INSERT INTO {table} SELECT * FROM {original}.{table}")
        return url

    def drop(self, url):
        if self.server:
            self.server.drop_database(url)
        else:
            (self.folder / url.rpartition("/")[2]).unlink()


@pytest.fixture(scope="module", params=ENGINES)
def original(request, tmp_path_factory):
    server = None if request.param == "sqlite" else request.getfixturevalue(request.param)
    made = Original(request.param, server, tmp_path_factory.mktemp("databases"))
    yield made
    made.drop(made.url)


@pytest.fixture
def copied(original):
    """Makes copies, which are gone afterwards."""
    urls = []

    def copy():
        urls.append(original.copy())
        return urls[-1]

    yield copy
    for url in urls:
        original.drop(url)


def launch(url, folder, gate=None):
    program = [sys.executable, versions.__file__, url, str(folder), *([str(gate)] if gate else [])]
    return subprocess.Popen(
        dying_with_us(program), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=clean_environment(),
    )  # fmt: skip


def hear(process, word):
    assert process.stdout.readline().strip() == word, process.stderr.read()


def end(process):
    """(steps that were planned, steps that were left) of a process that ended as it should."""
    said, complaints = finished(process)
    assert process.returncode == 0, complaints
    return tuple(map(int, said.split()[-2:]))


def finished(process):
    """What it said on standard output, after the lines that were heard, and on standard error."""
    with process:
        return process.stdout.read(), process.stderr.read()


def seconds_of(url, folder):
    """How long the change takes when nobody disturbs it."""
    process = launch(url, folder)
    hear(process, "ready")
    hear(process, "begins")
    started = time.monotonic()
    hear(process, "ends")
    lasted = time.monotonic() - started
    assert end(process)[1] == 0
    return lasted


def killed_within(url, folder, seconds):
    """Whether the change was begun and not ended when its process was killed, so long after it began."""
    process = launch(url, folder)
    hear(process, "ready")
    hear(process, "begins")
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    return finished(process)[0] == ""


def wait_for_server(database):
    """A server goes on with the statement of a client who is gone."""
    others = {
        "sqlite": "SELECT 0",
        "postgresql": "SELECT COUNT(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        "mysql": "SELECT COUNT(*) FROM information_schema.processlist"
        " WHERE db LIKE CONCAT(DATABASE(), '%%') AND id <> CONNECTION_ID()",
    }[_engine(database).name]
    wait_for(lambda: database.execute_sql(others).fetchone()[0] == 0, "the server to notice")


def described(database):
    return {
        table.name: (table.columns, set(table.foreign_keys), {(i.columns, i.unique) for i in table.indexes})
        for table in _engine(database).read().values()
    }


def rows(database):
    """{name of column: its values in the order of ids}, of the table under either name."""
    tables = _engine(database).read()
    assert len(tables.keys() & {"person", "member"}) == 1
    table = tables.get("person") or tables["member"]
    names = list(table.columns)
    selected = database.execute_sql(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY id").fetchall()
    return dict(zip(names, zip(*selected, strict=True), strict=True))


def state(database):
    return described(database), rows(database)


def is_intact(found):
    """Whether no row is lost, and what both versions have is as it was."""
    keys = range(1, versions.ROWS + 1)
    ranks = [versions.rank_of(key) for key in keys]
    filled = [7 if rank is None else rank for rank in ranks]
    return (
        list(found["id"]) == list(keys)
        and list(found.get("name") or found["full_name"]) == [versions.name_of(key) for key in keys]
        and list(map(str, found["number"])) == list(map(str, keys))
        and list(found["rank"]) in (ranks, filled)
        and set(found["owner_id"]) == {1}
        and list(found.get("note", [])) in ([], ["100%"] * versions.ROWS)
    )


@pytest.mark.slow
def test_whoever_is_killed_leaves_what_was_or_what_was_to_be(original, copied, tmp_path):
    with opened(original.url) as database:
        before = state(database)
    whole = copied()
    lasts = seconds_of(whole, tmp_path)
    with opened(whole) as database:
        after = state(database)
    assert is_intact(after[1])
    found = Counter()
    for number in range(KILLS):
        url = copied()
        moment = (number + random.random()) / KILLS * lasts
        while not killed_within(url, tmp_path, moment):  # it was faster than the first
            url, moment = copied(), moment * 0.8
        with patiently(open_database(url)) as database:
            wait_for_server(database)
            left = state(database)
            assert is_intact(left[1]), moment
            # MariaDB commits each statement.
            found["before" if left == before else "after" if left == after else "between"] += 1
            assert original.engine == "mariadb" or left in (before, after), moment
            models = versions.second(database)
            assert run(plan(database, models), versions.ALL, tmp_path) == []
            assert plan(database, models) == []
            assert state(database) == after
    record("schema", original.engine, KILLS, found["before"], found["after"], found["between"])


@pytest.mark.slow
def test_of_two_that_begin_at_once_one_applies_and_one_finds_nothing_to_do(original, copied, tmp_path):
    for number in range(PAIRS):
        url, gate, folder = copied(), tmp_path / f"gate {number}", tmp_path / f"backups {number}"
        both = [launch(url, folder, gate) for _ in range(2)]
        for process in both:
            hear(process, "ready")
        gate.touch()
        left = [end(process)[1] for process in both]

        assert left == [0, 0]
        assert len(list(Path(folder).iterdir())) == 1  # who applies what is destructive, makes a backup
        with opened(url) as database:
            assert is_intact(rows(database))
            assert plan(database, versions.second(database)) == []
