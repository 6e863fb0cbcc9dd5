"""Profiles that become somebody's: what moves, what stays, and what may never be merged away."""

import pytest
from archived import load, record
from conftest import person
from peewee import ForeignKeyField
from written import a_talk, names_of

from models import (
    TABLES,
    Alias,
    AuditEvent,
    Claim,
    Comment,
    Entry,
    Talk,
    TalkSpeaker,
    User,
    utcnow,
)
from talks import merging
from talks.profiles import profile_named, profiles_named


@pytest.fixture
def lovelace(database):
    """The profile that an archive made."""
    return profile_named("Ada Lovelace")


def reloaded(user):
    return User.get_by_id(user.id)


def test_the_talks_of_the_profile_are_the_accounts(ada, carol, lovelace):
    talks = [a_talk(speakers=[lovelace], status=status) for status in ("published", "draft")]
    merging.merge(lovelace, ada, by=carol)

    assert [list(Talk.ids_spoken_by(ada).tuples())] == [[(talk.id,) for talk in talks]]
    assert reloaded(ada).talk_count == 1


def test_the_account_stands_where_the_profile_stood(ada, bob, carol, lovelace):
    talk = a_talk(bob, speakers=[lovelace, bob, carol])
    both = a_talk(bob, speakers=[bob, lovelace, ada])
    merging.merge(lovelace, ada, by=carol)

    assert names_of(talk) == ["Ada", "Bob", "Carol"]
    assert names_of(both) == ["Bob", "Ada"]


def test_the_old_address_leads_to_the_account(client, ada, carol, lovelace):
    merging.merge(lovelace, ada, by=carol)

    answer = client.get("/user/ada-lovelace")
    assert (answer.status_code, answer.location) == (308, "/user/ada")


def test_addresses_that_led_to_the_profile_lead_to_the_account(client, ada, carol, lovelace):
    Alias.create(user=lovelace, name="countess", key="countess")
    merging.merge(lovelace, ada, by=carol)

    assert client.get("/user/countess").location == "/user/ada"


def test_nobody_gets_the_old_address_anew(ada, carol, lovelace):
    merging.merge(lovelace, ada, by=carol)

    assert profile_named("Ada Lovelace").username == "ada-lovelace-2"


def test_who_chose_a_name_keeps_it(ada, carol, lovelace):
    merging.merge(lovelace, ada, by=carol)

    assert reloaded(ada).name == "Ada"


@pytest.mark.parametrize("name", ["", "ada"])
def test_who_chose_none_gets_the_profiles(ada, carol, lovelace, name):
    ada.name = name
    ada.save()
    merging.merge(lovelace, ada, by=carol)

    now = reloaded(ada)
    assert (now.name, now.name_key) == ("Ada Lovelace", "adalovelace")


def test_what_the_account_does_not_say_it_takes_over(ada, carol, lovelace):
    User.update(bio="Wrote.", bio_html="<p>Wrote.</p>", location="London").where(
        User.id == lovelace
    ).execute()
    merging.merge(lovelace, ada, by=carol)

    now = reloaded(ada)
    assert (now.bio, now.bio_html, now.location) == ("Wrote.", "<p>Wrote.</p>", "London")


def test_what_the_account_says_stays(ada, carol, lovelace):
    User.update(bio="Wrote.", bio_html="<p>Wrote.</p>").where(User.id == lovelace).execute()
    User.update(location="Paris").where(User.id == ada).execute()
    merging.merge(lovelace, reloaded(ada), by=carol)

    now = reloaded(ada)
    assert (now.bio, now.location) == ("", "Paris")


def test_a_member_who_takes_a_profile_over_publishes(bob, carol, lovelace):
    merging.merge(lovelace, bob, by=carol)

    assert reloaded(bob).may_publish


def test_the_profile_is_gone_and_nothing_refers_to_it(ada, bob, carol, lovelace):
    """Whatever table refers to people: a new one has to be thought of here."""
    talk = a_talk(lovelace)
    Comment.create(talk=talk, number=1, author=lovelace, body="x", body_html="x")
    Entry.create(author=lovelace, title="x", title_key="x", body="x", body_html="x")
    Claim.create(kind="profile", user=bob, profile=lovelace)
    kept = {"TalkSpeaker", "Talk", "Comment", "Entry", "Claim", "Alias"}
    before = {model.__name__: model.select().count() for model in TABLES if model.__name__ in kept}

    merging.merge(lovelace, ada, by=carol)

    assert User.get_or_none(User.id == lovelace.id) is None
    for model in TABLES:
        for field in model._meta.sorted_fields:
            if isinstance(field, ForeignKeyField) and field.rel_model is User:
                assert not model.select().where(field == lovelace.id).exists(), field
    after = {model.__name__: model.select().count() for model in TABLES if model.__name__ in kept}
    assert after == before | {"Alias": before["Alias"] + 1}


@pytest.mark.parametrize(
    "values",
    [
        {"email": "ada@lovelace.example"},
        {"new_email": "ada@lovelace.example"},
        {"gone_at": utcnow(), "is_active": False},
    ],
    ids=["an account", "an account that waits", "what is left of one"],
)
def test_what_is_no_unclaimed_profile_is_not_merged_away(ada, carol, lovelace, values, writes):
    talk = a_talk(speakers=[lovelace])
    User.update(values).where(User.id == lovelace).execute()

    with pytest.raises(merging.NotUnclaimed):
        merging.merge(lovelace, ada, by=carol)

    assert names_of(talk) == ["Ada Lovelace"] and reloaded(lovelace)


