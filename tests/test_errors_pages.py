"""What goes wrong has a page of the site's own, or JSON, and never a stack trace."""

import io
import logging
import re
import sqlite3
from contextlib import closing

import pytest
from conftest import only_sqlite
from peewee import SqliteDatabase
from werkzeug.test import Client

import main
import models
from models import Talk, User
from talks.databases import PRAGMAS, open_database

JSON = {"Accept": "application/json"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@pytest.fixture
def log():
    """Records of the application's log."""
    records = []

    class Keeper(logging.Handler):
        def emit(self, record):
            records.append(record)

    keeper = Keeper()
    main.app.logger.addHandler(keeper)
    yield records
    main.app.logger.removeHandler(keeper)


@pytest.fixture
def served(database, as_in_production):
    """A client of the whole stack."""
    yield Client(main.application)
    models.database.connect(reuse_if_open=True)


@pytest.fixture
def failing(as_in_production, monkeypatch):
    """Let the timeline fail with what somebody typed in the exception's reach, not in its text."""

    def fail():
        raise ZeroDivisionError("division by zero")

    monkeypatch.setitem(main.app.view_functions, "timeline.index", fail)


def assert_page(answer, status, said):
    assert answer.status_code == status
    assert answer.content_type == "text/html; charset=utf-8"
    assert f"Error {status}" in answer.text
    assert said in answer.text.replace("&#39;", "'")
    assert '<link rel="stylesheet"' in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Accept" in answer.headers["Vary"]


def assert_json(answer, status, name):
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert answer.json.keys() == {"status", "error", "message"}
    assert answer.json["status"] == answer.json["error"] == name
    assert answer.json["message"].endswith(".")


def test_an_unknown_address_has_a_page_with_the_newest_talks(client, ada):
    Talk.create(title="Growing a language", owner=ada, status="published")

    answer = client.get("/nowhere")

    assert_page(answer, 404, "There is nothing at this address.")
    assert "Growing a language" in answer.text


def test_the_page_of_an_unknown_address_shows_no_draft(client, ada):
    Talk.create(title="Not yet", owner=ada)

    assert "Not yet" not in client.get("/nowhere").text


def test_a_form_without_its_token_has_a_page(client):
    assert_page(client.post("/auth/login"), 400, "That form belongs to another sign-in")


def test_what_one_may_not_do_has_a_page(as_bob):
    answer = as_bob.get("/new")

    assert_page(answer, 403, "Only speakers publish talks here.")
    assert "<h1>Not allowed</h1>" in answer.text


@pytest.mark.parametrize("status", main.ERRORS)
def test_the_title_of_an_error_is_no_term_of_the_protocol(database, status):
    with main.app.test_request_context("/"):
        page = main.error_page(status, main.ERRORS[status], "")

    assert not re.search("<h1>.*(forbidden|request|method|entity|server|service).*</h1>", page, re.IGNORECASE)


def test_a_method_an_address_does_not_take_has_a_page_that_says_which_it_does(as_bob):
    answer = as_bob.submit("/profile", page="/auth/logout")
    assert answer.status_code == 422  # it takes POST

    answer = as_bob.submit("/about", page="/auth/logout")

    assert_page(answer, 405, "This address does not take that kind of request.")
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_what_broke_has_a_page(client, failing):
    assert_page(client.get("/"), 500, "Something broke on our side.")


@only_sqlite
@pytest.mark.parametrize(
    ("method", "address", "status", "name"),
    [
        ("GET", "/nowhere", 404, "not found"),
        ("POST", "/auth/login", 400, "bad request"),
        ("GET", "/new", 403, "forbidden"),
    ],
)
def test_who_accepts_only_json_gets_json(as_bob, method, address, status, name):
    assert_json(as_bob.open(address, method=method, headers=JSON), status, name)


def test_json_about_a_method_says_which_are_allowed(as_bob):
    token = {"X-CSRFToken": form_token(as_bob)}

    answer = as_bob.put("/about", headers=JSON | token)

    assert_json(answer, 405, "method not allowed")
    assert "GET" in answer.headers["Allow"]


def form_token(browser):
    return browser.get("/auth/logout").text.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]


