"""The real site while its database is away, and when it is back: gunicorn, real servers, a broken network."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import live
import pytest
import servers
from conftest import missing, opened
from proxy import Proxy

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
    visitor = place.site.visitor("ada")
    visitor.token = live.TOKEN.search(visitor.get("/new").text)[1]
    return visitor


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
    place.way.cut()  # PostgreSQL's processes outlive the first of them a little
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
        with ThreadPoolExecutor(8) as people:
            list(people.map(lambda _: place.site.visitor().get("/"), range(40)))
        time.sleep(1.5)  # longer than one is taken as it is
        harm()
        place.way.accept()

        with ThreadPoolExecutor(8) as people:
            assert set(people.map(lambda _: place.site.visitor().get("/").status, range(60))) == {200}


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
