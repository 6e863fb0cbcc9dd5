"""What somebody asks for and another decides: this is me, to publish talks."""

import re
from datetime import timedelta

import mailed
import pytest
from conftest import person
from written import a_talk, names_of

from models import AuditEvent, Claim, OutboxMail, User, utcnow
from talks import claims
from talks.profiles import profile_named

WORDS = "My page is https://ada.example, it names this account."


def mails():
    """[(to, subject)] of what waits."""
    return [
        (mail.to_email, mail.payload["subject"])
        for mail in OutboxMail.select().where(OutboxMail.kind == "claim").order_by(OutboxMail.id)
    ]


def actions():
    rows = AuditEvent.select().where(AuditEvent.action.not_in(["session.begin", "talk.publish"]))
    return [row.action for row in rows.order_by(AuditEvent.id)]


def an_account(username, **values):
    made = person(username)
    User.update(values).where(User.id == made).execute()
    return User.get_by_id(made.id)


# This is me


def test_who_is_signed_in_says_this_is_me(as_bob, bob, carol, lovelace):
    page = as_bob.get("/user/ada-lovelace")
    assert 'href="/user/ada-lovelace/claim"' in page.text

    answer = as_bob.submit("/user/ada-lovelace/claim", words=WORDS)

    assert (answer.status_code, answer.location) == (303, "/claims")
    claim = Claim.get()
    assert (claim.kind, claim.user, claim.profile, claim.words, claim.status) == (
        "profile", bob, lovelace, WORDS, "open",
    )  # fmt: skip
    assert mails() == [("carol@example.org", "Is Bob Ada Lovelace?")]
    assert actions() == ["profile.ask"]


def test_a_visitor_is_asked_to_sign_in_and_comes_back(client, lovelace):
    answer = client.get("/user/ada-lovelace/claim")

    assert answer.location == "/auth/login?next=/user/ada-lovelace/claim"


@pytest.mark.parametrize("username", ["ada", "bob", "nobody-here"])
def test_what_somebody_has_cannot_be_claimed(as_bob, ada, username):
    if username != "nobody-here":
        assert "This is me" not in as_bob.get(f"/user/{username}").text
    assert as_bob.get(f"/user/{username}/claim").status_code == 404


def test_the_verb_refuses_what_somebody_has(ada, bob):
    with pytest.raises(claims.Refused, match="has this profile already"):
        claims.ask_for_profile(bob, ada, "")


def test_an_administrator_accepts(as_bob, as_carol, bob, lovelace):
    as_bob.submit("/user/ada-lovelace/claim", words=WORDS)
    page = as_carol.get("/moderate-admin/claims").text
    assert WORDS in page and "bob@example.org" in page

    answer = as_carol.submit(f"/claims/{Claim.get().id}/accept", "/moderate-admin/claims")

    assert answer.location == "/moderate-admin/claims"
    assert "Engines" in as_bob.get("/user/bob").text
    assert as_bob.get("/user/ada-lovelace").location == "/user/bob"
    assert mails()[-1] == ("bob@example.org", "You are Ada Lovelace")
    assert actions() == ["profile.ask", "profile.accept", "user.merge"]


def test_an_administrator_refuses(as_bob, as_carol, bob, lovelace):
    as_bob.submit("/user/ada-lovelace/claim")
    as_carol.submit(f"/claims/{Claim.get().id}/refuse", "/moderate-admin/claims")

    assert Claim.get().status == "refused"
    assert User.get_by_id(lovelace.id).is_unclaimed
    assert mails()[-1] == ("bob@example.org", "The profile Ada Lovelace")
    assert "Refused" in as_bob.get("/claims").text


@pytest.mark.parametrize("act", ["accept", "refuse"])
def test_nobody_else_decides(as_ada, as_bob, bob, carol, lovelace, act):
    claim = claims.ask_for_profile(bob, lovelace, "")
    assert as_ada.submit(f"/claims/{claim.id}/{act}", "/profile").status_code == 404
    assert as_bob.submit(f"/claims/{claim.id}/{act}", "/profile").status_code == 403

    assert Claim.get().status == "open"


@pytest.mark.parametrize("path", ["/moderate-admin/claims", "/user/ada-lovelace/invite"])
def test_the_queue_is_for_administrators(client, as_bob, lovelace, path):
    assert client.get(path).status_code == 303
    assert as_bob.get(path).status_code == 403


def test_a_get_decides_nothing(as_carol, bob, lovelace):
    claim = claims.ask_for_profile(bob, lovelace, "")

    assert as_carol.get(f"/claims/{claim.id}/accept").status_code == 405


