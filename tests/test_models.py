"""What the rows keep, who sees which talk, and who wins a race."""

import threading
from datetime import UTC, date, datetime, timedelta, timezone

import peewee
import pytest
from conftest import only_sqlite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Event, Tag, Talk, TalkSpeaker, TalkTag, User, free_slug, utcnow
from talks.names import fold

in_one_database = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
STATUSES = ("draft", "published", "deleted")
civil = st.dates(min_value=date(1900, 1, 1)) | st.datetimes(min_value=datetime(1900, 1, 1)).map(
    lambda at: at.replace(microsecond=0)
)


def a_talk(title="A talk", status="published", speakers=(), **values):
    if status == "published":
        values.setdefault("published_at", utcnow())
    talk = Talk.create(title=title, status=status, **values)
    for place, user in enumerate(speakers):
        TalkSpeaker.create(talk=talk, user=user, position=place)
    talk.speakers = list(speakers)
    return talk


def a_profile(name):
    return User.create(username=fold(name), name=name, is_speaker=True)


# Times


@in_one_database
@given(at=st.datetimes(min_value=datetime(1, 1, 2), timezones=st.just(UTC)))
def test_a_moment_keeps_its_microseconds_and_its_zone(database, at):
    talk = Talk.create(title="x", created_at=at)

    found = Talk.get_by_id(talk.id).created_at

    assert found == at and found.tzinfo is UTC


def test_a_moment_of_another_zone_is_kept_as_utc(database):
    talk = a_talk(created_at=datetime(2024, 5, 1, 2, tzinfo=timezone(timedelta(hours=3))))

    assert Talk.get_by_id(talk.id).created_at == datetime(2024, 4, 30, 23, tzinfo=UTC)


def test_a_moment_without_a_zone_is_refused(database):
    with pytest.raises(ValueError, match="created_at needs an aware time"):
        a_talk(created_at=datetime(2024, 5, 1))


@in_one_database
@given(value=st.none() | civil)
def test_a_civil_date_comes_back_as_it_was(database, value):
    found = Talk.get_by_id(a_talk(date=value).id).date

    assert found == value and type(found) is type(value)


def test_a_talk_without_a_date_has_none(database):
    assert Talk.get_by_id(a_talk().id).date is None


@in_one_database
@given(days=st.lists(civil, min_size=2, max_size=6))
def test_the_database_orders_civil_dates_as_the_calendar_does(database, days):
    Talk.delete().execute()
    for value in days:
        a_talk(date=value)

    found = [talk.date for talk in Talk.select().order_by(Talk.date)]

    assert [str(value)[:10] for value in found] == sorted(str(value)[:10] for value in days)
    assert found == sorted(days, key=lambda value: value.isoformat())


def test_what_has_no_date_stands_before_all_dates(database):
    for value in (date(1900, 1, 1), None, datetime(2024, 1, 1, 0, 0)):
        a_talk(date=value)

    assert [talk.date for talk in Talk.select().order_by(Talk.date)][0] is None


# People


def test_usernames_and_addresses_are_the_same_in_any_case(database):
    User.create(username="Ada", email="Ada@Example.org")

    assert User.get(User.username == "ADA").email == "ada@example.org"
    assert User.by_email("ADA@EXAMPLE.ORG").username == "ada"


@pytest.mark.parametrize(
    "again", [{"username": "ADA"}, {"username": "x", "email": "ADA@example.org"}], ids=str
)
def test_a_second_account_in_other_letters_is_refused(database, again):
    User.create(username="ada", email="ada@example.org")

    with pytest.raises(peewee.IntegrityError):
        User.create(**again)


def test_profiles_without_an_address_do_not_collide(database):
    assert not a_profile("One").is_claimed and not a_profile("Two").is_claimed


def test_the_index_key_follows_the_name(database):
    person = a_profile("Zoë Ångström")
    person.name = "Édith Piaf"
    person.save()

    assert User.get_by_id(person.id).name_key == "edithpiaf"


def test_who_was_blocked_may_not_publish(database):
    assert User(username="a", is_speaker=True).may_publish
    assert not User(username="a", is_speaker=True, is_active=False).may_publish
    assert not User(username="a", is_admin=True, is_active=False).may_publish
    assert not User(username="a").may_publish


# Who sees and changes what


@pytest.fixture
def people(database):
    """A talk's owner and co-speaker, and those who have nothing to do with it."""
    roles = {
        "owner": True,
        "co-speaker": True,
        "other speaker": True,
        "member": False,
        "administrator": False,
    }
    made = {
        role: User.create(
            username=role.replace(" ", "-"), email=f"{role.replace(' ', '.')}@example.org", name=role,
            is_speaker=speaks, is_admin=role == "administrator",
        )
        for role, speaks in roles.items()
    }  # fmt: skip
    return made | {"visitor": None}


