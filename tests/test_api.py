"""The API: who is asking, the one shape of errors, and that no cookie counts."""

from base64 import b64encode

import pytest
from asked import a_comment, an_open_talk, reloaded
from calling import BOTH, basic, bearer, call, is_error, token_of
from conftest import PASSWORD, only_sqlite
from itsdangerous import TimestampSigner
from written import rows

import main
from models import LoginAttempt, User
from talks import accounts, tokens


@pytest.fixture
def waiting(ada):
    return a_comment(an_open_talk(ada, discussion="moderated"), "pending")


def put(waiting, **more):
    return call("PUT", f"/comments/{waiting.id}", **more)


# Tokens


@pytest.mark.parametrize("base", BOTH)
def test_a_password_gets_a_token_that_works(waiting, ada, base):
    given = call("GET", "/token", headers=basic(ada.email), base=base).get_json()
    assert given.keys() == {"token", "expiration"} and given["expiration"] == 3600

    answer = put(waiting, headers={"Authorization": f"Bearer {given['token']}"}, base=base)
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})


def test_the_address_may_be_typed_in_any_case(ada):
    assert call("GET", "/token", headers=basic(ada.email.upper())).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {}, basic("", ""), basic("ada@example.org", ""), basic("ada@example.org", "wrong"),
        basic("nobody@example.org"), {"Authorization": "Basic %%%"}, {"Authorization": "Basic"},
        {"Authorization": "Digest x"},
        {"Authorization": "Basic " + b64encode(b"\xff:\xff").decode()}, basic("ada\0@example.org"),
    ],
)  # fmt: skip
def test_no_token_without_a_password(ada, headers):
    answer = call("GET", "/token", headers=headers)

    assert is_error(answer, 401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Talks"'


@only_sqlite
@pytest.mark.parametrize("how", ["bearer", "basic", "body"])
def test_a_token_gets_no_token(ada, how):
    sent = {
        "bearer": {"headers": bearer(ada)},
        "basic": {"headers": basic(token_of(ada), "")},
        "body": {"json": {"token": token_of(ada)}},
    }[how]

    assert is_error(call("GET", "/token", **sent), 401, "unauthorized")


def test_who_was_blocked_gets_no_token_and_theirs_is_dead(waiting, ada):
    old = bearer(ada)
    User.update(is_active=False).where(User.id == ada.id).execute()

    assert is_error(call("GET", "/token", headers=basic(ada.email)), 401, "unauthorized")
    assert is_error(put(waiting, headers=old), 401, "unauthorized")


@pytest.mark.parametrize("change", ["password", "epoch"])
def test_a_token_dies_with_the_password_and_with_the_sessions(waiting, ada, change):
    old = bearer(ada)
    if change == "password":
        ada.set_password("another good password")
    else:
        ada.session_epoch += 1
    ada.save()

    assert is_error(put(waiting, headers=old), 401, "unauthorized")
    assert put(waiting, user=ada).status_code == 200


def test_a_token_lives_an_hour(waiting, ada, monkeypatch):
    now = TimestampSigner("x").get_timestamp()
    made = {}
    for age in (3590, 3610):
        with monkeypatch.context() as patch:
            patch.setattr(TimestampSigner, "get_timestamp", lambda self, age=age: now - age)
            made[age] = bearer(ada)

    expired = put(waiting, headers=made[3610])
    assert is_error(expired, 401, "unauthorized") and "expired" in expired.get_json()["message"]
    assert put(waiting, headers=made[3590]).status_code == 200


def test_a_token_says_nothing_of_the_password(ada):
    assert ada.password_hash not in token_of(ada) and PASSWORD not in token_of(ada)


def test_wrong_passwords_are_limited_before_they_are_hashed(ada, monkeypatch):
    for _ in range(LoginAttempt.PER_ACCOUNT):
        call("GET", "/token", headers=basic(ada.email, "wrong"))

    def hashed(*arguments):
        raise AssertionError("a password was looked at")

    monkeypatch.setattr(accounts.passwords, "verify", hashed)
    for path in ("/token", "/comments/"):
        answer = call("GET", path, headers=basic(ada.email))
        assert is_error(answer, 429, "too many requests")
        assert answer.headers["Retry-After"] == "60"


def test_the_limits_are_those_of_the_sign_in_page(client, ada):
    for _ in range(LoginAttempt.PER_ACCOUNT):
        client.sign_in(ada, password="wrong")

    assert call("GET", "/token", headers=basic(ada.email)).status_code == 429


# Who is asking


@pytest.mark.parametrize("how", ["bearer", "basic token", "basic password", "body", "body of a DELETE"])
def test_every_way_to_say_who_one_is(waiting, ada, how):
    token = token_of(ada)
    sent = {
        "bearer": {"headers": bearer(ada)},
        "basic token": {"headers": basic(token, "")},
        "basic password": {"headers": basic(ada.email)},
        "body": {"json": {"token": token}},
        "body of a DELETE": {"json": {"token": token}},
    }[how]

    assert call("DELETE" if "DELETE" in how else "PUT", f"/comments/{waiting.id}", **sent).status_code == 200


def foreign(user):
    return [
        tokens.sign("another secret", "api", [user.id, "x"]),
        tokens.sign(main.app.secret_key, "moderate", [user.id, "x"]),
        tokens.sign(main.app.secret_key, "api", [user.id, "0" * 16]),
        tokens.sign(main.app.secret_key, "api", [9999, "0" * 16]),
        token_of(user)[:-1], "x", "", "é",
    ]  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_bad_or_foreign_token_is_refused_however_it_is_sent(waiting, ada, method):
    before = rows()
    for token in foreign(ada):
        latin = token.encode().decode("latin-1")
        ways = [{"json": {"token": token}}, {"headers": basic(token or "x", "")}]
        ways.append({"headers": {"Authorization": f"Bearer {latin}"}})
        for sent in ways:
            answer = call(method, f"/comments/{waiting.id}", **sent)
            assert is_error(answer, 401, "unauthorized"), (token, sent)
            assert answer.headers["WWW-Authenticate"]
    assert rows() == before


@only_sqlite
@pytest.mark.parametrize("token", [None, 5, [], {}, True, "\ud800"])
def test_a_token_that_is_no_text_is_refused(waiting, token):
    assert is_error(put(waiting, json={"token": token}), 401, "unauthorized")


@only_sqlite
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "sent",
    [
        {}, {"data": "token=x"}, {"data": {"token": "x"}}, {"data": "{", "content_type": "application/json"},
        {"json": []}, {"json": "token"}, {"data": b"\xff", "content_type": "application/json"},
        {"data": "[" * 100_000, "content_type": "application/json"},
        {"data": '{"token": ' + "9" * 5000 + "}", "content_type": "application/json"},
    ],
    ids=lambda sent: str(sent)[:40],
)  # fmt: skip
def test_nothing_that_says_who_asks_is_a_bad_request(waiting, method, sent):
    before = rows()

    assert is_error(call(method, f"/comments/{waiting.id}", **sent), 400, "bad request")
    assert rows() == before