def test_another_site_decides_nothing(as_carol, bob, lovelace):
    claim = claims.ask_for_profile(bob, lovelace, "")

    assert as_carol.post(f"/claims/{claim.id}/accept").status_code == 400
    assert Claim.get().status == "open"


def test_a_second_decision_changes_nothing(as_carol, bob, lovelace):
    claim = claims.ask_for_profile(bob, lovelace, "")
    as_carol.submit(f"/claims/{claim.id}/refuse", "/moderate-admin/claims")
    as_carol.submit(f"/claims/{claim.id}/accept", "/moderate-admin/claims")

    assert Claim.get().status == "refused" and User.get_by_id(lovelace.id).is_unclaimed
    assert "decided or taken back meanwhile" in as_carol.get("/moderate-admin/claims").text


def test_of_several_who_ask_the_others_are_refused(ada, bob, carol, lovelace):
    first, second = claims.ask_for_profile(bob, lovelace, ""), claims.ask_for_profile(ada, lovelace, "")
    claims.accept(first, by=carol)

    assert Claim.get_by_id(second.id).status == "refused"
    assert ("ada@example.org", "The profile Ada Lovelace") in mails()


def test_who_was_blocked_meanwhile_gets_nothing(bob, carol, lovelace):
    claim = claims.ask_for_profile(bob, lovelace, "")
    User.update(is_active=False).where(User.id == bob).execute()

    with pytest.raises(claims.Refused, match="blocked"):
        claims.accept(claim, by=carol)

    assert Claim.get().status == "open" and User.get_by_id(lovelace.id).is_unclaimed


def test_a_profile_that_became_an_account_meanwhile_is_not_given(bob, carol, lovelace):
    claim = claims.ask_for_profile(bob, lovelace, "")
    User.update(email="ada@lovelace.example").where(User.id == lovelace).execute()

    with pytest.raises(claims.Refused, match="become somebody's meanwhile"):
        claims.accept(claim, by=carol)

    assert Claim.get().status == "open"


def test_one_takes_back_what_one_asked(as_bob, bob, carol, lovelace):
    claim = claims.ask_for_profile(bob, lovelace, "")
    assert "Take back" in as_bob.get("/claims").text

    as_bob.submit(f"/claims/{claim.id}/withdraw", "/claims")

    assert Claim.get().status == "withdrawn"
    with pytest.raises(claims.Refused):
        claims.accept(claim, by=carol)


def test_nobody_takes_back_what_another_asked(as_ada, bob, lovelace):
    claim = claims.ask_for_profile(bob, lovelace, "")

    assert as_ada.submit(f"/claims/{claim.id}/withdraw", "/profile").status_code == 404
    assert Claim.get().status == "open"


# What stops who asks too much


def test_nobody_asks_the_same_twice(as_bob, bob, carol, lovelace):
    claims.ask_for_profile(bob, lovelace, "")
    answer = as_bob.submit("/user/ada-lovelace/claim", words="again")

    assert answer.status_code == 422 and "You have asked that already" in answer.text
    assert "again</textarea>" in answer.text
    assert Claim.select().count() == 1 and len(mails()) == 1


def test_what_was_refused_is_asked_again_after_a_week(bob, carol, lovelace):
    claims.refuse(claims.ask_for_profile(bob, lovelace, ""), by=carol)
    with pytest.raises(claims.Refused, match="within the last week"):
        claims.ask_for_profile(bob, lovelace, "")

    Claim.update(decided_at=utcnow() - timedelta(days=8)).execute()
    assert claims.ask_for_profile(bob, lovelace, "").status == "open"


def test_ten_requests_a_day_are_enough(bob, carol):
    for number in range(10):
        claims.ask_for_profile(bob, profile_named(f"Speaker Number {number}"), "")

    with pytest.raises(claims.Refused, match="enough for today"):
        claims.ask_for_profile(bob, profile_named("One More"), "")

    Claim.update(created_at=utcnow() - timedelta(days=1, hours=1)).execute()
    assert claims.ask_for_profile(bob, profile_named("One More"), "")


@pytest.mark.parametrize("values", [{"confirmed_at": None}, {"is_active": False}])
def test_who_may_not_write_asks_nothing(lovelace, values):
    with pytest.raises(claims.Refused, match="Confirm your e-mail address"):
        claims.ask_for_profile(an_account("eve", **values), lovelace, "")


def test_words_that_are_too_long_are_refused(as_bob, lovelace):
    answer = as_bob.submit("/user/ada-lovelace/claim", words="x" * 1_001)

    assert answer.status_code == 422
    assert Claim.select().count() == 0


