"""What a mail says, and what nobody can make it say."""

import re
from email.headerregistry import Address

import mailed
import pytest
from conftest import only_sqlite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mailed import Peer, confirmed, decided, files, flush, later, plain, posted, serving
from written import a_talk

import main
from models import Comment, User, database, utcnow
from talks import notifications
from talks.mailing import messages

ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"


@pytest.fixture
def talk(ada):
    return a_talk(ada, title="Iteration in depth", status="published")


@pytest.fixture
def three(ada, bob, talk):
    """Three mails that wait, to Ada, Bob and Eve."""
    confirmed(EVE)
    mailed.a_comment(talk, bob, notify=True, status="approved")
    mailed.a_comment(talk, email=EVE, notify=True, status="approved")
    posted(talk, name="Vera", body="Shown")
    posted(talk, name="Vera", body="Shown", status="approved")


def only(folder):
    (found,) = files(folder)
    return found


def test_a_mail_lists_what_was_collected(ada, talk, tmp_path):
    for body in ("Why generators?", "Which version?"):
        posted(talk, body=body, name="Vera")
    flush(tmp_path)

    mail = only(tmp_path)
    assert mail["Subject"] == "[talks] 2 questions wait: Iteration in depth"
    assert mail["To"].addresses == (Address("Ada", "ada", "example.org"),)
    for text in (plain(mail), mail.get_body(("html",)).get_content()):
        assert "Why generators?" in text
        assert "Which version?" in text


def test_what_is_collected_is_not_sent_before_its_time(ada, talk, tmp_path):
    posted(talk)
    assert flush(tmp_path, collect_seconds=3600) == {}

    later(hours=1)
    assert flush(tmp_path, collect_seconds=3600) == {"sent": 1}


def test_the_question_to_an_address_does_not_wait(ada, talk, tmp_path):
    notifications.unsubscribe(ADA, talk.id)
    posted(talk, email="vera@example.org", notify=True, name="BUY THIS", body="http://spam.example")
    assert flush(tmp_path, collect_seconds=3600) == {"sent": 1}

    assert "Do you want mail" in only(tmp_path)["Subject"]


def test_the_question_to_an_address_quotes_nothing_that_was_typed(talk, tmp_path):
    notifications.unsubscribe(ADA, talk.id)
    posted(talk, email="vera@example.org", notify=True, name="BUY THIS", body="http://spam.example")
    flush(tmp_path)

    said = only(tmp_path).as_string()
    assert "BUY THIS" not in said
    assert "spam.example" not in said


@pytest.mark.parametrize("column", ["status", "talk"])
def test_what_is_not_so_any_more_is_not_sent(ada, talk, tmp_path, column):
    """Also where no verb took it out of the mail."""
    posted(talk)
    if column == "status":
        Comment.update(status="approved").execute()
    else:
        talk.unpublish()

    assert flush(tmp_path) == {"dropped": 1}
    assert files(tmp_path) == []


def test_who_was_blocked_meanwhile_gets_nothing(ada, talk, tmp_path):
    posted(talk)
    User.update(is_active=False).where(User.id == ada.id).execute()

    assert flush(tmp_path) == {"dropped": 1}


def test_an_approval_undone_and_done_again_is_told_once(bob, talk, tmp_path):
    mailed.a_comment(talk, bob, notify=True, status="approved")
    comment = posted(talk, status="approved")
    flush(tmp_path)
    decided(comment, "deleted")
    decided(comment, "approved")

    assert flush(tmp_path) == {"dropped": 1}


def test_a_question_that_was_approved_edited_and_waits_again_is_told_again(ada, talk, tmp_path):
    comment = posted(talk)
    flush(tmp_path)
    decided(comment)
    Comment.update(body="Other", edited_at=utcnow()).execute()
    comment = Comment.get_by_id(comment.id)
    with database.atomic():
        comment.move("approved", to="pending")
        notifications.tell(comment)

    assert flush(tmp_path) == {"sent": 1}


def test_an_approval_undone_is_not_told_again_to_who_decides(ada, talk, tmp_path):
    comment = posted(talk)
    flush(tmp_path)
    decided(comment)
    with database.atomic():
        comment.move("approved", to="pending")
        notifications.tell(comment)

    assert flush(tmp_path) == {"dropped": 1}


