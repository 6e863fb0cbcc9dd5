"""The links in mail, and what administrators see of it."""

import re

import mailed
import pytest
from conftest import only_sqlite
from mailed import Peer, confirmed, files, flush, outgoing, plain, posted, serving
from written import a_talk

import main
from models import Comment, MailAddress, Muted, OutboxMail
from talks import notifications, tokens
from talks.mailing import pages
from talks.mailing.messages import confirm_token, unsubscribe_token

BOB, VERA = "bob@example.org", "vera@example.org"


@pytest.fixture
def talk(ada):
    return a_talk(ada, title="Iteration in depth", status="published")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where mail is written instead of sent."""
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))
    return tmp_path / "mail"


@pytest.fixture
def stop(bob, talk):
    """The path that stops Bob's mail about a talk, of which some waits."""
    mailed.a_comment(talk, bob, notify=True, status="approved")
    posted(talk, status="approved")
    return f"/unsubscribe/{unsubscribe_token(main.app.secret_key, BOB, talk.id)}"


def is_told():
    return Comment.select().where(Comment.notify).exists() and bool(outgoing())


# Stopping


@only_sqlite
@pytest.mark.parametrize("method", ["get", "head"])
def test_following_the_link_changes_nothing(client, stop, method):
    answer = client.open(stop, method=method.upper())

    assert answer.status_code == 200
    assert is_told()


def test_the_button_stops_the_mail(client, stop):
    assert "Stop this mail" in client.get(stop).text

    answer = client.post(stop)

    assert "gets no more mail about this talk" in answer.text
    assert not is_told()


def test_a_program_of_mail_stops_it_by_one_post(client, stop):
    answer = client.post(
        stop, data={"List-Unsubscribe": "One-Click"}, headers={"Origin": "https://mail.example"}
    )

    assert answer.status_code == 200
    assert not is_told()


def test_stopping_twice_is_stopping(client, stop):
    client.post(stop)

    assert client.post(stop).status_code == 200


def test_the_page_says_when_it_is_stopped_and_begins_it_again(client, stop):
    client.post(stop)
    assert "Tell me again" in client.get(stop).text

    client.post(stop, data={"again": "1"})

    assert Muted.select().count() == 0


