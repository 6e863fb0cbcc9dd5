"""Spam, judged here and by nobody else: what is refused, what waits to be looked at, how much is too much.

Limits are counted in rows, inside the transaction that writes the comment: each takes its turn, so none is
counted late. What is refused becomes a row too, which administrators see.
"""

import re
import unicodedata
from datetime import timedelta

from models import BlockedWord, Comment, Refusal, utcnow
from talks import refusals

MOST_LINKS = 3  # more wait, whoever wrote them
SHORT = 40  # characters: "Thank you!" may be said by two people
LOOKED_AT = 200  # the last comments on a talk, among which a text may stand already
WINDOW, DAY = timedelta(minutes=10), timedelta(days=1)
# In the window, and in a day. A network may be a hall full of listeners.
PER_NETWORK, PER_NETWORK_A_DAY = 40, 300
PER_PERSON, PER_PERSON_A_DAY = 8, 60
ROWS_AN_HOUR = 20  # of refusals from one network; further ones are counted in the last
INVISIBLE = re.compile(r"[\u00ad\u034f\u180e\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f\ufeff]")


class Refused(refusals.Refused):
    """Why a comment or an entry was not taken.

    `reason` is one word: closed, gone, parent, trap, repeated, too-many, late, stale, blocked, title,
    unconfirmed.
    """

    def __init__(self, message, field, reason):
        super().__init__(message, field)
        self.reason = reason


def judge(values, talk, author, network):
    """Whether this comment waits to be looked at. Raises Refused.

    Call it in the transaction that writes the comment. Who decides about a talk's comments is not judged.
    """
    if author and talk.moderated_by(author):
        return False
    if values.get("homepage"):
        raise Refused(
            "The field “Leave this empty” was filled in, as programs do. Empty it and send again.",
            "homepage",
            "trap",
        )
    check_amount(author, values.get("email"), network)
    check_repeated(values, talk, author, network)
    return waits(values, talk, author)


def waits(values, talk, author):
    """As `judge` says, for an edit: of that nothing is refused."""
    if author and talk.moderated_by(author):
        return False
    said = " ".join(filter(None, (values.get("name"), values.get("email"), values["body"])))
    if values["body_html"].count("<a ") > MOST_LINKS or holds_blocked_word(said):
        return True
    return not talk.shows_at_once(author)


def check_amount(author, email, network):
    """Raise Refused when a person or a network has written too much of late."""
    person = Comment.author == author if author else Comment.author_email == email
    check_limit(Comment, Comment.network == network, PER_NETWORK, PER_NETWORK_A_DAY)
    check_limit(Comment, person, PER_PERSON, PER_PERSON_A_DAY)


def check_limit(model, whose, in_window, a_day):
    """Raise Refused when there are so many rows of `whose` (a condition) in ten minutes, or in a day."""
    now, written = utcnow(), model.select().where(whose)
    in_a_day = written.where(model.created_at > now - DAY).limit(a_day).count()
    if in_a_day < in_window:
        return
    if written.where(model.created_at > now - WINDOW).limit(in_window).count() >= in_window:
        raise Refused(
            "That is a lot in a short time. Your text is still here: wait ten minutes, then send it.",
            "",
            "too-many",
        )
    if in_a_day >= a_day:
        raise Refused("That is enough for one day. Send it tomorrow.", "", "too-many")


def check_repeated(values, talk, author, network):
    """Raise Refused for a text that was sent before: by the same person, or a longer one by anybody."""
    same = Comment.select(Comment.author, Comment.author_email).where(Comment.body == values["body"])
    last = Comment.talk == talk, Comment.number > talk.last_number - LOOKED_AT
    here = list(same.where(*last, Comment.status != "deleted").tuples())
    person = (author.id, None) if author else (None, (values.get("email") or "").lower())
    if person in here:
        raise Refused("You sent this text already. Sending it again is not needed.", "body", "repeated")
    if len(values["body"]) < SHORT:
        return
    elsewhere = Comment.network == network, Comment.created_at > utcnow() - DAY
    if here or same.where(*elsewhere).exists():
        raise Refused(
            "This text was sent before, word for word. Say it in words of your own.", "body", "repeated"
        )


def holds_blocked_word(text):
    words = [folded(word) for (word,) in BlockedWord.select(BlockedWord.word).tuples()]
    if not any(words):
        return False
    pattern = "|".join(re.escape(word) for word in words if word)
    return re.search(rf"(?<!\w)(?:{pattern})(?!\w)", folded(text)) is not None


def folded(text):
    """Letters as they are meant: case, width and what nobody sees do not matter."""
    return unicodedata.normalize("NFKC", INVISIBLE.sub("", text)).casefold()


def note(refusal, talk, values, network):
    """Count what was refused, where an administrator sees it. `values` may be a form as it came."""
    now = utcnow()
    shown = "".join(c if c.isprintable() else " " for c in values.get("body") or "")
    excerpt = " ".join(shown.split())[: Refusal.excerpt.max_length]
    recent = Refusal.select().where(Refusal.network == network, Refusal.at > now - timedelta(hours=1))
    last = recent.order_by(Refusal.at.desc(), Refusal.id.desc()).first()
    if last is None or recent.count() < ROWS_AN_HOUR:
        Refusal.create(talk=talk, reason=refusal.reason, excerpt=excerpt, network=network, at=now)
    else:
        Refusal.update(times=Refusal.times + 1).where(Refusal.id == last.id).execute()
