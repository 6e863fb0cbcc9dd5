"""Everything the site holds about one person, and nothing of anybody else."""

import io
import json
import zipfile
from datetime import datetime

import mailed
import pytest
from asked import a_comment
from conftest import person
from test_avatars import folder, picture  # noqa: F401, a fixture
from written import a_talk

from models import (
    TABLES,
    Alias,
    AuditEvent,
    Claim,
    Credential,
    Entry,
    Link,
    MailAddress,
    Muted,
    Session,
    Tag,
    TalkTag,
    User,
    utcnow,
)
from talks import audit, avatars, rights
from talks.exchange import takeout
from talks.profiles import profile_named

FILES = {
    "README.txt", "profile.json", "talks.json", "comments.json", "entries.json", "sessions.json", "mail.json",
    "claims.json", "second_factor.json", "audit.json",
}  # fmt: skip


def unpacked(content):
    """{name: text, or what the JSON says}"""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {
            name: json.loads(archive.read(name)) if name.endswith(".json") else archive.read(name)
            for name in archive.namelist()
        }


def taken(user, avatar=None):
    file = io.BytesIO()
    takeout.write(file, User.get_by_id(user.id), avatar, "Talks", utcnow())
    return unpacked(file.getvalue())


@pytest.fixture
def everything(ada, bob, carol):
    """Ada, about whom each table says something, and Bob, about whom too."""
    for user, other in ((ada, bob), (bob, ada)):
        name = user.username
        talk = a_talk(
            user, f"A talk of {name}", "published", speakers=[user, other], description=f"By {name}"
        )
        Link.create(talk=talk, url=f"https://{name}.example/code", label="Code")
        tag = Tag.named(f"Tag of {name}")
        TalkTag.create(talk=talk, tag=tag)
        a_talk(user, f"A draft of {name}")
        a_talk(user, f"Deleted by {name}", "deleted", deleted_at=utcnow())
        a_comment(talk, author=user, body=f"A comment by {name}")
        a_comment(talk, author=user, body=f"Waiting, by {name}", status="pending")
        a_comment(talk, author_email=user.email, author_name=name, body=f"As a visitor, by {name}")
        Entry.create(
            author=user, title=f"Entry of {name}", title_key=name, body="Text", body_html="<p>Text</p>"
        )
        Session.begin(user, False, f"Browser of {name}", "network of " + name)
        Credential.create(user=user, kind="totp", name=f"App of {name}", secret=f"secret-{name}")
        MailAddress.create(email=user.email)
        Muted.create(email=user.email, talk=talk)
        mailed.posted(talk, email=f"vera@{name}.example")
        Claim.create(kind="profile", user=user, profile=profile_named("Zoe"), words=f"Words of {name}")
        Alias.create(user=user, name=f"{name} the first", key=f"{name}thefirst")
        with Alias._meta.database.atomic():
            audit.record("user.test", user, by=user, said=f"Noted of {name}")
        rights.set_rights(user, {"is_speaker": True, "is_trusted": True}, by=carol)
    return ada


# What is in it


def test_there_is_a_file_for_each_kind_of_thing(everything):
    assert taken(everything).keys() == FILES


def test_each_file_is_dated_when_it_was_made(ada, folder):  # noqa: F811
    made = avatars.put_up(ada, picture(), folder)
    file = io.BytesIO()
    takeout.write(file, User.get_by_id(ada.id), folder / made, "Talks", datetime(2026, 5, 31, 14, 30, 8))

    with zipfile.ZipFile(file) as archive:
        assert {member.date_time for member in archive.infolist()} == {(2026, 5, 31, 14, 30, 8)}
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}
        assert "avatar.webp" in archive.namelist()


def test_it_says_what_is_held(everything):
    found = taken(everything)

    assert found["profile.json"]["email"] == "ada@example.org"
    assert found["profile.json"]["also_called"] == ["ada the first"]
    assert {talk["title"] for talk in found["talks.json"]} == {
        "A talk of ada", "A draft of ada", "Deleted by ada", "A talk of bob",
    }  # fmt: skip
    own = found["talks.json"][0]
    assert (own["description"], own["speakers"], own["tags"]) == ("By ada", ["Ada", "Bob"], ["Tag of ada"])
    assert own["links"] == [{"url": "https://ada.example/code", "label": "Code"}]
    assert {comment["body"] for comment in found["comments.json"]} == {
        "A comment by ada", "Waiting, by ada", "As a visitor, by ada",
    }  # fmt: skip
    assert [entry["title"] for entry in found["entries.json"]] == ["Entry of ada"]
    assert [session["browser"] for session in found["sessions.json"]] == ["Browser of ada"]
    assert {noted["noted"] for noted in found["mail.json"]} == {
        "asked whether it wants mail", "no mail about this talk", "mail"
    }  # fmt: skip
    assert [claim["words"] for claim in found["claims.json"]] == ["Words of ada"]
    assert [one["name"] for one in found["second_factor.json"]] == ["App of ada"]


def test_it_says_whether_the_account_is_let_in(ada):
    assert taken(ada)["profile.json"]["is_active"] is True


