"""Comments and their mail, for tests; and a mail server that answers by plan."""

import asyncio
import email
import email.policy
import socket
import threading
from contextlib import contextmanager
from datetime import timedelta

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

import main
from models import Comment, MailAddress, OutboxMail, database, utcnow
from talks import notifications
from talks.mailing import outbox


def a_comment(talk, author=None, email=None, name="Vera", body="Why?", status="pending", **values):
    number = Comment.select().where(Comment.talk == talk).count() + 1
    return Comment.create(
        talk=talk, number=number, author=author, author_email=email, author_name="" if author else name,
        body=body, body_html=f"<p>{body}</p>", status=status, **values,
    )  # fmt: skip


def posted(talk, *args, **values):
    """A comment as posting it leaves it: row and mail."""
    with database.atomic():
        comment = a_comment(talk, *args, **values)
        notifications.tell(comment)
    return comment


def decided(comment, to="approved"):
    """`comment`, after a moderator decided."""
    with database.atomic():
        assert comment.move("pending", "approved", "deleted", to=to)
        notifications.tell(comment)
    return comment


def confirmed(*addresses):
    for address in addresses:
        MailAddress.create(email=address, confirmed_at=utcnow())


def outgoing(kind=None):
    """{address: [ids of comments]} of what waits."""
    mails = OutboxMail.select().order_by(OutboxMail.id)
    found = mails.where(OutboxMail.kind == kind) if kind else mails
    return {mail.to_email: mail.payload["comments"] for mail in found}


def flush(folder, collect_seconds=0, **config):
    """Send what waits, with these settings; returns the counts."""
    before = {name: main.app.config[name] for name in config}
    main.app.config.update(config)
    try:
        with main.app.app_context():
            return dict(outbox.Flush(folder).run(collect_seconds))
    finally:
        main.app.config.update(before)


def later(**passed):
    """Let time pass: what is to be tried again is due, what was claimed is void."""
    by = timedelta(**passed)
    for mail in OutboxMail.select():
        mail.due_at -= by
        mail.created_at -= by
        mail.claimed_at = mail.claimed_at and mail.claimed_at - by
        mail.save()


def plain(mail):
    return mail.get_body(("plain",)).get_content()


def read(data):
    return email.message_from_bytes(data, policy=email.policy.default)


def files(folder):
    """The messages that were written instead of sent, in the order of their recipients."""
    return sorted((read(path.read_bytes()) for path in folder.glob("*.eml")), key=lambda mail: mail["To"])


class Peer:
    """A mail server that keeps what it takes. `plan`: {address: answers to RCPT}, or a coroutine for DATA."""

    def __init__(self, recipients=None, data=None):
        self.recipients, self.data = recipients or {}, data
        self.taken, self.connections, self.lock = [], 0, threading.Lock()

    async def handle_EHLO(self, server, session, envelope, hostname, responses):  # noqa: N802
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        answers = self.recipients.get(address)
        if answers:
            return answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data:
            answer = await self.data(self, server, envelope)
            if answer:
                return answer
        self.keep(envelope)
        return "250 OK"

    def keep(self, envelope):
        with self.lock:
            self.taken.append((envelope.rcpt_tos[0], read(envelope.content)))

    @property
    def reached(self):
        return sorted(address for address, _ in self.taken)


@contextmanager
def serving(peer, **options):
    """The settings under which `peer` is the mail server."""

    class OnAFreePort(Controller):
        def factory(self):
            return SMTP(self.handler, **options)

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    controller = OnAFreePort(peer, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield {"MAIL_SERVER": "127.0.0.1", "MAIL_PORT": port}
    finally:
        controller.stop()


async def hang_up(peer, server, envelope):
    server.transport.abort()
    await asyncio.sleep(0)
    return "451 never heard"


async def take_and_hang_up(peer, server, envelope):
    peer.keep(envelope)
    return await hang_up(peer, server, envelope)
