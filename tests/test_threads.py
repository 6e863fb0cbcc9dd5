"""The comments under a talk: who reads which, in what order, on which page, at what cost."""

from datetime import timedelta

import pytest
from asked import a_comment, an_open_talk, reloaded, whole
from conftest import only_sqlite, person
from test_statements import statements_of
from werkzeug.exceptions import NotFound
from written import a_talk

import main
from models import Comment, Talk, utcnow
from talks import threads

STATUSES = ("approved", "pending", "rejected", "spam", "deleted")


def bodies(page):
    return [comment.body for comment in page.items]


def page_for(talk, asker=None, per_page=100, **args):
    return threads.page_of(whole(talk), asker, args, per_page)


def readable(page):
    return {each.id for top in page.items for each in (top, *top.answers) if each.is_readable}


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


def test_comments_stand_in_the_order_of_arrival(talk):
    for number in range(5):
        a_comment(talk, body=str(number))

    assert bodies(page_for(talk)) == list("01234")


def test_answers_stand_under_what_they_answer(talk):
    first, second = a_comment(talk, body="first"), a_comment(talk, body="second")
    a_comment(talk, body="to the second", parent=second)
    a_comment(talk, body="to the first", parent=first)
    a_comment(talk, body="to the first again", parent=first)

    page = page_for(talk)

    assert bodies(page) == ["first", "second"]
    answers = [[answer.body for answer in comment.answers] for comment in page.items]
    assert answers == [["to the first", "to the first again"], ["to the second"]]


def test_a_page_holds_so_many_and_leads_to_the_next(talk):
    for number in range(1, 8):
        a_comment(talk, body=str(number))

    first = page_for(talk, per_page=3)
    last = page_for(talk, per_page=3, page="3")

    assert bodies(first) == list("123") and first.previous is None
    assert first.next.endswith("#questions")
    assert bodies(last) == ["7"] and last.next is None and last.previous.endswith("#questions")
    assert bodies(page_for(talk, per_page=3, after="5")) == list("567")


@only_sqlite
@pytest.mark.parametrize("number", ["0", "-1", "99", "1001", "x", "9" * 30])
def test_a_page_that_is_not_there_is_not_found(client, talk, number):
    a_comment(talk)

    assert client.get(f"/talk/{talk.id}?page={number}").status_code == 404


def test_comments_of_another_talk_stand_there_only(ada, talk):
    a_comment(an_open_talk(ada), body="elsewhere")
    a_comment(talk, body="here")

    assert bodies(page_for(talk)) == ["here"]


@pytest.mark.parametrize("asker", ["nobody", "bob", "eve", "ada", "carol"])
def test_who_reads_what_is_as_everywhere(ada, carol, asker):
    """The page of a talk has a condition of its own; it must not differ from `Comment.visible_to`."""
    people = {"nobody": None, "ada": ada, "carol": carol, "bob": person("bob"), "eve": person("eve")}
    talk = an_open_talk(ada)
    for status in STATUSES:
        for author in (None, people["bob"], people["eve"]):
            top = a_comment(talk, status, author=author)
            a_comment(talk, status, author=author, parent=a_comment(talk) if status != "approved" else top)

    visible = Comment.visible_to(people[asker]).where(Comment.status.in_(["approved", "pending"]))

    assert readable(page_for(talk, people[asker])) == {comment.id for comment in visible}


def test_what_waits_is_marked_for_those_who_may_see_it(client, as_ada, as_bob, ada, bob):
    talk = an_open_talk(ada)
    a_comment(talk, "pending", body="Bob waits", author=bob)
    a_comment(talk, "pending", body="Eve waits")

    assert "waits" not in main.app.test_client().get(f"/talk/{talk.id}").text
    bobs = as_bob.get(f"/talk/{talk.id}").text
    assert "Bob waits" in bobs and "Eve waits" not in bobs and "Waiting" in bobs
    adas = as_ada.get(f"/talk/{talk.id}").text
    assert "Bob waits" in adas and "Eve waits" in adas


def test_addresses_are_shown_to_those_who_decide_only(client, as_ada, as_bob, ada):
    talk = an_open_talk(ada)
    a_comment(talk, author_email="secret@example.org")

    for browser in (main.app.test_client(), as_bob):
        assert "secret@" not in browser.get(f"/talk/{talk.id}").text
    assert "secret@example.org" in as_ada.get(f"/talk/{talk.id}").text


def test_a_removed_comment_stays_as_a_line_while_it_is_answered(client, talk):
    gone = a_comment(talk, "rejected", body="<p>Gone</p>", author_name="Mallory")
    a_comment(talk, body="The answer", parent=gone)

    text = client.get(f"/talk/{talk.id}").text

    assert "The answer" in text and "Removed." in text
    assert "Gone" not in text and "Mallory" not in text


def test_a_comment_that_waits_again_is_not_shown_for_its_answers(client, talk):
    waits = a_comment(talk, "pending", body="Undone")
    a_comment(talk, body="The answer", parent=waits)

    text = client.get(f"/talk/{talk.id}").text

    assert "The answer" in text and "Undone" not in text


def test_who_decides_sees_for_a_day_what_was_removed(ada, talk):
    comment = a_comment(talk, "spam", decided_at=utcnow())
    assert len(page_for(talk, ada).items) == 1 and not page_for(talk).items

    Comment.update(decided_at=utcnow() - timedelta(days=2)).where(Comment.id == comment.id).execute()

    assert not page_for(talk, ada).items