def test_json_about_what_is_too_large(client, monkeypatch):
    monkeypatch.setitem(main.app.config, "MAX_CONTENT_LENGTH", 1000)

    answer = client.post("/auth/login", data={"email": "a" * 2000}, headers=JSON)

    assert_json(answer, 413, "request entity too large")


def test_json_about_what_broke(client, failing):
    assert_json(client.get("/", headers=JSON), 500, "internal server error")


@only_sqlite
@pytest.mark.parametrize("accept", ["text/html", "*/*", "", "text/html,application/json;q=0.9", "nonsense"])
def test_everybody_else_gets_a_page(client, accept):
    assert client.get("/nowhere", headers={"Accept": accept}).mimetype == "text/html"


@only_sqlite
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("address", ["/nowhere", "/nowhere/", "/talk/x", "/auth/", "/talk/01", "/about/x"])
def test_an_unknown_address_is_unknown_for_every_method(client, method, address):
    assert client.open(address, method=method).status_code == 404


def test_a_head_request_for_an_unknown_address_has_no_body(client):
    assert client.head("/nowhere").data == b""


@only_sqlite
@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        pytest.param("/events/", "/events", id="a list"),
        pytest.param("/talk/1/", "/talk/1", id="a talk, there or not"),
        pytest.param(
            "/auth/login/?next=/profile&a=%C3%A9", "/auth/login?next=/profile&a=%C3%A9", id="a query"
        ),
        pytest.param("/help/speakers/", "/help/speakers", id="a flat page"),
        pytest.param("/user/b%C3%B6b/", "/user/b%C3%B6b", id="beyond ASCII"),
        pytest.param("/user/a%3Fb/", "/user/a%3Fb", id="a question mark in the path"),
        pytest.param("/user/a%0D%0Ab/", "/user/a%0D%0Ab", id="a new line in the path"),
        pytest.param("/talk/1-with-a-title", "/talk/1", id="a talk with its title"),
    ],
)
def test_each_page_has_one_address(client, asked, answered):
    answer = client.get(asked)

    assert (answer.status_code, answer.location) == (308, answered)


def test_a_form_sent_to_the_other_address_is_sent_on(client):
    answer = client.submit("/auth/login/", page="/auth/login", email="x", password="y")

    assert (answer.status_code, answer.location) == (308, "/auth/login")


@only_sqlite
@pytest.mark.parametrize("path", ["//events/", "//about/", "///tags/", "//evil.example/", "/\\evil.example/"])
def test_no_path_redirects_to_another_host(served, path):
    answer = served.get("/", environ_overrides={"PATH_INFO": path})

    assert answer.status_code in (308, 404)
    location = answer.headers.get("Location", "/")
    assert not location.replace("\\", "/").startswith("//")


def test_a_page_of_a_fault_holds_the_id_of_the_request(served, failing):
    answer = served.get("/", headers={"X-Request-Id": "abc-1234567"})

    assert answer.status_code == 500
    assert answer.headers["X-Request-Id"] == "abc-1234567"
    assert "<code>abc-1234567</code>" in answer.text


@only_sqlite
@pytest.mark.parametrize("address", ["/", "/nowhere"])
def test_no_page_holds_the_place_where_an_id_belongs(served, failing, address):
    assert "request-id}}" not in served.get(address).text


def test_an_id_that_is_markup_is_not_printed(served, failing):
    answer = served.get("/", headers={"X-Request-Id": "<script>alert(1)</script>"})

    assert "alert(1)" not in answer.text


def test_the_log_says_where_it_broke_and_nothing_that_was_typed(served, failing, log, monkeypatch):
    def fail():
        raise ZeroDivisionError("division by zero")

    monkeypatch.setitem(main.app.view_functions, "speakers.speaker", lambda username: fail())

    answer = served.get("/user/typed-path?year=typed-query", headers={"X-Request-Id": "abc-1234567"})

    assert answer.status_code == 500
    (record,) = log
    written = logging.Formatter().format(record)
    assert "GET /user/<username> failed, request abc-1234567" in written
    assert "ZeroDivisionError" in written
    assert "typed" not in written
    assert "typed" not in str({name: value for name, value in vars(record).items() if name != "exc_info"})
    assert (record.request_id, record.method, record.route) == ("abc-1234567", "GET", "/user/<username>")


