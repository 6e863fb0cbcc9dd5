"""Everything the site holds about one person, as a ZIP of JSON: for who signs in as that person.

Each part is read some hundred rows at a time and written as it is read. Of others it holds their names on the
person's own talks; no address of theirs, and no hash, token or secret of anybody.
"""

import json
import zipfile
from datetime import date, datetime

from models import (
    Alias,
    AuditEvent,
    Claim,
    Comment,
    Credential,
    Entry,
    Link,
    MailAddress,
    Muted,
    OutboxMail,
    Session,
    Tag,
    Talk,
    User,
)

ROWS = 500  # read at once
README = """What {site} holds about {name} ({username}), as of {now} UTC.

profile.json      the account, and the names it goes by
talks.json        talks you own or speak in, drafts and deleted ones too
comments.json     what you wrote under talks, also as a visitor with this address
entries.json      what you wrote in the journal
sessions.json     where you are signed in
mail.json         what is noted of your address, and what mail went there
claims.json       what you have asked for, what you were asked, and invitations to your address
second_factor.json  what protects the account besides the password
audit.json        what you did, and what was done to your account, for a year
avatar.webp       your picture, if you have put one up

Not in it: your password, of which the site has a hash only, secrets that stand for you, and digests of the
networks you came from, which say nothing to anybody but this site.
"""


def write(file, user, avatar, site, now):
    """Write the ZIP to `file`. `avatar` is the path of the person's picture, or None."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        about = {
            "site": site,
            "name": user.shown_name,
            "username": user.username,
            "now": f"{now:%Y-%m-%d %H:%M}",
        }
        archive.writestr(member("README.txt", now), README.format(**about))
        archive.writestr(member("profile.json", now), as_json(profile(user)))
        for name, rows in PARTS.items():
            with archive.open(member(f"{name}.json", now), "w") as part:
                write_rows(part, rows(user))
        if avatar and avatar.is_file():
            archive.writestr(member("avatar.webp", now), avatar.read_bytes())


def member(name, now):
    """A file of the ZIP as made `now`: by itself zipfile dates what it streams to 1980."""
    made = zipfile.ZipInfo(name, now.timetuple()[:6])
    made.compress_type, made.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
    return made


def write_rows(part, rows):
    """Write what `rows` gives as one JSON array, row by row."""
    part.write(b"[")
    for number, row in enumerate(rows):
        part.write(b",\n" if number else b"\n")
        part.write(as_json(row).encode())
    part.write(b"\n]\n")


def as_json(value):
    return json.dumps(value, ensure_ascii=False, indent=2, default=said)


def said(value):
    """A time or a day as JSON has none."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} is not for JSON")


def every(query, key):
    """All rows of `query`, by its `key`, some at a time."""
    last = 0
    while rows := list(query.where(key > last).order_by(key).limit(ROWS)):
        yield from rows
        last = rows[-1].id


def chosen(row, *names):
    return {name: getattr(row, name) for name in names}


def profile(user):
    columns = (
        "id", "username", "email", "new_email", "name", "location", "website", "bio", "member_since",
        "confirmed_at", "is_active", "is_admin", "is_speaker", "is_trusted", "talk_count",
    )  # fmt: skip
    names = [
        name for (name,) in Alias.select(Alias.name).where(Alias.user == user).order_by(Alias.id).tuples()
    ]
    return chosen(user, *columns) | {"also_called": names}


def talks(user):
    columns = (
        "id", "title", "status", "description", "date", "time_zone", "duration_s", "language", "license",
        "venue", "venue_url", "video_url", "slides_url", "created_at", "updated_at", "published_at",
        "deleted_at", "discussion", "discussion_days", "comment_count",
    )  # fmt: skip
    spoken = Talk.id.in_(Talk.ids_spoken_by(user)) & (Talk.status != "deleted")
    for talk in every(Talk.select().where((Talk.owner == user) | spoken), Talk.id):
        Talk.attach_speakers([talk])
        yield chosen(talk, *columns) | {
            "yours": talk.owner_id == user.id,
            "speakers": [speaker.shown_name for speaker in talk.speakers],
            "event": talk.event and talk.event.title,
            "tags": [tag.name for tag in Tag.of(talk)],
            "links": [chosen(link, "url", "label") for link in talk.links.order_by(Link.id)],
        }


def comments(user):
    columns = "id", "number", "body", "created_at", "edited_at", "status", "notify"
    rows = Comment.select(Comment, Talk.id, Talk.title).join(Talk).where(Comment.is_by(user))
    for comment in every(rows, Comment.id):
        yield chosen(comment, *columns) | {
            "name": comment.author_name, "as_visitor": comment.author_id is None,
            "talk": chosen(comment.talk, "id", "title"),
        }  # fmt: skip


def entries(user):
    for entry in every(Entry.select().where(Entry.author == user), Entry.id):
        yield chosen(entry, "id", "title", "body", "created_at", "edited_at", "status") | {
            "talk_id": entry.talk_id
        }


def sessions(user):
    for session in every(Session.select().where(Session.user == user), Session.id):
        yield chosen(session, "created_at", "seen_at", "expires_at", "remembered", "browser")


def mail(user):
    if not user.email:
        return
    for address in MailAddress.select().where(MailAddress.email == user.email):
        yield {"noted": "asked whether it wants mail"} | chosen(address, "email", "asked_at", "confirmed_at")
    for muted in every(
        Muted.select(Muted, Talk.id, Talk.title).join(Talk).where(Muted.email == user.email), Muted.id
    ):
        yield {"noted": "no mail about this talk", "talk": chosen(muted.talk, "id", "title")}
    for sent in every(OutboxMail.select().where(OutboxMail.to_email == user.email), OutboxMail.id):
        yield {"noted": "mail"} | chosen(sent, "kind", "talk_id", "created_at", "sent_at", "failed_at")


def claims(user):
    own = Claim.user == user
    if user.has_address:
        own |= (Claim.kind == "invitation") & (Claim.email == user.email)
    for claim in every(Claim.select().where(own), Claim.id):
        yield chosen(claim, "kind", "words", "status", "created_at", "decided_at") | {
            "profile": claim.profile and claim.profile.shown_name, "talk": claim.talk and claim.talk.title
        }  # fmt: skip


def second_factor(user):
    for credential in every(Credential.select().where(Credential.user == user), Credential.id):
        yield chosen(credential, "kind", "name", "created_at", "confirmed_at", "used_at")


def audit(user):
    """What the person did, and what was done to the account; of other people's things only which kind."""
    about = (AuditEvent.object_kind == User._meta.table_name) & (AuditEvent.object_id == user.id)
    for event in every(AuditEvent.select().where(about | (AuditEvent.actor == user)), AuditEvent.id):
        own = event.object_kind == User._meta.table_name and event.object_id == user.id
        row = chosen(event, "at", "action", "object_kind", "object_id", "door")
        yield row | {"by_you": event.actor_id == user.id} | ({"details": event.details} if own else {})


PARTS = {
    "talks": talks, "comments": comments, "entries": entries, "sessions": sessions, "mail": mail,
    "claims": claims, "second_factor": second_factor, "audit": audit,
}  # fmt: skip
