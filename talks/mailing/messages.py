"""A row of the outbox as a message: text and HTML, from the templates of its kind.

Templates stand in `email/<kind>/`: subject.txt, body.txt, body.html. They are rendered without a request.
"""

import unicodedata
from email.headerregistry import Address, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from flask import current_app

from models import User, utcnow
from talks import account_mail, tokens
from talks.notifications import CONFIRM, UNSUBSCRIBE_SECONDS, WAITS, moderate_token
from talks.smtp import for_the_wire

MOST_LISTED = 50  # comments in one mail; the rest is counted
SUBJECT_LENGTH, NAME_LENGTH = 150, 64
# What turns the direction of the text after it.
OVERRIDES = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class OnOneLine(UnstructuredHeader):
    """A header that is sent as it is: folded, a long address turns into words that nobody can follow."""

    def fold(self, *, policy):
        return f"{self.name}: {self}{policy.linesep}"


HEADERS = HeaderRegistry()
HEADERS.map_to_type("list-unsubscribe", OnOneLine)
POLICY = SMTP.clone(header_factory=HEADERS)


def message_of(mail, comments):
    """The EmailMessage of an outbox row that lists `comments`; None when there is nothing to write any more.

    Needs an application context.
    """
    config = current_app.config
    values = about_talk(mail, comments) if mail.talk_id else about_account(mail)
    if values is None:
        return None
    values["site_name"] = config["SITE_NAME"]
    message = EmailMessage(policy=POLICY)
    message["From"] = mailbox(*parseaddr(config["MAIL_SENDER"]))
    message["To"] = mailbox(mail.to_name, mail.to_email)
    message["Subject"] = header(config["MAIL_SUBJECT_PREFIX"] + rendered(mail, "subject.txt", values))
    message["Date"] = format_datetime(utcnow())
    message["Message-ID"] = mail.message_id
    message["Auto-Submitted"] = "auto-generated"
    if "unsubscribe_url" in values:
        message["List-Unsubscribe"] = f"<{values['unsubscribe_url']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(rendered(mail, "body.txt", values))
    message.add_alternative(rendered(mail, "body.html", values), subtype="html")
    return message


def about_talk(mail, comments):
    """What the templates of a mail about a talk are given."""
    decides = User.by_email(mail.to_email) if mail.kind == WAITS else None
    stop = unsubscribe_token(current_app.secret_key, mail.to_email, mail.talk_id)
    return {
        "talk": mail.talk, "talk_url": address(f"/talk/{mail.talk_id}"),
        "comments": [shown(comment, decides) for comment in comments[:MOST_LISTED]],
        "number": len(comments), "more": max(0, len(comments) - MOST_LISTED),
        "unsubscribe_url": address(f"/unsubscribe/{stop}"),
        "confirm_url": address(f"/confirm-mail/{confirm_token(current_app.secret_key, mail.to_email)}"),
        "moderate_url": address("/moderate"),
    }  # fmt: skip


def about_account(mail):
    """What the templates of a mail about an account are given: the payload, a link's token, `address`."""
    token = account_mail.token_of(current_app.secret_key, mail)
    if token is None:
        return None
    return mail.payload | {"to_name": mail.to_name, "token": token, "address": address}


def rendered(mail, name, values):
    """Not by `render_template`: what pages are given, they are given by a request."""
    return current_app.jinja_env.get_template(f"email/{mail.kind}/{name}").render(values)


def shown(comment, moderator):
    """`comment` with who wrote it as `by`, and where it is as `url`; for a moderator, where to decide."""
    comment.by = header(comment.shown_name, NAME_LENGTH) or "Somebody"
    path = f"/comment/{comment.id}"
    if moderator:
        path = f"/moderate/{moderate_token(current_app.secret_key, comment.id, moderator.id)}"
    comment.url = address(path)
    return comment


def address(path):
    """The address of a page of this site for who reads mail."""
    config = current_app.config
    return (config["SITE_URL"] or f"http://127.0.0.1:{config['PORT']}") + path


def mailbox(name, email):
    """Name and address for a header; neither can end it."""
    username, _, domain = for_the_wire(email).rpartition("@")
    return Address(header(name, NAME_LENGTH), username, domain)


def header(text, length=SUBJECT_LENGTH):
    """`text` on one line, without what is not shown or turns what follows."""
    kept = "".join(char if is_shown(char) else " " for char in text)
    return " ".join(kept.split())[:length].rstrip()


def is_shown(char):
    return unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp") and char not in OVERRIDES


def sender_address():
    """The address that bounces go to."""
    return for_the_wire(parseaddr(current_app.config["MAIL_SENDER"])[1])


def unsubscribe_token(secret, email, talk_id):
    """For the link that stops mail to one address about one talk."""
    return tokens.sign(secret, "unsubscribe", {"email": email, "talk": talk_id})


def read_unsubscribe_token(secret, token):
    """(address, id of the talk). Raises TokenError."""
    value = tokens.read(secret, "unsubscribe", token, UNSUBSCRIBE_SECONDS)
    return value["email"], value["talk"]


def confirm_token(secret, email):
    """For the link by which an address says that it wants mail."""
    return tokens.sign(secret, CONFIRM, email)
