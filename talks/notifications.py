"""Who is told what: rows of the outbox, written in the transaction of what they tell of.

A row that waits collects the comments on one talk for one address. Which of them the mail lists in the end is
decided when it is built: see `listed`. Addresses are compared in lower case.
"""

import uuid
from collections import defaultdict

from peewee import JOIN, chunked

from models import Comment, MailAddress, Muted, OutboxMail, TalkSpeaker, User, database, utcnow
from talks import tokens

WAITS, SHOWN, CONFIRM = "comment_waits", "comment_shown", "confirm_address"
LISTED = {WAITS: "pending", SHOWN: "approved"}  # kind -> the status of the comments it tells of
MODERATE_SECONDS = 7 * 24 * 3600
UNSUBSCRIBE_SECONDS = CONFIRM_SECONDS = 365 * 24 * 3600
ROWS = 500  # in one statement
TO = User.id, User.email, User.name  # what a mail needs to know of its reader


def tell(comment):
    """Tell of `comment` as it is now: who decides that it waits, who asked to be told that it is shown.

    Mail that waits tells nothing else of it any more. Call it in the transaction that wrote its status.
    """
    if comment.decided_at is not None:  # of a new one nobody was told
        forget(comment)
    if comment.status == "pending":
        kind, people = WAITS, moderators(comment.talk)
    elif comment.status == "approved":
        kind, people = SHOWN, followers(comment.talk)
    else:
        return
    ask(comment)
    people.pop(address_of(comment), None)
    collect(kind, people, comment)


def moderators(talk):
    """{address: name} of who decides about the comments on `talk` and may be told of them.

    Those are its speakers and its owner; where none of them can be told, administrators.
    """
    people = {user.email: user.name for user in hosts(talk) or User.reachable(*TO).where(User.is_admin)}
    muted = Muted.select(Muted.email).where(Muted.talk == talk, Muted.email.in_(list(people)))
    for (email,) in muted.tuples():
        del people[email]
    return people


def hosts(talk):
    """Those who speak in `talk` or own it, and can be told."""
    spoken = TalkSpeaker.select(TalkSpeaker.user).where(TalkSpeaker.talk == talk)
    return list(User.reachable(*TO).where(User.id.in_(spoken) | (User.id == talk.owner_id)))


def followers(talk):
    """{address: name} of those who commented on `talk`, asked to be told, and may be; not its hosts.

    Of visitors only addresses that were confirmed, without the name: anybody may have typed that.
    """
    # `== True`: of a bare column SQLite does not know that it is in an index.
    asked = Comment.talk == talk, Comment.notify == True, Comment.status.in_(["pending", "approved"])  # noqa: E712
    no_author = Comment.author.is_null()
    members = User.reachable(*TO).where(User.id.in_(Comment.select(Comment.author).where(*asked)))
    visitors = (
        MailAddress.select(MailAddress.email)
        .join(User, JOIN.LEFT_OUTER, on=User.email == MailAddress.email)
        .where(MailAddress.confirmed_at.is_null(False), User.is_active.is_null() | User.is_active)
        .where(MailAddress.email.in_(Comment.select(Comment.author_email).where(*asked, no_author)))
    )
    people = {email: "" for (email,) in visitors.tuples()} | {user.email: user.name for user in members}
    for user in hosts(talk):
        people.pop(user.email, None)
    return people


def address_of(comment):
    """Whose comment it is, as an address in lower case; "" when none is known."""
    email = comment.author.email if comment.author else comment.author_email
    return (email or "").lower()


def ask(comment):
    """Ask a visitor's address whether it wants mail: once, ever. The mail quotes nothing of the comment."""
    email = address_of(comment)
    if comment.author or not comment.notify or not email:
        return
    if User.select().where(User.email == email, ~User.is_active).exists():
        return
    if any(user.email == email for user in hosts(comment.talk)):
        return
    if MailAddress.insert(email=email).on_conflict_ignore().as_rowcount().execute():
        OutboxMail.insert_many([row(CONFIRM, comment.talk_id, email, "", [])]).execute()


def collect(kind, people, comment):
    """Add `comment` to the mail that waits for each of `people`, {address: name}, or begin one."""
    if not people:
        return
    waiting = {mail.to_email: mail for mail in locked(kind, comment.talk_id)}
    append = defaultdict(list)  # what a mail lists -> ids of the mails that list it
    for email in people.keys() & waiting.keys():
        append[tuple(waiting[email].payload["comments"])].append(waiting[email].id)
    for before, ids in append.items():
        if comment.id not in before:
            set_comments(ids, [*before, comment.id])
    fresh = [
        row(kind, comment.talk_id, email, name, [comment.id])
        for email, name in people.items() if email not in waiting
    ]  # fmt: skip
    for chunk in chunked(fresh, ROWS):
        OutboxMail.insert_many(chunk).execute()


