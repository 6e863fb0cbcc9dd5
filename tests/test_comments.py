"""Writing under a talk: who may, what waits, what its author can still do, and that no count goes wrong."""

import random
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread

import pytest
from asked import a_comment, an_open_talk, asked, reloaded, whole
from conftest import only_sqlite, person
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written import a_talk

import main
from models import Comment, OutboxMail, Talk, TalkSpeaker, User, utcnow
from talks import comments, moderation
from talks.signals import comment_posted
from talks.spam import Refused


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


@pytest.fixture
def moderated(ada):
    return an_open_talk(ada, discussion="moderated")


def told():
    """[(kind, address)] of the mails that wait."""
    rows = OutboxMail.select().order_by(OutboxMail.id)
    return [(mail.kind, mail.to_email) for mail in rows]


def people(talk):
    """{name: author} of everybody who may come by; a visitor is None."""
    trusted = person("tom")
    trusted.is_trusted = True
    trusted.save()
    co_speaker = person("cleo", is_speaker=True)
    TalkSpeaker.create(talk=talk, user=co_speaker, position=1)
    return {
        "visitor": None,
        "member": person("mia"),
        "trusted": trusted,
        "another speaker": person("sam", is_speaker=True),
        "speaker": talk.owner,
        "co-speaker": co_speaker,
        "administrator": person("root", is_admin=True),
    }


# Who may write, and what waits

SHOWN, WAITS, REFUSED = "approved", "pending", "refused"
WHO = ("visitor", "member", "trusted", "another speaker", "speaker", "co-speaker", "administrator")
CASES = {
    "open": (SHOWN, SHOWN, SHOWN, SHOWN, SHOWN, SHOWN, SHOWN),
    "moderated": (WAITS, WAITS, SHOWN, WAITS, SHOWN, SHOWN, SHOWN),
    "": (WAITS, WAITS, SHOWN, WAITS, SHOWN, SHOWN, SHOWN),
    "members": (REFUSED, WAITS, SHOWN, WAITS, SHOWN, SHOWN, SHOWN),
    "closed": (REFUSED, REFUSED, REFUSED, REFUSED, SHOWN, SHOWN, SHOWN),
}


@pytest.mark.parametrize("rule", CASES)
def test_who_may_write_and_what_waits(ada, rule):
    talk = an_open_talk(ada, discussion=rule)

    found = {}
    for who, author in people(talk).items():
        try:
            found[who] = asked(talk, who, author=author, email="eve@example.org").status
        except Refused as refusal:
            found[who] = REFUSED
            assert refusal.reason == "closed"

    assert found == dict(zip(WHO, CASES[rule], strict=True))


def test_an_imported_talk_is_closed_until_somebody_opens_it(ada):
    talk = an_open_talk(ada, discussion="", imported_from="pyvideo", imported_key="x")
    with pytest.raises(Refused):
        asked(talk)

    Talk.update(discussion="open").where(Talk.id == talk.id).execute()

    assert asked(talk).status == "approved"


def test_a_discussion_closes_by_itself(ada):
    talk = an_open_talk(ada, discussion_days=7)
    assert asked(talk, "In time")

    Talk.update(published_at=utcnow() - timedelta(days=7, seconds=1)).where(Talk.id == talk.id).execute()

    with pytest.raises(Refused):
        asked(talk, "Too late")
    assert asked(talk, "The speaker still answers", author=ada)


@pytest.mark.parametrize("status", ["draft", "deleted"])
def test_nobody_writes_under_what_is_not_published(ada, carol, status):
    talk = a_talk(ada, status=status, discussion="open")

    for author in (None, ada, carol):
        with pytest.raises(Refused) as raised:
            asked(talk, author=author)
        assert raised.value.reason == "closed"


def test_the_rule_is_looked_up_when_it_is_written(talk):
    opened = whole(talk)
    Talk.update(discussion="closed").where(Talk.id == talk.id).execute()

    with pytest.raises(Refused):
        comments.post(opened, None, {"body": "How?", "name": "Eve", "email": "e@example.org"}, "here")


def test_what_is_rendered_is_kept_with_what_was_typed(talk):
    comment = reloaded(asked(talk, "*How* <b>so</b>?\n\n# Loud"))

    assert comment.body == "*How* <b>so</b>?\n\n# Loud"
    assert comment.body_html == "<p><em>How</em> <b>so</b>?</p>\n<h3>Loud</h3>"


