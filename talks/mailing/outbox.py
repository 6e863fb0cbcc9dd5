"""The flush: claim a mail, build it, send it, note what became of it. No transaction is open meanwhile.

Several processes may do it at once. A mail belongs to who claimed it, as long as that one renews the claim,
which it does between the steps with the mail server; when it dies, the next flush takes the mail again, with
the same Message-ID. What could not be sent is tried again after pauses that grow, for two days.
"""

import contextlib
import smtplib
from collections import Counter, defaultdict
from datetime import timedelta

from flask import current_app
from peewee import PeeweeException, chunked

from models import OutboxMail, utcnow
from talks.mailing.messages import message_of, sender_address
from talks.notifications import LISTED, ROWS, is_wanted, listed
from talks.smtp import Sender, Unreachable, folder_in, for_the_wire, is_final, reason

PAUSES = (1, 3, 10, 30, 60, 180, *[360] * 7)  # minutes before each further try: two days in all
CLAIM_SECONDS = 60  # without a sign of life a claim is void; more than one step with the server takes
RENEW_SECONDS = 10
LOST_IN_A_ROW = 3  # mails at which the connection broke: the server is in trouble, not the mail
LAST_KIND = "account_deleted"  # after it nothing of its address is left here
ERROR_LENGTH = OutboxMail.error.max_length


class Flush:
    """One run over the outbox. `go_on` is called now and then while it lasts, and ends it by saying False."""

    def __init__(self, folder, go_on=lambda: True):
        self.go_on = go_on
        self.mail = None  # the one in hand
        self.lost = 0  # mails in a row at which the connection broke
        self.done = Counter()  # sent, later, failed, dropped
        self.sender = Sender(current_app.config, folder, self.renew)

    def run(self, collect_seconds):
        """Send what is due. New mail about comments is due when it has waited `collect_seconds`."""
        mails = due(collect_seconds)
        with self.sender:
            for number, mail in enumerate(mails):
                try:
                    self.take(mail)
                except Unreachable as error:
                    current_app.logger.warning("The mail server cannot be used: %s", error)
                    self.postpone(mails[number:], str(error))
                    break
                if not self.go_on():
                    break
        return self.done

    def take(self, mail):
        """Send `mail`, unless another process was faster. Raises Unreachable."""
        if self.lost >= LOST_IN_A_ROW:
            raise Unreachable("the connection broke at several mails in a row")
        self.sender.prepare()
        if claim(mail):
            self.mail = mail
            self.handle(mail)
            self.mail = None

    def handle(self, mail):
        """Send the mail that is claimed, and write down what became of it. Raises PeeweeException only."""
        try:
            if mail.attempts > len(PAUSES) + 1:
                self.give_up(mail, mail.error or "each process that tried to send it ended")
            elif message := built(mail):
                self.sender.send(message, sender_address(), for_the_wire(mail.to_email))
                # Whoever has claimed it meanwhile: it went.
                self.note_sent(mail)
                self.lost, self.done["sent"] = 0, self.done["sent"] + 1
            else:
                OutboxMail.delete().where(OutboxMail.id == mail.id).execute()
                self.done["dropped"] += 1
        except PeeweeException:
            raise  # the claim runs out, and the mail is tried again
        except (OSError, smtplib.SMTPException) as error:
            self.lost = 0 if self.sender.is_open else self.lost + 1
            if is_final(error):
                self.give_up(mail, reason(error))
            else:
                self.try_later(mail, reason(error))
        except Exception as error:  # one mail that cannot be built must not keep the others
            current_app.logger.exception("A mail of the outbox could not be built")
            self.try_later(mail, reason(error))

    def note_sent(self, mail):
        """Keep that it went, for a while; of who has left no address is kept."""
        same = OutboxMail.id == mail.id
        if mail.kind == LAST_KIND:
            OutboxMail.delete().where(same).execute()
        else:
            OutboxMail.update(sent_at=utcnow(), error="").where(same).execute()

    def postpone(self, mails, said):
        """No connection: mail that was never tried goes on collecting meanwhile."""
        by_attempts = defaultdict(list)
        for mail in mails:
            by_attempts[mail.attempts].append(mail.id)
        for attempts, ids in by_attempts.items():
            values = self.next_try(attempts + 1, said) | {"attempts": attempts + 1}
            for chunk in chunked(ids, ROWS):
                done = OutboxMail.update(values).where(*unchanged(chunk, attempts)).execute()
                self.count(values, done)

    def try_later(self, mail, said):
        values = self.next_try(mail.attempts, said)
        self.finish(mail, claimed_at=None, **values)
        self.count(values)

    def next_try(self, attempts, said):
        """What to write after that many tries."""
        if attempts > len(PAUSES):
            current_app.logger.warning("A mail of the outbox was given up after %d tries", attempts)
            return {"failed_at": utcnow(), "waiting": None, "error": said[:ERROR_LENGTH]}
        return {
            "due_at": utcnow() + timedelta(minutes=PAUSES[attempts - 1]),
            "error": said[:ERROR_LENGTH],
        }

    def count(self, values, number=1):
        self.done["failed" if "failed_at" in values else "later"] += number

    def give_up(self, mail, said):
        self.finish(mail, failed_at=utcnow(), error=said[:ERROR_LENGTH])
        self.done["failed"] += 1

    def finish(self, mail, **values):
        mine = OutboxMail.id == mail.id, OutboxMail.claimed_at == mail.claimed_at
        OutboxMail.update(values).where(*mine).execute()

    def renew(self):
        """Between two steps with the server: this process lives, and holds what it claimed."""
        with contextlib.suppress(PeeweeException):  # at worst the claim runs out
            now = utcnow()
            if self.mail and now - self.mail.claimed_at > timedelta(seconds=RENEW_SECONDS):
                self.finish(self.mail, claimed_at=now)
                self.mail.claimed_at = now
            self.go_on()


