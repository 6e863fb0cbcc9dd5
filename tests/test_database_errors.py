"""What databases say when they cannot answer, from real ones: who is away, and what an operator reads."""

import sqlite3
import threading
from contextlib import closing

import peewee
import pytest
from conftest import opened
from live import free_port
from proxy import Proxy
from servers import PASSWORD

from talks.database_errors import explain, is_away
from talks.databases import Unsuitable, open_database

on_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "empty_url", [pytest.param("postgresql", marks=pytest.mark.server)], indirect=True
)
on_mariadb = pytest.mark.parametrize(
    "empty_url", [pytest.param("mariadb", marks=pytest.mark.server)], indirect=True
)
on_servers = pytest.mark.parametrize(
    "empty_url",
    [pytest.param(name, marks=pytest.mark.server) for name in ("postgresql", "mariadb")],
    indirect=True,
)
NOTE = "CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)"


def error_of(database, *statements):
    """What the last of `statements` raises."""
    for statement in statements[:-1]:
        database.execute_sql(statement)
    with pytest.raises((peewee.DatabaseError, peewee.InterfaceError)) as raised:
        database.execute_sql(statements[-1])
    return raised.value


def refusal(url):
    """What opening the database at `url` and making a table in it raises."""
    database = open_database(url)
    try:
        with pytest.raises((peewee.DatabaseError, peewee.InterfaceError)) as raised:
            with database.connection_context():
                database.execute_sql(NOTE)
    finally:
        database.close_all()
    return raised.value


@pytest.mark.parametrize(
    "statement",
    [
        "SELEC 1",
        "SELECT nothing FROM nowhere",
        "INSERT INTO note VALUES (1, 'again')",
        "SELECT 1 FROM note.x.y.z",
    ],
)
def test_a_statement_that_makes_no_sense_is_not_away(empty_url, statement):
    with opened(empty_url) as database:
        error = error_of(database, NOTE, "INSERT INTO note VALUES (1, 'once')", statement)

        assert not is_away(error)


def test_a_connection_nobody_opened_is_our_fault(empty_url):
    database = open_database(empty_url)
    with pytest.raises(peewee.InterfaceError) as raised:
        database.execute_sql("SELECT 1")

    assert not is_away(raised.value)


def test_other_errors_are_not_away():
    assert not is_away(ZeroDivisionError("full disk locked"))
    assert not is_away(peewee.OperationalError("Connection already opened."))


FULL = "INSERT INTO note VALUES (1, hex(zeroblob(100000)))"
ON_SQLITE = {
    "full": (NOTE, "PRAGMA max_page_count = 3", FULL),
    "read-only": (NOTE, "PRAGMA query_only = 1", FULL),
}


@on_sqlite
@pytest.mark.parametrize("statements", ON_SQLITE.values(), ids=ON_SQLITE)
def test_a_file_that_takes_nothing_is_away(empty_url, statements):
    with opened(empty_url) as database:
        assert is_away(error_of(database, *statements))


