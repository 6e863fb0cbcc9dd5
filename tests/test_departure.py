"""Deleting an account: what goes at once, what its owner wrote and asked, and what is purged later."""

from datetime import timedelta

import mailed
import pytest
from asked import a_comment
from browsing import Form
from conftest import PASSWORD, person
from departing import days_later, delete
from test_avatars import folder, names, picture  # noqa: F401, a fixture
from written import a_talk

import main
from models import (
    FORMER_MEMBER,
    TABLES,
    AuditEvent,
    Claim,
    Comment,
    Credential,
    Entry,
    MailAddress,
    Muted,
    OutboxMail,
    Session,
    Talk,
    User,
    utcnow,
)
from talks import account_mail, accounts, avatars, claims, departure, invitations, publishing, rights
from talks.profiles import profile_named
from talks.purge import purge


@pytest.fixture
def leave(folder):  # noqa: F811
    return lambda user, **choices: departure.leave(user, folder, **choices)


def row_of(user):
    return User.get_by_id(user.id)


def fields(browser):
    return Form(browser.get("/profile/delete").text).fields


def an_entry(author, status="approved", title="News"):
    return Entry.create(
        author=author, title=title, title_key=title, body="Body", body_html="<p>Body</p>", status=status
    )


# The account


def test_it_asks_for_the_password(as_ada, ada):
    answer = delete(as_ada, password="a wrong one")

    assert answer.status_code == 422 and "That is not your password." in answer.text
    assert row_of(ada).email == "ada@example.org"


@pytest.mark.parametrize(
    "wrong", [{"password": ""}, {"words": "perhaps"}, {"name": "x"}, {"csrf_token": "x"}]
)
def test_what_is_filled_in_wrongly_deletes_nothing(as_ada, ada, wrong):
    a_talk(ada)
    token = fields(as_ada)["csrf_token"]
    standard = {"words": "stay", "name": "stays", "password": PASSWORD, "csrf_token": token}

    assert as_ada.post("/profile/delete", data=standard | wrong).status_code in (400, 422)
    assert row_of(ada).is_active


def test_visitors_delete_nothing(client, ada):
    assert client.get("/profile/delete").location == "/auth/login?next=/profile/delete"


def test_passwords_are_not_tried_without_end(as_ada, ada):
    answers = [delete(as_ada, password=f"wrong {number}").status_code for number in range(12)]

    assert 429 in answers
    assert delete(as_ada).status_code == 429
    assert row_of(ada).is_active


def test_the_account_is_gone_at_once(as_ada, ada, client):
    answer = delete(as_ada)

    assert (answer.status_code, answer.location) == (303, "/")
    page = as_ada.get("/").text
    assert "Your account is deleted." in page and "Sign in" in page
    assert client.get("/user/ada").status_code == 404
    assert client.sign_in(ada).status_code == 422


def test_nothing_personal_is_left_in_the_row(as_ada, ada):
    values = {
        "location": "London", "bio": "Wrote", "bio_html": "<p>Wrote</p>", "website": "https://ada.example"
    }  # fmt: skip
    User.update(values).where(User.id == ada).execute()
    delete(as_ada, name="goes")

    left = row_of(ada).__data__
    kept = {
        "id", "username", "name", "is_admin", "is_speaker", "is_active", "is_trusted", "member_since",
        "gone_at", "session_epoch", "reset_serial", "talk_count",
    }  # fmt: skip
    assert {name for name, value in left.items() if value not in ("", None)} == kept
    assert left["name"] == FORMER_MEMBER and left["username"].startswith("former-")
    assert not any(left[name] for name in ("is_admin", "is_speaker", "is_active", "is_trusted"))


def test_sessions_factors_and_tokens_end(as_ada, ada, leave):
    Credential.create(user=ada, kind="totp", secret="x")
    other = main.app.test_client()
    other.sign_in(ada)
    token = accounts.api_token("secret", ada)

    leave(ada)

    assert Session.select().count() == Credential.select().count() == 0
    assert other.get("/profile").status_code == 303
    with pytest.raises(accounts.tokens.TokenError):
        accounts.user_of_api_token("secret", token)


def test_the_picture_is_deleted(ada, folder, leave):  # noqa: F811
    avatars.put_up(ada, picture(), folder)
    leave(ada)

    assert names(folder) == []


