"""Inviting somebody by mail to make a profile theirs: one address, once, for a week."""

import re
from datetime import timedelta

import mailed
import pytest
from conftest import PASSWORD, person

import main
from models import AuditEvent, Claim, OutboxMail, Session, User, utcnow
from talks import claims, invitations, tokens

ADDRESS = "ada@lovelace.example"
GOOD = {"password": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def invited(carol, lovelace):
    return invitations.invite(lovelace, ADDRESS, by=carol)


def link(claim):
    return f"/invitation/{tokens.sign(main.app.secret_key, 'invitation', claim.id)}"


def is_nobodys(profile):
    return User.get_by_id(profile.id).is_unclaimed


# Inviting


def test_an_administrator_invites_by_one_mail(as_carol, lovelace, tmp_path):
    assert 'href="/user/ada-lovelace/invite"' in as_carol.get("/user/ada-lovelace").text

    answer = as_carol.submit("/user/ada-lovelace/invite", email=ADDRESS.upper())

    assert answer.location == "/user/ada-lovelace"
    mailed.flush(tmp_path)
    (mail,) = mailed.files(tmp_path)
    assert (mail["To"], mail["Subject"]) == (ADDRESS, "[talks] Are you Ada Lovelace?")
    path = re.search(r"http://127\.0\.0\.1:8000(/invitation/\S+)", mailed.plain(mail))[1]
    assert main.app.test_client().get(path).status_code == 200


def test_neither_the_outbox_nor_the_audit_trail_holds_the_link(invited):
    stored = str(OutboxMail.get().payload) + str([event.details for event in AuditEvent.select()])

    assert link(invited).rpartition("/")[2].partition(".")[0] not in stored


def test_only_administrators_invite(as_ada, ada, lovelace):
    assert as_ada.get("/user/ada-lovelace/invite").status_code == 403
    assert "Invite by mail" not in as_ada.get("/user/ada-lovelace").text
    with pytest.raises(claims.NotAllowed):
        invitations.invite(lovelace, ADDRESS, by=ada)


@pytest.mark.parametrize("email", ["", "no address", "a@b@c", "x" * 320 + "@example.org", "a@b.org\n"])
def test_what_is_no_address_is_not_invited(as_carol, lovelace, email):
    answer = as_carol.submit("/user/ada-lovelace/invite", email=email)

    if email == "a@b.org\n":  # the blank after it is no part of it
        assert Claim.get().email == "a@b.org"
    else:
        assert answer.status_code == 422 and Claim.select().count() == 0


def test_an_account_is_not_invited_to_itself(as_carol, ada):
    assert as_carol.submit("/user/ada/invite", "/profile", email=ADDRESS).status_code == 404
    with pytest.raises(claims.Refused):
        invitations.invite(ada, ADDRESS, by=User.get(User.username == "carol"))


def test_a_newer_invitation_ends_the_one_before(client, carol, lovelace, invited):
    newer = invitations.invite(lovelace, "other@example.org", by=carol)

    assert client.get(link(invited)).status_code == 410
    assert client.get(link(newer)).status_code == 200


def test_open_invitations_are_listed(as_carol, invited):
    assert ADDRESS in as_carol.get("/moderate-admin/claims").text

    Claim.update(created_at=utcnow() - timedelta(days=8)).execute()
    assert ADDRESS not in as_carol.get("/moderate-admin/claims").text


# Following the link without an account


def test_the_profile_becomes_an_account(client, lovelace, invited):
    page = client.get(link(invited))
    assert "Are you" in page.text and "Ada Lovelace" in page.text and ADDRESS in page.text
    assert is_nobodys(lovelace)

    answer = client.submit(link(invited), **GOOD)

    assert (answer.status_code, answer.location) == (303, "/profile")
    made = User.get_by_id(lovelace.id)
    assert (made.email, made.username, made.may_publish, made.may_write) == (
        ADDRESS, "ada-lovelace", True, True,
    )  # fmt: skip
    assert "Signed in as Ada Lovelace" in client.get("/").text
    assert Session.get().user == made
    other = main.app.test_client()
    assert other.sign_in(made).status_code == 303


def test_it_works_where_nobody_may_register(client, lovelace, invited, monkeypatch):
    monkeypatch.setitem(main.app.config, "REGISTRATION", "closed")
    client.submit(link(invited), **GOOD)

    assert not is_nobodys(lovelace)


def test_it_works_on_a_site_for_members(client, lovelace, invited, monkeypatch):
    monkeypatch.setitem(main.app.config, "ACCESS", "members")
    assert client.get(link(invited)).status_code == 200
    client.submit(link(invited), **GOOD)

    assert not is_nobodys(lovelace)


@pytest.mark.parametrize(
    "values, said",
    [
        ({"password": "short", "password2": "short"}, "Use at least 10 characters."),
        ({"password": PASSWORD, "password2": "another battery"}, "not the same"),
        ({"password": "ada lovelace", "password2": "ada lovelace"}, "Others know this of you"),
        ({"password": "a grand meetup", "password2": "a grand meetup"}, "Others know this of you"),
        ({}, "Choose a password."),
    ],
)
def test_a_bad_password_makes_no_account(client, lovelace, invited, values, said, monkeypatch):
    monkeypatch.setitem(main.app.config, "SITE_NAME", "A Grand Meetup")
    answer = client.submit(link(invited), **values)

    assert answer.status_code == 422 and said in answer.text
    assert is_nobodys(lovelace) and Claim.get().status == "open"


def test_the_link_works_once(client, lovelace, invited):
    client.submit(link(invited), **GOOD)
    again = main.app.test_client().get(link(invited))

    assert again.status_code == 410
    assert "This invitation was used" in again.text


def test_the_link_works_for_a_week(client, lovelace, invited):
    Claim.update(created_at=utcnow() - timedelta(days=7, minutes=1)).execute()

    assert client.get(link(invited)).status_code == 410
    assert client.post(link(invited), data=GOOD).status_code in (400, 410)
    assert is_nobodys(lovelace)


def test_a_get_changes_nothing(client, invited, writes):
    before = len(writes)
    client.get(link(invited))
    client.head(link(invited))

    assert writes[before:] == []


@pytest.mark.parametrize("token", ["x", "x" * 500, "..", "%00"])
def test_a_made_up_link_is_not_found(client, invited, token):
    assert client.get(f"/invitation/{token}").status_code == 404


def test_a_link_for_something_else_is_no_invitation(client, invited):
    other = tokens.sign(main.app.secret_key, "setup", invited.id)

    assert client.get(f"/invitation/{other}").status_code == 404


def test_the_page_is_kept_nowhere_and_told_to_nobody(client, invited):
    headers = client.get(link(invited)).headers

    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"


def test_another_site_accepts_nothing(client, lovelace, invited):
    assert client.post(link(invited), data=GOOD).status_code == 400
    assert is_nobodys(lovelace)


def test_a_profile_that_became_somebodys_is_not_given(client, carol, bob, lovelace, invited):
    claims.accept(claims.ask_for_profile(bob, lovelace, ""), by=carol)

    assert client.get(link(invited)).status_code == 410
    assert Claim.get_by_id(invited.id).status == "withdrawn"
    assert AuditEvent.get(AuditEvent.action == "invitation.withdraw").object_id == lovelace.id


def test_who_asked_for_the_profile_is_told_no(client, bob, lovelace, invited):
    claim = claims.ask_for_profile(bob, lovelace, "")
    client.submit(link(invited), **GOOD)

    assert AuditEvent.get(AuditEvent.action == "profile.refuse").object_id == lovelace.id
    assert Claim.get_by_id(claim.id).status == "refused"
    assert OutboxMail.select().where(OutboxMail.to_email == bob.email).exists()


# With an account


def test_who_is_signed_in_takes_the_profile_over(as_bob, bob, lovelace, invited):
    page = as_bob.get(link(invited)).text
    assert "You are signed in as" in page and "Choose a password" not in page

    answer = as_bob.submit(link(invited))

    assert answer.location == "/user/bob"
    assert "Engines" in as_bob.get("/user/bob").text
    assert as_bob.get("/user/ada-lovelace").location == "/user/bob"
    assert Claim.get_by_id(invited.id).status == "accepted"


def test_whose_address_has_an_account_signs_in_first(client, carol, lovelace):
    bob = person("bob")
    here = link(invitations.invite(lovelace, bob.email, by=carol))
    page = client.get(here).text
    assert "has an account here" in page and "Choose a password" not in page
    assert f"/auth/login?next={here}" in page

    answer = client.submit(f"/auth/login?next={here}", email=bob.email, password=PASSWORD)

    assert answer.location == here
    client.submit(here)
    assert "Engines" in client.get("/user/bob").text


def test_nobody_sets_a_password_for_an_address_that_has_an_account(client, carol, lovelace):
    bob = person("bob")
    invited = invitations.invite(lovelace, bob.email, by=carol)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/auth/login").text)[1]
    client.post(link(invited), data=GOOD | {"csrf_token": token})

    assert is_nobodys(lovelace) and User.by_email(bob.email) == bob


def test_an_address_that_got_an_account_meanwhile_keeps_it(client, lovelace, invited):
    person("eve")
    User.update(email=ADDRESS).where(User.username == "eve").execute()

    with pytest.raises(claims.Refused, match="has an account by now"):
        invitations.accept_anew(invited, PASSWORD)

    assert is_nobodys(lovelace) and Claim.get().status == "open"


def test_an_unconfirmed_account_takes_nothing_over(lovelace, invited):
    eve = person("eve")
    User.update(confirmed_at=None).where(User.id == eve).execute()

    with pytest.raises(claims.Refused, match="Confirm the e-mail address"):
        invitations.accept_as(invited, User.get_by_id(eve.id))

    assert is_nobodys(lovelace)


def test_two_who_follow_the_link_at_once_do_not_both_get_it(bob, ada, lovelace, invited):
    same = Claim.get_by_id(invited.id)
    invitations.accept_as(invited, bob)

    with pytest.raises(claims.Refused, match="was used"):
        invitations.accept_as(same, ada)

    assert Claim.get().profile == bob
