"""The real site while its database is away, and when it is back: gunicorn, real servers, a broken network."""

import contextlib
import http.client
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import live
import pytest
import servers
from conftest import missing, opened
from peewee import fn
from proxy import Proxy

import models
from models import Talk, TalkSpeaker, TalkTag

pytestmark = pytest.mark.server

# Above all that docs/deploy.md names, for a machine that does a lot else.
BOUND_SECONDS = 30
JSON = {"Accept": "application/json"}
KINDS = {"postgresql": servers.Postgresql, "mariadb": servers.Mariadb}


class Place:
    """A site, the server of its database, and the way between them."""

    def __init__(self, kind, folder):
        self.server = kind(durable=True).start()
        self.url = self.server.make_database()
        self.name = self.url.rpartition("/")[2]
        self.way = Proxy(self.server.port)
        address = self.url.replace(f":{self.server.port}/", f":{self.way.port}/")
        self.site = live.Site(folder, DATABASE_URL=address, SECRET_KEY="s" * 32)
        self.is_postgresql = kind is servers.Postgresql

    def end(self):
        self.site.stop()
        self.way.refuse()
        self.server.remove()

    def cut_off(self):
        """End the server's sessions of the site."""
        if self.is_postgresql:
            self.server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'talks'"
            )
        else:
            for (number,) in self.server.execute(
                "SELECT id FROM information_schema.processlist WHERE user = 'talks'"
            ):
                with contextlib.suppress(servers.pymysql.OperationalError):  # it has ended by itself
                    self.server.execute(f"KILL {number}")


@pytest.fixture(scope="module", params=KINDS)
def place(request, tmp_path_factory):
    """A site whose server may be maltreated, with somebody who speaks; every test leaves it working."""
    kind = KINDS[request.param]
    if not kind.is_installed():
        missing(kind.package)
    made = Place(kind, tmp_path_factory.mktemp("place"))
    try:
        made.site.add("ada", "--speaker")
        made.site.start()
        yield made
    finally:
        made.end()


@pytest.fixture
def ada(place):
    """Signed in, with the form of a new talk open."""
    return with_token(place.site.visitor("ada"))


def send_talk(visitor, title):
    """POST a talk without asking for the form, and do not follow the answer."""
    values = {"title": title, "status": "published", "csrf_token": visitor.token, "tags": "one, two"}
    return visitor.get(
        "/new", live.urllib.parse.urlencode(values | {"speakers": "Ada Lovelace, Grace"}).encode()
    )


def within(seconds, ask):
    begun = time.monotonic()
    answer = ask()
    assert time.monotonic() - begun < seconds
    return answer


def assert_away(visitor, path="/", ask=None):
    answer = within(BOUND_SECONDS, ask or (lambda: visitor.get(path)))
    assert answer.status == 503, answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert "The site cannot reach its database" in answer.text and "Error 503" in answer.text
    assert answer.headers["Content-Security-Policy"]


def assert_site_is_away(place, ada):
    """Page, JSON, unknown address and form are answered 503; the process lives and is not ready."""
    visitor = place.site.visitor()
    with ThreadPoolExecutor(6) as people:
        asked = [
            people.submit(assert_away, visitor, path) for path in ("/", "/talk/1", "/nowhere", "/speakers")
        ]
        asked.append(people.submit(assert_away, ada, ask=lambda: send_talk(ada, "Lost")))
        asked.append(people.submit(within, 10, lambda: visitor.get("/-/live")))
        asked.append(people.submit(within, 10, lambda: visitor.get("/-/ready")))
        *_, alive, ready = [answer.result() for answer in asked]
    assert (alive.status, ready.status) == (200, 503)
    answer = within(BOUND_SECONDS, lambda: visitor.get("/", **JSON))
    assert (answer.status, answer.headers["Content-Type"]) == (503, "application/json")
    assert answer.headers["Retry-After"]


def assert_site_is_back(place, ada, title):
    """By itself, in all workers, for readers and writers."""
    live.wait_for(place.site.is_ready, "/-/ready")
    live.wait_for(lambda: ada.get("/mine").status == 200 and ada.get("/").status == 200, "the first answers")
    with ThreadPoolExecutor(8) as people:
        assert set(people.map(lambda _: place.site.visitor().get("/").status, range(60))) == {200}
    answer = send_talk(ada, title)
    assert "/talk/" in answer.url and title in answer.text
    assert "Traceback" not in answer.text