def test_the_owner_is_told_by_mail(ada, leave, tmp_path):
    leave(ada)
    mailed.flush(tmp_path)

    (mail,) = mailed.files(tmp_path)
    assert (mail["To"].addresses[0].addr_spec, mail["Subject"]) == (
        "ada@example.org", "[talks] Your account is deleted",
    )  # fmt: skip
    assert "ada" in mailed.plain(mail)


def test_other_mail_to_the_address_is_not_sent(ada, bob, leave):
    talk = a_talk(ada, status="published")
    mailed.posted(talk)
    MailAddress.create(email=ada.email)
    Muted.create(email=ada.email, talk=talk)
    leave(ada)

    assert [mail.kind for mail in OutboxMail.select()] == ["account_deleted"]
    assert MailAddress.select().count() == Muted.select().count() == 0


def test_the_address_is_nowhere_afterwards(as_bob, bob, post):
    as_bob.submit("/auth/email", email="new@example.org", password=PASSWORD)
    as_bob.submit(post.link("new@example.org"))
    account_mail.tell(User.get_by_id(bob.id), "password_changed")
    OutboxMail.update(failed_at=utcnow(), claimed_at=utcnow()).where(OutboxMail.sent_at.is_null()).execute()
    delete(as_bob)
    assert post()

    tables = [row for model in TABLES for row in model.select().dicts()]
    assert "new@example.org" not in str(tables)
    assert "bob@example.org" not in str(list(AuditEvent.select().dicts()))


def test_the_address_is_free_again(ada, leave):
    leave(ada)

    assert (
        accounts.create_account("ada-again", "ada@example.org", password=PASSWORD).email == "ada@example.org"
    )


def test_it_is_noted_without_the_address(ada, leave):
    leave(ada)

    row = AuditEvent.select().where(AuditEvent.action == "user.leave").get()
    assert (row.actor_id, row.object_name) == (ada.id, "ada")
    assert "example.org" not in str(row.details)


@pytest.mark.parametrize("others", [0, 1])
def test_the_last_administrator_stays(as_carol, carol, others):
    if others:
        person("zoe", is_admin=True)
    answer = delete(as_carol)

    assert answer.status_code == (303 if others else 422)
    assert row_of(carol).is_active == (not others)
    if not others:
        assert "This is the only administrator." in answer.text
        assert as_carol.get("/profile").status_code == 200