@on_sqlite
def test_a_file_that_another_program_locks_is_away(empty_url):
    with opened(empty_url) as database:
        database.execute_sql(NOTE)
        database.execute_sql("PRAGMA busy_timeout = 1")
        with closing(sqlite3.connect(database.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")

            assert is_away(error_of(database, "INSERT INTO note VALUES (1, '')"))


@on_sqlite
def test_a_lock_met_while_reading_a_result_is_away(empty_url):
    with opened(empty_url) as database:
        database.execute_sql(NOTE)
        database.execute_sql("PRAGMA journal_mode = DELETE")
        database.execute_sql("PRAGMA busy_timeout = 1")
        with closing(sqlite3.connect(database.database, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises((peewee.DatabaseError, sqlite3.Error)) as raised:
                database.execute_sql("SELECT * FROM note").fetchone()

    assert is_away(raised.value)


@on_sqlite
def test_a_file_that_is_gone_is_away_and_is_not_made_anew(empty_url, tmp_path):
    database = open_database(empty_url)
    with database.connection_context():
        database.execute_sql(NOTE)
    kept = tmp_path / "elsewhere"
    kept.mkdir()
    for path in tmp_path.glob("empty.db*"):
        path.rename(kept / path.name)
    with pytest.raises(peewee.OperationalError) as raised:
        database.connect()
    assert is_away(raised.value)
    assert list(tmp_path.glob("empty.db*")) == []

    for path in kept.iterdir():
        path.rename(tmp_path / path.name)
    with database.connection_context():
        assert database.get_tables() == ["note"]


RAISE = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{}'; END $$"
POSTGRESQL_SAYS = {
    "disk full": (RAISE.format("53100"),),
    "input/output error": (RAISE.format("58030"),),
    "deadlock": (RAISE.format("40P01"),),
    "read-only": ("SET default_transaction_read_only = on", NOTE),
    "statement timeout": ("SET statement_timeout = 50", "SELECT pg_sleep(9)"),
    "terminated": ("SELECT pg_terminate_backend(pg_backend_pid())",),
}
SIGNAL = "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {}"
MARIADB_SAYS = {
    "disk full": (SIGNAL.format(1021),),
    "table full": (SIGNAL.format(1114),),
    "error of the engine": (SIGNAL.format(1030),),
    "deadlock": (SIGNAL.format(1213),),
    "read-only server": (SIGNAL.format(1290),),
    "node outside of its cluster": (SIGNAL.format(1047),),
    "read-only": ("SET SESSION TRANSACTION READ ONLY", NOTE),
    "statement timeout": ("SET max_statement_time = 0.05", "SELECT SLEEP(9)"),
    "terminated": ("KILL CONNECTION_ID()",),
}


@on_postgresql
@pytest.mark.parametrize("statements", POSTGRESQL_SAYS.values(), ids=POSTGRESQL_SAYS)
def test_a_server_of_postgresql_that_cannot_is_away(empty_url, statements):
    with opened(empty_url) as database:
        assert is_away(error_of(database, *statements))


@on_mariadb
@pytest.mark.parametrize("statements", MARIADB_SAYS.values(), ids=MARIADB_SAYS)
def test_a_server_of_mariadb_that_cannot_is_away(empty_url, statements):
    with opened(empty_url) as database:
        assert is_away(error_of(database, *statements))


@on_servers
def test_after_its_connection_was_lost_everything_is_away(empty_url):
    with opened(empty_url) as database:
        kill = (
            "KILL CONNECTION_ID()"
            if "mysql" in empty_url
            else "SELECT pg_terminate_backend(pg_backend_pid())"
        )
        error_of(database, kill)

        assert is_away(error_of(database, "SELECT 1"))
        with pytest.raises((peewee.OperationalError, peewee.InterfaceError)) as raised:
            database.rollback()
        assert is_away(raised.value)


@on_servers
def test_who_waits_too_long_for_a_turn_is_told_that_the_database_is_busy(empty_url, monkeypatch):
    with opened(empty_url) as database:
        with database.atomic():  # on MariaDB makes what turns are taken with
            pass
        monkeypatch.setattr(type(database), "turn_seconds", 1)
        entered, done = threading.Event(), threading.Event()

        def hold():
            with database.connection_context(), database.atomic():
                entered.set()
                done.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        entered.wait(60)
        database.close()
        database.close_idle()  # the next one waits for a second
        database.connect()
        try:
            with pytest.raises(peewee.OperationalError) as raised, database.atomic():
                pass
        finally:
            done.set()
            holder.join()

        assert is_away(raised.value)


# What an operator reads


def said_of(error):
    """What is said about `error`: one line, that names the setting and not what is secret."""
    line = explain(error)
    assert line.startswith("DATABASE_URL: ")
    assert len(line.splitlines()) == 1 and len(line) < 500
    assert PASSWORD not in line and "p%40ss" not in line and "s3cret" not in line
    return line


NO_SERVER = "nothing answers there; set the right host and port"
NOT_LET_IN = "the server refuses this user; set the right user and password"
WRONG = {
    "password": ("{scheme}://talks:s3cret@127.0.0.1:{port}/talks", NOT_LET_IN),
    "no-password": ("{scheme}://talks@127.0.0.1:{port}/talks", NOT_LET_IN),
    "user": ("{scheme}://nobody:s3cret@127.0.0.1:{port}/talks", NOT_LET_IN),
    "database": ("{own}_there_is_none", "no such database"),
    "port": ("{scheme}://talks:s3cret@127.0.0.1:{free}/talks", NO_SERVER),
    "host": ("{scheme}://talks:s3cret@no.such.host.invalid/talks", NO_SERVER),
}


@on_servers
@pytest.mark.parametrize(("address", "advice"), WRONG.values(), ids=WRONG)
def test_a_wrong_address_is_said_in_one_line_with_what_would_be_right(empty_url, address, advice):
    scheme, _, rest = empty_url.partition("://")
    port = rest.rpartition(":")[2].partition("/")[0]
    error = refusal(address.format(scheme=scheme, port=port, free=free_port(), own=empty_url))

    assert advice in said_of(error)
    assert is_away(error)


@on_servers
def test_a_server_that_says_nothing_is_said_so(empty_url):
    port = empty_url.rpartition(":")[2].partition("/")[0]
    with Proxy(int(port)) as proxy:
        proxy.swallow()
        url = empty_url.replace(f":{port}/", f":{proxy.port}/") + "?connect_timeout=2"

        assert NO_SERVER in said_of(refusal(url))


@on_postgresql
def test_rights_that_lack_are_said(empty_url):
    said = said_of(refusal(empty_url.rpartition("/")[0] + "/postgres"))

    assert "give it all rights on the database" in said


@on_postgresql
def test_a_database_that_takes_no_writes_is_said(empty_url):
    said = said_of(refusal(f"{empty_url}?options=-c%20default_transaction_read_only%3Don"))

    assert "the server takes no writes" in said


@on_postgresql
def test_tls_that_the_server_does_not_speak_is_said(empty_url):
    assert "set its options" in said_of(refusal(f"{empty_url}?sslmode=require"))


@on_postgresql
def test_a_socket_that_is_not_there_is_said(empty_url, tmp_path):
    assert NO_SERVER in said_of(refusal(f"postgresql:///talks?host={tmp_path}"))


@on_mariadb
def test_a_database_that_the_user_may_not_use_is_said(empty_url):
    said = said_of(refusal(empty_url.rpartition("/")[0] + "/mysql"))

    assert "no such database for this user" in said


@on_mariadb
def test_a_certificate_that_is_not_there_is_said(empty_url):
    said = said_of(refusal(f"{empty_url}?ssl_ca=/no/such/file.pem"))

    assert "set its options" in said and "No such file" in said


def letter(path):
    path.write_text("Dear reader, this is a letter and no database. " * 100)


def locked(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("CREATE TABLE mine (x)")
    return other


def damaged(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as made:
        made.execute("CREATE TABLE mine (x)")
    with open(path, "r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 3000)


FILES = {
    "no database": (letter, "talks.db", "the file is no SQLite database"),
    "in no folder": (None, "none/talks.db", "its folder has to be there"),
    "folder": (lambda path: path.mkdir(), "talks.db", "the file cannot be opened or made"),
    "locked": (locked, "talks.db", "another program holds the file"),
    "damaged": (damaged, "talks.db", "the file is damaged"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("spoil", "name", "advice"), FILES.values(), ids=FILES)
def test_a_file_that_cannot_be_used_is_said(spoil, name, advice, tmp_path):
    holder = spoil and spoil(tmp_path / name)
    try:
        said = said_of(refusal(f"sqlite:///{tmp_path}/{name}"))
    finally:
        if holder:
            holder.close()

    assert advice in said


def test_a_folder_that_takes_no_file_is_said():
    assert "both writable" in said_of(refusal("sqlite:////proc/talks.db"))


def test_what_is_unsuitable_says_itself_what_is_right():
    assert explain(Unsuitable("it is too old; use 12")) == "DATABASE_URL: it is too old; use 12"
