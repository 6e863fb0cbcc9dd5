"""A site for each test: a fresh SQLite file, the real application, and three people."""

import os
import re
import shutil

os.environ["TALKS_CONFIG"] = "testing"
os.environ["SECRET_KEY"] = "a secret that only the tests know"
os.environ["DATABASE_URL"] = "sqlite:///:memory:"
for name in ("SITE_URL", "MAIL_ERROR_RECIPIENT", "SYSLOG"):
    os.environ.pop(name, None)

import pytest  # noqa: E402
from flask.testing import FlaskClient  # noqa: E402

import main  # noqa: E402
import models  # noqa: E402
from talks import accounts  # noqa: E402
from talks.databases import open_database  # noqa: E402

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'name="csrf_token"[^>]*value="([^"]+)"')


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

    def submit(self, address, page=None, **values):
        """POST the form that stands on `page` (default: at the same address)."""
        token = TOKEN.search(self.get(page or address).text)
        return self.post(address, data=values | ({"csrf_token": token[1]} if token else {}))

    def sign_in(self, user, password=PASSWORD, **values):
        return self.submit("/auth/login", email=user.email, password=password, **values)


main.app.test_client_class = Browser


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A file with the tables, to be copied."""
    path = tmp_path_factory.mktemp("database") / "empty.db"
    made = open_database(f"sqlite:///{path}")
    with made.connection_context(), made.bind_ctx(models.TABLES):
        made.create_tables(models.TABLES)
        made.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture
def database(tmp_path, empty_database):
    """A fresh database file, connected and bound to the models."""
    shutil.copy(empty_database, tmp_path / "talks.db")
    before = models.database.obj
    opened = open_database(f"sqlite:///{tmp_path}/talks.db")
    models.database.initialize(opened)
    opened.connect()
    yield opened
    if not opened.is_closed():
        opened.close()
    models.database.initialize(before)


@pytest.fixture
def client(database):
    """A visitor's browser."""
    return main.app.test_client()


def person(username, **rights):
    return accounts.create_account(
        username, f"{username}@example.org", password=PASSWORD, name=username.capitalize(), **rights
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
def as_ada(client, ada):
    client.sign_in(ada)
    return client


@pytest.fixture
def as_bob(database, bob):
    browser = main.app.test_client()
    browser.sign_in(bob)
    return browser


@pytest.fixture
def as_carol(database, carol):
    browser = main.app.test_client()
    browser.sign_in(carol)
    return browser
