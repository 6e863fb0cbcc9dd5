"""Deciding about comments: who may, what follows, and that nothing goes wrong when two do it at once."""

import random
from contextlib import contextmanager
from threading import Barrier, Thread

import pytest
from asked import a_comment, an_open_talk, asked, reloaded
from browsing import Form
from conftest import only_sqlite, person
from test_statements import counted
from written import a_talk, rows

import main
from models import Comment, OutboxMail, Talk, TalkSpeaker, User, database
from talks import comments, moderation, moderation_pages, notifications
from talks.signals import comment_approved
from talks.spam import Refused

VERBS = {"approve": "approved", "reject": "rejected", "spam": "spam"}


@pytest.fixture
def talk(ada):
    return an_open_talk(ada, discussion="moderated")


@pytest.fixture
def waiting(talk, bob):
    return whole(a_comment(talk, "pending", author=bob))


def whole(comment):
    return comments.whole(comment.id)


def count(talk):
    return Talk.get_by_id(talk.id).comment_count


def shown(talk):
    return Comment.select().where(Comment.talk == talk, Comment.status == "approved").count()


def is_trusted(user):
    return User.get_by_id(user.id).is_trusted


# Who may


@only_sqlite
@pytest.mark.parametrize("verb", [*VERBS, "keep", "undo"])
@pytest.mark.parametrize("who", ["member", "another speaker", "its author"])
def test_nobody_else_decides(talk, waiting, bob, verb, who):
    by = {"member": person("mia"), "another speaker": person("sam", is_speaker=True), "its author": bob}[who]
    before = rows()

    with pytest.raises(moderation.NotAllowed):
        getattr(moderation, verb)(waiting, by)
    assert rows() == before


@only_sqlite
@pytest.mark.parametrize("who", ["owner", "speaker", "co-speaker", "administrator"])
def test_speakers_owner_and_administrators_decide(ada, who):
    speaker, cleo = person("sam"), person("cleo")
    talk = an_open_talk(ada, speakers=[speaker, cleo], discussion="moderated")
    by = {
        "owner": ada,
        "speaker": speaker,
        "co-speaker": cleo,
        "administrator": person("root", is_admin=True),
    }

    assert moderation.approve(whole(a_comment(talk, "pending")), by[who])


def test_who_was_blocked_decides_nothing(ada, waiting):
    ada.is_active = False
    ada.save()

    with pytest.raises(moderation.NotAllowed):
        moderation.approve(whole(waiting), User.get_by_id(ada.id))


# Moves


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("before", ["pending", "approved", "rejected", "spam", "deleted"])
def test_a_decision_moves_from_where_it_may(talk, ada, verb, before):
    comment = whole(a_comment(talk, before))
    may = {
        "approve": ("pending", "rejected", "spam"),
        "reject": ("pending", "approved"),
        "spam": ("pending", "approved", "rejected"),
    }[verb]

    assert getattr(moderation, verb)(comment, ada) == (before in may)
    now = reloaded(comment)
    assert (now.status, now.was) == ((VERBS[verb], before) if before in may else (before, ""))
    assert count(talk) == shown(talk)


@pytest.mark.parametrize(
    "before, verb",
    [("pending", verb) for verb in VERBS] + [("approved", "reject"), ("approved", "spam")],
)
def test_undoing_brings_back_what_was(talk, ada, before, verb):
    comment = whole(a_comment(talk, before))
    getattr(moderation, verb)(comment, ada)

    assert moderation.undo(comment, ada, VERBS[verb])
    assert reloaded(comment).status == before
    assert count(talk) == shown(talk)


def test_undoing_twice_does_not_do_it_again(waiting, ada):
    moderation.approve(waiting, ada)

    assert moderation.undo(waiting, ada)
    assert not moderation.undo(waiting, ada)
    assert reloaded(waiting).status == "pending"


def test_undoing_leaves_what_somebody_else_decided_since(waiting, ada, carol):
    moderation.approve(waiting, ada)
    moderation.reject(whole(waiting), carol)

    assert not moderation.undo(waiting, ada, "approved")
    assert reloaded(waiting).status == "rejected"


