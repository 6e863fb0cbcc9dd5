"""The queue of comments and its buttons: who sees what, and what one press decides, or one for several."""

import pytest
from asked import a_comment, an_open_talk, asked, reloaded
from browsing import Form
from conftest import only_sqlite, person
from moderating import count, shown, whole
from test_statements import counted
from written import rows

import main
from models import OutboxMail, TalkSpeaker, User
from talks import comments, moderation, moderation_pages, notifications
from talks.spam import Refused


@pytest.fixture
def talk(ada):
    return an_open_talk(ada, discussion="moderated")


@pytest.fixture
def waiting(talk, bob):
    return whole(a_comment(talk, "pending", author=bob))


@only_sqlite
def test_a_visitor_signs_in_first(client, database):
    assert client.get("/moderate").location.startswith("/auth/login?next=")


@only_sqlite
def test_an_empty_queue_says_so_and_nothing_else(as_ada):
    page = as_ada.get("/moderate").text

    assert "Nothing waits under your talks" in page
    assert "data-queue" not in page


def test_the_queue_shows_what_waits_oldest_first(as_ada, talk, bob):
    a_comment(talk, "pending", "The first one?")
    a_comment(talk, "pending", "The second one?", author=bob)
    a_comment(talk, body="Not this one")
    page = as_ada.get("/moderate").text

    assert page.index("The first one?") < page.index("The second one?")
    assert "eve@example.org" in page and "Not this one" not in page


def test_what_was_reported_stands_on_top(as_ada, talk):
    a_comment(talk, "pending", "It waits")
    comments.report(a_comment(talk, body="It was reported"))
    page = as_ada.get("/moderate").text

    assert page.index("It was reported") < page.index("It waits")
    assert ">Keep<" in page


def test_a_long_queue_is_paged(as_ada, talk):
    for number in range(moderation_pages.PER_PAGE + 1):
        a_comment(talk, "pending", f"Question {number}.")
    first = as_ada.get("/moderate")
    assert "Question 0." in first.text and f"Question {moderation_pages.PER_PAGE}." not in first.text

    second = as_ada.get("/moderate?page=2")
    assert f"Question {moderation_pages.PER_PAGE}." in second.text and "Question 0." not in second.text


@only_sqlite
@pytest.mark.parametrize("query", ["page=0", "page=x", "after=x", "before=x", "after=2026.x", "page=99"])
def test_a_page_that_is_not_there_is_not_found(as_ada, talk, query):
    a_comment(talk, "pending")

    assert as_ada.get(f"/moderate?{query}").status_code == 404


def test_only_administrators_see_everything(as_ada, as_carol, talk):
    a_comment(talk, "pending", "Is it seen?")

    assert as_ada.get("/moderate-admin").status_code == 403
    assert "Is it seen?" in as_carol.get("/moderate-admin").text
    assert "Is it seen?" not in as_carol.get("/moderate").text


def test_what_was_refused_or_failed_is_shown_to_administrators(as_carol, talk):
    with pytest.raises(Refused):
        asked(talk, homepage="https://spam.example/", body="Fill every field")
    mail = OutboxMail.create(
        message_id="<1@talks>", waiting=None, kind="comment_waits", to_email="gone@example.org",
        due_at=talk.created_at, failed_at=talk.created_at, error="550 no such mailbox", talk=talk,
    )  # fmt: skip
    page = as_carol.get("/moderate-admin").text

    assert "Fill every field" in page
    assert mail.to_email in page and mail.error in page


BUTTONS = {"approve": "approved", "delete": "rejected", "spam": "spam"}


@pytest.mark.parametrize("act, status", BUTTONS.items())
def test_a_button_decides_and_its_message_undoes_it(as_ada, waiting, act, status):
    answer = as_ada.submit(f"/comment/{waiting.id}/{act}", page="/moderate", next="/moderate")
    assert (answer.status_code, answer.location) == (303, "/moderate")
    assert reloaded(waiting).status == status

    page = as_ada.get("/moderate").text
    assert 'class="undo"' in page
    as_ada.submit("/moderate/bulk", page="/moderate", ids=waiting.id, undo=status)
    assert reloaded(waiting).status == "pending"


