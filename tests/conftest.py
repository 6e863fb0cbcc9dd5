"""A site for each test: a fresh SQLite file, the real application, and three people."""

import gc
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
# Nothing that a developer's shell or `.env` sets may change what is tested.
for name in re.findall(r"^# ?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE):
    os.environ.pop(name, None)
os.environ["TALKS_CONFIG"] = "testing"
os.environ["SECRET_KEY"] = "a secret that only the tests know"
os.environ["DATABASE_URL"] = "sqlite:///:memory:"

import install  # noqa: E402
import live  # noqa: E402
import panelling  # noqa: E402
import posted  # noqa: E402
import pytest  # noqa: E402
import servers  # noqa: E402
from flask.testing import FlaskClient  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from live import TOKEN  # noqa: E402
from peewee import SqliteDatabase  # noqa: E402
from playwright.sync_api import expect, sync_playwright  # noqa: E402
from written import a_talk  # noqa: E402

import main  # noqa: E402
import models  # noqa: E402
from talks import accounts, comment_pages, demo, passwords, previews  # noqa: E402
from talks.allowances import Allowance  # noqa: E402
from talks.databases import Postgresql, open_database  # noqa: E402
from talks.profiles import profile_named  # noqa: E402

# Machines are noisy: no example fails for being slow. What lands is judged by the same examples everywhere;
# `make soak` looks for new ones, and tries many more.
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("few", settings.get_profile("same"), max_examples=20)
settings.register_profile("soak", settings.get_profile("same"), max_examples=2_000, derandomize=False)
settings.load_profile("soak" if os.environ.get("TALKS_SOAK") == "1" else "same")
expect.set_options(timeout=30_000)  # as long as Playwright waits for everything else

PASSWORD = "correct horse battery"
PASSWORD_HASH = passwords.hash_password(PASSWORD)  # once: it takes more time than most tests


def pytest_collection():
    gc.disable()


def pytest_collection_finish():
    """What was collected stays to the end: the collector need not look through it again and again."""
    gc.freeze()
    gc.enable()


def missing(what):
    """This machine lacks `what`: skip the test, or fail where everything is required."""
    if os.environ.get("TALKS_REQUIRE_ALL") == "1":
        pytest.fail(f"not installed: {what}")
    pytest.skip(f"not installed: {what}")


class Browser(FlaskClient):
    """A client that sends the form token of the page it was given, as a browser does."""

    def open(self, *args, **kwargs):
        try:
            return super().open(*args, **kwargs)
        finally:
            models.database.connect(reuse_if_open=True)  # the request has closed the test's connection

    @contextmanager
    def session_transaction(self, *args, **kwargs):
        with super().session_transaction(*args, **kwargs) as kept:
            yield kept
        models.database.connect(reuse_if_open=True)  # likewise

    def submit(self, address, page=None, **values):
        """POST the form that stands on `page` (default: at the same address)."""
        token = TOKEN.search(self.get(page or address).text)
        return self.post(address, data=values | ({"csrf_token": token[1]} if token else {}))

    def sign_in(self, user, password=PASSWORD, **values):
        return self.submit("/auth/login", email=user.email, password=password, **values)

    def let_in(self, user):
        """Signed in as `user`, without the form and the password, which take more time than most tests."""
        token = models.Session.begin(user, remembered=False)
        with self.session_transaction() as kept:
            kept["_user_id"] = token
        return self


def signed_in(browser):
    return browser.get("/profile").status_code == 200


main.app.test_client_class = Browser


@contextmanager
def opened(url):
    """The database at `url`, connected; nothing of it is open afterwards."""
    database = open_database(url)
    database.connect()
    try:
        yield database
    finally:
        database.close_all()


@contextmanager
def bound(url):
    """The database at `url`, connected and bound to the models."""
    before = models.database.obj
    with opened(url) as database:
        models.database.initialize(database)
        try:
            yield database
        finally:
            models.database.initialize(before)


def serve(kind):
    if not kind.is_installed():
        missing(kind.package)
    with kind() as server:
        yield server


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server, started for the first test that asks for it; one for each worker of xdist."""
    yield from serve(servers.Postgresql)


@pytest.fixture(scope="session")
def mariadb():
    """A MariaDB server, likewise."""
    yield from serve(servers.Mariadb)


ENGINES = ["sqlite", *(pytest.param(name, marks=pytest.mark.server) for name in ("postgresql", "mariadb"))]


@pytest.fixture(params=ENGINES)
def empty_url(request, tmp_path):
    """The address of an empty database; the test is run on each of the three engines."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/empty.db"
        return
    server = request.getfixturevalue(request.param)
    url = server.make_database()
    yield url
    server.drop_database(url)


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory):
    """A file of SQLite with the tables, to be copied."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    with opened(f"sqlite:///{path}") as made, made.bind_ctx(models.TABLES):
        made.create_tables(models.TABLES)
        made.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def furnished(server):
    """A database of a server, with the tables and nothing in them."""
    url = server.make_database()
    with opened(url) as made:
        made.url = url  # for other processes
        made.settle()
        with made.bind_ctx(models.TABLES):
            made.create_tables(models.TABLES)
        made.close()
        yield made


@pytest.fixture(scope="session")
def on_postgresql(postgresql):
    yield from furnished(postgresql)


@pytest.fixture(scope="session")
def on_mariadb(mariadb):
    yield from furnished(mariadb)


def clear(database):
    """Take all rows out of the tables, and begin their ids at 1 again."""
    names = [model._meta.table_name for model in models.TABLES]
    if isinstance(database, SqliteDatabase):
        for name in reversed(names):
            database.execute_sql(f'DELETE FROM "{name}"')
        return
    if isinstance(database, Postgresql):
        quoted = ", ".join(f'"{name}"' for name in names)
        database.execute_sql(f"TRUNCATE {quoted} RESTART IDENTITY")
        return
    database.execute_sql("SET foreign_key_checks = 0")
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()"
    for (name,) in database.execute_sql(f"{tables} AND auto_increment > 1").fetchall():
        database.execute_sql(f"DELETE FROM `{name}`")
        database.execute_sql(f"ALTER TABLE `{name}` AUTO_INCREMENT = 1")
    database.execute_sql("SET foreign_key_checks = 1")


@pytest.fixture(params=ENGINES)
def database(request, tmp_path, empty_file):
    """An empty database with the tables, connected and bound to the models; each engine in turn."""
    before = models.database.obj
    if request.param == "sqlite":
        shutil.copy(empty_file, tmp_path / "talks.db")
        made = open_database(f"sqlite:///{tmp_path}/talks.db")
        made.url = f"sqlite:///{tmp_path}/talks.db"
    else:
        made = request.getfixturevalue(f"on_{request.param}")
    models.database.initialize(made)
    made.connect()
    if request.param == "sqlite":
        made.keep_connections()  # as a server does
        made.pragma("synchronous", "off", permanent=True)  # what tests this cuts no power
    yield made
    if made.is_closed():
        made.connect()
    if request.param == "sqlite":
        made.close_all()
    else:
        clear(made)
        made.close()
    models.database.initialize(before)


@pytest.fixture
def writes(database):
    """The statements that wrote, by this process."""
    found = []

    def note(event):
        if event.sql.startswith(("INSERT", "UPDATE", "DELETE")):
            found.append(event.sql)

    database.query_hooks.append(note)
    yield found
    database.query_hooks.remove(note)


@pytest.fixture
def allowance(monkeypatch):
    """Previews, long texts and reports are counted from nothing."""
    monkeypatch.setattr(previews, "allowance", Allowance(previews.PER_MINUTE, 60))
    monkeypatch.setattr(comment_pages, "long_texts", Allowance(comment_pages.LONG_A_MINUTE, 60))
    monkeypatch.setattr(comment_pages, "reports", Allowance(comment_pages.REPORTS_AN_HOUR, 3600))


# For what is about files, pragmas or the planner of SQLite, and for what no database decides.
only_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


@pytest.fixture
def client(database):
    """A visitor's browser."""
    return main.app.test_client()


