"""Who may come in, and who may write."""

import pytest
from asked import an_open_talk
from conftest import PASSWORD

import main
from models import Comment, User, utcnow
from talks.accounts import api_token

LOGIN = "/auth/login"
READING = ["/", "/events", "/speakers", "/tags", "/about", "/help", "/talk/1", "/user/ada", "/journal/"]


@pytest.fixture
def members(monkeypatch):
    """The whole site is behind the sign-in."""
    monkeypatch.setitem(main.app.config, "ACCESS", "members")


def bearer(user):
    return {"Authorization": f"Bearer {api_token(main.app.secret_key, user)}"}


@pytest.mark.parametrize("address", READING)
def test_a_site_for_members_asks_visitors_to_sign_in(members, client, ada, address):
    an_open_talk(ada)

    answer = client.get(address)

    assert answer.status_code == 303
    assert answer.location == f"{LOGIN}?next={address}"
    assert client.head(address).status_code == 303


def test_a_member_reads_and_is_led_back(members, client, ada, bob):
    an_open_talk(ada)
    asked = client.get("/talk/1")

    answer = client.submit(asked.location, email=bob.email, password=PASSWORD)

    assert answer.location == "/talk/1"
    assert client.get("/talk/1").status_code == 200


@pytest.mark.parametrize("address", [LOGIN, "/auth/register", "/auth/reset", "/auth/confirm", "/auth/logout"])
def test_what_leads_to_an_account_stays_open(members, client, address):
    answer = client.get(address)

    assert answer.status_code == 200 or answer.location == f"{LOGIN}?next=/auth/logout"


def test_a_link_in_a_mail_stays_open_and_shows_no_talks_when_it_is_bad(members, client, ada):
    talk = an_open_talk(ada, title="For members only")

    for address in ("/unsubscribe/x", "/confirm-mail/x", "/auth/confirm/x", "/auth/reset/x"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert talk.title not in answer.text


def test_nowhere_is_nowhere_and_shows_no_talks(members, client, ada):
    talk = an_open_talk(ada, title="For members only")

    answer = client.get("/nowhere/at/all")

    assert answer.status_code == 404
    assert talk.title not in answer.text


def test_a_visitor_writes_nothing_on_a_site_for_members(members, client, ada):
    an_open_talk(ada)

    answer = client.post("/talk/1", data={"body": "How?"}, headers={"Sec-Fetch-Site": "same-origin"})

    assert (answer.status_code, answer.location) == (303, LOGIN)
    assert Comment.select().count() == 0


def test_the_api_of_a_site_for_members_asks_who_it_is(members, client, ada, bob):
    talk = an_open_talk(ada)
    address = f"/api/1.0/talks/{talk.id}/comments/"

    answer = client.get(address)
    assert answer.status_code == 401
    assert answer.get_json()["message"] == "This site is for its members: say who you are."
    assert "WWW-Authenticate" in answer.headers

    assert client.get(address, headers=bearer(bob)).status_code == 200
    assert client.get(address, auth=(bob.email, PASSWORD)).status_code == 200
    assert client.get("/api/1.0/token", auth=(bob.email, PASSWORD)).status_code == 200


def test_a_password_sent_to_the_api_is_looked_at_once(members, client, bob, hasher):
    hasher.verified = 0

    client.get("/api/1.0/comments/", auth=(bob.email, PASSWORD))

    assert hasher.verified == 1


def test_no_shared_cache_keeps_a_picture_for_others(members, client, ada, bob, tmp_path, monkeypatch):
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))
    (tmp_path / "thumbnails").mkdir()
    (tmp_path / "thumbnails/1.jpg").write_bytes(b"a picture")
    an_open_talk(ada, thumbnail_at=utcnow())
    client.let_in(bob)

    with client.get("/thumbnail/1.jpg") as answer:
        kept = answer.headers["Cache-Control"].split(", ")

    assert answer.status_code == 200
    assert "private" in kept and "public" not in kept


def test_static_files_and_health_are_no_secret(members):
    for path in ("/-/live", main.assets.url("site.css")):
        assert raw(path).startswith("200")


def raw(path):
    """The status that the whole stack answers with."""
    said = []
    environ = main.app.test_request_context(path).request.environ
    body = main.application(environ, lambda status, headers, exc_info=None: said.append(status))
    getattr(body, "close", lambda: None)()
    return said[0]


def test_an_unconfirmed_account_is_no_member(members, as_bob, bob):
    User.update(confirmed_at=None).execute()

    assert as_bob.get("/").location == "/auth/confirm"
    assert as_bob.get("/auth/account").status_code == 200
    answer = as_bob.get("/api/1.0/comments/", headers=bearer(bob))
    assert answer.status_code == 403


# Unconfirmed people on a site that everybody reads.


@pytest.fixture
def unconfirmed(as_bob, bob):
    User.update(confirmed_at=None).where(User.id == bob).execute()
    return as_bob


def test_an_unconfirmed_account_reads(unconfirmed, ada):
    an_open_talk(ada)

    for address in ("/", "/talk/1", "/profile", "/auth/account"):
        assert unconfirmed.get(address).status_code == 200


def test_an_unconfirmed_account_is_reminded_on_every_page(unconfirmed, as_carol):
    said = "write once your address is confirmed"

    assert said in unconfirmed.get("/").text
    assert said not in as_carol.get("/").text


@pytest.mark.parametrize(
    "address",
    ["/talk/1", "/profile", "/journal/new", "/new", "/comment/1/report", "/preview", "/moderate/bulk"],
)
def test_an_unconfirmed_account_writes_nowhere(unconfirmed, ada, bob, address):
    an_open_talk(ada)
    User.update(is_speaker=True).where(User.id == bob).execute()

    answer = unconfirmed.submit(address, page="/auth/account", body="How?", name="Bob", title="A", notify="")

    assert answer.status_code == 403
    assert "Confirm your e-mail address first" in answer.text


def test_an_unconfirmed_account_writes_nothing_through_the_api(client, ada, bob):
    talk = an_open_talk(ada)
    User.update(confirmed_at=None).where(User.id == bob).execute()
    address = f"/api/1.0/talks/{talk.id}/comments/"

    answer = client.post(address, headers=bearer(bob), json={"body": "How?"})

    assert answer.status_code == 403
    assert "Confirm your e-mail address first" in answer.get_json()["message"]
    assert Comment.select().count() == 0
    assert client.get(address, headers=bearer(bob)).status_code == 200


def test_an_unconfirmed_account_signs_out(unconfirmed):
    assert unconfirmed.submit("/auth/logout", page="/auth/account").location == "/"
    assert unconfirmed.get("/auth/account").status_code == 303


def test_an_unconfirmed_account_is_offered_nothing_that_it_cannot_do(unconfirmed, as_ada):
    offered = "/profile/delete", "/profile/download", 'href="/profile"'
    page, whole = unconfirmed.get("/auth/account").text, as_ada.get("/auth/account").text

    assert "Without that, the account is forgotten after a day." in page
    main = page.partition("<main")[2]
    assert [address for address in offered if address in main] == []
    assert all(address in whole for address in offered)
