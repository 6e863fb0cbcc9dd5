"""What is deleted for good: what was deleted long ago, and what nobody needs any more."""

import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

from peewee import chunked

from models import (
    AuditEvent,
    Claim,
    Comment,
    Entry,
    LoginAttempt,
    OutboxMail,
    Purged,
    Refusal,
    Session,
    Talk,
    User,
    database,
    utcnow,
)
from talks import avatars, departure
from talks.smtp import folder_in
from talks.wording import count

KEPT, COUNTED, REMEMBERED = timedelta(days=30), timedelta(days=1), timedelta(days=365)
ROWS = 500  # in one transaction
GONE = ("deleted", "rejected", "spam")
EMPTY = {
    "body": "", "body_html": "", "author": None, "author_name": "", "author_email": None, "network": "",
    "notify": False,
}  # fmt: skip


def purge(config, instance_path):
    """Delete what was deleted 30 days ago, and rows that only take room; returns a sentence about it."""
    now, done = utcnow(), Counter()
    departure.purge(now - KEPT)
    done["talk"] = purge_talks(now - KEPT, Path(instance_path) / "thumbnails")
    done["comment"] = purge_comments(now - KEPT)
    gone = Entry.status.in_(GONE), Entry.decided_at < now - KEPT
    done["entry"] = Entry.delete().where(*gone).execute()
    done["audit event"] = AuditEvent.purge(now - REMEMBERED)
    done["mail"] = purge_mail(now - KEPT, folder_in(instance_path))
    done["unconfirmed account"] = User.forget_unconfirmed()
    done["session"] = Session.delete().where(Session.expires_at < now).execute()
    done["sign-in attempt"] = LoginAttempt.delete().where(LoginAttempt.at < now - COUNTED).execute()
    done["request"] = purge_claims(now)
    unnamed = (now - COUNTED).timestamp()
    done["unused picture"] = avatars.purge(Path(instance_path) / "avatars", unnamed)
    done["refusal"] = Refusal.delete().where(Refusal.at < now - KEPT).execute()
    return f"Purged {', '.join(count(number, what) for what, number in done.items())}."


def purge_claims(now):
    """What was asked and answered long ago, and invitations that nobody followed."""
    answered = (Claim.status != "open") & (Claim.decided_at < now - REMEMBERED)
    unused = (Claim.kind == "invitation") & (Claim.created_at < now - KEPT)
    return Claim.delete().where(answered | unused).execute()


def purge_talks(before, thumbnails):
    """Talks deleted before then, with all that is theirs. An imported one leaves its key, and stays away."""
    talks = Talk.select(Talk.id, Talk.imported_from, Talk.imported_key).where(
        Talk.status == "deleted", Talk.deleted_at < before
    )
    done = 0
    for talk in list(talks):
        with database.atomic():
            still = Talk.id == talk.id, Talk.status == "deleted", Talk.deleted_at < before
            if not Talk.delete().where(*still).execute():
                continue  # somebody brought it back just now
            if talk.imported_key:
                key = {"imported_from": talk.imported_from, "imported_key": talk.imported_key}
                Purged.insert(key).on_conflict_ignore().execute()
        (thumbnails / f"{talk.id}.jpg").unlink(missing_ok=True)
        done += 1
    return done


def purge_comments(before):
    """Comments deleted or refused before then. What was answered stays, as an empty row: answers need it."""
    gone = Comment.status.in_(GONE), Comment.decided_at < before
    done = 0
    for is_answer in (True, False):  # answers first: then less is answered
        alike = Comment.select(Comment.id).where(*gone, Comment.parent.is_null(not is_answer))
        for chunk in chunked([id_ for (id_,) in alike.tuples()], ROWS):
            with database.atomic():
                answers = Comment.select(Comment.parent).where(Comment.parent.in_(chunk))
                answered = {id_ for (id_,) in answers.tuples()}
                full = Comment.id.in_(list(answered)), Comment.body != "", *gone
                done += Comment.update(EMPTY).where(*full).execute()
                alone = Comment.id.in_(list(set(chunk) - answered)), *gone
                done += Comment.delete().where(*alone).execute()
    return done


def purge_mail(before, folder):
    """Mail sent or given up before then, and the files of mail that was written so long ago."""
    ended = (OutboxMail.sent_at < before) | (OutboxMail.failed_at < before)
    done = OutboxMail.delete().where(ended).execute()
    for path in folder.glob("*.eml"):
        if path.stat().st_mtime < time.time() - KEPT.total_seconds():
            path.unlink(missing_ok=True)
            done += 1
    return done
