"""Upgrading: what the start does by itself, what it refuses, and `flask schema`, on each engine."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import live
import peewee
import pytest
from conftest import opened

import main
import models
import schema_evolve
from models import Alias, Talk, User
from talks import schema

FIRST_RELEASE = Path(__file__).parent / "releases" / "first.sql"


@pytest.fixture
def database(empty_url):
    """An empty database, connected and bound to the models."""
    before = models.database.obj
    with opened(empty_url) as made:
        made.url = empty_url
        models.database.initialize(made)
        yield made
    models.database.initialize(before)


@pytest.fixture
def flask(database):
    """Run a command in this process; the connection is open again afterwards."""

    def run(*arguments):
        try:
            return main.app.test_cli_runner().invoke(args=arguments)
        finally:
            models.database.connect(reuse_if_open=True)

    return run


@pytest.fixture
def backups(tmp_path, monkeypatch):
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))
    return tmp_path / "backups"


@pytest.fixture
def site(database):
    """A database as this version has it, with a speaker and a talk."""
    schema.prepare(automatic=True)
    ada = User.create(username="ada", email="ada@example.org", is_speaker=True)
    Talk.create(title="Bäume 🌳", owner=ada, slug="baeume")
    return database


def q(database, *names):
    """Names as the engine writes them."""
    mark = "`" if isinstance(database, peewee.MySQLDatabase) else '"'
    return [f"{mark}{name}{mark}" for name in names]


def take(database, table, *columns):
    """Make the database one of an older version, which has no such columns."""
    table, *columns = q(database, table, *columns)
    for column in columns:
        database.execute_sql(f"ALTER TABLE {table} DROP COLUMN {column}")


def drop_index(database, table, *columns):
    found = next(index for index in database.get_indexes(table) if tuple(index.columns) == columns)
    name, table = q(database, found.name, table)
    on = f" ON {table}" if isinstance(database, peewee.MySQLDatabase) else ""
    database.execute_sql(f"DROP INDEX {name}{on}")


def test_a_new_database_is_made_without_a_word(database):
    assert schema.prepare(automatic=True) == ([], [])

    assert schema.planned() == []


def test_a_plan_of_a_new_database_makes_nothing(flask, database):
    shown = flask("schema", "plan")

    assert shown.exit_code == 0, shown.output
    assert "safe: Create table talk.\n    CREATE TABLE " in shown.output
    assert shown.output.endswith("Run `flask schema apply`.\n")
    assert database.get_tables() == []


def test_apply_makes_it_and_then_has_nothing_to_do(flask):
    first, second, planned = flask("schema", "apply"), flask("schema", "apply"), flask("schema", "plan")

    assert "Done: Create table talk.\n" in first.output
    assert second.output == planned.output == "Nothing to do: the database is as this version has it.\n"
    assert {result.exit_code for result in (first, second, planned)} == {0}


def test_a_start_applies_what_is_safe_and_says_it(site):
    take(site, "talk", "thumbnail_at")
    drop_index(site, "event", "series")

    said = schema.prepare(automatic=True)

    assert [line.partition(",")[0] for line in said[0]] == [
        "Done: Add column talk.thumbnail_at",
        "Done: Create index on (series) of event.",
    ]
    assert said[1] == []
    assert Talk.get().title == "Bäume 🌳"
    assert schema.planned() == []


def test_a_start_with_nothing_to_do_says_nothing(site):
    assert schema.prepare(automatic=True) == ([], [])


def test_switched_off_a_start_changes_nothing_and_refuses_without_a_column(site):
    take(site, "talk", "thumbnail_at")

    with pytest.raises(schema.NotReady, match=r"Add column talk.thumbnail_at(.|\n)*flask schema apply`"):
        schema.prepare(automatic=False)

    assert "thumbnail_at" not in [column.name for column in site.get_columns("talk")]


def test_switched_off_a_start_goes_on_without_an_index(site):
    drop_index(site, "event", "series")

    said = schema.prepare(automatic=False)

    assert said == ([], ["What differs in the database can wait: 1 safe. `flask schema plan` shows it."])


def test_what_no_model_knows_never_stops_a_start(site):
    talk, extra = q(site, "talk", "extra_column")
    site.execute_sql(f"ALTER TABLE {talk} ADD COLUMN {extra} INT")
    site.execute_sql("CREATE TABLE somebody_elses (id INT)")

    said = schema.prepare(automatic=True)

    assert "can wait: 1 destructive." in said[1][0]
    assert "somebody_elses" in site.get_tables()


def test_what_is_impossible_stops_a_start_and_the_plan_names_the_rows(flask, site):
    drop_index(site, "alias", "name")
    for _ in range(2):
        Alias.create(user=User.get(), name="Ada L.", key="ada l")

    with pytest.raises(schema.NotReady) as refused:
        schema.prepare(automatic=True)

    said = str(refused.value)
    assert "unique index on (name) of alias cannot be: rows share values. Rows in the way: 2." in said
    assert "Change or delete these rows first." in said
    assert "Ada L." not in said  # a start is logged: what people wrote is for `flask schema plan`
    assert "Among them: 'Ada L.'." in flask("schema", "plan").output


def test_a_start_that_refuses_says_what_it_did_before(site):
    take(site, "talk", "thumbnail_at")
    drop_index(site, "alias", "name")
    for _ in range(2):
        Alias.create(user=User.get(), name="Ada L.", key="ada l")

    with pytest.raises(schema.NotReady, match="^Done: Add column talk.thumbnail_at"):
        schema.prepare(automatic=True)


def test_what_a_former_version_declared_is_let_go_and_not_taken_away(site):
    talk, must, index = q(site, "talk", "must", "index_of_somebody")
    if isinstance(site, peewee.SqliteDatabase):
        text = site.execute_sql("SELECT sql FROM sqlite_master WHERE name = 'talk'").fetchone()[0]
        site.execute_sql("PRAGMA foreign_keys = 0")
        site.execute_sql("DROP TABLE talk")
        site.execute_sql(text.replace('"title"', '"must" TEXT NOT NULL, "title"', 1))
        site.execute_sql("PRAGMA foreign_keys = 1")
    else:
        site.execute_sql(f"ALTER TABLE {talk} ADD COLUMN {must} INT NOT NULL DEFAULT 1")
        site.execute_sql(f"ALTER TABLE {talk} ALTER COLUMN {must} DROP DEFAULT")
    site.execute_sql(f"CREATE UNIQUE INDEX {index} ON {talk} ({must})")

    schema.prepare(automatic=True)

    assert Talk.create(title="Written by the new version").id
    assert "index_of_somebody" in [found.name for found in site.get_indexes("talk")]


def test_apply_fails_while_something_is_impossible_and_does_the_rest(flask, site):
    drop_index(site, "alias", "name")
    for _ in range(2):
        Alias.create(user=User.get(), name="Ada L.", key="ada l")
    take(site, "talk", "thumbnail_at")

    result = flask("schema", "apply")

    assert result.exit_code == 1
    assert "Done: Add column talk.thumbnail_at" in result.output
    assert "impossible: The unique index on (name) of alias" in result.output


def test_a_column_that_needs_every_row_written_waits_for_apply_on_sqlite(flask, site):
    take(site, "talk", "venue_url")
    if not isinstance(site, peewee.SqliteDatabase):
        assert schema.prepare(automatic=True)[0]  # the servers add it without touching a row
        return

    with pytest.raises(schema.NotReady, match="Run `flask schema apply`"):
        schema.prepare(automatic=True)
    result = flask("schema", "apply")

    assert result.exit_code == 0
    assert schema.prepare(automatic=True) == ([], [])
    assert (Talk.get().title, Talk.get().venue_url) == ("Bäume 🌳", "")


def test_apply_keeps_what_no_model_knows_until_it_may_go(flask, site, backups):
    talk, extra = q(site, "talk", "note")
    site.execute_sql(f"ALTER TABLE {talk} ADD COLUMN {extra} VARCHAR(20)")
    site.execute_sql(f"UPDATE {talk} SET {extra} = '4 o''clock 🌳'")

    careful = flask("schema", "apply")
    kept = "note" in [column.name for column in site.get_columns("talk")]
    allowed = flask("schema", "apply", "--yes")

    assert kept and "`flask schema apply --yes` does it, after a backup." in careful.output
    assert allowed.exit_code == 0, allowed.output
    assert str(backups) in allowed.output
    assert "note" not in [column.name for column in site.get_columns("talk")]
    (backup,) = backups.iterdir()
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backups.stat().st_mode) == 0o700
    if backup.suffix == ".db":
        with closing(sqlite3.connect(backup)) as copy:
            assert copy.execute("SELECT note FROM talk").fetchall() == [("4 o'clock 🌳",)]
    else:
        assert backup.read_text() == '{"table": "talk", "key": {"id": 1}, "row": {"note": "4 o\'clock 🌳"}}\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [("schema", "apply"), ("adduser", "bob@example.org", "bob")], ids=" ".join
)
def test_a_locked_database_is_one_line(command, flask, site, monkeypatch):
    monkeypatch.setattr(schema_evolve, "LOCK_SECONDS", 1)
    take(site, "talk", "thumbnail_at")
    with opened(site.url) as other, other.transaction():
        if isinstance(site, peewee.SqliteDatabase):
            other.execute_sql("UPDATE talk SET title = title")
        else:
            other.execute_sql("SELECT * FROM talk").fetchall()  # holds the table against ALTER

        result = flask(*command)

    assert result.exit_code == 1
    assert result.stderr.startswith("Error: DATABASE_URL: ")
    assert result.stderr.count("\n") == 1


def test_commands_bring_the_schema_up_to_date_too(flask, site):
    take(site, "talk", "thumbnail_at")

    assert "Add column talk.thumbnail_at" in flask("cron").stderr

    assert schema.planned() == []


def test_a_database_of_the_first_release_is_upgraded(tmp_path):
    with closing(sqlite3.connect(tmp_path / "talks.db")) as old:
        old.executescript(FIRST_RELEASE.read_text())
    before = models.database.obj
    with opened(f"sqlite:///{tmp_path}/talks.db") as made:
        models.database.initialize(made)

        schema.prepare(automatic=True)

        talk = Talk.get()
        assert (talk.title, talk.owner.name, talk.event.title) == ("Bäume 🌳", "Ada", "The first")
        assert all(step.risk == schema_evolve.DESTRUCTIVE for step in schema.planned())
    models.database.initialize(before)


@pytest.mark.server
def test_two_commands_at_once_apply_once(empty_url, tmp_path):
    at = live.Site(tmp_path, DATABASE_URL=empty_url, SECRET_KEY="of two processes")
    command = [sys.executable, "-m", "flask", "--app", "main", "schema", "apply"]
    both = [
        subprocess.Popen(command, cwd=at.house, env=at.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    said = [process.communicate(timeout=live.PATIENCE_SECONDS)[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    with opened(empty_url) as made:
        assert schema_evolve.plan(made, models.TABLES) == []
    assert sum("Done: Create table talk." in text for text in said) == 1
    assert sum("Nothing to do" in text for text in said) == 1


@pytest.mark.server
def test_the_site_starts_on_an_older_database_and_serves(empty_url, tmp_path):
    at = live.Site(tmp_path, DATABASE_URL=empty_url, SECRET_KEY="of an upgrade")
    at.add("ada", "--speaker")
    with opened(empty_url) as made:
        take(made, "talk", "thumbnail_at")

    with at:
        path = at.visitor("ada").publish(title="After the upgrade")
        assert "After the upgrade" in at.visitor().get(path).text

    assert "Add column talk.thumbnail_at" in at.said()[0]


@pytest.mark.server
def test_a_start_that_is_refused_says_why_and_ends(empty_url, tmp_path):
    at = live.Site(tmp_path, DATABASE_URL=empty_url, SECRET_KEY="of a refusal", SCHEMA_EVOLVE="off")

    code = at.launch().wait(live.PATIENCE_SECONDS)

    said = at.said()[1]
    assert code
    assert "The database is not ready for this version of Talks:\n  Create table user." in said
    assert said.rstrip().endswith("Run `flask schema apply`.")
    assert "Traceback" not in said
