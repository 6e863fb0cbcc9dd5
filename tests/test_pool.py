"""Connections are kept, bounded and taken in turn; what was lost on the way to the server is noticed."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import peewee
import pytest
from live import wait_for
from proxy import Proxy

from talks import databases, pool
from talks.database_errors import Away, is_away
from talks.databases import open_database, patiently

pytestmark = pytest.mark.server

OWN_ID = {"postgresql": "SELECT pg_backend_pid()", "mariadb": "SELECT CONNECTION_ID()"}
SLEEP = {"postgresql": "SELECT pg_sleep({})", "mariadb": "SELECT SLEEP({})"}
OPEN = {
    "postgresql": "SELECT count(*), count(xact_start) FROM pg_stat_activity WHERE datname = '{}'",
    "mariadb": "SELECT count(*), count(trx_id) FROM information_schema.processlist p LEFT JOIN"
    " information_schema.innodb_trx ON trx_mysql_thread_id = p.id WHERE db = '{}'",
}
TABLE = "CREATE TABLE note (id INTEGER PRIMARY KEY)"


@pytest.fixture(params=["postgresql", "mariadb"])
def engine(request):
    return request.param


@pytest.fixture
def server(engine, request):
    return request.getfixturevalue(engine)


@pytest.fixture
def way(server):
    """What is between us and the server."""
    with Proxy(server.port) as proxy:
        yield proxy


@pytest.fixture
def database(server, way):
    """An empty database behind the proxy, with the pool that a site has."""
    url = server.make_database()
    made = open_database(url.replace(f":{server.port}/", f":{way.port}/"))
    yield made
    made.close_all()
    way.refuse()
    server.drop_database(url)


def ask(database, statement="SELECT 1"):
    with database.connection_context():
        return database.execute_sql(statement).fetchone()[0]


def fails(database, statement="SELECT 1"):
    """Whether it fails, and as a database that is away does."""
    try:
        ask(database, statement)
    except (peewee.DatabaseError, peewee.InterfaceError) as error:
        return is_away(error)


def park(database, count):
    """Leave `count` connections that answer, unused for long."""
    barrier = threading.Barrier(count)

    def hold():
        with database.connection_context():
            barrier.wait()

    with ThreadPoolExecutor(count) as threads:
        list(threads.map(lambda _: hold(), range(count)))
    for connection in database._parked:
        connection.parked_at -= 2 * pool.UNPROBED_SECONDS
    return [connection.opened_at for connection in database._parked]


def test_a_connection_is_used_again(database, engine):
    assert ask(database, OWN_ID[engine]) == ask(database, OWN_ID[engine])


def test_an_old_connection_is_not(database, engine, monkeypatch):
    first = ask(database, OWN_ID[engine])
    monkeypatch.setattr(pool, "OLDEST_SECONDS", 0)

    assert ask(database, OWN_ID[engine]) != first


def test_of_busier_times_no_connection_stays(database, monkeypatch):
    park(database, 3)
    for connection in database._parked:
        connection.parked_at -= pool.OLDEST_SECONDS
    for _ in range(3):
        ask(database)

    assert len(database._parked) == 1


def test_kept_connections_that_were_cut_fail_nobody(database, way):
    park(database, 4)
    way.cut()

    assert [ask(database) for _ in range(5)] == [1] * 5


def test_a_connection_that_was_cut_a_moment_ago_fails_nobody(database, way):
    ask(database)
    way.cut()
    wait_for(database._parked[0].has_news, "the end of the connection")

    assert ask(database) == 1


def test_kept_connections_that_say_nothing_are_thrown_away_together(database, way):
    before = park(database, 4)
    way.swallow()
    assert fails(database)
    assert database._parked == []

    way.accept()
    assert ask(database) == 1
    assert database._parked[0].opened_at not in before


def test_who_refuses_is_away_and_comes_back(database, way):
    ask(database)
    way.refuse()
    assert fails(database) and fails(database)

    way.accept()
    assert ask(database) == 1


def test_a_connection_cut_in_a_statement_is_away_and_the_next_works(database, way):
    ask(database)
    way.cut_after(3)

    assert fails(database, "SELECT 2")
    assert ask(database) == 1


def test_a_server_that_says_nothing_holds_one_thread_and_the_others_briefly(database, way, monkeypatch):
    monkeypatch.setattr(pool, "TRIAL_SECONDS", 0.05)
    way.swallow()
    assert fails(database)

    trials = []
    connect = database.open_connection
    monkeypatch.setattr(database, "open_connection", lambda: trials.append(1) or connect())
    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(lambda _: fails(database), range(8)))
    assert len(trials) == 1

    way.accept()
    assert ask(database) == 1


def test_when_the_server_is_back_all_who_wait_are_served(database, way):
    way.refuse()
    assert fails(database)
    way.accept()
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(lambda _: ask(database), range(8))) == [1] * 8


@pytest.mark.parametrize("what", ["statement", "begin", "commit"])
def test_what_is_never_answered_ends_and_the_connection_with_it(database, way, what, monkeypatch):
    monkeypatch.setattr(databases, "STATEMENT_SECONDS", 1)
    ask(database, "SELECT 1")
    database.close_idle()
    with pytest.raises((peewee.OperationalError, peewee.InterfaceError)) as raised:
        with database.connection_context():
            if what == "begin":
                way.swallow()
            with database.atomic():
                if what == "statement":
                    way.swallow()
                database.execute_sql("SELECT 1")
                way.swallow()
    assert is_away(raised.value)
    assert database._parked == []

    way.accept()
    assert ask(database) == 1


def test_a_connection_whose_beginning_is_never_answered_ends(server, way):
    way.swallow()
    url = server.url("talks", way.port) + "?connect_timeout=2"

    assert fails(open_database(url))


def test_when_all_are_in_use_the_next_waits_and_then_fails(server, monkeypatch):
    monkeypatch.setattr(pool, "SLOT_SECONDS", 0.1)
    url = server.make_database()
    database = open_database(url, connections=1)
    with ThreadPoolExecutor(1) as thread:
        with database.connection_context():
            with pytest.raises(peewee.OperationalError) as raised:
                thread.submit(ask, database).result()
            assert is_away(raised.value) and isinstance(raised.value.orig, Away)
        assert thread.submit(ask, database).result() == 1
    database.close_all()
    server.drop_database(url)


def open_on_server(server, engine, database):
    """How many connections the server has, and how many of them are in a transaction."""
    return server.execute(OPEN[engine].format(database.database))[0]


def test_a_transaction_left_open_is_rolled_back(database, server, engine):
    ask(database)
    with database.connection_context():
        database.execute_sql(TABLE)
    with database.connection_context():
        database.execute_sql("BEGIN")  # behind the back of peewee
        database.execute_sql("INSERT INTO note VALUES (1)")

    wait_for(lambda: open_on_server(server, engine, database)[1] == 0, "the end of the transaction")
    assert ask(database, "SELECT count(*) FROM note") == 0


def test_failures_leave_no_transaction_and_no_connection_behind(database, server, engine):
    with database.connection_context():
        database.execute_sql(TABLE)

    def fail(number):
        try:
            with database.connection_context(), database.atomic():
                database.execute_sql(f"INSERT INTO note VALUES ({number})")
                if number % 2:
                    raise ZeroDivisionError
                database.execute_sql("SELECT nothing FROM nowhere")
        except (ZeroDivisionError, peewee.DatabaseError) as error:
            return type(error).__name__

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(fail, range(400))) == {"ZeroDivisionError", "ProgrammingError"}

    found, in_transaction = open_on_server(server, engine, database)
    assert found <= 16 and in_transaction == 0
    assert found == len(database._parked)
    assert ask(database, "SELECT count(*) FROM note") == 0


def test_a_fork_shares_no_connection(database, engine):
    own = ask(database, OWN_ID[engine])
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(ask(database, OWN_ID[engine])).encode())
            database.close_all()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as told:
        assert int(told.read()) != own

    assert ask(database, OWN_ID[engine]) == own


def shorter(monkeypatch):
    """What the server bounds, it bounds after a second."""
    for name, nine, fifteen in (
        ("POSTGRESQL_BOUNDS", "'9s'", "'15s'"),
        ("MYSQL_BOUNDS", "max_statement_time = 9", "idle_transaction_timeout = 15"),
    ):
        text = getattr(databases, name)
        for bound, seconds in ((nine, "9"), (fifteen, "15")):
            assert bound in text
            text = text.replace(bound, bound.replace(seconds, "1"))
        monkeypatch.setattr(databases, name, text)


def test_a_statement_that_takes_too_long_is_ended_by_the_server_and_the_connection_stays(
    database, engine, monkeypatch
):
    shorter(monkeypatch)
    own = ask(database, OWN_ID[engine])

    assert fails(database, SLEEP[engine].format(30))
    assert ask(database, OWN_ID[engine]) == own


def test_who_went_in_a_transaction_without_a_word_is_not_waited_for(database, way, monkeypatch):
    shorter(monkeypatch)
    monkeypatch.setattr(databases, "STATEMENT_SECONDS", 1)
    with database.connection_context():
        database.execute_sql(TABLE)
    database.close_idle()
    with pytest.raises((peewee.OperationalError, peewee.InterfaceError)):
        with database.connection_context(), database.atomic():
            database.execute_sql("INSERT INTO note VALUES (1)")
            way.swallow()
            raise ZeroDivisionError
    way.accept()

    with database.connection_context(), database.atomic():  # waits five seconds for its turn
        assert database.execute_sql("SELECT count(*) FROM note").fetchone()[0] == 0


def test_patience_waits_as_long_as_a_statement_takes(database, engine, monkeypatch):
    shorter(monkeypatch)
    monkeypatch.setattr(databases, "STATEMENT_SECONDS", 1)
    ask(database)
    with patiently(database):
        before = time.monotonic()
        database.execute_sql(SLEEP[engine].format(2))
        assert time.monotonic() - before > 1.9

    assert fails(database, SLEEP[engine].format(30))