def test_a_button_that_comes_too_late_says_what_it_found(as_ada, waiting, carol):
    moderation.spam(waiting, carol)
    as_ada.submit(f"/comment/{waiting.id}/spam", page="/moderate")

    assert "Nothing changed: the comment is marked as spam." in as_ada.get("/moderate").text


@pytest.mark.parametrize("act", BUTTONS)
@pytest.mark.parametrize("page", ["/moderate", "the talk's"])
def test_a_button_decides_about_the_text_that_was_shown(as_ada, talk, waiting, act, page):
    comments.edit(waiting, "Is this better?")
    page = f"/talk/{talk.id}" if page != "/moderate" else page
    shown = Form(as_ada.get(page).text, "decide").fields
    comments.edit(whole(waiting), "Buy my watches")

    answer = as_ada.post(f"/comment/{waiting.id}/{act}", data=shown)
    assert reloaded(waiting).status == "pending"
    assert "its author changed the comment since" in as_ada.get(answer.location, follow_redirects=True).text
    as_ada.post(f"/comment/{waiting.id}/{act}", data=Form(as_ada.get(page).text, "decide").fields)
    assert reloaded(waiting).status == BUTTONS[act]


def test_undo_on_the_talks_page(as_ada, waiting, ada):
    moderation.reject(waiting, ada)

    answer = as_ada.submit(f"/comment/{waiting.id}/undo", page="/moderate", next=f"/comment/{waiting.id}")
    assert answer.location == f"/comment/{waiting.id}"
    assert reloaded(waiting).status == "pending"


@only_sqlite
def test_a_button_leads_nowhere_else(as_ada, waiting):
    answer = as_ada.submit(f"/comment/{waiting.id}/approve", page="/moderate", next="https://evil.example/")

    assert answer.location == "/"


@only_sqlite
@pytest.mark.parametrize("act", ["approve", "spam", "keep", "undo", "delete"])
@pytest.mark.parametrize("status, code", [("approved", 403), ("pending", 404)])
def test_somebody_else_presses_no_button(as_bob, ada, act, status, code):
    comment = a_comment(an_open_talk(ada), status)
    before = rows()

    assert as_bob.submit(f"/comment/{comment.id}/{act}", page="/profile").status_code == code
    assert rows() == before


@only_sqlite
@pytest.mark.parametrize("act", ["approve", "spam", "keep", "undo"])
def test_a_link_alone_decides_nothing(as_ada, waiting, act):
    assert as_ada.get(f"/comment/{waiting.id}/{act}").status_code == 405


@only_sqlite
@pytest.mark.parametrize("path", ["/comment/1/approve", "/comment/1/delete", "/moderate/bulk"])
def test_a_button_of_another_site_does_nothing(as_ada, waiting, path):
    assert as_ada.post(path, data={"ids": waiting.id, "act": "approve"}).status_code == 400
    assert reloaded(waiting).status == "pending"


@only_sqlite
def test_the_buttons_stand_under_the_talk(as_ada, waiting):
    page = as_ada.get(f"/talk/{waiting.talk_id}").text

    for act in BUTTONS:
        assert f'"/comment/{waiting.id}/{act}"' in page


@only_sqlite
def test_an_address_is_written_to_and_no_other(as_ada, ada, talk):
    comment = a_comment(talk, "pending", author_email="ann?bcc=eve@example.org")
    link = notifications.moderate_token(main.app.secret_key, comment.id, ada.id)

    for page in ("/moderate", f"/talk/{talk.id}", f"/moderate/{link}"):
        assert 'href="mailto:ann%3Fbcc%3Deve@example.org"' in as_ada.get(page).text