@only_sqlite
def test_every_mail_can_be_stopped_by_one_click(three, tmp_path):
    flush(tmp_path, SITE_URL="https://talks.example.org")

    for mail in files(tmp_path):
        assert mail["List-Unsubscribe"].startswith("<https://talks.example.org/unsubscribe/")
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert mail["List-Unsubscribe"].strip("<>") in plain(mail)
    for path in tmp_path.glob("*.eml"):  # as it is sent: what reads it above would decode it
        assert re.search(rb"^List-Unsubscribe: <https://[\w./-]+>\r\n", path.read_bytes(), re.MULTILINE)


@only_sqlite
def test_only_who_decides_gets_links_that_decide(three, tmp_path):
    flush(tmp_path)

    for mail in files(tmp_path):
        assert ("/moderate/" in plain(mail)) == (mail["To"].addresses[0].addr_spec == ADA)


@only_sqlite
def test_the_link_that_decides_names_comment_and_moderator(ada, talk, tmp_path):
    comment = posted(talk)
    flush(tmp_path)

    token = plain(only(tmp_path)).partition("/moderate/")[2].split()[0]
    assert notifications.read_moderate_token(main.app.secret_key, token) == {
        "comment": comment.id,
        "user": ada.id,
        "of": "",
    }


def test_no_mail_shows_the_address_of_who_wrote(three, tmp_path):
    Comment.update(author_email="secret@example.org").execute()
    flush(tmp_path)

    assert all("secret@" not in mail.as_string() for mail in files(tmp_path))


HOSTILE = [
    "Eve\r\nBcc: victim@example.org",
    "Eve\nBcc: victim@example.org\n\nHello",
    "Eve\x00\x1b[31m",
    "\u202egnp.exe",
    "Eve <victim@example.org>, Mallory",
    '"Eve" <a@b.c>',
    "=?utf-8?q?Bcc=3A?=",
    "👩‍💻 🐍 Ève 김철수",
    "x" * 64,
    "\u2028Bcc: x",
]


@only_sqlite
@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_can_write_a_header(name, ada, talk, tmp_path):
    comment = posted(talk)
    Comment.update(author_name=name.replace("\0", "")).where(Comment.id == comment.id).execute()
    User.update(name=name.replace("\0", "")).where(User.id == ada.id).execute()
    flush(tmp_path)

    mail = only(tmp_path)
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "List-Unsubscribe", "MIME-Version",
        "List-Unsubscribe-Post", "Content-Type",
    }  # fmt: skip
    assert [address.addr_spec for address in mail["To"].addresses] == [ADA]
    assert "\u202e" not in mail["Subject"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_a_header_is_one_line_whatever_is_typed(text):
    made = messages.header(text)

    assert len(made.splitlines()) <= 1
    assert len(made) <= messages.SUBJECT_LENGTH
    assert messages.header(made) == made


@only_sqlite
def test_a_body_cannot_speak_as_the_site(ada, talk, tmp_path):
    posted(talk, body="Hello\n-- \nTalks. No more mail: http://evil.example")
    flush(tmp_path)

    lines = plain(only(tmp_path)).splitlines()
    assert "> Talks. No more mail: http://evil.example" in lines


@only_sqlite
def test_many_comments_are_counted_not_listed(ada, talk, tmp_path):
    for number in range(messages.MOST_LISTED + 5):
        posted(talk, body=f"Question {number}.")
    flush(tmp_path)

    assert "And 5 more." in plain(only(tmp_path))


def test_titles_of_the_world_stand_in_the_subject(ada, tmp_path):
    posted(a_talk(ada, title="파이썬으로 배우는 데이터 과학 🐍 مقدمة", status="published"))
    flush(tmp_path)

    assert only(tmp_path)["Subject"] == "[talks] Vera asks: 파이썬으로 배우는 데이터 과학 🐍 مقدمة"


@only_sqlite
def test_a_site_whose_sender_has_letters_of_the_world_sends(ada, talk, tmp_path):
    posted(talk)
    peer = Peer()
    with serving(peer, enable_SMTPUTF8=False) as server:
        flush(tmp_path, **server, MAIL_SENDER="Bücher <talks@bücher.example>")

    ((_, mail),) = peer.taken
    assert str(mail["From"]) == "Bücher <talks@xn--bcher-kva.example>"
    assert mail["Message-ID"].endswith("@xn--bcher-kva.example>")
