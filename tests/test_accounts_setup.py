"""The one-time address that makes the first administrator."""

import re
from threading import Barrier, Thread

import pytest
from conftest import PASSWORD, TOKEN, only_sqlite
from itsdangerous import TimestampSigner, URLSafeTimedSerializer

import main
import models
from models import Session, User
from talks import accounts

WANTED = {
    "username": "carol", "email": "Carol@example.org", "password": PASSWORD, "password2": PASSWORD,
}  # fmt: skip


@pytest.fixture
def address(database):
    return f"/auth/setup/{accounts.setup_token(main.app.secret_key)}"


def test_it_works(client, address):
    assert "Create administrator" in client.get(address).text

    answer = client.submit(address, **WANTED)

    assert (answer.status_code, answer.location) == (303, "/")
    carol = User.get()
    assert (carol.username, carol.email) == ("carol", "carol@example.org")
    assert carol.is_admin
    assert carol.is_speaker
    assert carol.confirmed_at
    assert client.get("/profile").status_code == 200


def test_reading_the_page_makes_nobody(client, address):
    client.get(address)

    assert User.select().count() == 0


def test_it_works_once(client, address):
    client.submit(address, **WANTED)
    later = main.app.test_client()

    answer = later.get(address)

    assert (answer.status_code, answer.location) == (303, "/auth/login")
    assert "This site has its administrator. Sign in." in later.get("/auth/login").text


def test_a_page_that_was_open_before_makes_no_second_administrator(client, address):
    late = main.app.test_client()
    token = TOKEN.search(late.get(address).text)[1]
    client.submit(address, **WANTED)

    answer = late.post(
        address, data=WANTED | {"username": "eve", "email": "eve@example.org", "csrf_token": token}
    )

    assert answer.location == "/auth/login"
    assert User.select().count() == 1


def test_two_at_once_make_one_administrator(client, address):
    barrier, answers = Barrier(2), []

    def make(name):
        browser = main.app.test_client()
        token = TOKEN.search(browser.get(address).text)[1]
        barrier.wait()
        values = WANTED | {"username": name, "email": f"{name}@example.org", "csrf_token": token}
        try:
            answers.append(browser.post(address, data=values).location)
        finally:
            models.database.close()

    threads = [Thread(target=make, args=(name,)) for name in ("carol", "eve")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == ["/", "/auth/login"]
    assert User.select().where(User.is_admin).count() == 1
    assert Session.select().count() == 1


def test_it_expires_after_an_hour(client, database):
    class OldSigner(TimestampSigner):
        def get_timestamp(self):
            return super().get_timestamp() - accounts.SETUP_SECONDS - 1

    old = URLSafeTimedSerializer(main.app.secret_key, salt="talks.setup", signer=OldSigner)

    answer = client.get(f"/auth/setup/{old.dumps('administrator')}")

    assert (answer.status_code, answer.location) == (303, "/")
    assert "That link has expired." in client.get("/").text


@only_sqlite
@pytest.mark.parametrize("token", ["x", "a.b.c", "%00", "\U0001f600", "x" * 3000])
def test_a_made_up_address_does_nothing(client, token):
    assert client.get(f"/auth/setup/{token}").location == "/"
    assert "That link is not valid." in client.get("/").text
    assert client.submit(f"/auth/setup/{token}", page="/auth/login", **WANTED).location == "/"
    assert User.select().count() == 0


def test_a_blocked_administrator_is_none(client, address, carol):
    User.update(is_active=False).execute()

    assert client.get(address).status_code == 200


@only_sqlite
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("username", "", "Choose a username."),
        ("username", "a b", "Use letters a to z"),
        ("username", "-a", "Use letters a to z"),
        ("username", "a\0", "cannot be shown"),
        ("username", "a" * 65, "64"),
        ("username", "BOB", "The username BOB is taken."),
        ("email", "nobody", "That is not an e-mail address."),
        ("email", "BOB@example.org", "bob@example.org has an account already."),
        ("password", "short", "Use at least 10 characters."),
        ("password2", "another one", "The two passwords are not the same."),
    ],
)
def test_what_is_wrong_is_said_and_the_input_kept(client, bob, address, field, value, said):
    answer = client.submit(address, **(WANTED | {field: value}))

    assert answer.status_code == 422
    assert said in answer.text
    kept = "carol@example.org" if field == "username" else "carol"
    assert re.search(f'value="{kept}"', answer.text, re.IGNORECASE)
    assert PASSWORD not in answer.text
    assert User.select().count() == 1


@only_sqlite
def test_every_answer_under_the_address_is_private(client, address):
    answers = [
        client.get(address),
        client.submit(address, username="?"),
        client.post(address, data=WANTED),
        client.submit(address, **WANTED),
        client.get(address),
        client.get("/auth/setup/made-up"),
    ]

    assert [answer.status_code for answer in answers] == [200, 422, 400, 303, 303, 303]
    for answer in answers:
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_it_works_over_tls_although_browsers_then_send_no_referrer(client, address):
    secure = {"base_url": "https://localhost"}
    token = TOKEN.search(client.get(address, **secure).text)[1]

    answer = client.post(address, data=WANTED | {"csrf_token": token}, **secure)

    assert answer.location == "/"


def test_a_form_without_token_makes_nobody(client, address):
    assert client.post(address, data=WANTED).status_code == 400
    assert User.select().count() == 0


def test_the_greeting_names_the_address_while_there_is_no_administrator(client, database):
    address = re.search(r"open http://127\.0\.0\.1:8000(\S+)", "\n".join(main.greeting()))[1]

    assert client.get(address).status_code == 200


def test_the_greeting_names_no_address_once_there_is_one(carol):
    assert "setup" not in "\n".join(main.greeting())
