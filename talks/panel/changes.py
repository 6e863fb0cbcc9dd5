"""What the panel's forms and buttons do, by the verbs of each feature, which know the rules and note it.

Call them in a transaction: where a change has several parts, either all are done or none is.
"""

import secrets

from models import Talk
from talks import (
    accounts,
    audit,
    avatars,
    departure,
    journal,
    moderation,
    publishing,
    refusals,
    rights,
    speakers,
)

TALK_TO = {"draft": Talk.unpublish, "published": Talk.publish, "deleted": Talk.delete_softly}
TO = {
    "approved": moderation.approve, "rejected": moderation.reject, "spam": moderation.spam,
    "pending": moderation.undo,
}  # fmt: skip


class Refused(refusals.Refused):
    """Why something was not changed."""


REFUSALS = refusals.Refused, moderation.NotAllowed


def add_person(values, by):
    """A confirmed account whose password nobody knows: its owner asks for a link that sets one."""
    user = accounts.create_account(**values, password=secrets.token_urlsafe(32))
    audit.record("user.create", user, by=by)
    return user


def change_person(user, values, by):
    """Write a profile (name, location, website, bio) and rights."""
    profile = {name: value for name, value in values.items() if name not in rights.RIGHTS}
    if profile and user.gone_at:
        raise Refused("Its owner has deleted this account. What is left of it stays as it is.")
    if profile:
        speakers.save_profile(user, profile, by=by)
    rights.set_rights(user, values, by=by)


def remove_person(user, by):
    """Delete an account: its owner is told, and what it wrote stays as a former member's. Raises Refused."""
    if user == by:
        raise Refused("Delete your own account at “Account” in your menu: that asks for your password.")
    if not user.is_claimed:
        raise Refused(f"{user.shown_name} has no account to delete.")
    departure.leave(user, avatars.folder(), by=by)
    return True


def add_talk(values, by):
    """A new talk of `owner`, or of whoever makes it."""
    owner, status = values.pop("owner", None), values.pop("status")
    talk = publishing.save(None, values | {"speakers": []}, by, status)
    if owner and owner != by:
        publishing.hand_over(talk, owner, by)
    if status == "deleted":
        publishing.change_status(talk, Talk.delete_softly, by)
    return talk


def change_talk(talk, values, by):
    """Write columns of a talk, `event` and `owner` as rows, and `status`."""
    status, values = values.get("status"), dict(values)
    Talk.attach_speakers([talk])
    if talk.is_deleted:
        if status is None:
            raise Refused("This talk is deleted. Choose another status with what you change.")
        publishing.change_status(talk, Talk.restore, by)
    if "owner" in values:
        publishing.hand_over(talk, values.pop("owner"), by)
    if values.keys() - {"status"}:
        publishing.save(talk, values, by)
    if status:
        publishing.change_status(talk, TALK_TO[status], by)


def possible(thing):
    """The statuses that a comment or an entry can get from here."""
    back = (
        ("pending",) if thing.was == "pending" and thing.status in moderation.REFUSED + ("approved",) else ()
    )
    onward = [to for to, statuses in moderation.FROM.items() if thing.status in statuses]
    return (thing.status, *onward, *back)


def decide(thing, status, by):
    """Give a comment or an entry another status. Raises Refused when somebody was faster."""
    if not TO[status](thing, by):
        raise Refused(f"Nothing changed: {moderation.state_of(thing)}")


def change_entry(entry, values, by):
    """Write the words of an entry, the talk that it names, and `status`."""
    words = {name: values.get(name, getattr(entry, name)) for name in ("title", "body", "talk")}
    if "status" in values:
        decide(entry, values["status"], by)
    if values.keys() & words.keys():
        journal.edit(entry, words, by)
