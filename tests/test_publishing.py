"""Writing talks: who may, what moves, and that nothing is lost or miscounted."""

import random
import re
from contextlib import contextmanager

import pytest
from browsing import Form, form_of, write
from conftest import only_sqlite, person
from written import a_talk, names_of, reloaded, rows

import main
from models import AuditEvent, Event, Tag, Talk, TalkSpeaker, TalkTag, User
from talks import publishing
from talks.signals import talk_published


@contextmanager
def sent_talks():
    sent = []

    def note(talk):
        sent.append((talk.id, main.database.in_transaction()))

    with talk_published.connected_to(note):
        yield sent


# Who may


@only_sqlite
@pytest.mark.parametrize("path", ["/new", "/edit/1", "/mine"])
def test_a_visitor_signs_in_and_comes_back(client, ada, path):
    a_talk(ada)
    answer = client.get(path)
    assert answer.status_code == 303 and answer.location.startswith("/auth/login?next=")

    back = client.submit(answer.location, email=ada.email, password="correct horse battery")

    assert (back.status_code, back.location) == (303, path)


@only_sqlite
@pytest.mark.parametrize("path", ["/new", "/edit/1", "/mine"])
def test_a_member_is_refused(as_bob, ada, path):
    a_talk(ada, status="published")
    answer = as_bob.get(path)

    assert answer.status_code == 403 and "Only speakers publish talks here" in answer.text


@only_sqlite
@pytest.mark.parametrize("status, answer", [("published", 403), ("draft", 404), ("deleted", 404)])
@pytest.mark.parametrize("act", ["", "/publish", "/unpublish", "/delete", "/restore"])
def test_another_speaker_changes_nothing(as_ada, status, answer, act):
    talk = a_talk(person("eve", is_speaker=True), status=status)
    before = rows()

    assert as_ada.submit(f"/edit/{talk.id}{act}", page="/new", title="Mine").status_code == answer
    assert rows() == before


@pytest.mark.parametrize(
    "act, answer", [("publish", 303), ("unpublish", 303), ("delete", 403), ("restore", 403)]
)
def test_a_co_speaker_publishes_but_does_not_delete(as_ada, ada, act, answer):
    eve = person("eve", is_speaker=True)
    talk = a_talk(eve, speakers=[eve, ada])

    assert as_ada.submit(f"/edit/{talk.id}/{act}", page="/new").status_code == answer
    assert not reloaded(talk).is_deleted


def test_an_administrator_changes_a_strangers_talk(as_carol, ada):
    talk = a_talk(ada, status="published")

    assert write(as_carol, f"/edit/{talk.id}", title="Mended").status_code == 303
    assert (reloaded(talk).title, reloaded(talk).owner, names_of(talk)) == ("Mended", ada, ["Ada"])


def test_an_unknown_talk_is_not_found(as_ada):
    assert as_ada.get("/edit/99").status_code == 404
    assert as_ada.submit("/edit/99/publish", page="/new").status_code == 404


@only_sqlite
@pytest.mark.parametrize("act", ["publish", "unpublish", "delete", "restore"])
def test_a_link_alone_moves_nothing(as_ada, ada, act):
    assert as_ada.get(f"/edit/{a_talk(ada).id}/{act}").status_code == 405


@only_sqlite
@pytest.mark.parametrize("path", ["/new", "/edit/1", "/edit/1/publish", "/edit/1/delete"])
def test_a_post_without_the_forms_token_is_refused(as_ada, ada, path):
    a_talk(ada)
    before = rows()

    assert as_ada.post(path, data={"title": "Forged", "status": "published"}).status_code == 400
    assert rows() == before


# Moves


def test_a_new_talk_is_its_writers_draft(as_ada, ada):
    answer = write(as_ada, title="Ünïcode & me")

    talk = Talk.get()
    assert (answer.status_code, answer.location) == (303, f"/talk/{talk.id}")
    assert (talk.status, talk.owner, talk.slug, names_of(talk)) == ("draft", ada, "unicode-and-me", ["Ada"])
    assert "Saved as a draft" in as_ada.get(answer.location).text


def test_a_new_talk_is_published_at_once(as_ada, ada):
    with sent_talks() as sent:
        write(as_ada, title="Now", status="published")

    assert Talk.get().is_published and User.get_by_id(ada.id).talk_count == 1
    assert sent == [(Talk.get().id, False)]


