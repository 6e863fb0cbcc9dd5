"""What belongs to a talk is found, made or let go with it: speakers, tags, links and its event."""

from datetime import date

import pytest
from browsing import write
from conftest import person
from written import a_talk, names_of, reloaded

from models import Alias, Event, Link, Tag, Talk, TalkTag, User
from talks import publishing
from talks.names import fold


def test_a_profile_is_found_by_another_spelling(as_ada):
    lukasz = User.create(username="lukasz", name="Łukasz Langa", is_speaker=True)
    Alias.create(user=lukasz, name=lukasz.name, key=fold(lukasz.name))

    write(as_ada, title="Both", speakers="ada\r\nLUKASZ LANGA")

    assert names_of(Talk.get()) == ["Ada", "Łukasz Langa"]


def test_writing_the_name_of_an_account_does_not_draw_it_in(as_ada, bob):
    write(as_ada, title="Not Bob's", speakers="Ada, Bob", status="published")

    speaker = Talk.attach_speakers([Talk.get()])[0].speakers[1]
    assert speaker.name == "Bob" and speaker != bob and not speaker.is_claimed
    assert User.get_by_id(bob.id).talk_count == 0


def test_speakers_stand_in_the_order_they_were_written(as_ada, ada):
    talk = a_talk(ada)
    write(as_ada, f"/edit/{talk.id}", speakers="Zoe, Jr.\nMia, Ada")

    assert names_of(talk) == ["Zoe, Jr.", "Mia", "Ada"]


def test_two_speakers_called_alike_both_stay(as_carol, ada):
    other = User.create(username="ada-2", name="Ada", is_speaker=True)
    talk = a_talk(ada, speakers=[ada, other])

    write(as_carol, f"/edit/{talk.id}", speakers="Ada, Zoe")

    assert names_of(talk) == ["Ada", "Ada", "Zoe"]


def test_a_co_speaker_does_not_change_who_speaks(as_ada, ada):
    eve = person("eve", is_speaker=True)
    talk = a_talk(eve, speakers=[eve, ada])
    assert "readonly" in as_ada.get(f"/edit/{talk.id}").text

    answer = write(as_ada, f"/edit/{talk.id}", title="Ours", speakers="Ada")

    assert answer.status_code == 303
    assert (reloaded(talk).title, names_of(talk)) == ("Ours", ["Eve", "Ada"])


def test_an_administrator_who_names_the_owner_means_the_account(as_carol, ada):
    talk = a_talk(ada, speakers=[User.create(username="zoe", name="Zoe", is_speaker=True)])

    write(as_carol, f"/edit/{talk.id}", speakers="ADA")

    assert Talk.attach_speakers([reloaded(talk)])[0].speakers == [ada]


def test_a_talk_whose_speakers_are_all_taken_out_is_its_owners(as_carol, ada):
    talk = a_talk(ada)

    write(as_carol, f"/edit/{talk.id}", speakers="")

    assert names_of(talk) == ["Ada"]


def test_an_imported_talk_without_speakers_stays_so(as_carol):
    talk = a_talk(speakers=[])

    write(as_carol, f"/edit/{talk.id}", title="Still nobody's", speakers="")

    assert (reloaded(talk).title, names_of(talk)) == ("Still nobody's", [])


def test_tags_that_are_spelt_alike_are_one(as_ada):
    write(as_ada, title="One", tags="Python, python, Py-thon, C, C++")
    write(as_ada, title="Two", tags="PYTHON")

    assert sorted(tag.name for tag in Tag.select()) == ["C", "C++", "Python"]


def test_a_link_that_stays_keeps_its_kind(as_ada, ada):
    talk = a_talk(ada)
    Link.create(talk=talk, url="https://example.org/a", kind="paper")

    write(as_ada, f"/edit/{talk.id}", links="https://example.org/a Read me\nhttps://example.org/b.pdf")

    assert [(link.kind, link.label) for link in Link.select()] == [("paper", "Read me"), ("slides", "")]


def days_of(event):
    event = Event.get_by_id(event.id)
    return event.starts_on, event.ends_on


