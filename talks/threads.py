"""The comments under a talk, as who asks may read them: a page of top-level ones, each with its answers.

Two statements, however many comments there are: one for a page of top-level comments, one for their answers.
"""

from dataclasses import replace
from datetime import timedelta

from peewee import JOIN, Case, fn

from models import Comment, Talk, User, utcnow
from talks.paging import DEEPEST, Order, Page, paginate

BY_NUMBER = Order(Comment.number, Comment.id)
REMOVED = timedelta(days=1)  # since then: what was removed stands there as one line, to be brought back
PLACE = "#questions"


def page_of(talk, asker, args, per_page, keep=()):
    """The page of comments that the request's `args` ask for; its links lead to the questions.

    Each item has `answers`, a list. `keep` as in `paginate`. Raises NotFound for a page that is not there.
    """
    if asker is None and not talk.comment_count:
        return Page([], None, None)
    page = paginate(top_level(talk, asker), BY_NUMBER, args, per_page, keep)
    attach_answers(page.items, talk, asker)
    for comment in page.items:
        for each in (comment, *comment.answers):
            mark(each, talk, asker)
    return replace(
        page, previous=page.previous and page.previous + PLACE, next=page.next and page.next + PLACE
    )


def mark(comment, talk, asker):
    """Say what `asker` may do with one comment of a page: `is_mine`, `is_readable`, `by_speaker`.

    What is not readable stands there as one line: that it was removed.
    """
    comment.is_mine = asker is not None and comment.author_id == asker.id
    may_read = comment.is_mine or (asker is not None and talk.moderated_by(asker))
    comment.is_readable = comment.status == "approved" or (comment.status == "pending" and may_read)
    comment.by_speaker = any(speaker.id == comment.author_id for speaker in talk.speakers)


def answered(talk, id_):
    """The comment of that id, if it can be answered; else None."""
    if id_ is None:
        return None
    return rows().where(Comment.id == id_, Comment.talk == talk.id, Comment.status == "approved").first()


def top_level(talk, asker):
    """What is answered to nobody; also what is gone, while something is left that answers it (a query)."""
    answer = Comment.alias()
    shown = answer.select(answer.id).where(answer.parent == Comment.id, answer.status == "approved")
    # Not a plain condition: SQLite would start from all comments without a parent, of all talks.
    alone = fn.COALESCE(Comment.parent, 0) == 0
    return rows().where(Comment.talk == talk.id, alone, on_page(talk, asker) | fn.EXISTS(shown))


def attach_answers(comments, talk, asker):
    """Give each of `comments` its `answers`, oldest first, in one statement."""
    by_id = {comment.id: comment for comment in comments}
    for comment in comments:
        comment.answers = []
    if by_id:
        # Without the talk, which is theirs: SQLite would rather read all comments of that than these few.
        found = rows().where(Comment.parent.in_(list(by_id)), on_page(talk, asker))
        for answer in BY_NUMBER.sorted(found):
            by_id[answer.parent_id].answers.append(answer)


def rows():
    """Comments with what a page shows of their authors (a query)."""
    authors = User.id, User.username, User.name, User.email
    return Comment.select(Comment, *authors).join(User, JOIN.LEFT_OUTER, on=Comment.author)


def on_page(talk, asker):
    """The condition for what stands under `talk`: what is shown or waits, and what was just removed.

    It is `Comment.visible_to` for one talk, of which is known whether `asker` decides about its comments.
    """
    readable = Comment.status == "approved"
    if asker is not None:
        there = Comment.status.in_(["approved", "pending"]) | (Comment.decided_at > utcnow() - REMOVED)
        readable = there if talk.moderated_by(asker) else readable | (there & (Comment.author == asker.id))
    # Not a plain condition: SQLite would start from all comments of a status, of all talks.
    return Case(None, [(readable, 1)], 0) == 1


def place_of(comment, asker, per_page):
    """The query and fragment of the page on which `comment` stands: ``?page=2#comment-42``."""
    if comment.talk.speakers is None:
        Talk.attach_speakers([comment.talk])
    top = Comment.get_by_id(comment.parent_id) if comment.parent_id else comment
    page = 1
    if top.number > per_page:  # else at most so many are before it
        before = top_level(comment.talk, asker).where(Comment.number < top.number)
        page = before.count() // per_page + 1
    if page > DEEPEST:
        return f"?after={top.number}#comment-{comment.id}"
    return f"?page={page}#comment-{comment.id}" if page > 1 else f"#comment-{comment.id}"
