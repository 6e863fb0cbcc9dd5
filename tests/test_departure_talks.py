"""Deleting one's account: what becomes of talks, and of the name on them."""

from datetime import timedelta

import pytest
from departing import days_later, delete
from written import a_talk, names_of

from models import Alias, Claim, OutboxMail, Talk, TalkSpeaker, User, utcnow
from talks import claims, departure, merging
from talks.profiles import profile_named
from talks.purge import purge


@pytest.fixture
def leave(tmp_path):
    return lambda user, **choices: departure.leave(user, tmp_path / "avatars", **choices)


# Talks


def test_own_talks_become_drafts(ada, leave):
    talk, draft = a_talk(ada, status="published"), a_talk(ada)
    deleted = a_talk(ada, status="deleted", deleted_at=utcnow())
    leave(ada)

    assert [Talk.get_by_id(one.id).status for one in (talk, draft, deleted)] == ["draft", "draft", "deleted"]


def test_a_co_speaker_is_asked_to_take_a_talk_over(as_ada, ada, eve, client):
    talk = a_talk(ada, title="Engines", speakers=[ada, eve], status="published")
    assert f'name="heir-{talk.id}"' in as_ada.get("/profile/delete").text

    delete(as_ada, **{f"heir-{talk.id}": "eve"})

    assert Talk.get().is_published
    claim = Claim.get()
    assert (claim.kind, claim.user, claim.talk) == ("owner", eve, talk)
    assert ("eve@example.org", "claim") in [(mail.to_email, mail.kind) for mail in OutboxMail.select()]
    client.sign_in(eve)
    assert "Will you take" in client.get("/claims").text
    client.submit(f"/claims/{claim.id}/accept", "/claims")
    assert Talk.get().owner == eve and Talk.get().is_published


def test_a_talk_that_is_not_taken_over_becomes_a_draft(ada, eve, leave):
    talk = a_talk(ada, speakers=[ada, eve], status="published")
    leave(ada, heirs={talk.id: eve})
    claims.refuse(Claim.get(), by=eve)

    talk = Talk.attach_speakers([Talk.get()])[0]
    assert talk.is_draft and talk.editable_by(eve)


def test_a_talk_is_offered_to_its_speakers_alone(as_ada, ada, bob, eve):
    """Not to a member, who could do nothing with it, nor to somebody else."""
    talk = a_talk(ada, speakers=[ada, bob, profile_named("Zoe")], status="published")
    other = a_talk(ada, speakers=[ada, eve], status="published")
    page = as_ada.get("/profile/delete").text
    assert f'name="heir-{talk.id}"' not in page and f'name="heir-{other.id}"' in page

    delete(as_ada, **{f"heir-{talk.id}": "bob", f"heir-{other.id}": "bob", "heir-999": "eve"})

    assert Claim.select().count() == 0
    assert {one.status for one in Talk.select()} == {"draft"}


def test_talks_of_others_stay(ada, eve, leave):
    talk = a_talk(eve, speakers=[eve, ada], status="published")
    leave(ada)

    assert Talk.get_by_id(talk.id).is_published


def test_a_handed_over_talk_that_the_heir_leaves_too_becomes_a_draft(ada, eve, leave):
    talk = a_talk(ada, speakers=[ada, eve], status="published")
    leave(ada, heirs={talk.id: eve})
    leave(eve)

    assert Talk.get().is_draft and Claim.get().status == "withdrawn"


# The name


def test_the_name_stays_on_talks_as_nobodys(client, ada, eve, leave):
    talk = a_talk(eve, speakers=[eve, ada], status="published")
    merging.merge(profile_named("Ada Lovelace"), ada, by=eve)
    leave(ada, keeps_name=True)

    assert names_of(talk) == ["Eve", "Ada"]
    page = client.get("/user/ada")
    assert page.status_code == 200 and "This is me" in page.text
    assert client.get("/user/ada-lovelace").location == "/user/ada"
    left = User.get(User.username == "ada")
    assert left.is_unclaimed and left != ada and left.talk_count == 1


def test_the_name_goes_from_talks(client, ada, eve, leave):
    talk = a_talk(eve, speakers=[eve, ada], status="published")
    leave(ada, keeps_name=False)

    assert names_of(talk) == ["Eve"]
    assert client.get("/user/ada").status_code == 404
    assert not TalkSpeaker.select().where(TalkSpeaker.user == ada).exists()


def test_nobody_is_taken_for_who_left(client, ada, leave):
    """The username is free after 30 days only."""
    leave(ada, keeps_name=False)
    assert profile_named("Ada").username == "ada-2"

    days_later(31)
    departure.purge(utcnow() - timedelta(days=30))
    assert not Alias.select().where(Alias.name == "ada").exists()


# After 30 days


@pytest.mark.parametrize("days, left", [(29, 1), (31, 0)])
def test_drafts_that_nobody_has_are_purged_after_thirty_days(ada, leave, tmp_path, days, left):
    a_talk(ada, status="published")
    leave(ada)
    days_later(days)
    purge({}, tmp_path)

    assert Talk.select().count() == left


def test_drafts_that_a_co_speaker_has_stay(ada, eve, leave, tmp_path):
    talk = a_talk(ada, speakers=[ada, eve], status="published")
    leave(ada)
    days_later(31)
    purge({}, tmp_path)

    talk = Talk.attach_speakers([Talk.get_by_id(talk.id)])[0]
    assert talk.is_draft and talk.owner is None and talk.editable_by(eve)


def test_who_does_not_answer_in_thirty_days_does_not_get_the_talk(ada, eve, leave, tmp_path):
    talk = a_talk(ada, speakers=[ada, eve], status="published")
    leave(ada, heirs={talk.id: eve})
    purge({}, tmp_path)
    assert Talk.get().is_published

    days_later(31)
    purge({}, tmp_path)

    assert Claim.get().status == "withdrawn"
    assert Talk.get().is_draft and Talk.get().owner is None


def test_talks_that_were_taken_over_stay(ada, eve, leave, tmp_path):
    talk = a_talk(ada, speakers=[ada, eve], status="published")
    leave(ada, heirs={talk.id: eve})
    claims.accept(Claim.get(), by=eve)
    days_later(31)
    purge({}, tmp_path)

    assert Talk.get().is_published and Talk.get().owner == eve