def test_a_name_cannot_end_a_line_of_a_mail(carol, lovelace):
    eve = an_account("eve", name="Eve\n\nClick https://evil.example " + "x" * 90)
    claims.ask_for_profile(eve, lovelace, "")

    payload = OutboxMail.get().payload
    assert "\n" not in payload["subject"] + payload["said"][0]
    assert len(payload["subject"]) < 150


# To publish talks


def test_a_member_asks_to_publish_and_an_administrator_lets_them(as_bob, as_carol, bob):
    assert as_bob.get("/new").status_code == 403

    answer = as_bob.submit("/profile/publish", words="Three talks at PyCon.")
    assert answer.location == "/claims"
    assert "Three talks at PyCon." in as_carol.get("/moderate-admin/claims").text
    as_carol.submit(f"/claims/{Claim.get().id}/accept", "/moderate-admin/claims")

    assert as_bob.get("/new").status_code == 200
    assert mails() == [
        ("carol@example.org", "Bob wants to publish talks"),
        ("bob@example.org", "You can publish talks now"),
    ]
    assert actions() == ["speaker.ask", "speaker.accept", "user.rights"]


def test_a_member_may_be_refused(as_bob, as_carol, bob):
    claim = claims.ask_to_publish(bob, "")
    as_carol.submit(f"/claims/{claim.id}/refuse", "/moderate-admin/claims")

    assert as_bob.get("/new").status_code == 403
    assert mails()[-1] == ("bob@example.org", "You cannot publish talks for now")


def test_who_publishes_need_not_ask(as_ada, ada):
    answer = as_ada.submit("/profile/publish")

    assert answer.status_code == 422 and "You can publish talks already." in answer.text


def test_to_publish_and_to_be_somebody_are_two_requests(bob, lovelace):
    claims.ask_to_publish(bob, "")
    claims.ask_for_profile(bob, lovelace, "")
    claims.ask_for_profile(bob, profile_named("Else"), "")

    assert Claim.select().count() == 3


# In the menu


def counts(page):
    return dict(re.findall(r">(All requests|Requests) <span class=\"count\">(\d+)<", page))


def test_administrators_see_how_much_waits(as_carol, bob, lovelace):
    assert counts(as_carol.get("/").text) == {}
    claims.ask_for_profile(bob, lovelace, "")
    claims.ask_to_publish(bob, "")

    assert counts(as_carol.get("/").text) == {"All requests": "2"}


def test_others_see_nothing_of_it(as_ada, bob, lovelace):
    claims.ask_for_profile(bob, lovelace, "")

    assert "All requests" not in as_ada.get("/").text
    assert counts(as_ada.get("/").text) == {}


def test_the_queue_is_empty_with_a_sentence(as_carol):
    assert "Nobody asks for a profile, or to publish." in as_carol.get("/moderate-admin/claims").text


def test_who_has_no_requests_is_told_once(as_bob):
    page = as_bob.get("/claims").text

    assert "No requests yet" in page and "This is me" in page
    assert "Nobody asks anything of you" not in page


def test_names_of_others_are_printed_as_text(as_carol, lovelace):
    eve = an_account("eve", name="<script>alert(1)</script>")
    claims.ask_for_profile(eve, lovelace, "<img src=x onerror=alert(1)>")

    page = as_carol.get("/moderate-admin/claims").text
    assert "<script>alert" not in page and "<img src=x" not in page


def test_a_claim_of_no_such_number_is_not_found(as_carol):
    assert as_carol.submit("/claims/999/accept", "/moderate-admin/claims").status_code == 404


def test_two_decisions_at_once_give_the_profile_to_one(bob, carol, lovelace):
    """Each read the claim as open; the row decides."""
    claim = claims.ask_for_profile(bob, lovelace, "")
    same = Claim.get_by_id(claim.id)
    claims.accept(claim, by=carol)

    with pytest.raises(claims.Refused):
        claims.refuse(same, by=carol)

    assert names_of(a_talk(speakers=[bob])) == ["Bob"]
    assert Claim.get().status == "accepted"


def test_the_mail_to_administrators_can_be_built(bob, carol, lovelace, tmp_path):
    claims.ask_for_profile(bob, lovelace, "")

    mailed.flush(tmp_path)

    (mail,) = mailed.files(tmp_path)
    assert mail["Subject"] == "[talks] Is Bob Ada Lovelace?"
    assert "http://127.0.0.1:8000/moderate-admin/claims" in mailed.plain(mail)
