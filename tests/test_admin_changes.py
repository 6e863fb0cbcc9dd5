"""What the panel changes: each change is one act by the verbs of its feature, noted, or nothing at all."""

import re
from html import unescape

import pytest
from panelling import form_at, noted, remove, said, send, tick, trail
from written import a_talk

import main
from models import Comment, Entry, Event, OutboxMail, Session, Tag, Talk, User
from talks import audit, catalogue, moderation, publishing


@pytest.fixture
def event(stocked):
    return stocked[0]


@pytest.fixture
def talk(stocked):
    return stocked[1]


@pytest.fixture
def comment(stocked):
    return stocked[2]


@pytest.fixture
def entry(stocked):
    return stocked[3]


# People


def test_a_person_is_changed_by_the_verbs(as_carol, bob):
    answer = send(
        as_carol, f"/admin/users/edit/?id={bob.id}", name="Bob B", bio="I *listen*.", is_speaker="y"
    )

    assert answer.status_code == 303
    now = User.get_by_id(bob.id)
    assert (now.name, now.name_key, now.is_speaker) == ("Bob B", "bobb", True)
    assert now.bio_html == "<p>I <em>listen</em>.</p>"
    assert noted() == [("user.edit", bob.id, "panel"), ("user.rights", bob.id, "panel")]
    assert {row.actor_name for row in trail()} == {"carol"}
    assert [row.details for row in trail()] == [{"changed": ["bio", "name"]}, {"is_speaker": True}]


def test_what_nobody_touched_is_not_written_and_not_noted(as_carol, bob):
    before = User.get_by_id(bob.id).__data__
    answer = send(as_carol, f"/admin/users/edit/?id={bob.id}")

    assert answer.status_code == 303
    assert User.get_by_id(bob.id).__data__ == before
    assert noted() == []


def test_who_changes_a_row_that_somebody_changed_meanwhile_is_told(as_carol, bob):
    address = f"/admin/users/edit/?id={bob.id}"
    opened = form_at(as_carol, address)
    send(as_carol, address, location="Bern")

    answer = as_carol.post(address, data=opened | {"name": "Bob B"})
    assert answer.status_code == 422
    assert "Somebody changed this" in answer.text and 'value="Bob B"' in answer.text
    now = User.get_by_id(bob.id)
    assert (now.name, now.location) == ("Bob", "Bern")
    again = opened | {"name": "Bob B", "seen": re.search(r'name="seen"[^>]*value="(\w+)"', answer.text)[1]}
    assert as_carol.post(address, data=again).status_code == 303
    assert (User.get_by_id(bob.id).name, User.get_by_id(bob.id).location) == ("Bob B", "")


def test_an_account_is_made_whose_password_nobody_knows(as_carol):
    answer = send(as_carol, "/admin/users/new/", username="dora", email="Dora@example.org", name="Dora D")

    assert answer.status_code == 303
    dora = User.get(User.username == "dora")
    assert (dora.email, dora.name, dora.is_admin, dora.is_claimed) == (
        "dora@example.org",
        "Dora D",
        False,
        True,
    )
    assert noted() == [("user.create", dora.id, "panel")]