def test_what_its_author_took_back_is_not_brought_back_by_others(waiting, ada):
    comments.withdraw(waiting)

    assert not moderation.approve(whole(waiting), ada)
    assert not moderation.undo(whole(waiting), ada)


def test_a_stale_comment_is_moved_from_what_it_is_now(waiting, ada, carol):
    seen_before = whole(waiting)
    moderation.approve(waiting, carol)

    assert moderation.reject(seen_before, ada)
    assert (reloaded(waiting).was, seen_before.was) == ("approved", "approved")


@pytest.mark.parametrize("verb", VERBS)
def test_nothing_is_decided_about_another_text_than_was_read(waiting, ada, verb):
    comments.edit(whole(waiting), "Buy my watches")

    assert not getattr(moderation, verb)(waiting, ada)
    assert reloaded(waiting).status == "pending"
    assert getattr(moderation, verb)(whole(waiting), ada)


def test_a_reported_comment_waits_until_it_is_kept(talk, ada):
    comment = whole(a_comment(talk))
    comments.report(comment)
    assert Comment.for_moderation(ada, reported=True).count() == 1

    assert moderation.keep(whole(comment), ada)
    assert not moderation.keep(whole(comment), ada)
    assert Comment.for_moderation(ada, reported=True).count() == 0
    assert reloaded(comment).status == "approved"

    assert moderation.undo(whole(comment), ada, "kept")
    assert Comment.for_moderation(ada, reported=True).count() == 1


def test_a_reported_comment_that_was_deleted_waits_again_when_that_is_undone(talk, ada):
    comment = whole(a_comment(talk))
    comments.report(comment)
    moderation.reject(comment, ada)
    assert Comment.for_moderation(ada, reported=True).count() == 0

    moderation.undo(comment, ada)
    assert Comment.for_moderation(ada, reported=True).count() == 1


# Trust


def test_the_first_approval_trusts_its_author(talk, waiting, ada, bob):
    assert asked(talk, "One more?", author=bob).status == "pending"
    moderation.approve(waiting, ada)

    assert is_trusted(bob)
    assert asked(talk, "And this?", author=User.get_by_id(bob.id)).status == "approved"


@pytest.mark.parametrize("take_back, trusted", [("undo", False), ("spam", False), ("reject", True)])
def test_what_takes_trust_back(waiting, ada, bob, take_back, trusted):
    moderation.approve(waiting, ada)
    getattr(moderation, take_back)(waiting, ada)

    assert is_trusted(bob) == trusted


@pytest.mark.parametrize("take_back", ["undo", "spam"])
def test_trust_stays_while_something_else_is_approved(talk, waiting, ada, bob, take_back):
    moderation.approve(whole(a_comment(talk, "pending", author=bob)), ada)
    moderation.approve(waiting, ada)
    getattr(moderation, take_back)(waiting, ada)

    assert is_trusted(bob)


def test_undoing_spam_trusts_again(waiting, ada, bob):
    moderation.approve(waiting, ada)
    moderation.spam(waiting, ada)
    moderation.undo(waiting, ada)

    assert is_trusted(bob)


def test_a_visitors_comment_trusts_nobody(talk, ada):
    moderation.approve(whole(a_comment(talk, "pending")), ada)

    assert not User.select().where(User.is_trusted).exists()


# What follows


@contextmanager
def approvals():
    sent = []

    def note(comment):
        sent.append((comment.id, database.in_transaction()))

    with comment_approved.connected_to(note):
        yield sent


def test_the_signal_comes_once_and_after_the_commit(waiting, ada):
    with approvals() as sent:
        moderation.approve(waiting, ada)
        moderation.approve(waiting, ada)

    assert sent == [(waiting.id, False)]


def test_an_approval_tells_once_also_when_it_is_undone_and_given_again(talk, waiting, ada):
    a_comment(talk, author=person("tina"), notify=True)

    moderation.approve(waiting, ada)
    moderation.undo(waiting, ada)
    moderation.approve(whole(waiting), ada)

    mails = OutboxMail.select().where(OutboxMail.kind == "comment_shown")
    assert [(mail.to_email, mail.payload) for mail in mails] == [
        ("tina@example.org", {"comments": [waiting.id]})
    ]


