"""Comments that are decided about, and what became of them, for tests of who decides."""

from threading import Thread

from models import Comment, Talk, User
from talks import comments


def whole(comment):
    return comments.whole(comment.id)


def count(talk):
    return Talk.get_by_id(talk.id).comment_count


def shown(talk):
    return Comment.select().where(Comment.talk == talk, Comment.status == "approved").count()


def is_trusted(user):
    return User.get_by_id(user.id).is_trusted


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