@only_sqlite
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_json_without_a_token_is_unauthorized(waiting, method):
    assert is_error(call(method, f"/comments/{waiting.id}", json={"body": "x"}), 401, "unauthorized")


# Cookies


@only_sqlite
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_cookie_is_nobody(as_ada, waiting, method):
    before = rows()
    for sent in ({}, {"json": {}}, {"json": {"body": "x"}}):
        assert as_ada.open(f"/api/1.0/comments/{waiting.id}", method=method, **sent).status_code in (400, 401)
    assert rows() == before


@only_sqlite
def test_a_cookie_reads_no_more_than_a_visitor(as_ada, waiting):
    assert as_ada.get(f"/api/1.0/comments/{waiting.id}").status_code == 404


@only_sqlite
def test_no_cookie_is_set_whatever_was_sent(as_ada, waiting):
    for path in ("/api/1.0/comments/", "/api/1.0/token", "/api/1.0/nothing", "/api/"):
        answer = as_ada.get(path)
        assert "Set-Cookie" not in answer.headers
        assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_form_of_the_page_has_no_force_here(as_ada, waiting):
    answer = as_ada.submit(f"/api/1.0/comments/{waiting.id}/spam", page="/moderate")

    assert answer.status_code == 400
    assert reloaded(waiting).status == "pending"


