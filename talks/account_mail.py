"""Mail to the owner of an account about that account: sent at once, and not to be stopped.

What a message says stands in the payload of its row. A link that acts is signed when the message is built, so
that neither the outbox nor a log holds one: `LINKS` says how, by kind.
"""

import uuid

from models import OutboxMail, utcnow

# kind -> function of (secret, row of the outbox) that gives the token of its link, or what the templates of
# that kind make several links of; None: there is nothing to write any more
LINKS = {}


def tell(user, kind, **payload):
    """Write to `user`, if there is an address. Call it in the transaction of what it tells of."""
    if user.email:
        write(user.email, kind, name=user.name, **payload)


def write(email, kind, name="", **payload):
    """Write to an address, whether or not there is an account."""
    OutboxMail.create(
        message_id=uuid.uuid4().hex, kind=kind, to_email=email, to_name=name[: OutboxMail.to_name.max_length],
        payload=payload, due_at=utcnow(),
    )  # fmt: skip


def token_of(secret, mail):
    """The token for the link in `mail`; "" where it has none."""
    return LINKS[mail.kind](secret, mail) if mail.kind in LINKS else ""