def test_markdown_is_rendered_while_others_may_write(talk, monkeypatch):
    inside, render = [], comments.rendered

    def note(body):
        inside.append(main.database.in_transaction())
        return render(body)

    monkeypatch.setattr(comments, "rendered", note)
    comments.edit(asked(talk), "Changed")

    assert inside == [False, False]


def test_a_member_is_known_by_the_account(talk, bob):
    comment = reloaded(asked(talk, author=bob, name="Somebody else", email="x@example.org"))

    assert (comment.author, comment.author_email, comment.shown_name) == (bob, None, "Bob")


def test_a_comment_outlives_the_account_with_its_name(talk, bob):
    comment = asked(talk, author=bob)
    bob.delete_instance()

    assert reloaded(comment).shown_name == "Bob"


# Numbers and counts


def test_numbers_go_up_and_are_never_given_twice(talk):
    numbers = [asked(talk, str(n), email=f"{n}@example.org").number for n in range(3)]
    Comment.delete().where(Comment.number == 3).execute()

    assert numbers == [1, 2, 3] and asked(talk, "Next").number == 4


def test_each_talk_has_numbers_of_its_own(ada, talk):
    asked(talk)

    assert asked(an_open_talk(ada)).number == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_count_is_right_after_every_move(ada, bob, seed):
    dice, talk = random.Random(seed), an_open_talk(ada)
    acts = [
        comments.withdraw, comments.bring_back, comments.report,
        lambda comment: comments.edit(comment, dice.choice(["Plain", "https://a.example " * 5])),
        *(lambda comment, act=act: act(comment, ada) for act in (
            moderation.approve, moderation.reject, moderation.spam, moderation.keep, moderation.undo)),
    ]  # fmt: skip
    for number in range(40):
        found = Comment.select().order_by(Comment.id).offset(dice.randrange(8)).first()
        if found is None or dice.random() < 0.2:
            rule = dice.choice(["open", "moderated"])
            Talk.update(discussion=rule).where(Talk.id == talk.id).execute()
            asked(talk, f"{number}", author=dice.choice([None, bob, ada]), email=f"{number}@example.org")
        else:
            try:
                dice.choice(acts)(comments.whole(found.id))
            except Refused:
                pass  # too late to change it
        shown = Comment.select().where(Comment.status == "approved").count()
        assert whole(talk).comment_count == shown