def test_who_is_signed_in_gets_a_token_by_a_form_of_the_page(as_ada, waiting):
    answer = as_ada.submit("/auth/token", page="/moderate")
    assert answer.headers["Cache-Control"] == "no-store"
    given = answer.get_json()

    assert given["expiration"] == 3600
    assert put(waiting, headers={"Authorization": f"Bearer {given['token']}"}).status_code == 200


def test_nobody_else_gets_a_token_of_the_page(client, as_ada):
    assert client.get("/auth/token").status_code == 405
    assert main.app.test_client().submit("/auth/token", page="/auth/login").status_code == 303
    assert as_ada.post("/auth/token").status_code == 400


# Errors of one shape


@only_sqlite
@pytest.mark.parametrize("base", BOTH)
@pytest.mark.parametrize("accept", ["application/json", "*/*", "", "text/html, */*;q=0.1"])
def test_an_unknown_address_is_not_found(database, base, accept):
    assert is_error(call("GET", "/nothing", headers={"Accept": accept}, base=base), 404, "not found")
    assert is_error(call("GET", "/comments/99", headers={"Accept": accept}, base=base), 404, "not found")
    assert is_error(
        call("GET", f"/comments/{'9' * 30}", headers={"Accept": accept}, base=base), 404, "not found"
    )


@only_sqlite
@pytest.mark.parametrize(
    "path, allowed",
    [
        ("/token", {"GET"}),
        ("/comments/", {"GET"}),
        ("/comments/1", {"GET", "PUT", "PATCH", "DELETE"}),
        ("/comments/1/spam", {"POST"}),
        ("/comments/1/keep", {"POST"}),
        ("/comments/1/undo", {"POST"}),
        ("/talks/1/comments/", {"GET", "POST"}),
    ],
)
def test_another_method_is_not_allowed(database, path, allowed):
    allowed = allowed | {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"} - allowed:
        answer = call(method, path)
        assert is_error(answer, 405, "method not allowed")
        assert set(answer.headers["Allow"].split(", ")) == allowed

    options = call("OPTIONS", path)
    assert options.status_code == 200 and set(options.headers["Allow"].split(", ")) == allowed


def test_head_says_what_get_says_without_a_body(waiting, ada):
    path = f"/comments/{waiting.id}"
    head, get = (call(method, path, user=ada) for method in ("HEAD", "GET"))

    assert (head.status_code, head.data) == (200, b"")
    assert head.headers["ETag"] == get.headers["ETag"]


@only_sqlite
@pytest.mark.parametrize("accept", ["text/html", "image/*", "application/xml", "application/json;q=0"])
def test_who_takes_no_json_gets_nothing(database, accept):
    assert is_error(call("GET", "/comments/", headers={"Accept": accept}), 406, "not acceptable")


@only_sqlite
def test_too_much_is_too_large(waiting, ada):
    sent = {"data": b'{"body": "' + b"x" * 2_000_000 + b'"}', "content_type": "application/json"}
    path = f"/talks/{waiting.talk_id}/comments/"

    for user in (ada, None):
        assert is_error(call("POST", path, user=user, **sent), 413, "request entity too large")


@only_sqlite
def test_the_other_form_of_an_address_redirects(database):
    answer = call("GET", "/comments?per_page=3")

    assert answer.status_code == 308
    assert answer.location.endswith("/api/1.0/comments/?per_page=3")


def test_no_cache_keeps_an_answer(waiting, ada):
    for answer in (call("GET", "/comments/"), put(waiting, user=ada), call("GET", "/comments/99")):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Authorization" in answer.headers["Vary"]
