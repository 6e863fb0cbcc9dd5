"""What the panel's lists show of each table: rows, search, filters, and how columns and values are called.

No digest, hash, key or token is in any of it, and of long texts only the beginning.
"""

import re
from datetime import datetime

from peewee import JOIN, fn

from forms import DISCUSSION
from models import AuditEvent, Comment, Entry, Event, OutboxMail, Tag, Talk, User
from talks import markup
from talks.mailing.kinds import KINDS
from talks.panel.lists import Called, Filter, Holds, Is, IsNumber, IsSet, YesNo, between
from talks.panel.words import ACTIONS

TALK_STATUS = {"draft": "Draft", "published": "Published", "deleted": "Deleted"}
STATUS = {
    "pending": "Waiting", "approved": "Approved", "rejected": "Deleted", "spam": "Spam",
    "deleted": "Taken back",
}  # fmt: skip
SHOWN_THERE = {"": "Names no talk", "pending": "Waiting", "approved": "Approved", "rejected": "Refused"}
EXCERPT = 200  # characters
CUT = re.compile("<[^>]*$|&[^;<]*$")
LABELS = {
    "id": "No.", "action": "Did", "actor_name": "Who", "attempts": "Tries", "author.username": "By",
    "author_email": "E-mail", "bio": "About", "body": "Words", "claimed_at": "Last tried",
    "comment_count": "Questions", "confirmed_at": "Confirmed", "created_at": "Written",
    "decided_at": "Decided", "deleted_at": "Deleted", "details": "What changed",
    "discussion": "Questions are shown", "discussion_days": "Closes after days", "due_at": "Due",
    "duration_s": "Duration in seconds", "edited_at": "Edited", "email": "E-mail", "ends_on": "To",
    "event.title": "Event", "excerpt": "Words", "failed_at": "Given up", "gone_at": "Account deleted",
    "imported_from": "Imported from", "is_active": "Let in", "is_admin": "Administrator",
    "is_speaker": "Speaker", "is_trusted": "Trusted", "license": "Licence", "location": "Place",
    "member_since": "Since", "notify": "Wants mail", "number": "Number there", "object_id": "Its no.",
    "object_kind": "To", "object_name": "Called", "owner.username": "Owner", "published_at": "Published",
    "reported_at": "Reported", "sent_at": "Sent", "shown_name": "By", "slides_url": "Slides",
    "slug": "Address", "starts_on": "From", "talk.title": "Talk", "talk_count": "Talks",
    "talk_status": "Shown there", "time_zone": "Time zone", "to_email": "To", "to_name": "Name",
    "updated_at": "Changed", "url": "Web address", "venue_url": "Web address of the venue",
    "video_url": "Video", "was": "Before",
}  # fmt: skip
LISTS = {  # the columns of a list; the first are seen on a phone
    User: (
        "username", "name", "email", "is_active", "is_admin", "is_speaker", "is_trusted", "talk_count", "id",
    ),
    Talk: ("title", "status", "date", "event.title", "owner.username", "comment_count", "id"),
    Event: ("title", "starts_on", "ends_on", "talk_count", "series", "id"),
    Tag: ("name", "talk_count", "id"),
    Comment: ("excerpt", "status", "shown_name", "talk.title", "created_at", "reported_at", "id"),
    Entry: ("title", "status", "author.username", "talk.title", "talk_status", "created_at", "id"),
    OutboxMail: (
        "kind", "to_email", "due_at", "sent_at", "failed_at", "error", "attempts", "talk.title", "id",
    ),
    AuditEvent: (
        "actor_name", "action", "object_name", "at", "object_kind", "object_id", "details", "door", "id",
    ),
}  # fmt: skip
MORE = {  # that a row's own page has
    User: ("member_since", "confirmed_at", "gone_at", "location", "website", "bio"),
    Talk: (
        "description", "language", "venue", "venue_url", "license", "video_url", "slides_url", "time_zone",
        "duration_s", "discussion", "discussion_days", "created_at", "updated_at", "published_at",
        "deleted_at", "imported_from",
    ),
    Event: ("slug", "venue", "url", "description"),
    Tag: ("slug",),
    Comment: ("number", "author_email", "body", "was", "notify", "edited_at", "decided_at"),
    Entry: ("body", "was", "edited_at", "decided_at"),
    OutboxMail: ("to_name", "created_at", "claimed_at"),
    AuditEvent: (),
}  # fmt: skip
CHOICES = {  # what the words of a column are called
    Talk: {"status": list(TALK_STATUS.items()), "discussion": list(DISCUSSION.items())},
    Comment: {"status": list(STATUS.items()), "was": list(STATUS.items())},
    Entry: {
        "status": list(STATUS.items()), "was": list(STATUS.items()), "talk_status": list(SHOWN_THERE.items())
    },
    OutboxMail: {"kind": list(KINDS.items())},
    AuditEvent: {"action": list(ACTIONS.items())},
}  # fmt: skip
SAID = {  # how values of a kind are written
    type(None): lambda view, value, name: "",
    bool: lambda view, value, name: "yes" if value else "–",
    datetime: lambda view, value, name: f"{value:%Y-%m-%d %H:%M}",
    dict: lambda view, value, name: "; ".join(f"{key}: {spoken(inner)}" for key, inner in value.items()),
}