def test_invitations_to_the_confirmed_address_are_in_it(ada, bob):
    for user in (ada, bob):
        Claim.create(kind="invitation", profile=profile_named(f"Page of {user.name}"), email=user.email)
    User.update(confirmed_at=None).where(User.id == bob).execute()

    found = [(claim["kind"], claim["profile"], claim["status"]) for claim in taken(ada)["claims.json"]]
    assert found == [("invitation", "Page of Ada", "open")]
    assert taken(bob)["claims.json"] == []


def test_the_trail_says_what_was_done_to_the_account_and_by_it(everything):
    rows = taken(everything)["audit.json"]

    by_action = {row["action"]: row for row in rows}
    assert by_action["user.test"]["details"] == {"said": "Noted of ada"}
    assert (by_action["user.rights"]["by_you"], by_action["user.test"]["by_you"]) == (False, True)


def test_what_was_done_to_others_does_not_say_who_they_are(everything, carol):
    rows = taken(carol)["audit.json"]

    assert len([row for row in rows if row["action"] == "user.rights"]) == 2
    assert all("details" not in row for row in rows if row["object_id"] != carol.id)


def test_nothing_of_another_is_in_it(everything):
    text = json.dumps([part for name, part in taken(everything).items() if name != "README.txt"])

    of_bob = ("A comment by", "Waiting, by", "As a visitor, by")
    others = {f"{words} bob" for words in of_bob} | {"bob@example.org", "secret-", "bob the first", "vera@"}
    others |= {f"{word} of bob" for word in ("A draft", "Entry", "Browser", "App", "Words", "Noted")}
    assert not [words for words in others | {"Deleted by bob"} if words in text]


def test_no_secret_and_no_digest_of_anything_is_in_it(everything):
    """Whatever the tables hold: not the value of any column that is named like a secret."""
    text = json.dumps([part for name, part in taken(everything).items() if name != "README.txt"])

    kept_back = ("hash", "secret", "digest", "token", "network", "key", "epoch", "serial")
    for model in TABLES:
        names = [name for name in model._meta.fields if any(word in name for word in kept_back)]
        for row in model.select().dicts():
            for name in set(names) - {"title_key", "name_key", "key", "imported_key"}:
                value = row[name]
                assert not (isinstance(value, str) and len(value) > 5 and value in text), (model, name)


def test_a_visitors_comment_under_an_unconfirmed_address_is_not_the_accounts(ada, bob):
    a_comment(a_talk(ada, status="published"), author_email=bob.email, body="By somebody")
    User.update(confirmed_at=None).where(User.id == bob).execute()

    assert taken(bob)["comments.json"] == []


def test_an_account_with_nothing_has_empty_lists(bob):
    found = taken(bob)

    assert [found[f"{name}.json"] for name in ("talks", "comments", "entries", "claims")] == [[], [], [], []]


def test_many_rows_are_read_some_at_a_time(database, ada, monkeypatch):
    monkeypatch.setattr(takeout, "ROWS", 10)
    talk = a_talk(ada, status="published")
    for number in range(35):
        a_comment(talk, author=ada, body=f"Number {number}")
    largest = []

    def note(event):
        largest.append(event.sql)

    database.query_hooks.append(note)
    found = taken(ada)["comments.json"]
    database.query_hooks.remove(note)

    assert [comment["body"] for comment in found] == [f"Number {number}" for number in range(35)]
    assert sum('FROM "comment"' in sql or "FROM `comment`" in sql for sql in largest) == 5


def test_any_text_comes_back_as_it_was(ada):
    body = 'Größe “quoted” \u202e\u0001 \U0001f600 </script> \\ "'
    a_comment(a_talk(ada, title="한국어", status="published"), author=ada, body=body)
    found = taken(ada)

    assert found["comments.json"][0]["body"] == body
    assert found["talks.json"][0]["title"] == "한국어"


def test_the_picture_is_in_it(ada, folder):  # noqa: F811
    name = avatars.put_up(ada, picture(), folder)

    assert taken(ada, folder / name)["avatar.webp"] == (folder / name).read_bytes()
    assert "avatar.webp" not in taken(ada, folder / "gone.webp")


# On the page


def test_it_is_downloaded_from_the_account(as_ada, ada, folder):  # noqa: F811
    assert 'href="/profile/download"' in as_ada.get("/auth/account").text
    assert "Everything this site holds about you" in as_ada.get("/profile/download").text

    with as_ada.submit("/profile/download") as answer:
        assert answer.status_code == 200 and answer.mimetype == "application/zip"
        assert answer.headers["Content-Disposition"] == f"attachment; filename=ada-{utcnow():%Y-%m-%d}.zip"
        assert answer.headers["Cache-Control"] == "no-store"
        found = unpacked(answer.data)
    assert found["profile.json"]["username"] == "ada"
    assert AuditEvent.select().where(AuditEvent.action == "user.download").count() == 1


def test_a_link_alone_downloads_nothing(as_ada):
    assert as_ada.get("/profile/download").mimetype == "text/html"


def test_another_site_downloads_nothing(as_ada):
    assert as_ada.post("/profile/download").status_code == 400


def test_visitors_download_nothing(client, ada):
    assert client.get("/profile/download").location == "/auth/login?next=/profile/download"


def test_one_downloads_ones_own(as_bob, ada, bob):
    person("eve")
    with as_bob.submit("/profile/download") as answer:
        assert unpacked(answer.data)["profile.json"]["username"] == "bob"