@pytest.mark.parametrize(
    "values, word",
    [
        ({"username": "ada"}, "taken"),
        ({"email": "ada@example.org"}, "account already"),
        ({"username": "a b"}, "Use letters"),
        ({"username": "d" * 65}, "64"),
        ({"email": "nobody"}, "not an e-mail address"),
        ({"name": ""}, "Give a name"),
        ({"email": " "}, "Enter an e-mail"),
        ({"name": "D\0"}, "cannot be shown"),
        ({"name": "Dora\nAdministrator"}, "on one line"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_an_account_that_cannot_be_is_refused_with_a_sentence(as_carol, ada, values, word):
    values = {"username": "dora", "email": "dora@example.org", "name": "Dora"} | values
    answer = send(as_carol, "/admin/users/new/", **values)

    assert answer.status_code == 422
    assert word in unescape(answer.text)
    assert not User.select().where(User.username == "dora").exists()


@pytest.mark.parametrize("name", ["is_admin", "is_active"])
def test_the_last_administrator_stays_one(as_carol, carol, name):
    answer = send(as_carol, f"/admin/users/edit/?id={carol.id}", name="Caroline", **{name: None})

    assert answer.status_code == 422
    assert "only administrator" in answer.text
    now = User.get_by_id(carol.id)
    assert (now.is_admin, now.is_active, now.name) == (True, True, "Carol")
    assert noted() == []


def test_who_is_blocked_is_signed_out(as_carol, as_bob, bob):
    send(as_carol, f"/admin/users/edit/?id={bob.id}", is_active=None)

    assert as_bob.get("/profile").status_code == 303


def test_an_account_is_deleted_as_by_its_owner(as_carol, as_bob, bob, comment):
    assert "Deleted: 1." in said(as_carol, remove(as_carol, "users", bob.id))

    now = User.get_by_id(bob.id)
    assert (now.email, now.is_active, now.password_hash) == (None, False, None)
    assert now.gone_at is not None
    assert not Session.select().where(Session.user == bob).exists()
    assert Entry.get().author is None
    assert ("user.leave", bob.id, "panel") in noted()
    assert trail()[0].actor_name == "carol"


def test_neither_oneself_nor_a_profile_is_deleted(as_carol, carol):
    profile = User.create(username="grace", name="Grace")

    assert "your own account" in said(as_carol, remove(as_carol, "users", carol.id))
    assert "no account to delete" in said(as_carol, remove(as_carol, "users", profile.id))
    assert User.select().count() == 2
    assert noted() == []


# Talks


def test_a_talk_is_changed_by_the_verbs(as_carol, talk, event):
    other = Event.create(slug="other", title="Map Days")
    answer = send(
        as_carol, f"/admin/talks/edit/?id={talk.id}", title="Limits", description="Of *maps*.",
        event=str(other.id), date="2024-06-01 10:30", time_zone="Europe/Berlin",
    )  # fmt: skip

    assert answer.status_code == 303, answer.text
    now = Talk.get_by_id(talk.id)
    assert (now.title, now.slug, now.event) == ("Limits", "limits", other)
    assert now.description_html == "<p>Of <em>maps</em>.</p>"
    assert now.date.isoformat() == "2024-06-01T10:30:00"
    assert (Event.get_by_id(event.id).talk_count, Event.get_by_id(other.id).talk_count) == (0, 1)
    assert noted() == [("talk.edit", talk.id, "panel")]
    assert trail()[0].details == {
        "values": ["date", "description", "description_html", "event", "time_zone", "title"]
    }


def test_what_an_import_brought_need_not_fit(as_carol, talk):
    Talk.update(venue_url="see the web page", language="klingon").where(Talk.id == talk.id).execute()

    answer = send(as_carol, f"/admin/talks/edit/?id={talk.id}", venue="Library")
    assert answer.status_code == 303
    now = Talk.get_by_id(talk.id)
    assert (now.venue, now.venue_url, now.language) == ("Library", "see the web page", "klingon")


def test_what_an_import_brought_may_be_emptied(as_carol, talk):
    send(as_carol, f"/admin/talks/edit/?id={talk.id}", date="", event="")

    now = Talk.get_by_id(talk.id)
    assert (now.date, now.event) == (None, None)


@pytest.mark.parametrize(
    "before, after", [("published", "draft"), ("draft", "published"), ("published", "deleted"),
                      ("draft", "deleted"), ("deleted", "published"), ("deleted", "draft")],
)  # fmt: skip
def test_a_talks_status_is_changed_by_the_verbs(as_carol, ada, before, after):
    talk = a_talk(ada, status="published" if before == "published" else "draft")
    if before == "deleted":
        publishing.change_status(talk, Talk.delete_softly)
    assert send(as_carol, f"/admin/talks/edit/?id={talk.id}", status=after).status_code == 303

    now = Talk.get_by_id(talk.id)
    assert now.status == after
    assert (now.deleted_at is not None) == (after == "deleted")
    assert User.get_by_id(ada.id).talk_count == (after == "published")


def test_a_deleted_talk_is_not_changed_unless_it_is_brought_back(as_carol, talk):
    publishing.change_status(talk, Talk.delete_softly)
    answer = send(as_carol, f"/admin/talks/edit/?id={talk.id}", title="Limits")

    assert answer.status_code == 422
    assert "This talk is deleted" in answer.text
    assert Talk.get_by_id(talk.id).title == "Boundaries"


def test_a_talk_is_handed_over(as_carol, talk, carol, bob):
    refused = send(as_carol, f"/admin/talks/edit/?id={talk.id}", owner=str(bob.id), title="Limits")
    assert refused.status_code == 422
    assert "may not publish" in refused.text
    assert Talk.get_by_id(talk.id).title == "Boundaries"  # all of a change or nothing

    assert send(as_carol, f"/admin/talks/edit/?id={talk.id}", owner=str(carol.id)).status_code == 303
    assert Talk.get_by_id(talk.id).owner == carol
    assert send(as_carol, f"/admin/talks/edit/?id={talk.id}", owner="").status_code == 303
    assert Talk.get_by_id(talk.id).owner is None


def test_a_talk_is_made(as_carol, ada):
    answer = send(as_carol, "/admin/talks/new/", title="New words", owner=str(ada.id), status="published")

    assert answer.status_code == 303, answer.text
    talk = Talk.get()
    assert (talk.title, talk.slug, talk.owner, talk.status) == ("New words", "new-words", ada, "published")
    assert [row[0] for row in noted()] == ["talk.create", "talk.publish", "talk.hand_over"]


def test_a_talk_is_deleted_by_its_status(as_carol, talk):
    assert "Deleted: 1." in said(as_carol, remove(as_carol, "talks", talk.id))

    assert Talk.get_by_id(talk.id).is_deleted
    assert noted() == [("talk.delete", talk.id, "panel")]
    assert "Left as they were: 1" in said(as_carol, remove(as_carol, "talks", talk.id))


def test_several_talks_are_moved_at_once(as_carol, ada):
    talks = [a_talk(ada, title=f"Talk {number}") for number in range(3)]
    publishing.change_status(talks[0], Talk.publish)

    answer = tick(as_carol, "talks", "publish", *(talk.id for talk in talks), 999, "x", -1, 2**70)
    assert "Published: 2. Left as they were: 1." in said(as_carol, answer)
    assert {talk.status for talk in Talk.select()} == {"published"}
    assert len(noted()) == 2
    tick(as_carol, "talks", "delete", *(talk.id for talk in talks))
    assert {talk.status for talk in Talk.select()} == {"deleted"}
    tick(as_carol, "talks", "restore", *(talk.id for talk in talks))
    assert {talk.status for talk in Talk.select()} == {"published"}
    tick(as_carol, "talks", "unpublish", *(talk.id for talk in talks))
    assert {talk.status for talk in Talk.select()} == {"draft"}


# What is decided about


@pytest.mark.parametrize("status", ["approved", "rejected", "spam"])
def test_a_comments_status_is_changed_by_the_verbs(as_carol, comment, status):
    assert send(as_carol, f"/admin/comments/edit/?id={comment.id}", status=status).status_code == 303

    now = Comment.get_by_id(comment.id)
    assert (now.status, now.was) == (status, "pending")
    assert Talk.get_by_id(comment.talk_id).comment_count == (status == "approved")
    assert len(noted()) == 1
    assert send(as_carol, f"/admin/comments/edit/?id={comment.id}", status="pending").status_code == 303
    assert Comment.get_by_id(comment.id).status == "pending"
    assert Talk.get_by_id(comment.talk_id).comment_count == 0


def test_a_comment_that_its_author_took_back_stays_so(as_carol, comment):
    Comment.update(status="deleted").where(Comment.id == comment.id).execute()
    answer = send(as_carol, f"/admin/comments/edit/?id={comment.id}", status="approved")

    assert answer.status_code == 422
    assert "Left as they were: 1" in said(as_carol, tick(as_carol, "comments", "approve", comment.id))
    assert Comment.get_by_id(comment.id).status == "deleted"


def test_comments_are_decided_about_together(as_carol, comment, talk):
    other = Comment.create(talk=talk, number=2, body="And?", body_html="<p>And?</p>", author_name="Eve")

    assert "Approved: 2." in said(as_carol, tick(as_carol, "comments", "approve", comment.id, other.id))
    assert Talk.get_by_id(talk.id).comment_count == 2
    assert "Undone: 2." in said(as_carol, tick(as_carol, "comments", "undo", comment.id, other.id))
    assert Talk.get_by_id(talk.id).comment_count == 0
    assert "Deleted: 1." in said(as_carol, remove(as_carol, "comments", comment.id))
    assert Comment.get_by_id(comment.id).status == "rejected"


def test_an_entry_is_changed_and_decided_about_by_the_verbs(as_carol, entry, bob, talk):
    answer = send(
        as_carol,
        f"/admin/entries/edit/?id={entry.id}",
        title="On charts",
        talk=str(talk.id),
        status="approved",
    )

    assert answer.status_code == 303
    now = Entry.get_by_id(entry.id)
    assert (now.title, now.title_key, now.status, now.talk) == ("On charts", "oncharts", "approved", talk)
    assert (now.body, now.talk_status) == ("Words about maps.", "approved")
    assert User.get_by_id(bob.id).is_trusted
    assert [row[0] for row in noted()] == ["entry.approve", "entry.edit"]
    assert "Deleted: 1." in said(as_carol, remove(as_carol, "entries", entry.id))
    assert Entry.get_by_id(entry.id).status == "rejected"


def test_a_status_that_is_none_is_refused(as_carol, entry, comment):
    for address in (f"/admin/entries/edit/?id={entry.id}", f"/admin/comments/edit/?id={comment.id}"):
        for status in ("", " ", "gone", "deleted", "x" * 300):
            answer = send(as_carol, address, status=status)
            assert answer.status_code == 422
            assert "Choose one of these." in answer.text

    assert (Entry.get().status, Comment.get().status) == ("pending", "pending")


def test_a_title_that_its_author_has_already_is_refused(as_carol, entry, bob):
    Entry.create(author=bob, title="Charts", title_key="charts", body="B", body_html="B")
    answer = send(as_carol, f"/admin/entries/edit/?id={entry.id}", title="CHARTS")

    assert answer.status_code == 422
    assert re.search(r'class="form-control is-invalid"[^>]*name="title"', answer.text)


# Events and tags


def test_events_and_tags_are_changed_by_the_verbs(as_carol):
    event = Event.create(slug="map-days", title="Map Days")
    send(as_carol, f"/admin/events/edit/?id={event.id}", title="Map Week", series="Map Days",
         its_url="https://example.org/maps")  # fmt: skip
    send(as_carol, "/admin/tags/new/", name="Maps")
    send(as_carol, "/admin/tags/edit/?id=1", name="Charts")

    now, tag = Event.get_by_id(event.id), Tag.get_by_id(1)
    assert (now.title, now.series, now.slug) == ("Map Week", "Map Days", "map-days")
    assert now.url == "https://example.org/maps"
    assert (tag.name, tag.key, tag.slug) == ("Charts", "charts", "maps")
    assert [row[0] for row in noted()] == ["event.edit", "tag.create", "tag.edit"]
    assert send(as_carol, "/admin/events/new/", title="Map Week").status_code == 303
    assert Event.get_by_id(2).slug == "map-week"
    assert "Deleted: 1." in said(as_carol, remove(as_carol, "tags", tag.id))


def test_an_event_with_talks_is_not_deleted_nor_one_beside_it(as_carol, talk, event):
    empty = Event.create(slug="empty", title="Empty")

    assert "would lose their event" in said(as_carol, tick(as_carol, "events", "delete", empty.id, event.id))
    assert Event.select().count() == 2
    assert noted() == []
    assert "Deleted: 1." in said(as_carol, remove(as_carol, "events", empty.id))


def test_a_tag_that_is_taken_is_refused_at_its_field(as_carol):
    catalogue.save_tag(None, {"name": "Maps"}, by=None)
    answer = send(as_carol, "/admin/tags/new/", name="MAPS")

    assert answer.status_code == 422
    assert re.search(r'class="form-control is-invalid"[^>]*name="name"', answer.text)


# All or nothing

CHANGES = {
    "create": lambda client: send(client, "/admin/tags/new/", name="Charts"),
    "update": lambda client: send(client, "/admin/talks/edit/?id=1", title="Limits", owner=""),
    "delete": lambda client: remove(client, "talks", 1),
    "action": lambda client: tick(client, "comments", "approve", 1),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_that_fails_is_taken_back_whole(as_carol, stocked, monkeypatch, change):
    def fail(*args, **kwargs):
        raise RuntimeError("the trail cannot be written")

    before = [list(model.select().dicts()) for model in (Talk, Comment, Tag, User, OutboxMail)]
    monkeypatch.setattr(audit.AuditEvent, "create", fail)
    monkeypatch.setitem(main.app.config, "PROPAGATE_EXCEPTIONS", False)

    assert change(as_carol).status_code == 500
    assert [list(model.select().dicts()) for model in (Talk, Comment, Tag, User, OutboxMail)] == before


def test_signals_are_sent_after_the_change(as_carol, comment):
    seen = []

    def note(sender):
        seen.append(main.database.in_transaction())

    with moderation.comment_approved.connected_to(note):
        tick(as_carol, "comments", "approve", comment.id)

    assert seen == [False]


# Bad input

BAD_IDS = ["", "0", "-1", "x", "1e3", "１", str(2**31), str(2**63), str(2**70), "9" * 5000, "\0", "1&id=2"]
BAD_TALKS = [
    {"title": ""}, {"title": "x" * 256}, {"title": "a\0b"}, {"title": "a\nb" * 200}, {"date": "soon"},
    {"date": "2024-13-01"}, {"duration_s": str(2**70)}, {"duration_s": "-1"}, {"duration_s": "x"},
    {"language": "xx-none"}, {"status": "gone"}, {"discussion": "loud"}, {"discussion_days": "0"},
    {"venue_url": "javascript:alert(1)"}, {"video_url": "<script>"}, {"time_zone": "Mars"},
    {"description": "x" * 20_001}, {"duration_s": "9" * 400}, {"discussion_days": "9" * 5000},
    {"status": ""}, {"status": "\n" * 300}, {"language": "en\n" * 300},
]  # fmt: skip


def test_an_id_that_is_none_leads_back_with_a_sentence(as_carol, comment):
    for id_ in BAD_IDS:
        for address in ("users/edit", "users/details", "comments/edit", "comments/details"):
            answer = as_carol.get(f"/admin/{address}/?id={id_}")
            assert answer.status_code == 302
            assert not id_ or "is not there any more." in as_carol.get(answer.location).text
        assert remove(as_carol, "comments", id_).status_code == 303

    assert Comment.get_by_id(comment.id).status == "pending"


def test_a_talk_that_cannot_be_is_refused_with_a_sentence(as_carol, talk):
    before = Talk.get_by_id(talk.id).__data__
    for changed in BAD_TALKS:
        answer = send(as_carol, f"/admin/talks/edit/?id={talk.id}", **changed)
        assert answer.status_code == 422, changed
        assert "is-invalid" in answer.text

    assert Talk.get_by_id(talk.id).__data__ == before


ANYTHING = ["", " ", "a\0b", "x" * 30_000, "9" * 400, "9" * 19, "\n" * 300, "\u202e", "é" * 300, "{}", "%"]
FORMS = [
    "users/new/", "users/edit/?id=2", "talks/new/", "talks/edit/?id=1", "events/new/", "events/edit/?id=1",
    "tags/new/", "tags/edit/?id=1", "comments/edit/?id=1", "entries/edit/?id=1",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("address", FORMS)
def test_no_form_breaks_whatever_is_sent(as_carol, stocked, address):
    address = f"/admin/{address}"
    for name in form_at(as_carol, address):
        for value in ANYTHING:
            answer = send(as_carol, address, **{name: value})
            assert answer.status_code in (303, 400 if name == "csrf_token" else 422), (name, value)


def test_what_was_never_offered_is_refused(as_carol, talk, event):
    for id_ in ("999", "-1", str(2**70), "x", "1 OR 1=1"):
        answer = send(as_carol, f"/admin/talks/edit/?id={talk.id}", event=id_)
        assert answer.status_code == 422
        assert "no such row" in answer.text

    assert Talk.get_by_id(talk.id).event == event


def test_an_act_that_does_not_exist_does_nothing(as_carol, comment):
    assert tick(as_carol, "comments", "explode", comment.id).status_code == 303
    assert tick(as_carol, "comments", "approve").status_code == 303
    assert Comment.get_by_id(comment.id).status == "pending"