def the_talk_of(people, status):
    return a_talk(status=status, owner=people["owner"], speakers=[people["owner"], people["co-speaker"]])


@pytest.mark.parametrize(
    "role, seen",
    [
        ("visitor", {"published"}),
        ("member", {"published"}),
        ("other speaker", {"published"}),
        ("co-speaker", {"published", "draft"}),
        ("owner", {"published", "draft", "deleted"}),
        ("administrator", {"published", "draft", "deleted"}),
    ],
)
def test_who_sees_a_talk(people, role, seen):
    talks = {the_talk_of(people, status).id: status for status in STATUSES}

    assert {talks[talk.id] for talk in Talk.visible_to(people[role])} == seen


@only_sqlite
@pytest.mark.parametrize(
    "role, may_edit, owns",
    [
        ("member", False, False),
        ("other speaker", False, False),
        ("co-speaker", True, False),
        ("owner", True, True),
        ("administrator", True, True),
    ],
)
@pytest.mark.parametrize("status", STATUSES)
def test_who_changes_a_talk(people, role, may_edit, owns, status):
    talk = the_talk_of(people, status)

    assert talk.editable_by(people[role]) is may_edit
    assert talk.owned_by(people[role]) is owns


@only_sqlite
def test_an_owner_who_may_no_longer_publish_changes_nothing(people):
    talk, owner = the_talk_of(people, "published"), people["owner"]
    owner.is_speaker = False

    assert not talk.editable_by(owner) and not talk.owned_by(owner)


def test_an_administrator_finds_everybodys_deleted_talks(people):
    talk = the_talk_of(people, "deleted")
    imported = a_talk(status="deleted")

    assert set(Talk.deleted_by(people["administrator"])) == {talk, imported}
    assert set(Talk.deleted_by(people["owner"])) == {talk}
    assert set(Talk.deleted_by(people["co-speaker"])) == set()


# Moves


@pytest.mark.parametrize(
    "status, act, then",
    [
        ("draft", Talk.publish, "published"),
        ("draft", Talk.unpublish, None),
        ("draft", Talk.delete_softly, "deleted"),
        ("draft", Talk.restore, None),
        ("published", Talk.publish, None),
        ("published", Talk.unpublish, "draft"),
        ("published", Talk.delete_softly, "deleted"),
        ("published", Talk.restore, None),
        ("deleted", Talk.publish, None),
        ("deleted", Talk.unpublish, None),
        ("deleted", Talk.delete_softly, None),
    ],
)
def test_moves(database, status, act, then):
    talk = a_talk(status=status)

    assert act(talk) is (then is not None)
    assert Talk.get_by_id(talk.id).status == talk.status == (then or status)


@pytest.mark.parametrize("status", ["draft", "published"])
def test_a_deleted_talk_comes_back_as_what_it_was(database, status):
    talk = a_talk(status=status)
    talk.delete_softly()

    assert Talk.get_by_id(talk.id).restore()

    found = Talk.get_by_id(talk.id)
    assert (found.status, found.deleted_at) == (status, None)


def test_a_draft_has_no_time_of_publication(database):
    talk = a_talk(status="draft")
    talk.publish()
    assert Talk.get_by_id(talk.id).published_at
    talk.unpublish()

    assert Talk.get_by_id(talk.id).published_at is None


def test_a_talk_published_meanwhile_can_be_deleted(database):
    stale = a_talk(status="draft")
    Talk.get_by_id(stale.id).publish()

    assert stale.delete_softly()