def stopped(place):
    place.server.stop()
    yield
    place.server.start()


def killed(place):
    place.server.kill()
    yield
    place.server.start()


def refused(place):
    place.way.refuse()
    yield
    place.way.accept()


def silent(place):
    place.way.swallow()
    yield
    place.way.accept()


def without_connections(place):
    if place.is_postgresql:
        place.server.execute("ALTER ROLE talks CONNECTION LIMIT 0")
        place.cut_off()
        yield
        place.server.execute("ALTER ROLE talks CONNECTION LIMIT -1")
    else:
        place.server.execute("ALTER USER talks WITH MAX_USER_CONNECTIONS 1")
        place.cut_off()
        with opened(place.url):
            yield
        place.server.execute("ALTER USER talks WITH MAX_USER_CONNECTIONS 0")


def with_another_password(place):
    change = (
        "ALTER ROLE talks PASSWORD '{}'" if place.is_postgresql else "ALTER USER talks IDENTIFIED BY '{}'"
    )
    place.server.execute(change.format("another"))
    place.cut_off()
    yield
    place.server.execute(change.format(servers.PASSWORD))


TROUBLE = (stopped, killed, refused, silent, without_connections, with_another_password)


@pytest.mark.parametrize("trouble", TROUBLE, ids=lambda trouble: trouble.__name__)
def test_while_the_server_is_away_the_answer_is_503_and_then_the_site_works_again(place, ada, trouble):
    workers = place.site.workers()
    with contextlib.contextmanager(trouble)(place):
        assert_site_is_away(place, ada)

    assert_site_is_back(place, ada, f"After {trouble.__name__}")
    assert place.site.workers() == workers
    assert "Lost" not in place.site.visitor().get("/").text


def test_a_restart_fails_nobody_who_asks_afterwards(place):
    with ThreadPoolExecutor(8) as people:  # many connections are parked
        list(people.map(lambda _: place.site.visitor().get("/"), range(40)))
    place.server.restart()

    with ThreadPoolExecutor(8) as people:
        assert set(people.map(lambda _: place.site.visitor().get("/").status, range(60))) == {200}


def test_connections_that_were_cut_or_forgotten_fail_nobody_who_asks_afterwards(place):
    for harm in (place.way.cut, place.cut_off, place.way.swallow):
        with ThreadPoolExecutor(4) as people:
            list(people.map(lambda _: place.site.visitor().get("/"), range(24)))
        time.sleep(1.5)  # longer than one is taken as it is
        harm()
        place.way.accept()

        with ThreadPoolExecutor(4) as people:
            assert set(people.map(lambda _: place.site.visitor().get("/").status, range(40))) == {200}


@pytest.mark.parametrize("count", [1, 30, 200, 700, 1500])
def test_a_connection_cut_in_the_middle_is_a_503_and_half_of_nothing_is_stored(place, ada, count):
    title = f"Cut after {count}"
    ada.get("/")
    place.way.cut_after(count)
    assert_away(ada, ask=lambda: send_talk(ada, title))
    place.way.accept()

    live.wait_for(place.site.is_ready, "/-/ready")
    assert title not in ada.get("/").text + ada.get("/mine").text


def read_only(place):
    if place.is_postgresql:
        change = f"ALTER DATABASE {place.name} SET default_transaction_read_only = {{}}"
        on, off = change.format("on"), change.format("off")
    else:
        on, off = "SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0"
    place.server.execute(on)
    place.cut_off()
    yield
    place.server.execute(off)
    place.cut_off()


def full(place):
    """Whoever writes a talk is told what a server says when its disk is full."""
    if place.is_postgresql:
        place.server.execute(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END $$",
            place.name,
        )
        made = "CREATE TRIGGER full_disk BEFORE INSERT ON talk FOR EACH ROW EXECUTE FUNCTION full_disk()"
        place.server.execute(made, place.name)
        yield
        place.server.execute("DROP FUNCTION full_disk CASCADE", place.name)
    else:
        made = "CREATE TRIGGER full_disk BEFORE INSERT ON talk FOR EACH ROW SIGNAL SQLSTATE 'HY000'"
        place.server.execute(f"{made} SET MYSQL_ERRNO = 1021", place.name)
        yield
        place.server.execute("DROP TRIGGER full_disk", place.name)