def test_a_reader_sees_no_buttons(as_bob, ada):
    comment = a_comment(an_open_talk(ada))

    assert "data-decide" not in as_bob.get(f"/talk/{comment.talk_id}").text


# Several at once


@pytest.mark.parametrize("act, status", BUTTONS.items())
def test_several_are_decided_at_once_and_that_is_undone(as_ada, talk, act, status):
    made = [a_comment(talk, "pending") for _ in range(3)]
    late = a_comment(talk, status)
    ids = [comment.id for comment in (*made, late)]

    as_ada.submit("/moderate/bulk", page="/moderate", ids=ids, act=act)
    assert {reloaded(comment).status for comment in made} == {status}
    assert "3 comments. 1 had been decided before." in as_ada.get("/about").text

    undone = ",".join(str(comment.id) for comment in made)
    as_ada.submit("/moderate/bulk", page="/profile", ids=undone, undo=status)
    assert {reloaded(comment).status for comment in made} == {"pending"}
    assert reloaded(late).status == status
    assert count(talk) == shown(talk)


def test_of_several_those_that_changed_since_they_were_shown_stay(as_ada, talk):
    same, changed = (a_comment(talk, "pending") for _ in range(2))
    page = as_ada.get("/moderate").text
    shown = {f"edited_at-{each.id}": "" for each in (same, changed)}
    for name, value in shown.items():
        assert f'form="bulk" name="{name}" value="{value}"' in page
    comments.edit(changed, "Buy my watches")

    ids = [same.id, changed.id]
    as_ada.submit("/moderate/bulk", page="/moderate", ids=ids, act="approve", **shown)
    assert (reloaded(same).status, reloaded(changed).status) == ("approved", "pending")
    assert "1 comment. 1 changed since you looked: look again." in as_ada.get("/about").text


def test_several_with_one_of_somebody_else_are_refused_whole(as_ada, talk):
    own = a_comment(talk, "pending")
    other = a_comment(an_open_talk(person("eve", is_speaker=True)), "pending")

    answer = as_ada.submit("/moderate/bulk", page="/moderate", ids=[own.id, other.id], act="approve")
    assert answer.status_code == 403
    assert reloaded(own).status == "pending"


@only_sqlite
@pytest.mark.parametrize("ids", ["", "x", "-1", "99999", "9" * 40, ",,\0", "1" * 5000])
def test_several_that_are_none_change_nothing(as_ada, waiting, ids):
    answer = as_ada.submit("/moderate/bulk", page="/moderate", ids=ids, act="spam")

    assert answer.status_code == 303
    assert reloaded(waiting).status == "pending"


@only_sqlite
def test_an_unknown_act_is_refused(as_ada, waiting):
    assert as_ada.submit("/moderate/bulk", page="/moderate", ids=waiting.id, act="eat").status_code == 400


# What the bar says, and what it costs


def test_the_bar_says_how_much_waits(as_ada, talk):
    assert "data-waiting" not in as_ada.get("/about").text
    a_comment(talk, "pending")

    assert "<span data-waiting>1</span>" in as_ada.get("/about").text


def test_the_bar_says_many_as_many(as_ada, talk):
    for _ in range(moderation.MOST_COUNTED + 1):
        a_comment(talk, "pending")

    assert "<span data-waiting>99+</span>" in as_ada.get("/about").text


@pytest.mark.parametrize("number", [2, 45])
def test_a_queue_asks_a_bounded_number_of_times(database, as_ada, as_carol, talk, number):
    for place in range(number):
        person(f"author{place}")
        comments.report(a_comment(talk, author=User.get(User.username == f"author{place}")))
        a_comment(talk, "pending", parent=1)
    TalkSpeaker.create(talk=talk, user=User.get(User.username == "author0"), position=1)

    for browser, path, most in ((as_ada, "/moderate", 8), (as_carol, "/moderate-admin", 13)):
        browser.get(path)
        with counted(database) as statements:
            assert browser.get(path).status_code == 200
        assert len(statements) <= most, statements
