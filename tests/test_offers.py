"""Who is named as a speaker and has an account is asked, and speaks in the talk once it accepts."""

import re
from datetime import timedelta

import pytest
from asked import whole
from browsing import form_of, write
from conftest import person
from written import a_talk, names_of

from models import Alias, Claim, OutboxMail, Talk, TalkSpeaker, User, utcnow
from talks import claims, merging, offers, publishing
from talks.profiles import profile_named


def named(owner, *names, talk=None, **values):
    """A talk of `owner` that names these speakers, as saving its form leaves it."""
    values = {"title": "Engines", "speakers": list(names)} | values
    return whole(publishing.save(talk and whole(talk), values, owner, "published"))


def asked(status="open"):
    """[(username, name)] of who was asked."""
    rows = Claim.select().where(Claim.kind == "co_speaker", Claim.status == status).order_by(Claim.id)
    return [(claim.user.username, claim.profile.name) for claim in rows]


def speaks(user, talk):
    return (talk.id,) in list(Talk.ids_spoken_by(user).tuples())


# Who is asked


@pytest.mark.parametrize("name", ["Eve", "EVE", "Éve", "@eve", "@EVE"])
def test_who_is_named_is_asked_and_does_not_speak_yet(ada, eve, name):
    talk = named(ada, "Ada", name)

    assert [user.username for user in talk.speakers][1] != "eve"
    assert fold_names(talk) == ["ada", "eve"]
    assert [username for username, _ in asked()] == ["eve"]
    assert not speaks(eve, talk) and not talk.moderated_by(eve)


def fold_names(talk):
    return [offers.fold(user.name) for user in talk.speakers]


def test_who_is_known_by_another_spelling_is_asked(ada, eve):
    merging.merge(profile_named("Evelyn Example"), eve, by=ada)
    named(ada, "Evelyn Example")

    assert asked() == [("eve", "Evelyn Example")]


def test_the_mail_says_what_it_is_about(ada, eve):
    named(ada, "Ada", "Eve")

    mail = OutboxMail.get()
    assert (mail.to_email, mail.payload["subject"]) == ("eve@example.org", "Did you give “Engines”?")
    assert mail.payload["path"] == "/claims"


def test_of_two_accounts_called_alike_none_is_asked(ada, eve):
    other = person("eve2")
    User.update(name="Eve", name_key="eve").where(User.id == other).execute()
    named(ada, "Eve")
    assert asked() == []

    named(ada, "@eve2")
    assert asked() == [("eve2", "Eve")]


@pytest.mark.parametrize(
    "values",
    [{"is_active": False}, {"confirmed_at": None}, {"email": None, "gone_at": utcnow(), "is_active": False}],
    ids=["blocked", "unconfirmed", "gone"],
)
def test_whom_no_mail_reaches_is_not_asked(ada, eve, values):
    User.update(values).where(User.id == eve).execute()
    named(ada, "Eve")

    assert asked() == []


def test_the_owner_and_who_writes_are_not_asked(ada, carol):
    talk = a_talk(ada)
    talk = named(carol, "Ada", "Carol", talk=talk)

    assert asked() == []
    assert {user.username for user in talk.speakers} == {"ada", "carol"}


def test_nobody_is_asked_twice_about_a_talk(ada, eve):
    talk = named(ada, "Ada", "Eve")
    named(ada, "Eve", "Ada", talk=talk)

    assert asked() == [("eve", "Eve")]
    assert OutboxMail.select().count() == 1


def test_who_said_no_is_not_asked_again(ada, eve):
    talk = named(ada, "Ada", "Eve")
    claims.refuse(Claim.get(), by=eve)
    named(ada, "Eve", "Ada", talk=talk)
    named(ada, "@eve", "Ada", talk=talk)

    assert asked() == [] and asked("refused") == [("eve", "Eve")]


def test_who_is_taken_out_again_is_asked_nothing(ada, eve):
    talk = named(ada, "Ada", "Eve")
    named(ada, "Ada", talk=talk)

    assert asked() == [] and asked("withdrawn") == [("eve", "Eve")]
    with pytest.raises(claims.Refused):
        claims.accept(Claim.get(), by=eve)
    assert not speaks(eve, talk)


def test_other_changes_of_a_talk_leave_the_question(ada, eve):
    talk = named(ada, "Ada", "Eve")
    publishing.save(talk, {"title": "Engines, again"}, ada)

    assert asked() == [("eve", "Eve")]


def test_fifty_questions_a_day_are_enough(ada, eve, monkeypatch):
    monkeypatch.setattr(offers, "MOST_A_DAY", 2)
    person("mia")
    person("zoe")
    named(ada, "Mia", "Zoe", "Eve")
    assert len(asked()) == 2

    Claim.update(created_at=utcnow() - timedelta(days=2)).execute()
    named(ada, "Eve")
    assert len(asked()) == 3


def test_a_co_speaker_draws_nobody_in(as_ada, ada, eve):
    """Only the owner changes who speaks."""
    talk = a_talk(eve, speakers=[eve, ada])
    write(as_ada, f"/edit/{talk.id}", title="Ours", speakers="Ada\nBob\n@eve")

    assert names_of(talk) == ["Eve", "Ada"] and Claim.select().count() == 0


# Answers


def test_who_accepts_speaks_in_the_place_of_the_name(ada, eve):
    talk = named(ada, "Eve", "Ada")
    claims.accept(Claim.get(), by=eve)

    talk = whole(talk)
    assert [user.username for user in talk.speakers] == ["eve", "ada"]
    assert talk.moderated_by(eve) and talk.editable_by(eve) and not talk.owned_by(eve)
    assert User.get_by_id(eve.id).talk_count == 1
    assert User.select().where(User.is_nobodys(), User.talk_count > 0).count() == 0


