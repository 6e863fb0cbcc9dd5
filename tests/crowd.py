"""Many people who post comments at once over real sockets; and what has to be so afterwards.

Each comment comes from a network and an address of its own, so that no limit on spam stops it: the site has
to trust one proxy. `wrong_in` says what is not as it should be.
"""

import contextlib
import http.client
import itertools
import re
import threading
import time
import urllib.parse
from collections import Counter
from typing import NamedTuple

import live
import mailed
from written import a_talk

from models import Comment, OutboxMail, Talk
from talks.notifications import CONFIRM, SHOWN, WAITS

PLACE = re.compile(r"/comment/(\d+)\?key=")
ASKING = 10  # each so-manieth asks to be told of what comes after
FOLLOWERS = tuple(f"follower{number}@example.org" for number in range(5))


class Sent(NamedTuple):
    """A comment as it was posted."""

    talk: int
    email: str
    notify: bool
    body: str


def stage(speaker):
    """Talks to post under, with people who are to be told: under the last one, each comment waits."""
    talks = [a_talk(speaker, f"Talk {n}", "published", discussion="open") for n in range(3)]
    mailed.confirmed(*FOLLOWERS)
    for talk in talks:
        for email in FOLLOWERS:
            mailed.a_comment(talk, email=email, notify=True, status="approved")
        size = len(FOLLOWERS)
        Talk.update(last_number=size, comment_count=size).where(Talk.id == talk.id).execute()
    return [*talks, a_talk(speaker, "A moderated talk", "published", discussion="moderated")]


class Crowd:
    """`clients` people who post under `talks` (ids) of a site, in a thread each; a context in which they do.

    `answered` is what was answered with 303, {id of the comment: Sent}; `in_doubt` what got no answer;
    `refused` what got another one, {Sent: status}. What did not even get a connection was not sent.
    `per_second` bounds them together, None is as fast as the site answers.
    """

    def __init__(self, address, talks, clients=8, per_second=None):
        self.host = urllib.parse.urlsplit(address).netloc
        self.clients, self.pause = clients, clients / per_second if per_second else 0
        self.stamps = {
            id_: live.STAMP.search(live.Visitor(address).get(f"/talk/{id_}").text)[1] for id_ in talks
        }
        self.talks, self.numbers = itertools.cycle(talks), itertools.count(1)
        self.answered, self.in_doubt, self.refused = {}, [], {}
        self.ended, self.guard, self.threads = threading.Event(), threading.Lock(), []

    def __enter__(self):
        self.ended.clear()
        self.threads = [threading.Thread(target=self.work, daemon=True) for _ in range(self.clients)]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error):
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def work(self):
        while not self.ended.is_set():
            began = time.monotonic()
            with self.guard:
                number, talk = next(self.numbers), next(self.talks)
            body = f"Question {number}: why is it so, and what would you do about it today?"
            sent = Sent(talk, f"visitor{number}@example.org", number % ASKING == 0, body)
            self.post(sent, number)
            self.ended.wait(max(0.02, began + self.pause - time.monotonic()))

    def post(self, sent, number):
        form = {"name": "Vera", "email": sent.email, "body": sent.body, "stamp": self.stamps[sent.talk]}
        form |= {"notify": "y"} if sent.notify else {}
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Forwarded-For": f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        }
        connection = http.client.HTTPConnection(self.host, timeout=live.PATIENCE_SECONDS)
        with contextlib.closing(connection):
            try:
                connection.connect()
            except OSError:  # nobody is there
                return
            try:
                connection.request("POST", f"/talk/{sent.talk}", urllib.parse.urlencode(form), headers)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException):  # they were gone before they answered
                self.in_doubt.append(sent)
                return
        if answer.status == 303:
            self.answered[int(PLACE.search(answer.headers["Location"])[1])] = sent
        else:
            self.refused[sent] = answer.status


def posted(crowd):
    """{id: Sent} of what stands in the database, of all that the crowd has sent and was not refused."""
    sent = {each.body: each for each in (*crowd.answered.values(), *crowd.in_doubt)}
    rows = Comment.select(Comment.id, Comment.body).where(Comment.body.startswith("Question "))
    return {id_: sent.get(body) for id_, body in rows.tuples()}


def wrong_in(crowd):
    """Sentences about what does not agree: comments that are lost, counters, and who is told of what."""
    there = posted(crowd)
    wrong = [f"comment {id_} is lost" for id_, sent in crowd.answered.items() if there.get(id_) != sent]
    wrong += [f"comment {id_} was refused, or never sent" for id_, sent in there.items() if sent is None]
    there = {id_: sent for id_, sent in there.items() if sent}
    wrong += [f"{body!r} stands there {times} times" for body, times in repeated(there)]
    return [*wrong, *wrong_counters(), *wrong_mail(there)]


def repeated(there):
    bodies = Counter(sent.body for sent in there.values())
    return [(body, times) for body, times in bodies.items() if times > 1]


def wrong_counters():
    for talk in Talk.select():
        rows = Comment.select(Comment.number, Comment.status).where(Comment.talk == talk).tuples()
        numbers, statuses = zip(*rows, strict=True) if rows else ((), ())
        if sorted(numbers) != list(range(1, talk.last_number + 1)):
            yield f"talk {talk.id} ends with number {talk.last_number}, and has {len(numbers)} comments"
        shown = statuses.count("approved")
        if talk.comment_count != shown:
            yield f"talk {talk.id} counts {talk.comment_count} approved comments, and has {shown}"


def wrong_mail(there):
    """Where the outbox does not tell of each comment once to each of those who are to be told."""
    listed = Counter()
    for mail in OutboxMail.select():
        listed.update((mail.kind, mail.to_email, id_) for id_ in mail.payload["comments"] or [mail.to_email])
    due = Counter(expected(there))
    for what, by in (("is not told", due - listed), ("is told once more than due", listed - due)):
        for (kind, email, id_), times in by.items():
            yield f"{email} {what} of {id_} ({kind}, {times} times)"


def expected(there):
    """(kind, address, comment) of all that is to be told; a visitor is asked by a mail of its own."""
    moderators = {talk.id: talk.owner.email for talk in Talk.select().where(Talk.discussion == "moderated")}
    for id_, sent in there.items():
        if sent.talk in moderators:
            yield WAITS, moderators[sent.talk], id_
        else:
            yield from ((SHOWN, email, id_) for email in FOLLOWERS)
        if sent.notify:
            yield CONFIRM, sent.email, sent.email