def person(username, **rights):
    return accounts.create_account(
        username, f"{username}@example.org", password_hash=PASSWORD_HASH, name=username.capitalize(), **rights
    )


@pytest.fixture
def ada(database):
    """Ada speaks."""
    return person("ada", is_speaker=True)


@pytest.fixture
def bob(database):
    """Bob listens."""
    return person("bob")


@pytest.fixture
def carol(database):
    """Carol administrates."""
    return person("carol", is_admin=True)


@pytest.fixture
def eve(database):
    """Eve speaks, too."""
    return person("eve", is_speaker=True)


@pytest.fixture
def lovelace(database):
    """The profile that an archive made, with a talk."""
    profile = profile_named("Ada Lovelace")
    a_talk(title="Engines", speakers=[profile], status="published")
    return models.User.get_by_id(profile.id)


@pytest.fixture
def stocked(carol, ada, bob):
    """Rows in every table of the panel."""
    return panelling.stock(ada, bob, carol)


@pytest.fixture
def as_ada(client, ada):
    return client.let_in(ada)


@pytest.fixture
def as_bob(database, bob):
    return main.app.test_client().let_in(bob)


@pytest.fixture
def sure(as_bob):
    """Bob's browser, which has sent the password again."""
    as_bob.submit("/auth/reauthenticate", password=PASSWORD)
    return as_bob


