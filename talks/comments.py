"""Writing under a talk: questions, remarks and answers, by visitors and by people with an account.

What their authors do. What others decide about them is in talks/moderation.py, the pages for both are in
talks/comment_pages.py.
"""

from models import Comment, Talk, database, utcnow
from talks import audit, markup, notifications, spam, threads
from talks.comment_forms import COMMENT
from talks.signals import comment_posted
from talks.spam import Refused

MOST_ANSWERS = 100  # to one comment, which stand on one page with it
TOO_LATE = "A comment can be changed for a quarter of an hour, and that is over."


def post(talk, author, values, network):
    """A new comment on `talk`, which has its `speakers`. Raises Refused.

    `author` is None for a visitor, who is named in `values` (`CommentForm.values()`); `network` is a digest
    of where it comes from. It is shown at once, or waits until somebody who decides about it has looked.
    """
    values = values | {"body_html": rendered(values["body"])}  # before the transaction: others wait for it
    try:
        with database.atomic():
            comment = _insert(talk, author, values, network)
    except Refused as refusal:
        spam.note(refusal, talk, values, network)
        raise
    comment_posted.send(comment)
    return comment


def _insert(talk, author, values, network):
    Talk.update(last_number=Talk.last_number + 1).where(Talk.id == talk.id).execute()
    now = Talk.get_by_id(talk.id)  # the talk that is written to, not the one that was read before
    now.speakers = talk.speakers
    if not now.takes_comments_from(author):
        raise Refused(why_closed(now), "", "closed")
    parent = _answered(now, values.get("parent"))
    waits = spam.judge(values, now, author, network)
    comment = Comment.create(
        talk=now, number=now.last_number, parent=parent, author=author, network=network, body=values["body"],
        body_html=values["body_html"], notify=bool(values.get("notify")),
        author_name=author.shown_name[: Comment.author_name.max_length] if author
        else values["name"],
        author_email=None if author else values["email"], status="pending" if waits else "approved",
    )  # fmt: skip
    follow_up(comment, "")
    audit.record("comment.post", comment, by=author, status=comment.status)
    return comment


def _answered(talk, id_):
    """The top-level comment under which an answer to comment `id_` stands; None for None. Raises Refused."""
    if id_ is None:
        return None
    found = threads.answered(talk, id_)
    if found is None:
        raise Refused(
            "What you answer is not there any more. Send it again: it then stands by itself.",
            "parent",
            "parent",
        )
    top = found.parent_id or found.id
    answers = Comment.parent == top, Comment.status.in_(["pending", "approved"])
    if Comment.select().where(*answers).count() >= MOST_ANSWERS:
        raise Refused(
            f"That has {MOST_ANSWERS} answers already. Send yours again: it then stands by itself.",
            "parent",
            "parent",
        )
    return top


def why_closed(talk):
    """Why `talk` takes no comment, and what to do."""
    if not talk.is_published:
        return "This talk is not published now, so nobody can ask. Keep your text, and try another day."
    if talk.is_open_for_comments:
        return "Only people with an account ask here. Sign in in another tab, then send this again."
    return "Questions are closed under this talk. Keep your text: the speaker may be found elsewhere."


def edit(comment, body):
    """Change the text of a comment, within the time for it. Raises Refused.

    One that would have waited with this text waits again.
    """
    values = {"body": body, "body_html": rendered(body), "edited_at": utcnow()}
    with database.atomic():
        # First of all: who decides meanwhile waits for it, and then finds another text than they saw.
        Comment.update(values).where(Comment.id == comment.id).execute()
        now = whole(comment.id)
        if now is None or not now.is_editable:
            raise Refused(TOO_LATE, "body", "late")
        said = {"name": now.author_name, "email": now.author_email} | values
        if now.status == "approved" and spam.waits(said, now.talk, now.author):
            now.move("approved", to="pending")
            follow_up(now, "approved")
        audit.record("comment.edit", now, by=now.author, status=now.status)
    return whole(comment.id)


def withdraw(comment):
    """Take one's own comment back. False if it was not there any more."""
    with database.atomic():
        now = whole(comment.id)
        if not now.move("pending", "approved", to="deleted"):
            return False
        follow_up(now, now.was)
        audit.record("comment.withdraw", now, by=now.author)
    return True


def bring_back(comment):
    """Undo `withdraw`. False if it was not taken back, or not by its author."""
    with database.atomic():
        now = whole(comment.id)
        if now.status != "deleted" or not now.move_back():
            return False
        follow_up(now, "deleted")
        audit.record("comment.restore", now, by=now.author, status=now.status)
    return True


def report(comment):
    """Ask those who decide about `comment` to look again; it stays where it is. False if somebody did."""
    with database.atomic():
        if not comment.mark_reported(True):
            return False
        audit.record("comment.report", comment)
    return True


def rendered(body):
    """The HTML of a comment: in the preview and under the talk alike."""
    return markup.render(body, COMMENT)


def whole(comment_id):
    """The comment of that id with author and talk, and the talk with its speakers; None if there is none."""
    found = Comment.whole([comment_id])
    Talk.attach_speakers([comment.talk for comment in found])
    return found[0] if found else None


def readable(comment_id, user):
    """As `whole`, if `user` (None: a visitor) may read the comment; else None."""
    may = Comment.visible_to(user).where(Comment.id == comment_id).exists()
    return whole(comment_id) if may else None


def follow_up(comment, before):
    """Count `comment`, and tell of it, now that its status is not `before` any more ("": it is new).

    Call it in the transaction that wrote the status.
    """
    by = (comment.status == "approved") - (before == "approved")
    if by:
        Talk.update(comment_count=Talk.comment_count + by).where(Talk.id == comment.talk_id).execute()
    notifications.tell(comment)