@pytest.mark.parametrize(
    "status, act",
    [
        ("draft", Talk.publish),
        ("published", Talk.unpublish),
        ("published", Talk.delete_softly),
        ("deleted", Talk.restore),
    ],
)
def test_of_two_who_move_a_talk_at_once_one_wins(database, status, act):
    talk_id, won, start = a_talk(status=status).id, [], threading.Barrier(2)

    def move():
        with database.connection_context():
            talk = Talk.get_by_id(talk_id)
            start.wait()
            won.append(act(talk))

    threads = [threading.Thread(target=move) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(won) == [False, True]


# Counts, neighbours, years


def test_counts_are_of_published_talks_only(database):
    person, event, tag = a_profile("Ada"), Event.create(slug="e", title="E"), Tag.named("python")
    for status in (*STATUSES, "published"):
        TalkTag.create(talk=a_talk(status=status, speakers=[person], event=event), tag=tag)

    for model, row in ((User, person), (Event, event), (Tag, tag)):
        model.recount([row.id])
        assert model.get_by_id(row.id).talk_count == 2


def test_a_recount_touches_only_those_it_was_asked_for(database):
    one, other = a_profile("One"), a_profile("Other")
    a_talk(speakers=[one, other])

    User.recount([one.id])

    assert [User.get_by_id(user.id).talk_count for user in (one, other)] == [1, 0]


def test_more_ids_than_a_statement_takes_are_recounted(database):
    User.insert_many({"username": f"u{n}", "talk_count": 7} for n in range(1201)).execute()

    User.recount(user.id for user in User.select(User.id))

    assert User.select().where(User.talk_count != 0).count() == 0


def test_only_who_has_a_published_talk_is_listed(database):
    shown, hidden = a_profile("Shown"), a_profile("Hidden")
    a_talk(speakers=[shown])
    a_talk(status="draft", speakers=[hidden])
    User.recount([shown.id, hidden.id])

    assert list(User.speakers()) == [shown]


def test_neighbours_are_the_talks_before_and_after_at_the_event(database):
    event = Event.create(slug="e", title="E")
    days = [None, date(2024, 1, 1), datetime(2024, 1, 1, 9), datetime(2024, 1, 1, 9), date(2024, 1, 2)]
    talks = [a_talk(str(n), event=event, date=day) for n, day in enumerate(days)]
    a_talk("draft", status="draft", event=event, date=datetime(2024, 1, 1, 9))
    a_talk("elsewhere", date=datetime(2024, 1, 1, 9))

    around = [talk.neighbours() for talk in talks]

    assert around == list(zip([None, *talks], [*talks[1:], None], strict=False))


def test_a_talk_at_no_event_has_no_neighbours(database):
    a_talk()

    assert a_talk().neighbours() == (None, None)


def test_years_run_from_the_newest_published_talk_to_the_oldest(database):
    a_talk(date=date(2019, 12, 31))
    a_talk(date=datetime(2021, 1, 1, 0, 0))
    a_talk(date=date(1990, 1, 1), status="draft")
    a_talk(date=None)

    assert list(Talk.years()) == [2021, 2020, 2019]


def test_years_that_cannot_be_are_left_out(database):
    a_talk(date=date(9999, 12, 31))
    a_talk(date=date(1, 1, 1))

    assert list(Talk.years()) == list(range(utcnow().year + 1, 1899, -1))


def test_there_are_no_years_where_all_are_far_ahead(database):
    a_talk(date=date(9999, 12, 31))

    assert list(Talk.years()) == []


def test_there_are_no_years_without_a_dated_talk(database):
    a_talk(date=None)

    assert list(Talk.years()) == []


def test_editions_are_the_other_listed_events_of_the_series_newest_first(database):
    for year in (2019, 2021, 2020):
        Event.create(slug=f"e{year}", title="E", series="E", starts_on=date(year, 1, 1), talk_count=1)
    Event.create(slug="empty", title="E", series="E")
    Event.create(slug="other", title="O", series="O", talk_count=1)
    alone = Event.create(slug="alone", title="A", talk_count=1)
    Event.create(slug="alone-2", title="B", talk_count=1)

    assert [event.slug for event in Event.get(Event.slug == "e2020").editions()] == ["e2021", "e2019"]
    assert list(alone.editions()) == []


def test_speakers_are_attached_in_their_order(database):
    people = [a_profile(name) for name in ("Zoe", "Ada", "Mia")]
    for named in (people, people[::-1], []):
        a_talk(speakers=named)

    found = Talk.attach_speakers(list(Talk.published().order_by(Talk.id)))

    assert [talk.speakers for talk in found] == [people, people[::-1], []]


# Tags and slugs


@pytest.mark.parametrize("spelling", ["python", "PYTHON", "Py-thon", " pythön "])
def test_spellings_of_a_tag_are_one(database, spelling):
    assert Tag.named("Python") == Tag.named(spelling)


def test_c_and_its_children_are_three_tags(database):
    assert len({Tag.named(name).slug for name in ("C", "C++", "C#")}) == 3


@only_sqlite
@pytest.mark.parametrize("name", ["", "???", "  "])
def test_a_tag_of_signs_only_is_refused(database, name):
    with pytest.raises(ValueError, match="neither letter nor digit"):
        Tag.named(name)


def test_a_tag_whose_key_would_be_too_long_is_one_still(database):
    assert Tag.named("#" * 100) == Tag.named("#" * 100)


def test_the_first_free_slug_is_taken(database):
    assert free_slug(Event, "a", "") == "a"
    Event.create(slug="a", title="A")
    Event.create(slug="a-2", title="A")

    assert free_slug(Event, "a", "") == "a-3"
    assert free_slug(Event, "", "??") == "event"


def test_a_long_slug_leaves_room_for_a_number(database):
    long = "x" * 500
    Event.create(slug=free_slug(Event, long, ""), title="A")

    second = free_slug(Event, long, "")

    assert second.endswith("-2") and len(second) <= Event.slug.max_length