@pytest.fixture
def as_carol(database, carol):
    return main.app.test_client().let_in(carol)


@pytest.fixture(scope="session")
def first_start(tmp_path_factory, empty_file):
    """A folder with the demo as its first start left it, and the lines that start printed."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copy(empty_file, folder / "talks.db")
    with bound(f"sqlite:///{folder}/talks.db") as made:
        lines = demo.load(folder)
        made.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder, lines


@pytest.fixture
def demo_lines(first_start, tmp_path):
    """What the first start printed; the test has that demo in `tmp_path` for itself."""
    folder, lines = first_start
    for name in ("talks.db", "demo-sign-ins.json"):
        shutil.copy(folder / name, tmp_path)
    with bound(f"sqlite:///{tmp_path}/talks.db"):
        yield lines


@pytest.fixture
def as_in_production(monkeypatch):
    """Errors are answered, not passed on to the test."""
    monkeypatch.setitem(main.app.config, "PROPAGATE_EXCEPTIONS", False)


@pytest.fixture
def hasher(monkeypatch):
    """Passwords are hashed cheaply, and counted."""
    counting = posted.CountingHasher()
    monkeypatch.setattr(passwords, "_hasher", counting)
    monkeypatch.setattr(passwords, "_NOBODY", counting.hash("nobody"))
    counting.hashed = 0
    return counting


@pytest.fixture
def post(tmp_path):
    """What is in the mail about accounts."""
    return posted.Post(tmp_path / "post")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The real site as in production, with the sample and four people. Shared: tests only add to it."""
    made = live.Site(tmp_path_factory.mktemp("site"))
    made.flask("load-demo")
    for username, *flags in (("ada", "--speaker"), ("bob",), ("carol", "--admin"), ("dora", "--speaker")):
        made.add(username, *flags)
    with made:
        yield made


@pytest.fixture(scope="session")
def workshop(tmp_path_factory):
    """The real site as in development, empty."""
    settings = {"TALKS_CONFIG": "development", "MAIL_ERROR_RECIPIENT": "operator@example.org"}
    with live.Site(tmp_path_factory.mktemp("workshop"), **settings) as made:
        yield made


@pytest.fixture(scope="module")
def chromium():
    """A real browser. Of the module: while Playwright runs, this thread can run no other event loop."""
    executable = install.chromium() or missing("chromium")
    arguments = (
        "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
        " --disable-component-update --disable-sync"
    ).split()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=arguments)
        yield browser
        browser.close()


class Watch:
    """What pages did that they should not: complaints on the console, requests to other hosts.

    The network outside is cut off; a host there gets an empty page. Tests name the hosts that may be asked.
    """

    def __init__(self, address):
        self.here = urlsplit(address).netloc
        self.complaints, self.outside, self.allowed = [], [], set()

    def over(self, page):
        page.on("console", self.listen)
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.context.route(lambda url: urlsplit(url).netloc != self.here, self.stop)
        return page

    def listen(self, message):
        refused_page = message.text.startswith("Failed to load resource: the server responded with a status")
        if message.type in ("error", "warning") and not refused_page:
            self.complaints.append(f"{message.location['url']}: {message.text}")

    def stop(self, route):
        self.outside.append(urlsplit(route.request.url).hostname)
        route.fulfill(content_type="text/html", body="<!doctype html><title>Elsewhere</title>")

    def judge(self):
        assert not self.complaints
        assert set(self.outside) <= self.allowed


@pytest.fixture
def browse(chromium, site):
    """Opens pages of `site`, or of the site that is named, in a browser of the given kind."""
    contexts, watches = [], []

    def open_page(at=site, **options):
        options = {"base_url": at.address, "reduced_motion": "reduce", "locale": "en-GB"} | options
        contexts.append(chromium.new_context(**options))
        watches.append(Watch(at.address))
        page = watches[-1].over(contexts[-1].new_page())
        page.watch = watches[-1]
        return page

    yield open_page
    for context in contexts:
        context.close()
    for watch in watches:
        watch.judge()


@pytest.fixture
def page(browse):
    """A page on a desktop, open nowhere yet."""
    return browse(viewport={"width": 1280, "height": 800})