def test_an_event_is_made_once_and_lasts_from_its_first_talk_to_its_last(as_ada):
    shown = {"title": "T", "status": "published"}
    write(as_ada, **shown, event="PyCon X 2024", date="2024-05-03")
    write(as_ada, **shown, event="pycon x 2024", date="2024-05-01")
    write(as_ada, **shown, event="PyCon X 2024", date="2024-05-05T09:00")
    write(as_ada, **shown, event="PyCon X 2024", date="")

    event = Event.get()
    assert (event.title, event.slug) == ("PyCon X 2024", "pycon-x-2024")
    assert days_of(event) == (date(2024, 5, 1), date(2024, 5, 5))


def test_a_draft_does_not_move_the_days_of_its_event(as_ada, ada):
    event = Event.create(slug="e", title="E")
    a_talk(ada, event=event, date=date(2024, 5, 1), status="published")

    write(as_ada, title="Old", event="E", date="1900-01-01", status="draft")

    assert days_of(event) == (date(2024, 5, 1), date(2024, 5, 1))


def test_a_date_that_is_corrected_corrects_the_event(as_ada, ada):
    event = Event.create(slug="e", title="E")
    talk = a_talk(ada, event=event, date=date(1924, 5, 1), status="published")
    assert days_of(event) == (date(1924, 5, 1), date(1924, 5, 1))

    write(as_ada, f"/edit/{talk.id}", date="2024-05-02")

    assert days_of(event) == (date(2024, 5, 2), date(2024, 5, 2))


def test_a_talk_that_leaves_its_event_leaves_no_days_behind(ada):
    event = Event.create(slug="e", title="E")
    a_talk(ada, event=event, date=date(2024, 5, 1), status="published")
    talk = a_talk(ada, event=event, date=date(2024, 5, 9), status="published")
    Talk.attach_speakers([talk])

    publishing.save(talk, {"event": "Other"}, ada)

    assert days_of(event) == (date(2024, 5, 1), date(2024, 5, 1))
    assert days_of(talk.event) == (date(2024, 5, 9), date(2024, 5, 9))


@pytest.mark.parametrize("named", ["starts_on", "ends_on"])
def test_the_days_that_an_import_said_stay(ada, named):
    days = date(2024, 5, 1), date(2024, 5, 3)
    event = Event.create(
        slug="e", title="E", starts_on=days[0], ends_on=days[1], imported_digests={named: "0"}
    )

    a_talk(ada, event=event, date=date(1999, 1, 1), status="published")

    assert days_of(event) == days


def test_the_form_proposes_events_with_a_published_talk_only(as_ada, ada):
    for title, status in (("Shown", "published"), ("Secret", "draft")):
        a_talk(ada, status=status, event=Event.create(slug=title, title=title))

    text = as_ada.get("/new").text

    assert "Shown" in text and "Secret" not in text


def test_two_long_titles_that_begin_alike_are_two_events(as_ada):
    for end in ("one", "two"):
        write(as_ada, title="T", event=f"{'long ' * 30}{end}")

    assert sorted(event.title[-3:] for event in Event.select()) == ["one", "two"]


def test_a_talk_stays_at_its_event_where_two_are_called_alike(as_ada, ada):
    Event.create(slug="first", title="Same")
    second = Event.create(slug="second", title="Same")
    talk = a_talk(ada, event=second)

    publishing.save(Talk.get_by_id(talk.id), {"event": "Same"}, ada)

    assert reloaded(talk).event == second


def test_the_date_of_a_talk_is_its_date_under_each_tag(ada):
    talk = publishing.save(None, {"title": "T", "tags": ["a", "b"], "date": date(2020, 1, 1)}, ada)

    publishing.save(talk, {"date": date(2021, 1, 1)}, ada)

    assert [row.date for row in TalkTag.select()] == [date(2021, 1, 1)] * 2


def test_an_event_may_be_named_itself(ada):
    talk, event = a_talk(ada), Event.create(title="Map Days", slug="map-days")
    Event.create(title="Map Days", slug="map-days-0")
    publishing.save(talk, {"event": event}, ada)

    assert reloaded(talk).event == event