@only_sqlite
def test_a_speakers_answer_is_marked(client, as_ada, ada):
    talk = an_open_talk(ada)
    a_comment(talk, author=ada, body="I did")

    assert "badge" in client.get(f"/talk/{talk.id}").text.partition('id="questions"')[2]


@only_sqlite
def test_nobody_is_taken_for_the_speaker_by_a_name(client, talk):
    a_comment(talk, author_name="Ada")

    assert "badge" not in client.get(f"/talk/{talk.id}").text.partition('id="questions"')[2]


# Addresses


def test_a_comment_has_an_address(client, talk):
    comment = a_comment(talk)

    answer = client.get(f"/comment/{comment.id}")

    assert (answer.status_code, answer.location) == (303, f"/talk/{talk.id}#comment-{comment.id}")
    assert f'id="comment-{comment.id}"' in client.get(answer.location).text


def test_the_address_leads_to_the_page_where_it_stands(client, talk, monkeypatch):
    monkeypatch.setitem(main.app.config, "COMMENTS_PER_PAGE", 3)
    found = [a_comment(talk, "rejected" if number == 2 else "approved") for number in range(8)]
    answer_to_last = a_comment(talk, parent=found[-1])

    for comment in [*found[:2], *found[3:], answer_to_last]:
        location = client.get(f"/comment/{comment.id}").location
        assert f'id="comment-{comment.id}"' in client.get(location).text, location


def test_beyond_the_deepest_page_the_address_still_leads_there(client, talk, monkeypatch):
    monkeypatch.setitem(main.app.config, "COMMENTS_PER_PAGE", 1)
    monkeypatch.setattr(threads, "DEEPEST", 2)
    found = [a_comment(talk) for _ in range(5)]

    location = client.get(f"/comment/{found[-1].id}").location

    assert f'id="comment-{found[-1].id}"' in client.get(location).text


@pytest.mark.parametrize("status", ["pending", "rejected", "spam", "deleted"])
def test_what_a_visitor_may_not_read_has_no_address(client, talk, status):
    assert client.get(f"/comment/{a_comment(talk, status).id}").status_code == 404


def test_a_comment_on_a_draft_has_no_address_for_visitors(client, as_ada, ada):
    talk = a_talk(ada)
    comment = a_comment(talk)

    assert main.app.test_client().get(f"/comment/{comment.id}").status_code == 404
    assert as_ada.get(f"/comment/{comment.id}").status_code == 303


@pytest.mark.parametrize("path", ["/comment/0", "/comment/99", "/comment/99999999999999999999"])
def test_an_unknown_comment_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_a_deleted_talk_takes_its_comments_with_it(client, ada, talk):
    comment = a_comment(talk)
    Talk.update(status="deleted").where(Talk.id == talk.id).execute()

    assert client.get(f"/comment/{comment.id}").status_code == 404


# Numbers


def test_cards_show_the_number_of_approved_comments(client, talk):
    a_comment(talk)
    assert "1 question<" in client.get("/").text

    for status in STATUSES:
        a_comment(talk, status)

    text = client.get("/").text
    assert "2 questions<" in text and f'href="/talk/{talk.id}#questions"' in text


def test_a_card_without_comments_says_nothing(client, talk):
    assert "question" not in client.get("/").text


ASKERS = pytest.mark.parametrize("asker", ["client", "as_ada", "as_bob"])


@ASKERS
@pytest.mark.parametrize("count", [1, 250])
def test_a_page_of_comments_asks_at_most_three_times_more(database, request, ada, asker, count):
    least, asked = asked_of_an_empty_and_a_full_one(database, request.getfixturevalue(asker), ada, count)

    assert max(asked) <= least + 3


@pytest.mark.slow
@only_sqlite
@ASKERS
def test_a_page_of_ten_thousand_comments_asks_no_more(database, request, ada, asker):
    least, asked = asked_of_an_empty_and_a_full_one(database, request.getfixturevalue(asker), ada, 10_000)

    assert max(asked) <= least + 3


def asked_of_an_empty_and_a_full_one(database, browser, ada, count):
    """How many statements a talk without comments takes, and those of each page of one with `count`."""
    empty, full = an_open_talk(ada), an_open_talk(ada)
    with database.atomic():
        first = a_comment(full)
        columns = reloaded(first).__data__ | {"parent": None}
        del columns["id"]
        rows = [
            columns | {"number": number, "parent": first.id if number % 5 == 0 else None}
            for number in range(2, count)
        ]
        for start in range(0, len(rows), 500):
            Comment.insert_many(rows[start : start + 500]).execute()
        Talk.update(comment_count=count).where(Talk.id == full.id).execute()
    browser.get("/")  # shows what was flashed
    least = len(statements_of(database, browser, f"/talk/{empty.id}"))

    pages = [""] if count == 1 else ["", "?page=2", "?after=120", "?before=200", f"?reply={first.id}"]
    return least, [len(statements_of(database, browser, f"/talk/{full.id}{query}")) for query in pages]


@only_sqlite
def test_a_visitor_of_a_talk_without_comments_asks_for_none(database, client, talk):
    assert not [sql for sql in statements_of(database, client, f"/talk/{talk.id}") if '"comment"' in sql]


@only_sqlite
def test_a_key_that_no_page_has_is_not_found(talk):
    a_comment(talk)

    with pytest.raises(NotFound):
        page_for(talk, after="x.y")