def flush(config, instance_path):
    """Send what waits, however short; returns a sentence about it. For commands."""
    done = Flush(folder_in(instance_path)).run(collect_seconds=0)
    waiting = OutboxMail.select().where(OutboxMail.sent_at.is_null(), OutboxMail.failed_at.is_null()).count()
    said = [f"{done['sent']} sent"]
    said += [f"{done[name]} {words}" for name, words in WORDS.items() if done[name]]
    return f"{', '.join(said)}; {waiting} waiting."


WORDS = {
    "later": "to be tried again",
    "failed": "given up",
    "dropped": "dropped, as what they told of is gone",
}


def due(collect_seconds):
    """What is to be sent now, in the order of its turn: rows with what a claim needs."""
    now = utcnow()
    collected = OutboxMail.kind.not_in(list(LISTED)) | (
        OutboxMail.created_at <= now - timedelta(seconds=collect_seconds)
    )
    turn = (OutboxMail.due_at <= now) & ((OutboxMail.attempts > 0) | collected)
    rows = OutboxMail.select(OutboxMail.id, OutboxMail.attempts, OutboxMail.message_id)
    return list(rows.where(*free(), turn).order_by(OutboxMail.due_at, OutboxMail.id))


def free():
    """The conditions that a mail is not sent, not given up, and in nobody's hands."""
    void = OutboxMail.claimed_at < utcnow() - timedelta(seconds=CLAIM_SECONDS)
    claimable = OutboxMail.claimed_at.is_null() | void
    return OutboxMail.sent_at.is_null(), OutboxMail.failed_at.is_null(), claimable


def unchanged(ids, attempts):
    """The condition that nobody took, sent or stopped these mails since they were read."""
    return OutboxMail.id.in_(ids), OutboxMail.attempts == attempts, *free()


def claim(mail):
    """Make `mail` ours and read the whole of it. False if somebody was faster."""
    now, message_id = utcnow(), mail.message_id
    if "@" not in message_id:  # at the first try; it stays as it is then
        message_id = f"<{message_id}@{sender_address().rpartition('@')[2] or 'localhost'}>"
    taken = {
        "claimed_at": now, "waiting": None, "attempts": OutboxMail.attempts + 1, "message_id": message_id,
    }  # fmt: skip
    if not OutboxMail.update(taken).where(*unchanged([mail.id], mail.attempts)).execute():
        return False
    mail.__data__.update(OutboxMail.select().where(OutboxMail.id == mail.id).dicts().get())
    return True


def built(mail):
    """The message; None when there is nothing left to say, or nobody to say it to."""
    if not is_wanted(mail) or (mail.talk and not mail.talk.is_published):
        return None
    comments = listed(mail) if mail.kind in LISTED else []
    if mail.kind in LISTED and not comments:
        return None
    return message_of(mail, comments)
