"""Changing and deleting events and tags."""

import pytest
from written import a_talk

from models import AuditEvent, Event, Tag, Talk, TalkTag
from talks import catalogue, publishing


def noted():
    return [(row.action, row.object_name, row.details) for row in AuditEvent.select().order_by(AuditEvent.id)]


@pytest.fixture
def event(carol):
    return catalogue.save_event(None, {"title": "Map Days 2024", "venue": "Library"}, by=carol)


@pytest.fixture
def tag(carol):
    return catalogue.save_tag(None, {"name": "Maps"}, by=carol)


def test_an_event_has_an_address_of_its_own(event, carol):
    again = catalogue.save_event(None, {"title": "Map Days 2024"}, by=carol)

    assert (event.slug, again.slug) == ("map-days-2024", "map-days-2024-2")
    assert noted()[0] == ("event.create", "Map Days 2024", {})


def test_an_event_that_is_renamed_keeps_its_address(event, carol):
    catalogue.save_event(event, {"title": "Map Week", "series": "Map Days"}, by=carol)

    now = Event.get_by_id(event.id)
    assert (now.title, now.series, now.venue, now.slug) == (
        "Map Week",
        "Map Days",
        "Library",
        "map-days-2024",
    )
    assert noted()[-1] == ("event.edit", "Map Week", {"changed": ["series", "title"]})


def test_an_event_cannot_be_called_nothing(event, carol):
    with pytest.raises(catalogue.Refused, match="letter or a digit"):
        catalogue.save_event(event, {"title": "???"}, by=carol)


def test_what_follows_from_the_talks_of_an_event_is_not_set_by_hand(event, carol):
    catalogue.save_event(event, {"talk_count": 99, "slug": "mine", "title": "Map Week"}, by=carol)

    assert (Event.get_by_id(event.id).talk_count, Event.get_by_id(event.id).slug) == (0, "map-days-2024")


def test_an_event_with_talks_is_not_deleted(event, carol, ada):
    talk = a_talk(ada)
    Talk.update(event=event, status="deleted").where(Talk.id == talk.id).execute()

    with pytest.raises(catalogue.Refused, match="1 talk of"):
        catalogue.delete_event(event, by=carol)
    assert Event.select().count() == 1


def test_an_empty_event_is_deleted(event, carol):
    catalogue.delete_event(event, by=carol)

    assert not Event.select().exists()
    assert noted()[-1] == ("event.delete", "Map Days 2024", {"slug": "map-days-2024"})


def test_a_tag_that_is_renamed_keeps_its_address_and_talks(tag, carol, ada):
    talk = a_talk(ada)
    publishing.set_tags(talk, ["maps"])
    catalogue.save_tag(tag, {"name": "Cartography"}, by=carol)

    now = Tag.get_by_id(tag.id)
    assert (now.name, now.key, now.slug) == ("Cartography", "cartography", "maps")
    assert [found.id for found in Tag.of(talk)] == [tag.id]
    assert noted()[-1] == ("tag.edit", "Maps", {"name": "Cartography"})


def test_another_spelling_of_the_same_tag_is_taken(tag, carol):
    catalogue.save_tag(tag, {"name": "MAPS"}, by=carol)

    assert Tag.get_by_id(tag.id).name == "MAPS"


@pytest.mark.parametrize("name", ["maps", "Máps!"])
def test_no_two_tags_are_one(tag, carol, name):
    other = catalogue.save_tag(None, {"name": "Charts"}, by=carol)

    with pytest.raises(catalogue.Refused, match="“Maps”"):
        catalogue.save_tag(other, {"name": name}, by=carol)
    with pytest.raises(catalogue.Refused, match="“Maps”"):
        catalogue.save_tag(None, {"name": name}, by=carol)


@pytest.mark.parametrize("name", ["", "???", "—"])
def test_a_tag_cannot_be_called_nothing(tag, carol, name):
    with pytest.raises(catalogue.Refused, match="letter or a digit"):
        catalogue.save_tag(tag, {"name": name}, by=carol)


def test_a_tag_that_is_deleted_leaves_its_talks(tag, carol, ada):
    talk = a_talk(ada)
    publishing.set_tags(talk, ["maps"])
    catalogue.delete_tag(tag, by=carol)

    assert not TalkTag.select().exists()
    assert Talk.select().count() == 1
    assert noted()[-1] == ("tag.delete", "Maps", {"slug": "maps", "talks": 1})