def test_a_second_merge_of_a_profile_changes_nothing(ada, bob, carol, lovelace):
    talk = a_talk(speakers=[lovelace])
    merging.merge(lovelace, ada, by=carol)

    with pytest.raises(merging.NotUnclaimed):
        merging.merge(lovelace, bob, by=carol)

    assert names_of(talk) == ["Ada"]


def test_what_fails_half_way_leaves_everything(ada, carol, lovelace, monkeypatch):
    talk = a_talk(speakers=[lovelace])
    monkeypatch.setattr(merging, "describe", lambda *given: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        merging.merge(lovelace, ada, by=carol)

    assert names_of(talk) == ["Ada Lovelace"]
    assert Alias.select().where(Alias.user == lovelace).exists()


def test_it_is_noted(ada, carol, lovelace):
    a_talk(speakers=[lovelace])
    merging.merge(lovelace, ada, by=carol)

    row = AuditEvent.select().where(AuditEvent.action == "user.merge").get()
    assert (row.actor, row.object_id, row.details) == (carol, ada.id, {"profile": "ada-lovelace", "talks": 1})


# Imports


def test_imported_talks_take_questions_once_they_are_claimed(tmp_path, ada, carol, database):
    load(tmp_path, {"types": record(speakers=["Ada Lovelace"])})
    lovelace = User.get(User.username == "ada-lovelace")
    assert Talk.get().discussion_rule == "closed"

    merging.merge(lovelace, ada, by=carol)

    assert Talk.get().discussion_rule == "moderated"


def test_what_somebody_chose_for_a_talk_stays(tmp_path, ada, carol, database):
    load(tmp_path, {"types": record(speakers=["Ada Lovelace"])})
    Talk.update(discussion="members").execute()
    merging.merge(User.get(User.username == "ada-lovelace"), ada, by=carol)

    assert Talk.get().discussion_rule == "members"


def test_a_later_import_brings_new_talks_to_the_account(tmp_path, ada, carol, database):
    load(tmp_path, {"types": record(speakers=["Ada Lovelace"])})
    merging.merge(User.get(User.username == "ada-lovelace"), ada, by=carol)

    load(tmp_path, {"tests": record(title="Tests at play", speakers=["ADA LOVELACE"])})

    assert names_of(Talk.get(Talk.title == "Tests at play")) == ["Ada"]


def test_the_same_import_again_leaves_the_account_where_it_is(tmp_path, ada, carol, database):
    records = {"types": record(speakers=["Ada Lovelace"])}
    load(tmp_path, records)
    merging.merge(User.get(User.username == "ada-lovelace"), ada, by=carol)
    load(tmp_path, records)

    assert names_of(Talk.get()) == ["Ada"]
    assert User.select().where(User.is_nobodys()).count() == 0


# Names that people type


def test_a_typed_spelling_of_an_account_draws_it_in_nowhere(ada, carol, lovelace):
    merging.merge(lovelace, ada, by=carol)

    typed = profile_named("Ada Lovelace")

    assert typed != ada and typed.is_unclaimed


@pytest.mark.parametrize("other", ["Ada Lovelace", "ada lovelace", "Áda  Lovelace"])
def test_the_profile_beside_an_account_is_found_again(ada, carol, lovelace, other):
    merging.merge(lovelace, ada, by=carol)
    typed = profile_named("Ada Lovelace")

    assert profile_named(other) == typed
    assert User.select().where(User.is_nobodys()).count() == 1


def test_names_of_signs_beside_an_account_are_found_again(ada, carol, database):
    merging.merge(profile_named("???"), ada, by=carol)

    assert profile_named("???") == profile_named("???") != ada


def test_an_import_follows_the_spelling_to_the_account(ada, carol, lovelace):
    merging.merge(lovelace, ada, by=carol)

    assert profiles_named(["ada LOVELACE", "Else"])["ada LOVELACE"] == ada


def test_neither_follows_a_spelling_to_who_has_left(ada, carol, lovelace):
    merging.merge(lovelace, ada, by=carol)
    User.update(gone_at=utcnow(), email=None, is_active=False).where(User.id == ada).execute()

    assert profile_named("Ada Lovelace") != ada
    assert profiles_named(["Ada Lovelace"])["Ada Lovelace"] != ada


# The profile that becomes an account itself


def test_a_profile_becomes_an_account(client, lovelace):
    talk = a_talk(speakers=[lovelace], status="published")
    made = merging.make_account(lovelace, "ada@lovelace.example", person("eve").password_hash)

    assert (made.id, made.username, made.may_write, made.may_publish) == (
        lovelace.id, "ada-lovelace", True, True,
    )  # fmt: skip
    client.sign_in(made)
    assert talk.title in client.get("/mine").text


def test_an_account_is_made_of_nothing_else(ada, writes):
    before = len(writes)
    with pytest.raises(merging.NotUnclaimed):
        merging.make_account(ada, "eve@example.org", ada.password_hash)

    assert reloaded(ada).email == "ada@example.org"
    assert len(writes) == before + 1  # the lock


def test_speakers_rows_are_never_doubled(ada, bob, carol, lovelace):
    talk = a_talk(bob, speakers=[ada, lovelace])
    merging.merge(lovelace, ada, by=carol)

    assert TalkSpeaker.select().where(TalkSpeaker.talk == talk).count() == 1