@only_sqlite
@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        tokens.sign("another secret", "unsubscribe", {"email": BOB, "talk": 1}),
        tokens.sign(main.app.secret_key, "moderate", {"email": BOB, "talk": 1}),
        confirm_token(main.app.secret_key, BOB),
    ],
    ids=["nonsense", "of another site", "for another purpose", "for confirming"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_link_says_so_and_changes_nothing(client, stop, token, method):
    answer = client.open(f"/unsubscribe/{token}", method=method)

    assert answer.status_code == 404
    assert "That link is not valid." in answer.text
    assert is_told()


def test_a_link_is_good_for_a_year(client, stop, monkeypatch):
    monkeypatch.setattr("talks.mailing.messages.UNSUBSCRIBE_SECONDS", -1)

    answer = client.post(stop)

    assert answer.status_code == 410
    assert "expired" in answer.text
    assert is_told()
    assert notifications.UNSUBSCRIBE_SECONDS == 365 * 24 * 3600


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_link_of_a_talk_that_is_gone_says_so(client, stop, talk, method):
    talk.delete_instance(recursive=True)

    answer = client.open(stop, method=method)

    assert answer.status_code == 200


@only_sqlite
@pytest.mark.parametrize("path", ["stop", "confirm"])
def test_pages_with_a_token_are_kept_by_nobody_and_set_no_cookie(client, stop, path):
    if path == "confirm":
        stop = f"/confirm-mail/{confirm_token(main.app.secret_key, VERA)}"
    for answer in (client.get(stop), client.post(stop)):
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers


# Confirming


def test_an_address_is_confirmed_by_the_button_and_not_by_the_link(client, talk, folder):
    posted(talk, email=VERA, notify=True)
    flush(folder)
    mail = next(mail for mail in files(folder) if "Do you want" in mail["Subject"])
    path = re.search(r"http://\S+?(/confirm-mail/\S+)", plain(mail))[1]

    assert "Yes, tell me" in client.get(path).text
    assert MailAddress.get().confirmed_at is None

    client.post(path)
    assert MailAddress.get().confirmed_at


@only_sqlite
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_bad_link_confirms_nothing(client, method):
    assert client.open("/confirm-mail/nonsense", method=method).status_code == 404
    assert MailAddress.select().count() == 0


# Every link in a mail


@only_sqlite
def test_every_link_in_a_mail_leads_to_a_page(client, bob, talk, folder):
    confirmed("eve@example.org")
    mailed.a_comment(talk, bob, notify=True, status="approved")
    posted(talk, email=VERA, notify=True)
    posted(talk, bob, status="approved", notify=True)
    posted(talk, email="eve@example.org", status="approved")
    flush(folder, SITE_URL="http://localhost")

    for mail in files(folder):
        html = mail.get_body(("html",)).get_content()
        addresses = re.findall(r"(?:^| )http://localhost(/\S*)", plain(mail), re.MULTILINE)
        addresses += re.findall(r'href="http://localhost([^"]+)', html)
        assert len(addresses) >= 4
        for address in addresses:
            assert client.get(address).status_code in (200, 303), address


# The mailbox


def test_administrators_see_what_waits_failed_and_was_written(as_carol, ada, bob, talk, folder):
    mailed.a_comment(talk, bob, notify=True, status="approved")
    posted(talk, name="Vera", body="Why?")
    flush(folder)
    posted(talk, status="approved")
    with serving(Peer({BOB: ["550 no such user"]})) as server:
        flush(folder, **server)
    posted(talk)

    page = as_carol.get("/mailbox").text
    assert "550 no such user" in page
    assert "[talks] Vera asks: Iteration in depth" in page
    assert "ada@example.org" in page
    assert page.index("Given up</h2>") < page.index("Waiting</h2>") < page.index("Written</h2>")


@only_sqlite
def test_a_written_mail_can_be_read_with_its_links(as_carol, talk, folder):
    posted(talk, name="Vera", body="Why?<script>alert(1)</script>")
    flush(folder)
    path = re.search(r'href="(/mailbox/[^"]+)"', as_carol.get("/mailbox").text)[1]

    page = as_carol.get(path).text
    assert "&lt;script&gt;" in page
    assert re.search(
        r'<time datetime="[^"]*\+00:00" data-date="UTC">\d+ \w+ \d{4}, \d\d:\d\d UTC</time>', page
    )
    assert re.search(r'<a href="http://127.0.0.1:8000/moderate/[^"]+"', page)
    with as_carol.get(f"{path}?raw=1") as raw:
        assert raw.mimetype == "message/rfc822"
        assert mailed.read(raw.data)["Subject"] == "[talks] Vera asks: Iteration in depth"


@pytest.mark.parametrize(
    "name", ["../secret_key", "..%2fsecret_key", ".hidden.eml", "20260101T000000Z-00000000.eml", "x"]
)
@only_sqlite
def test_nothing_else_is_read(as_carol, folder, name):
    folder.mkdir()
    (folder.parent / "secret_key").write_text("secret")

    assert as_carol.get(f"/mailbox/{name}").status_code == 404


def test_a_mail_that_was_given_up_is_tried_again_at_a_click(as_carol, talk, folder):
    posted(talk)
    with serving(Peer({"ada@example.org": ["550 no"]})) as server:
        flush(folder, **server)
        path = f"/mailbox/{OutboxMail.get().id}/again"
        assert as_carol.submit(path, "/mailbox").status_code == 303
        assert flush(folder, **server) == {"sent": 1}

    assert as_carol.submit(path, "/mailbox").status_code == 404


@only_sqlite
def test_an_empty_mailbox_says_what_it_is_for(as_carol, folder):
    assert "No mail" in as_carol.get("/mailbox").text


@only_sqlite
@pytest.mark.parametrize("path", ["/mailbox", "/mailbox/20260101T000000Z-00000000.eml"])
def test_nobody_else_sees_it(client, as_bob, path):
    assert client.get(path).status_code == 303
    assert as_bob.get(path).status_code == 403


@only_sqlite
def test_a_full_mailbox_costs_few_statements(as_carol, ada, folder, database):
    for number in range(20):
        posted(a_talk(ada, title=f"Talk {number}", status="published"))
    statements = []
    database.query_hooks.append(lambda event: statements.append(event.sql))
    as_carol.get("/mailbox")

    assert len([sql for sql in statements if "outbox_mail" in sql]) == 4
    assert len(statements) < 10


def test_files_are_the_newest(folder):
    folder.mkdir(parents=True)
    for number in range(pages.MOST_SHOWN + 10):
        (folder / f"20260101T{number:06}Z-00000000.eml").write_text("Subject: x\n\nx")
    with main.app.app_context():
        found = pages.files()

    assert len(found) == pages.MOST_SHOWN
    assert found[0].name.startswith(f"20260101T{pages.MOST_SHOWN + 9:06}Z")
