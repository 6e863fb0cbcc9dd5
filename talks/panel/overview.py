"""What the first page of the panel says: what there is, what waits, what was done last."""

from models import AuditEvent, Claim, Comment, Entry, OutboxMail, Talk
from talks.panel import tables, words

MOST_COUNTED = 1_000  # then it says "1,000 or more"
LAST_DONE = 12
REQUESTS = ("profile", "speaker")  # that administrators decide about


def of_the_site():
    """What panel/index.html shows, in a bounded number of statements, which read a bounded number of rows."""
    return {
        "waiting": [
            ("Questions that wait", up_to(Comment, Comment.status == "pending"), "moderation.everything"),
            ("Entries that wait", up_to(Entry, Entry.status == "pending"), "moderation.everything"),
            ("Requests", up_to(Claim, (Claim.status == "open") & Claim.kind.in_(REQUESTS)), "claims.queue"),
            ("Drafts of talks", up_to(Talk, Talk.status == "draft"), "panel_talks.index_view"),
            (
                "Mail that was given up",
                up_to(OutboxMail, OutboxMail.failed_at.is_null(False)),
                "mailing.mailbox",
            ),
        ],
        "most": MOST_COUNTED,
        "done": list(tables.rows(AuditEvent).order_by(AuditEvent.id.desc()).limit(LAST_DONE)),
        "actions": words.ACTIONS,
    }


def up_to(model, condition):
    return model.select(model.id).where(condition).limit(MOST_COUNTED).count()