def test_what_fails_half_way_leaves_everything(as_ada, ada, leave, monkeypatch):
    a_comment(a_talk(ada, status="published"), author=ada)
    monkeypatch.setattr(departure, "blank", lambda user: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        leave(ada)

    assert Comment.get().author == ada and Talk.get().is_published
    assert as_ada.get("/profile").status_code == 200


def test_an_account_whose_address_was_never_confirmed_takes_nothing_of_others(bob, leave, ada):
    """Without an address of its own, no row without an address is its."""
    comment = a_comment(a_talk(ada, status="published"), author=bob, notify=True)
    eve = User.create(username="eve", new_email="eve@example.org", password_hash=bob.password_hash)
    leave(eve)

    now = Comment.get_by_id(comment.id)
    assert (now.author, now.notify) == (bob, True)
    assert OutboxMail.select().count() == 0


# What was written


def test_words_stay_as_a_former_members(client, bob, ada, leave):
    talk = a_talk(ada, status="published")
    a_comment(talk, author=bob, body="Why?", notify=True)
    an_entry(bob)
    leave(bob, keeps_words=True)

    comment, entry = Comment.get(), Entry.get()
    assert (comment.author, comment.author_name, comment.author_email) == (None, FORMER_MEMBER, None)
    assert (comment.status, comment.notify, comment.network) == ("approved", False, "")
    assert (entry.author, entry.status) == (None, "approved")
    page = client.get(f"/talk/{talk.id}").text
    assert "Why?" in page and FORMER_MEMBER in page
    assert FORMER_MEMBER in client.get("/journal/").text


def test_words_go(client, bob, ada, leave):
    talk = a_talk(ada, status="published")
    a_comment(talk, author=bob, body="Why?")
    a_comment(talk, author=ada, body="Because.")
    an_entry(bob)
    leave(bob, keeps_words=False)

    assert [comment.status for comment in Comment.select().order_by(Comment.id)] == ["deleted", "approved"]
    assert Talk.get().comment_count == 1
    assert "Why?" not in client.get(f"/talk/{talk.id}").text
    assert Entry.get().status == "deleted"


@pytest.mark.parametrize("keeps", [True, False])
def test_what_waits_goes_in_any_case(bob, ada, leave, keeps):
    a_comment(a_talk(ada, status="published"), author=bob, status="pending")
    an_entry(bob, "pending")
    leave(bob, keeps_words=keeps)

    assert (Comment.get().status, Comment.get().author) == ("deleted", None)
    assert Entry.get().status == "deleted"


@pytest.mark.parametrize("status", ["rejected", "spam", "deleted"])
@pytest.mark.parametrize("keeps", [True, False])
def test_what_was_decided_stays_so_and_names_nobody(bob, ada, leave, status, keeps):
    a_comment(a_talk(ada, status="published"), author=bob, status=status)
    leave(bob, keeps_words=keeps)

    assert (Comment.get().status, Comment.get().author) == (status, None)


@pytest.mark.parametrize(("keeps", "status", "count"), [(True, "approved", 1), (False, "deleted", 0)])
def test_what_the_address_wrote_as_a_visitor_is_treated_alike(ada, bob, leave, keeps, status, count):
    talk = a_talk(ada, status="published")
    a_comment(talk, author_email=bob.email, author_name="Bobby", network="here", notify=True)
    leave(bob, keeps_words=keeps)

    comment = Comment.get()
    assert (comment.status, comment.author_name, comment.author_email) == (status, FORMER_MEMBER, None)
    assert (comment.network, comment.notify) == ("", False)
    assert Talk.get().comment_count == count


def test_what_a_visitor_wrote_under_an_address_that_is_not_confirmed_is_not_theirs(ada, bob, leave):
    a_comment(a_talk(ada, status="published"), author_email="eve@example.org", author_name="Eve")
    leave(User.create(username="eve", new_email="eve@example.org", password_hash=bob.password_hash))

    assert (Comment.get().author_name, Comment.get().author_email) == ("Eve", "eve@example.org")


def test_invitations_to_the_address_name_it_no_more(ada, carol, leave):
    used, open_one = profile_named("Zoe"), profile_named("Zora")
    invitations.invite(used, "zoe@example.org", carol)
    zoe = invitations.accept_anew(Claim.get(), "another good password")
    invitations.invite(open_one, "zoe@example.org", carol)
    leave(zoe)

    assert {(claim.status, claim.email) for claim in Claim.select()} == {
        ("accepted", None),
        ("withdrawn", None),
    }


def test_others_comments_are_left_alone(ada, bob, leave):
    talk = a_talk(ada, status="published")
    comment = a_comment(talk, author=ada, notify=True)
    visitors = a_comment(talk, author_email="vera@example.org", notify=True)
    leave(bob, keeps_words=False)

    assert Comment.get_by_id(comment.id).author == ada
    assert Comment.get_by_id(visitors.id).author_email == "vera@example.org"


# What they asked, and were asked


def test_requests_end(ada, bob, eve, carol, leave):
    asked = claims.ask_for_profile(bob, profile_named("Zoe"), "My words")
    publishing.save(None, {"title": "T", "speakers": ["Ada", "Bob"]}, ada)
    leave(bob)

    assert {claim.status for claim in Claim.select()} == {"withdrawn"}
    assert Claim.get_by_id(asked.id).words == ""
    with pytest.raises(claims.Refused):
        claims.accept(asked, by=carol)


def test_who_left_takes_no_profile_over(bob, carol, leave):
    lovelace = profile_named("Ada Lovelace")
    invited = invitations.invite(lovelace, "x@example.org", by=carol)
    leave(bob)

    with pytest.raises(claims.Refused):
        invitations.accept_as(invited, row_of(bob))


def test_what_is_left_of_an_account_is_not_claimed(client, ada, bob, leave):
    leave(ada)
    left = row_of(ada)

    client.sign_in(bob)
    assert client.get(f"/user/{left.username}/claim").status_code == 404
    with pytest.raises(claims.Refused):
        claims.ask_for_profile(bob, left, "")
    with pytest.raises(rights.NotPossible):
        rights.set_rights(left, {"is_active": True}, by=bob)


# After 30 days


def test_words_that_go_are_purged_after_thirty_days(ada, bob, leave, tmp_path):
    a_comment(a_talk(ada, status="published"), author=bob)
    an_entry(bob)
    leave(bob, keeps_words=False)
    for model in (Comment, Entry):
        model.update(decided_at=utcnow() - timedelta(days=31)).execute()
    purge({}, tmp_path)

    assert Comment.select().count() == Entry.select().count() == 0


def test_the_row_stays_for_what_refers_to_it(ada, leave, tmp_path):
    leave(ada)
    days_later(400)
    purge({}, tmp_path)

    assert row_of(ada).gone_at