def forget(comment):
    """Take `comment` out of waiting mails that tell of another status than it has now."""
    for kind, status in LISTED.items():
        if comment.status == status:
            continue
        left, empty = defaultdict(list), []
        for mail in locked(kind, comment.talk_id):
            before = mail.payload["comments"]
            rest = tuple(id_ for id_ in before if id_ != comment.id)
            if not rest:
                empty.append(mail.id)
            elif len(rest) < len(before):
                left[rest].append(mail.id)
        for rest, ids in left.items():
            set_comments(ids, list(rest))
        for chunk in chunked(empty, ROWS):
            OutboxMail.delete().where(OutboxMail.id.in_(chunk)).execute()


def locked(kind, talk_id):
    """The mails of a kind that wait, which nobody claims until the transaction ends: to whom, and of what."""
    waiting = OutboxMail.talk == talk_id, OutboxMail.kind == kind, OutboxMail.waiting == 1
    if not OutboxMail.update(due_at=OutboxMail.due_at).where(*waiting).execute():
        return []
    return list(OutboxMail.select(OutboxMail.id, OutboxMail.to_email, OutboxMail.payload).where(*waiting))


def row(kind, talk_id, email, name, comments):
    """A new mail of the outbox."""
    return {
        "message_id": uuid.uuid4().hex, "kind": kind, "talk": talk_id, "to_email": email,
        "to_name": name, "payload": {"comments": comments}, "due_at": utcnow(),
    }  # fmt: skip


def set_comments(ids, comments):
    for chunk in chunked(ids, ROWS):
        OutboxMail.update(payload={"comments": comments}).where(OutboxMail.id.in_(chunk)).execute()


def listed(mail):
    """The comments that `mail` is to show: as they are now, and in no earlier mail to the same address.

    What was edited since, and waits again, is told again to who decides about it.
    """
    earlier = OutboxMail.select(OutboxMail.payload, OutboxMail.claimed_at).where(
        OutboxMail.to_email == mail.to_email, OutboxMail.talk == mail.talk_id, OutboxMail.kind == mail.kind,
        OutboxMail.id < mail.id, OutboxMail.failed_at.is_null(),
    )  # fmt: skip
    told = {id_: before.claimed_at for before in earlier for id_ in before.payload["comments"]}
    comments = Comment.select(Comment, User).join(User, JOIN.LEFT_OUTER, on=Comment.author)
    these = Comment.id.in_(mail.payload["comments"]), Comment.status == LISTED[mail.kind]
    return [
        comment for comment in comments.where(*these).order_by(Comment.number)
        if comment.id not in told or (mail.kind == WAITS and is_newer(comment, told[comment.id]))
    ]  # fmt: skip


def is_newer(comment, moment):
    """Whether `comment` was edited after it was told of."""
    return comment.edited_at is not None and moment is not None and comment.edited_at > moment


def is_wanted(mail):
    """Whether the address still is one that mail may go to."""
    return not User.select().where(User.email == mail.to_email, ~User.is_active).exists()


def unsubscribe(email, talk_id):
    """Tell `email` nothing more about a talk: what waits goes, `notify` is off on all its comments there."""
    with database.atomic():
        own = User.select(User.id).where(User.email == email)
        theirs = (Comment.author_email == email) | Comment.author.in_(own)
        Comment.update(notify=False).where(Comment.talk == talk_id, theirs).execute()
        OutboxMail.delete().where(
            OutboxMail.to_email == email, OutboxMail.talk == talk_id, OutboxMail.sent_at.is_null(),
            OutboxMail.claimed_at.is_null(),
        ).execute()  # fmt: skip
        Muted.insert(email=email, talk=talk_id).on_conflict_ignore().execute()


def subscribe_again(email, talk_id):
    """Tell a moderator of waiting comments again."""
    Muted.delete().where(Muted.email == email, Muted.talk == talk_id).execute()


def confirm_address(email):
    """The owner of `email` wants mail."""
    with database.atomic():
        MailAddress.insert(email=email).on_conflict_ignore().execute()
        unconfirmed = MailAddress.email == email, MailAddress.confirmed_at.is_null()
        MailAddress.update(confirmed_at=utcnow()).where(*unconfirmed).execute()


def moderate_token(secret, comment_id, user_id, of=""):
    """For the link by which one moderator decides about one comment without signing in.

    With `of` it undoes the decision that made the comment so.
    """
    return tokens.sign(secret, "moderate", {"comment": comment_id, "user": user_id, "of": of})


def read_moderate_token(secret, token):
    """{"comment": id, "user": id, "of": status, "kept" or ""}. Raises TokenError."""
    return tokens.read(secret, "moderate", token, MODERATE_SECONDS)
