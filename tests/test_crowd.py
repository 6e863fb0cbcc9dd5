"""What is looked for after processes were killed: each fault is found."""

import crowd
import pytest
from conftest import only_sqlite

from models import Comment, OutboxMail, Talk
from talks import comments
from talks.notifications import SHOWN

pytestmark = only_sqlite


class Few:
    """A crowd that posted one comment under each talk, without a server."""

    def __init__(self, talks):
        self.answered, self.in_doubt = {}, []
        for number, talk in enumerate(talks, start=1):
            sent = crowd.Sent(talk.id, f"visitor{number}@example.org", number == 1, f"Question {number}")
            values = {"name": "Vera", "email": sent.email, "body": sent.body, "notify": sent.notify}
            talk = Talk.attach_speakers([talk])[0]
            self.answered[comments.post(talk, None, values, f"network {number}").id] = sent


@pytest.fixture
def few(ada):
    return Few(crowd.stage(ada))


def last():
    return Comment.select().order_by(Comment.id.desc()).get()


def lose_a_comment():
    OutboxMail.delete().execute()
    last().delete_instance()


def change_a_comment():
    Comment.update(body="Question 99").where(Comment.id == last().id).execute()


def add_a_comment():
    Comment.create(talk=1, number=7, body="Question 99", body_html="", status="approved")


def repeat_a_comment():
    Comment.create(talk=1, number=7, body="Question 1", body_html="", status="approved")


def miscount():
    Talk.update(comment_count=Talk.comment_count + 1).where(Talk.id == 1).execute()


def leave_a_gap():
    Talk.update(last_number=Talk.last_number + 1).where(Talk.id == 1).execute()


def lose_a_mail():
    OutboxMail.delete().where(OutboxMail.to_email == crowd.FOLLOWERS[0]).execute()


def tell_twice():
    mail = OutboxMail.select().where(OutboxMail.kind == SHOWN).first()
    ids = {"comments": mail.payload["comments"] * 2}
    OutboxMail.update(payload=ids).where(OutboxMail.id == mail.id).execute()


def tell_somebody_else():
    OutboxMail.update(to_email="eve@example.org").where(OutboxMail.to_email == crowd.FOLLOWERS[0]).execute()


def test_what_was_posted_as_it_should_be_is_right(few):
    assert crowd.wrong_in(few) == []


def test_what_got_no_answer_may_be_there(few):
    few.in_doubt.append(few.answered.popitem()[1])

    assert crowd.wrong_in(few) == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lose_a_comment, "is lost"),
        (change_a_comment, "is lost"),
        (add_a_comment, "was refused, or never sent"),
        (repeat_a_comment, "stands there 2 times"),
        (miscount, "counts"),
        (leave_a_gap, "ends with number"),
        (lose_a_mail, "is not told"),
        (tell_twice, "is told once more than due"),
        (tell_somebody_else, "eve@example.org is told once more than due"),
    ],
)
def test_each_fault_is_found(few, fault, said):
    fault()

    assert any(said in line for line in crowd.wrong_in(few))