def test_an_approval_that_was_undone_tells_nobody(talk, waiting, ada):
    a_comment(talk, author=person("tina"), notify=True)

    moderation.approve(waiting, ada)
    moderation.undo(waiting, ada)

    assert not OutboxMail.select().where(OutboxMail.kind == "comment_shown").exists()


# Two at once


def test_of_many_who_decide_at_once_one_does(database, talk, waiting, ada, carol):
    done, ready = [], Barrier(6)

    def decide(verb, by):
        with database.connection_context():
            comment = whole(waiting)
            ready.wait()
            done.append((verb.__name__, verb(comment, by)))

    at_once([(decide, moderation.approve, by) for by in (ada, carol) * 3])

    assert sorted(result for _, result in done) == [False] * 5 + [True]
    assert count(talk) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_count_is_right_after_any_interleaving(database, talk, ada, carol, seed):
    made = [a_comment(talk, status) for status in ("pending", "approved", "rejected", "pending")]

    def decide_at_random(by, number):
        chance = random.Random(f"{seed} {number}")
        with database.connection_context():
            for _ in range(12):
                verb = chance.choice(
                    [moderation.approve, moderation.reject, moderation.spam, moderation.undo]
                )
                verb(whole(chance.choice(made)), by)

    at_once([(decide_at_random, by, number) for number, by in enumerate((ada, carol) * 2)])

    assert count(talk) == shown(talk)


def at_once(jobs):
    """Run each job in a thread of its own; whatever one of them raises fails the test."""
    wrong = []

    def run(job, *arguments):
        try:
            job(*arguments)
        except BaseException as error:
            wrong.append(error)

    threads = [Thread(target=run, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# What waits for whom


@pytest.fixture
def everywhere(ada):
    """Comments that wait under talks of several people: {name: comment}."""
    eve = person("eve", is_speaker=True)
    talks = {
        "own": an_open_talk(ada),
        "speaks": an_open_talk(eve, speakers=[eve, ada]),
        "owns": an_open_talk(ada, speakers=[eve]),
        "draft": a_talk(ada),
        "deleted": a_talk(ada, status="deleted"),
        "other": an_open_talk(eve),
    }
    return {name: a_comment(talk, "pending") for name, talk in talks.items()}


def names_of(query, everywhere):
    by_id = {comment.id: name for name, comment in everywhere.items()}
    return sorted(by_id[row.id] for row in query)


def test_a_speakers_queue_is_what_waits_under_their_talks(everywhere, ada):
    assert names_of(Comment.for_moderation(ada), everywhere) == ["draft", "own", "owns", "speaks"]
    assert moderation.count_waiting(ada) == 4


def test_an_administrators_queue_is_everything_and_their_own_is_not(everywhere, carol):
    found = names_of(Comment.for_moderation(carol), everywhere)

    assert found == ["draft", "other", "own", "owns", "speaks"]
    assert not Comment.for_moderation(carol, own=True).exists()


def test_a_members_queue_is_empty(everywhere, bob):
    assert not Comment.for_moderation(bob).exists()
    assert moderation.count_waiting(bob) == 0


def test_counting_ends_where_more_says_nothing(talk, ada):
    for _ in range(5):
        a_comment(talk, "pending")
    comments.report(a_comment(talk))

    assert (moderation.count_waiting(ada), moderation.count_waiting(ada, most=4)) == (6, 4)


def test_deleted_talks_nag_nobody_until_they_are_back(ada, carol, talk, waiting):
    talk.delete_softly()
    assert moderation.count_waiting(ada) == moderation.count_waiting(carol) == 0

    talk.restore()
    assert moderation.count_waiting(ada) == moderation.count_waiting(carol) == 1


@only_sqlite
def test_a_queue_reads_no_comment_of_other_talks(database, everywhere, ada):
    for reported in (False, True):
        sql, values = Comment.for_moderation(ada, reported).sql()
        plan = " ".join(row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values))

        assert "USING INDEX comment_talk_id_" in plan or "COVERING INDEX comment_talk_id_" in plan, plan


# Pages


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