def locked(place):
    """Somebody else's transaction holds the tables that are written."""
    if place.is_postgresql:
        where = {"host": str(place.server.folder), "port": place.server.port, "user": "operator"}
        with servers.psycopg.connect(dbname=place.name, **where) as other:
            other.execute("LOCK TABLE talk IN SHARE MODE")
            yield
            other.rollback()
    else:
        where = {"host": "127.0.0.1", "port": place.server.port, "user": "root", "ssl_disabled": True}
        with contextlib.closing(servers.pymysql.connect(database=place.name, **where)) as other:
            other.query("LOCK TABLES talk READ")
            yield
            other.query("UNLOCK TABLES")


@pytest.mark.parametrize("trouble", (read_only, full, locked), ids=lambda trouble: trouble.__name__)
def test_while_nothing_can_be_written_readers_are_served(place, ada, trouble):
    title = f"While {trouble.__name__}"
    with contextlib.contextmanager(trouble)(place):
        assert_away(ada, ask=lambda: send_talk(ada, title))
        assert ada.get("/").status == 200
        assert place.site.visitor().get("/-/ready").status == 200

    assert title not in ada.get("/mine").text
    assert_site_is_back(place, ada, f"After {trouble.__name__}")


def test_failing_requests_leave_nothing_open_on_the_server(place, ada):
    with ThreadPoolExecutor(16) as people:
        for _ in range(3):
            place.way.cut_after(5000)
            list(people.map(lambda number: send_talk(ada, f"Failing {number}"), range(32)))
            place.way.accept()
    live.wait_for(place.site.is_ready, "/-/ready")
    if place.is_postgresql:
        asked = "SELECT count(*), count(xact_start) FROM pg_stat_activity WHERE usename = 'talks'"
    else:
        asked = (
            "SELECT count(*), count(trx_id) FROM information_schema.processlist p LEFT JOIN"
            " information_schema.innodb_trx ON trx_mysql_thread_id = p.id WHERE user = 'talks'"
        )
    live.wait_for(lambda: place.server.execute(asked)[0][1] == 0, "the end of all transactions")
    assert place.server.execute(asked)[0][0] <= 2 * 20
    assert_site_is_back(place, ada, "After failures")


# What was answered is there


def write_talks(visitor, name, answered, stop):
    """Publish until `stop` is set; adds the titles that were answered with a redirect to the talk."""
    for number in range(10_000):
        if stop.is_set():
            break
        title = f"Written {name}-{number}"
        with contextlib.suppress(OSError, http.client.HTTPException):  # the worker was killed
            answer = send_talk(visitor, title)
            assert answer.status in (200, 503), answer.text
            if "/talk/" in answer.url:
                answered.append(title)


def assert_all_that_was_answered_is_whole(site, visitors, harm, url, times=25):
    """Eight people write while harm is done again and again."""
    stop, answered = threading.Event(), []
    with ThreadPoolExecutor(8) as people:
        writers = zip(visitors, "abcdefgh", strict=True)
        writing = [people.submit(write_talks, *writer, answered, stop) for writer in writers]
        try:
            # In this thread: a server that is started ends with the thread that did it.
            for _ in range(times):
                time.sleep(random.uniform(0.05, 0.6))
                harm()
            live.wait_for(lambda: len(answered) >= 8, "eight talks that were answered")
        finally:
            stop.set()
        for each in writing:
            each.result()

    live.wait_for(lambda: site.is_ready() and visitors[0].get("/").status == 200, "the end of the harm")
    with opened(url) as database, database.bind_ctx(models.TABLES):
        found = Talk.select(Talk.id, Talk.title).where(Talk.title.startswith("Written ")).tuples()
        stored = {title: number for number, title in found}
        assert answered and stored.keys() >= set(answered)
        for link in (TalkSpeaker, TalkTag):
            counts = dict(link.select(link.talk, fn.COUNT(link.id)).group_by(link.talk).tuples())
            assert {title for title, number in stored.items() if counts.get(number) != 2} == set()


def with_token(visitor):
    visitor.token = live.TOKEN.search(visitor.get("/new").text)[1]
    return visitor


