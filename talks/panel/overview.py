"""What the first page of the panel says: what there is, what waits, what was done last."""

from models import AuditEvent, Claim, Comment, Entry, OutboxMail, Talk
from talks.panel import tables, words

MOST_COUNTED = 1_000  # then it says "1,000 or more"
LAST_DONE = 12


def of_the_site():
    """What panel/index.html shows, in a bounded number of statements, which read a bounded number of rows."""
    given_up = OutboxMail.select().where(OutboxMail.failed_at.is_null(False))
    return {
        "waiting": [
            ("Questions that wait", up_to(of(Comment, "pending")), "moderation.everything"),
            ("Entries that wait", up_to(of(Entry, "pending")), "moderation.everything"),
            ("Requests", up_to(Claim.for_administrators()), "claims.queue"),
            ("Drafts of talks", up_to(of(Talk, "draft")), "panel_talks.index_view"),
            ("Mail that was given up", up_to(given_up), "mailing.mailbox"),
        ],
        "most": MOST_COUNTED,
        "done": list(tables.rows(AuditEvent).order_by(AuditEvent.id.desc()).limit(LAST_DONE)),
        "actions": words.ACTIONS,
    }


def of(model, status):
    return model.select().where(model.status == status)


def up_to(rows):
    return rows.select(rows.model.id).limit(MOST_COUNTED).count()