def test_a_member_who_accepts_decides_about_questions_and_publishes_nothing(ada, bob):
    talk = named(ada, "Ada", "Bob")
    claims.accept(Claim.get(), by=bob)

    bob, talk = User.get_by_id(bob.id), whole(talk)
    assert talk.moderated_by(bob) and not bob.may_publish and not talk.editable_by(bob)


def test_who_refuses_stays_out_and_the_name_stays(ada, eve):
    talk = named(ada, "Ada", "Eve")
    claims.refuse(Claim.get(), by=eve)

    assert fold_names(whole(talk)) == ["ada", "eve"]
    assert not speaks(eve, talk)


@pytest.mark.parametrize("act", [claims.accept, claims.refuse])
def test_nobody_answers_for_another(ada, carol, eve, act):
    named(ada, "Ada", "Eve")
    for other in (ada, carol):
        with pytest.raises(claims.NotAllowed):
            act(Claim.get(), by=other)

    assert asked() == [("eve", "Eve")]


def test_who_speaks_already_is_named_once(ada, eve):
    talk = named(ada, "Ada", "Eve")
    TalkSpeaker.create(talk=talk, user=eve, position=5)
    claims.accept(Claim.get(), by=eve)

    assert sorted(user.username for user in whole(talk).speakers) == ["ada", "eve"]


def test_who_takes_the_profile_over_need_not_answer(ada, carol, eve):
    talk = named(ada, "Ada", "Eve")
    claim = claims.ask_for_profile(eve, Claim.get().profile, "")
    claims.accept(claim, by=carol)

    assert speaks(eve, talk)
    assert asked() == [] and Claim.get(Claim.kind == "co_speaker").status == "accepted"


def test_who_is_asked_when_another_takes_the_profile_is_asked_no_more(ada, bob, carol, eve):
    talk = named(ada, "Ada", "Eve")
    claims.accept(claims.ask_for_profile(bob, Claim.get().profile, ""), by=carol)

    assert asked("withdrawn") == [("eve", "Bob")]
    assert speaks(bob, talk) and not speaks(eve, talk)


def test_a_talk_deleted_for_good_takes_its_questions_along(ada, eve):
    talk = named(ada, "Ada", "Eve")
    Talk.delete().where(Talk.id == talk.id).execute()

    assert Claim.select().count() == 0


# On the pages


def test_the_form_says_who_was_asked(as_ada, eve):
    answer = write(as_ada, title="Engines", speakers="Ada\n@eve", status="published")
    assert "Asked whether they speak: Eve." in as_ada.get(answer.location).text

    talk = Talk.get()
    page = as_ada.get(f"/edit/{talk.id}").text
    assert re.search(r"Asked</span>\s*<span dir=\"auto\">Eve</span>\s*<span class=\"quiet\">@eve", page)
    assert form_of(as_ada, f"/edit/{talk.id}")["speakers"] == "Ada\r\nEve"


def test_saving_the_form_as_it_is_changes_nothing(as_ada, eve):
    write(as_ada, title="Engines", speakers="Ada\n@eve", status="published")
    write(as_ada, f"/edit/{Talk.get().id}")

    assert asked() == [("eve", "Eve")] and OutboxMail.select().count() == 1


def test_who_is_asked_answers_on_a_page(client, as_ada, ada, bob):
    browser = client.application.test_client()
    browser.let_in(bob)
    named(ada, "Ada", "Bob")
    assert 'Requests <span class="count">1</span>' in browser.get("/").text
    page = browser.get("/claims").text
    assert "Did you give" in page and "Engines" in page

    answer = browser.submit(f"/claims/{Claim.get().id}/accept", "/claims")

    assert answer.location == "/claims"
    assert "The talk stands on your page." in browser.get("/claims").text
    assert "Engines" in browser.get("/user/bob").text


def test_a_draft_that_somebody_is_asked_about_is_not_shown_to_them(as_bob, ada, bob):
    talk = publishing.save(None, {"title": "Secret", "speakers": ["Ada", "Bob"]}, ada)

    assert as_bob.get(f"/talk/{talk.id}").status_code == 404
    page = as_bob.get("/claims").text
    assert "Secret" in page and f"/talk/{talk.id}" not in page


@pytest.mark.parametrize("name", ["@nobody-here", "@", "@ ada x", "@lovelace"])
def test_an_account_that_is_not_there_is_refused(as_ada, name):
    profile_named("Lovelace")  # its page is nobody's account

    answer = as_ada.post("/new", data=form_of(as_ada, "/new") | {"title": "T", "speakers": name})

    assert answer.status_code == 422
    assert "has the username" in answer.text or "is not a name" in answer.text
    assert Talk.select().count() == 0


def test_a_programs_unknown_account_is_a_plain_name(ada):
    assert [user.name for user in named(ada, "@ghost").speakers] == ["ghost"]


def test_names_of_accounts_count_as_one_name_each(as_ada, ada, eve):
    write(as_ada, title="Engines", speakers="Ada\n@eve\n@EVE\n@ada", status="published")

    assert names_of(Talk.get()) == ["Ada", "Eve"]


def test_the_alias_of_a_name_that_an_account_has_stays_its_own(ada, eve):
    merging.merge(profile_named("Evelyn Example"), eve, by=ada)
    named(ada, "Evelyn Example")

    assert {alias.user_id for alias in Alias.select().where(Alias.name == "Evelyn Example")} == {eve.id}
