"""A file of SQLite under many threads: connections that a server keeps, and writers who wait in a queue."""

import sqlite3
import threading
from contextlib import closing, contextmanager

import live
import pytest
from peewee import IntegrityError, OperationalError

from talks import sqlite
from talks.database_errors import is_away
from talks.databases import PRAGMAS, open_database


@pytest.fixture
def path(tmp_path):
    """A file with one row."""
    with closing(sqlite3.connect(tmp_path / "talks.db")) as made:
        made.executescript("PRAGMA journal_mode = wal; CREATE TABLE t (x UNIQUE); INSERT INTO t VALUES (1)")
    return tmp_path / "talks.db"


@pytest.fixture
def database(path):
    made = open_database(f"sqlite:///{path}")
    yield made
    made.close_all()


@pytest.fixture
def kept(database):
    """A database whose connections stay open."""
    database.keep_connections()
    return database


def used(database):
    """The connection that the next one who asks is given."""
    with database.connection_context():
        return database.connection()


def rows(database):
    return [x for (x,) in database.execute_sql("SELECT x FROM t ORDER BY x")]


def write_beside(path, *numbers):
    """As another process does."""
    with closing(sqlite3.connect(path)) as other, other:
        other.executemany("INSERT INTO t VALUES (?)", zip(numbers))


def in_a_thread(function):
    """What `function` returned or raised there, as a list to be filled; and the thread."""
    found = []

    def run():
        try:
            found.append(function())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return found, thread


# Connections


def test_a_connection_is_closed_unless_a_server_keeps_it(database):
    assert used(database) is not used(database)


def test_a_kept_connection_serves_the_next_request_in_whatever_thread(kept):
    first = used(kept)
    found, thread = in_a_thread(lambda: used(kept))
    thread.join()

    assert found == [first]


def test_two_at_once_have_a_connection_each(kept):
    with kept.connection_context():
        found, thread = in_a_thread(lambda: used(kept))
        thread.join()

        assert isinstance(found[0], sqlite3.Connection)
        assert found[0] is not kept.connection()


def test_a_kept_connection_is_set_up_as_a_new_one(kept):
    used(kept)
    with kept.connection_context():
        found = {name: kept.pragma(name) for name in PRAGMAS}

    assert found == PRAGMAS | {"synchronous": 2}


def test_a_result_that_nobody_read_to_its_end_hides_nothing_from_the_next_request(kept, path):
    write_beside(path, *range(2, 1000))
    with kept.connection_context():
        unread = kept.execute_sql("SELECT x FROM t ORDER BY x")
        assert unread.fetchone() == (1,)
    write_beside(path, 0)

    with kept.connection_context():
        assert rows(kept)[0] == 0


def test_another_file_in_its_place_is_the_one_that_is_read(kept, path, tmp_path):
    used(kept)
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (7)")
    for part in ("-wal", "-shm"):
        path.with_name(path.name + part).unlink()
    (tmp_path / "other.db").rename(path)

    with kept.connection_context():
        assert rows(kept) == [7]


def test_a_file_that_is_gone_is_not_made_anew(kept, path):
    used(kept)
    path.unlink()

    with pytest.raises(OperationalError, match="it is gone"):
        kept.connect()
    assert not path.exists()


def test_a_connection_at_which_something_failed_is_not_kept(kept):
    with kept.connection_context():
        failed = kept.connection()
        with pytest.raises(IntegrityError):
            kept.execute_sql("INSERT INTO t VALUES (1)")

    assert used(kept) is not failed


def test_the_last_one_to_close_the_file_tidies_it_up(kept, path):
    with kept.connection_context():
        kept.execute_sql("INSERT INTO t VALUES (2)")
    assert path.with_name("talks.db-wal").exists()

    kept.close_all()

    assert [file.name for file in path.parent.iterdir()] == ["talks.db"]


def test_what_is_in_memory_only_is_not_kept():
    database = open_database("sqlite:///:memory:")
    database.keep_connections()

    assert used(database) is not used(database)


# Writers


@contextmanager
def a_transaction_elsewhere(database):
    """Another thread of this process has begun to write, until the block ends."""
    begun, may_end = threading.Event(), threading.Event()

    def write():
        with database.connection_context(), database.atomic():
            database.execute_sql("INSERT INTO t VALUES (100)")
            begun.set()
            assert may_end.wait(live.PATIENCE_SECONDS)

    found, thread = in_a_thread(write)
    assert begun.wait(live.PATIENCE_SECONDS)
    yield
    may_end.set()
    thread.join()
    assert found == [None]


def alone(database):
    """A statement without a transaction."""
    database.execute_sql("INSERT INTO t VALUES (2)")


def in_a_transaction(database):
    with database.atomic():
        alone(database)


WAYS = pytest.mark.parametrize("write", [alone, in_a_transaction])


@WAYS
def test_who_writes_waits_for_who_writes(database, write):
    def write_it():
        with database.connection_context():
            write(database)
            return rows(database)

    with a_transaction_elsewhere(database):
        found, thread = in_a_thread(write_it)
        thread.join(0.2)
        assert found == []
    thread.join()

    assert found == [[1, 2, 100]]


def test_who_reads_waits_for_nobody(database):
    with a_transaction_elsewhere(database), database.connection_context():
        assert rows(database) == [1]


@WAYS
def test_who_waits_too_long_is_told_that_the_database_is_busy(database, monkeypatch, write):
    monkeypatch.setattr(sqlite, "TURN_SECONDS", 0.1)

    with a_transaction_elsewhere(database), database.connection_context():
        with pytest.raises(OperationalError) as refused:
            write(database)

    assert is_away(refused.value)


@WAYS
def test_who_could_not_write_leaves_the_queue(database, path, write):
    """Another process holds the file, or the statement fails: the next thread has its turn all the same."""
    with database.connection_context():
        database.execute_sql("PRAGMA busy_timeout = 1")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(OperationalError):
                write(database)
        write(database)
        with pytest.raises(IntegrityError):
            write(database)

        database.execute_sql("DELETE FROM t")
        assert rows(database) == []


def test_a_transaction_that_is_rolled_back_leaves_the_queue(database):
    with database.connection_context():
        with pytest.raises(ZeroDivisionError), database.atomic():
            alone(database)
            raise ZeroDivisionError
        alone(database)

        assert rows(database) == [1, 2]


def test_all_threads_write_however_many_there_are(kept):
    def write(number):
        with kept.connection_context(), kept.atomic():
            [(highest,)] = kept.execute_sql("SELECT max(x) FROM t").fetchall()
            kept.execute_sql("INSERT INTO t VALUES (?)", (highest + 1,))

    started = [in_a_thread(lambda number=number: write(number)) for number in range(40)]
    for _, thread in started:
        thread.join()

    assert [found for found, _ in started] == [[None]] * 40
    with kept.connection_context():
        assert rows(kept) == list(range(1, 42))