def test_the_log_says_nothing_of_a_form(as_bob, as_in_production, log, monkeypatch):
    def fail(*arguments):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("talks.speakers.save_profile", fail)

    assert as_bob.submit("/profile", name="typed name", bio="typed text").status_code == 500

    assert "typed" not in logging.Formatter().format(log[0])


def test_a_refusal_is_not_logged(client, log):
    client.get("/nowhere")
    client.post("/auth/login")

    assert log == []


def test_a_database_that_is_not_there_is_answered_503(served, tmp_path, log):
    before = models.database.obj
    before.close()
    models.database.initialize(open_database(f"sqlite:///{tmp_path}/missing/talks.db"))
    try:
        answer = served.get("/")
        as_json = served.get("/talk/1", headers=JSON)
    finally:
        models.database.initialize(before)

    assert_page(answer, 503, "The site cannot reach its database at the moment.")
    assert answer.headers["Retry-After"] == "10"
    assert_json(as_json, 503, "service unavailable")
    assert [record.route for record in log] == ["/", "/talk/<id:talk_id>"]


@only_sqlite
def test_a_database_that_another_program_locks_is_answered_503_and_works_again(
    served, client, as_bob, bob, tmp_path
):
    token = form_token(as_bob)
    impatient = PRAGMAS | {"busy_timeout": 1}
    quick = SqliteDatabase(tmp_path / "talks.db", lock_type="IMMEDIATE", autoconnect=False, pragmas=impatient)
    before = models.database.obj
    before.close()
    models.database.initialize(quick)
    try:
        with closing(sqlite3.connect(tmp_path / "talks.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            locked = as_bob.post("/profile", data={"csrf_token": token, "name": "Robert"})
            read = as_bob.get("/")
            other.execute("ROLLBACK")
        again = as_bob.post("/profile", data={"csrf_token": token, "name": "Robert"})
    finally:
        quick.close()
        models.database.initialize(before)

    assert (locked.status_code, locked.headers["Retry-After"]) == (503, "10")
    assert read.status_code == 200
    assert again.status_code == 303


def test_a_statement_that_makes_no_sense_is_our_fault(client, as_in_production, log, monkeypatch):
    def fail():
        models.database.execute_sql("SELECT nothing FROM nowhere")

    monkeypatch.setitem(main.app.view_functions, "timeline.index", fail)

    assert client.get("/").status_code == 500
    assert len(log) == 1


def test_a_form_that_was_open_in_another_sign_in_is_refused(as_bob, bob):
    stale = form_token(as_bob)
    as_bob.submit("/auth/logout")
    as_bob.sign_in(bob)

    answer = as_bob.post("/profile", data={"csrf_token": stale, "name": "Robert"})

    assert_page(answer, 400, "That form belongs to another sign-in")
    assert User.get_by_id(bob.id).name == "Bob"


@only_sqlite
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"\xff\xfe=%ff&%00=%00&a=%"),
        ("multipart/form-data", b"no boundary is named"),
        ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="\0"\r\n\r\n\0\r\n--x--',
        ),
        ("application/json", b"{"),
        ("text/\0", b"\0"),
        ("", b"\xff" * 1000),
    ],
)
def test_a_body_that_is_no_form_is_a_bad_request(client, content_type, body):
    answer = client.post("/auth/login", data=io.BytesIO(body), content_type=content_type)

    assert answer.status_code == 400


def test_pages_of_somebody_signed_in_are_for_no_shared_cache(as_ada):
    for address in ("/", "/mine", "/profile", "/new"):
        assert as_ada.get(address).headers["Cache-Control"] == "private, no-cache"


def test_a_form_with_a_token_is_for_no_shared_cache(client):
    assert client.get("/auth/login").headers["Cache-Control"] == "private, no-cache"


def test_a_visitors_page_may_be_cached(client):
    assert "Cache-Control" not in client.get("/").headers


def test_an_id_has_one_spelling(client):
    assert [client.get(f"/talk/{id_}-x").status_code for id_ in ("13", "013", "1٣", "１３")] == [308] + [
        404
    ] * 3