CALLED = {  # what the page of a row is headed with
    User: lambda row: row.shown_name if row.shown_name == row.username else f"{row.name} ({row.username})",
    Talk: lambda row: row.title,
    Event: lambda row: row.title,
    Tag: lambda row: row.name,
    Comment: lambda row: markup.plain(row.body, 60) or "…",
    Entry: lambda row: row.title,
    OutboxMail: lambda row: f"{KINDS.get(row.kind, row.kind)}, to {row.to_email}",
    AuditEvent: lambda row: f"{row.actor_name or 'Somebody'} {ACTIONS.get(row.action, row.action)}",
}

SEARCHED = {  # what a search looks through, and how that is called
    User: ((User.username, User.name, User.email), "Name, username or e-mail"),
    Talk: ((Talk.title,), "Title"),
    Event: ((Event.title, Event.series), "Name or series"),
    Tag: ((Tag.name,), "Name"),
    Comment: ((Comment.body, Comment.author_name, Comment.author_email), "Words, name or e-mail"),
    Entry: ((Entry.title, Entry.body), "Title or words"),
    OutboxMail: ((OutboxMail.to_email, OutboxMail.error), "Address or error"),
    AuditEvent: (
        (AuditEvent.actor_name, Called(AuditEvent.action, ACTIONS), AuditEvent.object_name),
        "Who, what, to what",
    ),
}
FILTERS = {
    User: (
        YesNo(User.is_admin, "Administrator"), YesNo(User.is_speaker, "Speaker"),
        YesNo(User.is_trusted, "Trusted"), YesNo(User.is_active, "Let in"),
        IsSet(User.email, "Has an account"), *between(User.member_since, "Member"),
    ),
    Talk: (
        Is(Talk.status, "Status", TALK_STATUS), Holds(Event.title, "Event"), Filter(User.username, "Owner"),
        Filter(Talk.language, "Language"), IsSet(Talk.imported_from, "Imported"),
        *between(Talk.created_at, "Written"), *between(Talk.published_at, "Published"),
    ),
    Event: (Filter(Event.series, "Series"), Holds(Event.venue, "Venue")),
    Tag: (Is(Tag.talk_count, "Talks", {"0": "None"}),),
    Comment: (
        Is(Comment.status, "Status", STATUS), Holds(Talk.title, "Talk"), Filter(User.username, "Username"),
        Filter(Comment.author_email, "Visitor's e-mail"), IsSet(Comment.reported_at, "Reported"),
        *between(Comment.created_at, "Written"),
    ),
    Entry: (
        Is(Entry.status, "Status", STATUS), Is(Entry.talk_status, "Shown there", SHOWN_THERE),
        Filter(User.username, "Username"), Holds(Talk.title, "Talk"), *between(Entry.created_at, "Written"),
    ),
    OutboxMail: (
        Is(OutboxMail.kind, "Kind", KINDS), IsSet(OutboxMail.sent_at, "Sent"),
        IsSet(OutboxMail.failed_at, "Given up"), Holds(Talk.title, "Talk"),
        *between(OutboxMail.due_at, "Due"),
    ),
    AuditEvent: (
        Filter(AuditEvent.actor_name, "Who"), Is(AuditEvent.action, "Did", ACTIONS),
        Filter(AuditEvent.object_kind, "To"), IsNumber(AuditEvent.object_id, "Its no."),
        Filter(AuditEvent.door, "Door"), *between(AuditEvent.at, "At"),
    ),
}  # fmt: skip


def spoken(value):
    """A value of JSON in words."""
    if isinstance(value, list):
        return ", ".join(map(spoken, value))
    words = {None: "none", True: "yes", False: "no"}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def shown(model):
    """The columns of a list, and those of the page of one row."""
    return LISTS[model], (*(name for name in LISTS[model] if name != "excerpt"), *MORE[model])


def called(row):
    """What the heading of its page says."""
    return CALLED[type(row)](row)


def rows(model):
    """The rows of a table for a list (a query)."""
    return ROWS[model]()


def people():
    hidden = ("password_hash", "bio_html", "session_epoch", "reset_serial", "avatar")
    return User.select(*columns(User, *hidden))


def talks():
    owned = Talk.rows().select_extend(User.id, User.username, User.name)
    return owned.join_from(Talk, User, JOIN.LEFT_OUTER, on=Talk.owner)


def decided(model):
    """Comments or entries with the beginning of their words, author and talk."""
    excerpt = fn.SUBSTR(model.body_html, 1, 10 * EXCERPT).converter(beginning).alias("excerpt")
    own = columns(model, "body", "body_html", "network")
    named = User.id, User.username, User.name, Talk.id, Talk.title
    query = model.select(*own, excerpt, *named).join(User, JOIN.LEFT_OUTER, on=model.author)
    return query.join_from(model, Talk, JOIN.LEFT_OUTER, on=model.talk)


def beginning(html):
    """The first words of HTML that may break off anywhere."""
    return markup.beginning(CUT.sub("", html), EXCERPT)


def mail():
    own = columns(OutboxMail, "payload", "message_id", "waiting")
    return OutboxMail.select(*own, Talk.id, Talk.title).join(Talk, JOIN.LEFT_OUTER)


def trail():
    return AuditEvent.select(*columns(AuditEvent, "network", "actor"))


def columns(model, *hidden):
    return [field for field in model._meta.sorted_fields if field.name not in hidden]


ROWS = {
    User: people, Talk: talks, Event: Event.select, Tag: Tag.select, Comment: lambda: decided(Comment),
    Entry: lambda: decided(Entry), OutboxMail: mail, AuditEvent: trail,
}  # fmt: skip
