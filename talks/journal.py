"""The journal: what people with an account write, each entry by itself.

What their authors do. What others decide about entries is in talks/moderation.py; whether an entry shows
under the talk that it names is decided apart, as a mention (talks/mentions.py). The pages are in
talks/journal_pages.py.
"""

from peewee import IntegrityError

from models import Entry, Talk, database, utcnow
from talks import audit, markup, moderation, spam
from talks.journal_forms import ENTRY
from talks.spam import Refused

PER_PERSON, PER_PERSON_A_DAY = 5, 20  # in ten minutes, and in a day
UNCONFIRMED = "Confirm your e-mail address first: the link in our mail does that."
TAKEN = {  # by the status of the entry that has the title already
    "pending": "You have an entry of that title already, which waits. Change it, or choose another title.",
    "approved": "You have an entry of that title already. Change it, or choose another title.",
    "deleted": "You had an entry of that title and deleted it. Bring it back, or choose another title.",
}


def write(author, values, network):
    """A new entry by `author`, with `EntryForm.values()`. Raises Refused.

    Everybody reads it at once, or it waits until an administrator has looked. `network` is a digest of where
    it comes from.
    """
    columns = columns_of(values)  # before the transaction: others wait for that
    try:
        with database.atomic():
            entry = _insert(author, columns, values["talk"])
    except IntegrityError:  # the same title, sent twice at once
        raise Refused(why_taken(author, columns["title_key"]), "title", "title") from None
    except Refused as refusal:
        if refusal.reason == "too-many":
            spam.note(refusal, None, values, network)
        raise
    if entry.status == "approved":
        moderation.announce(entry)
    return entry


def _insert(author, columns, talk):
    if not author.may_write:
        raise Refused(UNCONFIRMED, "", "unconfirmed")
    if not author.may_administrate:
        spam.check_limit(Entry, Entry.author == author, PER_PERSON, PER_PERSON_A_DAY)
    check_title(author, columns["title_key"])
    status = "pending" if why_it_waits(columns, author) else "approved"
    entry = Entry.create(author=author, status=status, **columns, **naming(talk, author))
    audit.record("entry.write", entry, by=author, status=status, talk=talk)
    return entry


def edit(entry, values, by):
    """Change an entry. Raises Refused. `by` is its author, or an administrator.

    One that would have waited with this text waits again. Another talk is asked anew, and so is the same one
    about another title, which is what shows there.
    """
    columns = columns_of(values) | {"edited_at": utcnow()}
    try:
        with database.atomic():
            now = Entry.get_by_id(entry.id)
            check_title(now.author, columns["title_key"], but=now)
            if values["talk"] != now.talk or is_called_otherwise(now, columns):
                columns |= naming(values["talk"], by)
            same = Entry.id == now.id, Entry.status == now.status
            if not now.is_editable or not Entry.update(columns).where(*same).execute():
                raise Refused("This entry was taken away, and cannot be changed now.", "", "gone")
            now.__data__.update(edited_at=columns["edited_at"])
            if now.status == "approved" and why_it_waits(columns, by):
                now.move("approved", to="pending")
            audit.record("entry.edit", now, by=by, status=now.status)
    except IntegrityError:
        raise Refused(why_taken(entry.author, columns["title_key"]), "title", "title") from None
    return Entry.whole([entry.id])[0]


def is_called_otherwise(entry, columns):
    """Whether the title that who decides about the talk has agreed to becomes another one."""
    return entry.talk_status == "approved" and columns["title_key"] != entry.title_key


def withdraw(entry):
    """Delete one's own entry. False if it was not there any more."""
    return _by_author(entry, "entry.withdraw", lambda now: now.move("pending", "approved", to="deleted"))


def bring_back(entry):
    """Undo `withdraw`. False if it was not deleted, or not by its author."""
    return _by_author(entry, "entry.restore", lambda now: now.status == "deleted" and now.move_back())


def _by_author(entry, action, act):
    with database.atomic():
        now = Entry.get_by_id(entry.id)
        if not act(now):
            return False
        entry.__data__.update(now.__data__)
        audit.record(action, now, by=entry.author, status=now.status)
    return True


def columns_of(values):
    title, body = values["title"], values["body"]
    return {"title": title, "title_key": Entry.key_of(title), "body": body, "body_html": rendered(body)}


def rendered(body):
    """The HTML of an entry: in the preview and in the journal alike."""
    return markup.render(body, ENTRY)


def naming(talk, author):
    """The columns that say which talk is named. Who decides about it need not ask themselves."""
    if talk is None:
        status = ""
    else:
        Talk.attach_speakers([talk])
        status = "approved" if talk.moderated_by(author) else "pending"
    return {"talk": talk, "talk_status": status, "talk_was": "", "talk_decided_at": None}


def why_it_waits(columns, author):
    """Why an administrator looks at this first; "" when nobody need."""
    if author.may_administrate:
        return ""
    if spam.holds_blocked_word(f"{columns['title']} {columns['body']}"):
        return "word"
    return "" if author.is_read_at_once else "new"


def check_title(author, key, but=None):
    """Raise Refused if `author` has another entry of that title; who is gone has many."""
    if author is None:
        return
    others = Entry.select().where(Entry.author == author, Entry.title_key == key)
    if (others.where(Entry.id != but.id) if but else others).exists():
        raise Refused(why_taken(author, key), "title", "title")


def why_taken(author, key):
    """What became of the entry that has the title already, and what to do."""
    other = Entry.get_or_none(Entry.author == author, Entry.title_key == key)
    return TAKEN.get(other and other.status, "You wrote an entry of that title before. Choose another title.")
