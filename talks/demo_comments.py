"""What is said under the demo's talks: comments in every state, their answers, and the mail that follows.

Each is written and decided about by the verb that a click calls, in the order of its time, and then dated
back: so counts, trust, numbers and mail are as if it had happened. The file is explained in
talks/sample/README.md.
"""

import contextlib
import json
import re
from datetime import timedelta
from pathlib import Path

from models import Comment, MailAddress, OutboxMail, Refusal, Talk, User, utcnow
from talks import comments, moderation_pages, notifications, publishing
from talks.spam import Refused

FILE = Path(__file__).parent / "sample" / "comments.json"
AGO = re.compile(r"(?:(\d+)d)? ?(?:(\d+)h)? ?(?:(\d+)m)?")
NETWORK = "demo"  # where all of it comes from; no digest is like it
DECIDED = timedelta(minutes=40)  # after it was written
COLLECTED = timedelta(hours=1)  # mail goes when it is so old
OPENED = timedelta(days=60)  # ago: before the first comment
LEFT = timedelta(hours=3)  # mail that is younger waits for the flush of the demo itself
NOT_THERE = "recipient refused: 550 No such mailbox (an example that comes with the demo)"


def load(people):
    """Write it all, unless there are comments already. Call it in a transaction.

    `people` are the users behind the words member, speaker and administrator.
    """
    if not Comment.select().exists():
        Loader(people, json.loads(FILE.read_text(encoding="utf-8"))).load()


def ago(words):
    """The timedelta of "9d 5h 20m", each part of which may be missing."""
    days, hours, minutes = (int(part or 0) for part in AGO.fullmatch(words).groups())
    return timedelta(days=days, hours=hours, minutes=minutes)


def talk_named(name):
    """[the talk of a record of the sample, or the demo's own of that title]; empty when it is gone."""
    named = (Talk.imported_key == name) | (Talk.title == name)
    found = Talk.select().where(named, Talk.status == "published").order_by(Talk.id).limit(1)
    return Talk.attach_speakers(list(found))


class Loader:
    """One load. Everything is as long ago as the file says, counted from its beginning."""

    def __init__(self, people, file):
        self.people, self.file = people, file
        self.now = utcnow()
        self.written = {}  # id() of an entry -> id of its comment

    def load(self):
        self.confirm_addresses()
        for discussion in self.file["discussions"]:
            self.set_rule(discussion, {"discussion": discussion["discussion"]})
        for talk, entry, parent in self.in_order():
            at = self.now - ago(entry["ago"])
            self.send_until(at)
            self.write(talk, entry, parent, at)
        for discussion in self.file["discussions"]:
            self.set_rule(discussion, discussion.get("then"))
        self.send_until(self.now)
        self.give_up()
        self.refuse()

    def confirm_addresses(self):
        for person in self.file["people"].values():
            if person.get("confirmed"):
                notifications.confirm_address(person["email"])
        MailAddress.update(asked_at=self.now - OPENED, confirmed_at=self.now - OPENED).execute()

    def set_rule(self, discussion, values):
        for talk in talk_named(discussion["talk"]) if values else ():
            publishing.save(talk, values, self.people["administrator"])

    def in_order(self):
        """[(talk, entry, its parent or None)], oldest first."""
        found = []
        for discussion in self.file["discussions"]:
            for talk in talk_named(discussion["talk"]):
                for entry in discussion["comments"]:
                    found.append((talk, entry, None))
                    found += [(talk, answer, entry) for answer in entry.get("answers", ())]
        return sorted(found, key=lambda each: ago(each[1]["ago"]), reverse=True)

    def write(self, talk, entry, parent, at):
        """Post one entry, decide about it, and date all of it back to `at`."""
        values = self.values(entry)
        values["parent"] = self.written[id(parent)] if parent else None
        account = self.people.get(entry["by"])
        author = account and User.get_by_id(account.id)  # who may be trusted by now
        comment = comments.post(talk, author, values, NETWORK)
        self.written[id(entry)] = comment.id
        if entry.get("edited"):
            comment = comments.edit(comment, comment.body)
        self.decide(comment, entry.get("status", "approved"))
        if "reported" in entry:
            comments.report(comment)
        self.date_back(comment.id, entry, at)

    def values(self, entry):
        """What the form of a comment would give."""
        person = self.file["people"].get(entry["by"], {})
        return {
            "body": "\n".join(entry["body"]), "name": entry["by"], "email": person.get("email"),
            "notify": entry.get("notify", False), "homepage": entry.get("homepage", ""),
        }  # fmt: skip

    def decide(self, comment, status):
        if status == "deleted":
            comments.withdraw(comment)
        elif act := moderation_pages.BY_RESULT.get(status):
            own = comment.talk.owner_id == self.people["speaker"].id
            act.verb(comment, self.people["speaker" if own else "administrator"])

    def date_back(self, comment_id, entry, at):
        row = Comment.get_by_id(comment_id)
        decided = min(at + DECIDED, self.now)
        row.created_at, row.edited_at = at, row.edited_at and at + Comment.EDITABLE / 2
        row.decided_at = row.decided_at and decided
        row.reported_at = row.reported_at and self.now - ago(entry["reported"])
        row.save()
        OutboxMail.update(created_at=at, due_at=at).where(OutboxMail.created_at >= self.now).execute()

    def send_until(self, at):
        """What had been collected for long enough by then has gone."""
        before = min(at - COLLECTED, self.now - LEFT)
        due = OutboxMail.waiting == 1, OutboxMail.created_at < before
        OutboxMail.update(waiting=None, attempts=1, claimed_at=at, sent_at=at).where(*due).execute()

    def give_up(self):
        """One address was mistyped: its mail came back."""
        for mail in OutboxMail.select().where(OutboxMail.to_email == self.file["undeliverable"]):
            mail.failed_at, mail.sent_at, mail.error = mail.sent_at, None, NOT_THERE
            mail.save()

    def refuse(self):
        """What was sent and not taken."""
        for entry in self.file["refused"]:
            for talk in talk_named(entry["talk"]):
                with contextlib.suppress(Refused):
                    comments.post(talk, None, self.values(entry), NETWORK)
            values = {"at": self.now - ago(entry["ago"]), "times": entry.get("times", 1)}
            Refusal.update(values).where(Refusal.at >= self.now).execute()