def test_what_was_answered_survives_cuts_and_kills_and_nothing_is_half_there(place):
    def harm():
        act = random.choice((place.way.cut, place.way.cut, place.cut_off, cut_soon, kill))
        act()

    def cut_soon():
        place.way.cut_after(random.randrange(8000))

    def kill():
        place.server.kill()
        place.server.start()

    visitors = [with_token(place.site.visitor("ada")) for _ in range(8)]
    assert_all_that_was_answered_is_whole(place.site, visitors, harm, place.url)
    place.way.accept()


@pytest.fixture
def file_site(tmp_path):
    """A site on SQLite with somebody who speaks."""
    made = live.Site(tmp_path / "site")
    made.add("ada", "--speaker")
    with made:
        yield made


def test_what_was_answered_survives_the_death_of_workers(file_site):
    def harm():
        with contextlib.suppress(ProcessLookupError):
            for worker in file_site.workers()[:1]:
                os.kill(worker, signal.SIGKILL)

    visitors = [with_token(file_site.visitor("ada")) for _ in range(8)]
    url = file_site.settings["DATABASE_URL"]
    assert_all_that_was_answered_is_whole(file_site, visitors, harm, url)


# SQLite


def holding(path, *statements):
    """Another program with the file open, that has said `statements`."""
    other = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        other.execute(statement).fetchall()
    return contextlib.closing(other)


def test_while_the_site_runs_no_other_program_has_the_file_for_itself(file_site):
    ada = with_token(file_site.visitor("ada"))
    path = file_site.folder / "talks.db"
    with contextlib.closing(sqlite3.connect(path, timeout=0.1, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN EXCLUSIVE")

        assert "/talk/" in send_talk(ada, "Kept").url


def test_a_site_that_is_stopped_leaves_one_file(file_site):
    ada = with_token(file_site.visitor("ada"))
    assert "/talk/" in send_talk(ada, "Kept").url
    assert file_site.folder / "talks.db-wal" in file_site.folder.iterdir()

    file_site.stop()

    assert [file.name for file in file_site.folder.glob("talks.db*")] == ["talks.db"]


def test_a_file_that_another_program_writes_is_read_meanwhile(file_site):
    ada = with_token(file_site.visitor("ada"))
    with holding(file_site.folder / "talks.db", "BEGIN IMMEDIATE"):
        assert_away(ada, ask=lambda: send_talk(ada, "Lost"))
        assert file_site.visitor().get("/").status == 200
        assert file_site.is_ready()

    assert "/talk/" in send_talk(ada, "Kept").url


def test_a_file_that_is_gone_is_a_503_until_it_is_back(file_site, tmp_path):
    files = list(file_site.folder.glob("talks.db*"))
    kept = tmp_path / "kept"
    kept.mkdir()
    for file in files:
        file.rename(kept / file.name)
    assert_away(file_site.visitor())
    assert not file_site.is_ready()
    for file in kept.iterdir():
        file.rename(file_site.folder / file.name)

    assert file_site.is_ready()
    assert file_site.visitor().get("/").status == 200


# The start, and commands


def assert_refused(code, said, secret):
    """One line that names the setting, without a password and without a trace of the stack."""
    lines = [line for line in said.splitlines() if line.strip()]
    assert code == 1
    assert len(lines) == 1 and "DATABASE_URL: " in lines[0], said
    assert secret not in said


REFUSED = {
    "password": lambda server, way: server.url("talks").replace("p%40ss", "s3cret"),
    "database": lambda server, way: server.url("talks_that_is_not_there"),
    "port": lambda server, way: server.url("talks", live.free_port()),
    "silent": lambda server, way: server.url("talks", way.port) + "?connect_timeout=2",
    "host": lambda server, way: f"{server.scheme}://talks:s3cret@no.such.host.invalid/talks",
}


@pytest.mark.parametrize("wrong", REFUSED)
@pytest.mark.parametrize("engine", KINDS)
def test_a_server_that_does_not_let_us_in_is_one_line(engine, wrong, request, tmp_path):
    server = request.getfixturevalue(engine)
    with Proxy(server.port) as way:
        way.swallow()
        site = live.Site(tmp_path, DATABASE_URL=REFUSED[wrong](server, way), SECRET_KEY="s" * 32)
        assert_refused(site.launch().wait(live.PATIENCE_SECONDS), site.said()[1], "s3cret")
        command = subprocess.run(
            [sys.executable, "-m", "flask", "--app", "main", "cron"],
            cwd=site.house, env=site.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert_refused(command.returncode, command.stderr, "s3cret")