def test_of_many_at_once_none_is_lost(database, talk):
    refused = []

    def write(number):
        with database.connection_context():
            try:
                asked(talk, f"Question {number}", network=str(number), email=f"{number}@example.org")
            except Exception as error:  # noqa: BLE001, told below
                refused.append(error)

    threads = [Thread(target=write, args=[number]) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert not refused
    assert sorted(comment.number for comment in Comment.select()) == list(range(1, 17))
    assert whole(talk).comment_count == 16


# Answers


def test_an_answer_to_an_answer_stands_beside_it(talk):
    top = asked(talk, "Top")
    answer = asked(talk, "Answer", parent=top.id)

    assert asked(talk, "Answer to the answer", parent=answer.id).parent_id == top.id


@pytest.mark.parametrize("status", ["pending", "rejected", "spam", "deleted"])
def test_what_is_not_shown_is_not_answered(talk, status):
    with pytest.raises(Refused) as raised:
        asked(talk, parent=a_comment(talk, status).id)

    assert (raised.value.field, raised.value.reason) == ("parent", "parent")


@pytest.mark.parametrize("parent", [0, -1, 99, 2**63, 2**200])
def test_an_unknown_comment_is_not_answered(talk, parent):
    with pytest.raises(Refused) as raised:
        asked(talk, parent=parent)

    assert raised.value.reason == "parent"


def test_a_comment_on_another_talk_is_not_answered(ada, talk):
    with pytest.raises(Refused) as raised:
        asked(talk, parent=a_comment(an_open_talk(ada)).id)

    assert raised.value.reason == "parent"


def test_a_comment_has_at_most_so_many_answers(talk):
    top = a_comment(talk)
    for _ in range(comments.MOST_ANSWERS):
        a_comment(talk, parent=top)

    with pytest.raises(Refused) as raised:
        asked(talk, parent=top.id)
    assert raised.value.reason == "parent"


# Who is told


def test_who_decides_is_told_of_what_waits(moderated):
    asked(moderated)

    assert told() == [("comment_waits", "ada@example.org")]


def test_who_asked_to_be_told_is_told_of_what_is_shown(talk, bob):
    asked(talk, "Tell me", author=bob, notify=True)
    asked(talk, "Something new")

    assert told() == [("comment_shown", "bob@example.org")]


def test_nobody_is_told_of_what_was_refused(moderated):
    with pytest.raises(Refused):
        asked(moderated, homepage="x")

    assert told() == []


def test_what_was_taken_back_is_told_to_nobody(moderated):
    comment = asked(moderated)
    comments.withdraw(comment)
    assert told() == []

    comments.bring_back(comment)
    assert told() == [("comment_waits", "ada@example.org")]


def test_the_signal_is_sent_after_the_commit(talk):
    sent = []

    def note(comment):
        sent.append((comment.id, main.database.in_transaction()))

    with comment_posted.connected_to(note):
        comment = asked(talk)

    assert sent == [(comment.id, False)]


# Changing and taking back


def test_an_edit_is_rendered_and_marked(talk):
    comment = comments.edit(asked(talk), "**Why**?")

    assert (comment.body, comment.body_html) == ("**Why**?", "<p><strong>Why</strong>?</p>")
    assert comment.edited_at and comment.status == "approved"


def test_an_edit_has_a_quarter_of_an_hour(talk):
    comment = asked(talk)
    Comment.update(created_at=utcnow() - Comment.EDITABLE).execute()

    with pytest.raises(Refused) as raised:
        comments.edit(comment, "Too late")
    assert raised.value.reason == "late" and reloaded(comment).body == "How?"


@pytest.mark.parametrize("status", ["rejected", "spam", "deleted"])
def test_what_is_gone_is_not_changed(talk, status):
    comment = a_comment(talk, status)

    with pytest.raises(Refused):
        comments.edit(comment, "Still here")
    assert reloaded(comment).body == "How?"


def test_an_edit_of_what_was_approved_waits_again(moderated, ada):
    comment = asked(moderated)
    moderation.approve(comments.whole(comment.id), ada)
    assert whole(moderated).comment_count == 1

    assert comments.edit(comment, "Buy my watches").status == "pending"
    assert whole(moderated).comment_count == 0
    assert ("comment_waits", "ada@example.org") in told()


def test_an_edit_by_somebody_trusted_does_not_wait_again(moderated, ada, bob):
    comment = asked(moderated, author=bob)
    moderation.approve(comments.whole(comment.id), ada)

    assert comments.edit(comment, "Better words").status == "approved"


def test_a_speaker_edits_without_waiting(moderated, ada):
    comment = asked(moderated, author=ada)

    assert comments.edit(comment, "https://example.org/x " * 9).status == "approved"


def test_a_comment_is_taken_back_once_and_brought_back_once(talk):
    comment = asked(talk)

    assert [comments.withdraw(comment), comments.withdraw(comment)] == [True, False]
    assert (reloaded(comment).status, whole(talk).comment_count) == ("deleted", 0)
    assert [comments.bring_back(comment), comments.bring_back(comment)] == [True, False]
    assert (reloaded(comment).status, whole(talk).comment_count) == ("approved", 1)


def test_what_waited_waits_when_it_is_brought_back(moderated):
    comment = asked(moderated)
    comments.withdraw(comment)

    assert comments.bring_back(comment) and reloaded(comment).status == "pending"


@pytest.mark.parametrize("act", [moderation.reject, moderation.spam])
def test_what_others_removed_its_author_does_not_bring_back(talk, ada, act):
    comment = asked(talk)
    act(comments.whole(comment.id), ada)

    assert not comments.bring_back(comment) and not comments.withdraw(comment)
    assert whole(talk).comment_count == 0


def test_a_report_hides_nothing_and_counts_once(talk, ada):
    comment = asked(talk)

    assert comments.report(reloaded(comment))
    assert not comments.report(reloaded(comment))
    assert reloaded(comment).status == "approved" and reloaded(comment).reported_at


# Whatever is typed


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=400)


@contextmanager
def undone(database):
    with database.atomic() as transaction:
        yield
        transaction.rollback()


@pytest.mark.slow
@only_sqlite
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=TEXTS)
def test_any_text_is_kept_as_it_was_typed(database, body):
    user = User.get_or_none(User.username == "ada") or person("ada", is_speaker=True)
    talk = an_open_talk(user)
    with undone(database):
        comment = asked(talk, body, author=user)
        assert reloaded(comment).body == body
        assert reloaded(comment).body_html == comments.rendered(body)


def test_four_byte_characters_are_kept(talk):
    comment = asked(talk, "😀 𝒳𠮷 🐍", name="𠮷野 😀")

    assert (reloaded(comment).body, reloaded(comment).author_name) == ("😀 𝒳𠮷 🐍", "𠮷野 😀")