def test_publish_unpublish_delete_and_restore(as_ada, ada):
    talk, seen = a_talk(ada), []

    for act in ("publish", "unpublish", "publish", "delete", "restore"):
        answer = as_ada.submit(f"/edit/{talk.id}/{act}", page="/new")
        assert answer.status_code == 303
        seen.append((reloaded(talk).status, User.get_by_id(ada.id).talk_count))

    assert seen == [("published", 1), ("draft", 0), ("published", 1), ("deleted", 0), ("published", 1)]


@pytest.mark.parametrize("act", ["publish", "delete"])
def test_a_move_sent_twice_moves_once(as_ada, ada, act):
    talk = a_talk(ada)
    with sent_talks() as sent:
        answers = [as_ada.submit(f"/edit/{talk.id}/{act}", page="/new") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(sent) == (act == "publish") and all(not inside for _, inside in sent)


def test_saving_a_published_talk_announces_nothing(as_ada, ada):
    talk = a_talk(ada, status="published")
    with sent_talks() as sent:
        write(as_ada, f"/edit/{talk.id}", title="Other", status="published")

    assert reloaded(talk).title == "Other" and sent == []


def test_publishing_that_fails_announces_and_keeps_nothing(as_ada, ada, monkeypatch):
    before = rows()
    monkeypatch.setattr(publishing, "recount", lambda *places: 1 / 0)
    with sent_talks() as sent, pytest.raises(ZeroDivisionError):
        publishing.save(None, {"title": "x", "tags": ["t"], "event": "e"}, ada, status="published")

    assert sent == [] and rows() == before


def test_saving_as_a_draft_unpublishes(as_ada, ada):
    talk = a_talk(ada, status="published")
    write(as_ada, f"/edit/{talk.id}", status="draft")

    assert reloaded(talk).is_draft and User.get_by_id(ada.id).talk_count == 0


def test_a_deleted_talk_is_brought_back_before_it_is_changed(as_ada, ada):
    talk = a_talk(ada, status="deleted")

    answer = as_ada.get(f"/edit/{talk.id}")

    assert (answer.status_code, answer.location) == (303, "/mine")
    assert f'action="/edit/{talk.id}/restore"' in as_ada.get("/mine").text


def test_an_administrator_can_bring_back_a_talk_without_owner(as_carol):
    talk = a_talk(status="deleted", speakers=[])

    assert f'action="/edit/{talk.id}/restore"' in as_carol.get("/mine").text
    as_carol.submit(f"/edit/{talk.id}/restore", page="/mine")
    assert reloaded(talk).is_draft


def test_the_pages_of_ones_published_talks_lead_both_ways(as_ada, ada, monkeypatch):
    monkeypatch.setitem(main.app.config, "TALKS_PER_PAGE", 2)
    for number in range(5):
        a_talk(ada, title=f"Talk {number}", status="published")

    def walk(path, rel):
        pages = []
        while path:
            text = as_ada.get(path).text
            pages.append(re.findall(r">Talk (\d)</a>", text))
            link = re.search(rf'rel="{rel}" href="([^"]*)"', text)
            path = link and "/mine" + link[1].replace("&amp;", "&")
        return pages

    assert walk("/mine", "next") == [["4", "3"], ["2", "1"], ["0"]]
    assert walk("/mine?page=3", "prev") == [["0"], ["2", "1"], ["4", "3"]]


@only_sqlite
@pytest.mark.parametrize("query", ["before=2019", "after=2019", "before=x.1", "after="])
def test_a_page_of_ones_talks_that_is_not_there_is_not_found(as_ada, query):
    assert as_ada.get(f"/mine?{query}").status_code == 404


# At the same time


def test_markdown_is_rendered_while_others_may_write(ada, monkeypatch):
    inside, render = [], publishing.markup.render

    def note(text):
        inside.append(main.database.in_transaction())
        return render(text)

    monkeypatch.setattr(publishing.markup, "render", note)
    talk = publishing.save(None, {"title": "T", "description": "*a*"}, ada)
    publishing.save(talk, {"description": "**b**"}, ada)

    assert inside == [False, False]
    assert reloaded(talk).description_html == "<p><strong>b</strong></p>"


def test_of_two_who_edit_at_once_the_second_is_told(as_ada, as_carol, ada):
    talk = a_talk(ada)
    first, second = form_of(as_ada, f"/edit/{talk.id}"), form_of(as_carol, f"/edit/{talk.id}")
    as_ada.post(f"/edit/{talk.id}", data=first | {"title": "Ada's"})

    answer = as_carol.post(f"/edit/{talk.id}", data=second | {"title": "Carol's", "venue": "Here"})

    typed = Form(answer.text).fields
    assert answer.status_code == 422 and "Somebody changed this talk since you opened it" in answer.text
    assert (typed["title"], typed["venue"], reloaded(talk).title) == ("Carol's", "Here", "Ada's")

    assert as_carol.post(f"/edit/{talk.id}", data=typed).status_code == 303
    assert (reloaded(talk).title, reloaded(talk).venue) == ("Carol's", "Here")


def test_a_form_opened_before_a_move_is_old(as_ada, ada):
    talk = a_talk(ada)
    opened = form_of(as_ada, f"/edit/{talk.id}")
    as_ada.submit(f"/edit/{talk.id}/publish", page="/new")

    assert as_ada.post(f"/edit/{talk.id}", data=opened | {"title": "Old"}).status_code == 422
    assert reloaded(talk).title == "A talk"


def test_an_edit_sent_twice_is_saved(as_ada, ada):
    talk = a_talk(ada)
    filled = form_of(as_ada, f"/edit/{talk.id}") | {"title": "Twice", "status": "published"}

    answers = [as_ada.post(f"/edit/{talk.id}", data=filled) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert (reloaded(talk).title, reloaded(talk).status) == ("Twice", "published")


def test_a_save_that_meets_a_newer_version_writes_nothing(ada):
    talk = a_talk(ada)
    opened = Talk.attach_speakers([reloaded(talk)])[0]
    publishing.save(Talk.attach_speakers([reloaded(talk)])[0], {"title": "Newer"}, ada)
    before = rows()

    with pytest.raises(publishing.Conflict):
        publishing.save(
            opened, {"title": "Older", "tags": ["t"], "event": "E"}, ada, version=opened.updated_at
        )

    assert rows() == before


# Counts


def counted():
    shown = Talk.select(Talk.id).where(Talk.status == "published")
    spoken, tagged = TalkSpeaker.talk.in_(shown), TalkTag.talk.in_(shown)
    return {
        User: {row.id: TalkSpeaker.select().where(TalkSpeaker.user == row, spoken).count() for row in User},
        Event: {row.id: shown.where(Talk.event == row).count() for row in Event},
        Tag: {row.id: TalkTag.select().where(TalkTag.tag == row, tagged).count() for row in Tag},
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_counts_are_right_after_every_move(ada, carol, seed):
    dice = random.Random(seed)
    moves = [Talk.publish, Talk.unpublish, Talk.delete_softly, Talk.restore]
    for _ in range(25):
        talk = Talk.select().order_by(Talk.id).offset(dice.randrange(6)).first()
        if talk and dice.random() < 0.5:
            publishing.change_status(talk, dice.choice(moves))
        else:
            values = {"title": "T", "speakers": dice.sample(["Ada", "Zoe", "Mia", "Kim"], dice.randrange(4))}
            values["event"] = dice.choice(["", "E", "F"])
            values["tags"] = dice.sample(["a", "b", "c"], dice.randrange(3))
            talk = talk and Talk.attach_speakers([talk])[0]
            publishing.save(
                talk, values, dice.choice([ada, carol]), status=dice.choice(["published", "draft", None])
            )
        for model, counts in counted().items():
            assert {row.id: row.talk_count for row in model.select()} == counts


def test_what_belongs_to_a_greater_change_is_told_after_that(ada):
    first, second = a_talk(ada), a_talk(ada)
    with sent_talks() as sent:
        with main.database.atomic():
            publishing.change_status(first, Talk.publish)
            publishing.save(second, {}, ada, "published")
            assert sent == []

    assert sent == [(first.id, False), (second.id, False)]


def test_a_talk_is_handed_over_to_somebody_who_may_publish(ada, carol):
    talk = a_talk(ada)
    publishing.hand_over(talk, carol, by=ada)

    assert (reloaded(talk).owner, talk.owner) == (carol, carol)
    row = AuditEvent.get()
    assert (row.action, row.details) == ("talk.hand_over", {"owner": "carol"})


def test_a_talk_may_have_no_owner(ada):
    talk = a_talk(ada)
    publishing.hand_over(talk, None, by=ada)

    assert reloaded(talk).owner is None


def test_who_may_not_publish_owns_no_talk(ada, bob):
    talk = a_talk(ada)
    profile = User.create(username="grace", name="Grace", is_speaker=True)

    for nobody in (bob, profile):
        with pytest.raises(publishing.CannotOwn):
            publishing.hand_over(talk, nobody, by=ada)
    assert reloaded(talk).owner == ada
