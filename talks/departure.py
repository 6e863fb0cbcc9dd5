"""Deleting one's account: at once and for good, but without taking from others what they have.

What was written stays as a former member's or goes. Own talks become drafts, or wait 30 days for a co-speaker
who takes them over. The row of the account stays, as nobody's: talks and the audit trail refer to it.
"""

import secrets

from peewee import chunked, fn

from models import (
    FORMER_MEMBER,
    FORMER_PREFIX,
    Alias,
    Claim,
    Comment,
    Credential,
    Entry,
    MailAddress,
    Muted,
    OutboxMail,
    Session,
    Talk,
    TalkSpeaker,
    User,
    database,
    utcnow,
)
from talks import account_mail, audit, avatars, offers, publishing, rights

ROWS = 500  # in one statement
BLANK = {
    "email": None, "new_email": None, "password_hash": None, "confirmed_at": None, "is_admin": False,
    "is_speaker": False, "is_trusted": False, "is_active": False, "name": FORMER_MEMBER, "name_key": "",
    "location": "", "bio": "", "bio_html": "", "website": "", "avatar": "", "talk_count": 0,
}  # fmt: skip
NOT_NAMED = {
    "author": None,
    "author_name": FORMER_MEMBER,
    "author_email": None,
    "network": "",
    "notify": False,
}


def leave(user, folder, keeps_words=True, keeps_name=True, heirs=(), by=None):
    """Delete the account of `user`. Raises rights.NotPossible for the last administrator.

    `keeps_words`: what it wrote stays, as a former member's. `keeps_name`: talks go on naming it, by a
    profile that nobody has. `heirs`: {id of an own talk: co-speaker who is asked to take it over}. `folder`
    holds the pictures of people. `by` is an administrator who does it, where it is not `user`.
    """
    with database.atomic():
        rights.keep_an_administrator(user)
        user = User.get_by_id(user.id)
        audit.record("user.leave", user, by=by or user, keeps_words=keeps_words, keeps_name=keeps_name)
        hand_out(user, dict(heirs))
        leave_words(user, keeps_words)
        end_access(user)
        settle_claims(user)
        if user.email:  # else its first address was never confirmed
            forget_address(user)
            account_mail.write(user.email, "account_deleted", name=user.shown_name, username=user.username)
        username = blank(user)
        leave_name(user, username, keeps_name)
    avatars.discard(user.avatar, folder)


def possible_heirs(user):
    """[(own talk with `speakers`, co-speakers who may take it over)], deleted talks left out."""
    talks = Talk.rows().where(Talk.owner == user, Talk.status.in_(["published", "draft"]))
    talks = Talk.attach_speakers(list(talks.order_by(Talk.title, Talk.id)))
    ids = {speaker.id for talk in talks for speaker in talk.speakers} - {user.id}
    people = User.reachable().where(User.id.in_(list(ids)))
    able = {person.id: person for person in people if person.may_publish}
    return [(talk, [able[one.id] for one in talk.speakers if one.id in able]) for talk in talks]


def hand_out(user, heirs):
    """Ask the heirs; what has none becomes a draft."""
    for talk, able in possible_heirs(user):
        heir = heirs.get(talk.id)
        if heir is not None and heir in able:
            Claim.create(kind="owner", user=heir, talk=talk)
            title, name = offers.one_line(talk.title), offers.one_line(user.shown_name)
            said = [
                f"{name} leaves and asks you to take “{title}” over: to own it, as one of its speakers.",
                "It stays as it is for 30 days; if nobody takes it over, it becomes a draft.",
            ]
            offers.tell(heir, f"Will you take “{title}” over?", said, "/claims", "Accept or refuse")
        elif talk.is_published:
            publishing.change_status(talk, Talk.unpublish)


def leave_words(user, keeps):
    """Take the person off comments and entries; what nobody may keep, or has seen, is deleted.

    As in what they may download, comments count that a visitor wrote under their address.
    """
    gone = ["pending"] if keeps else ["pending", "approved"]
    comments, entries = Comment.is_by(user), Entry.author == user
    shown = comments, Comment.status == "approved"
    talks = (
        [] if keeps else [id_ for (id_,) in Comment.select(Comment.talk).distinct().where(*shown).tuples()]
    )
    deleted = {"status": "deleted", "was": "", "decided_at": utcnow()}
    for model, own in ((Comment, comments), (Entry, entries)):
        model.update(deleted).where(own, model.status.in_(gone)).execute()
    Comment.update(NOT_NAMED).where(comments).execute()
    Entry.update(author=None).where(entries).execute()
    approved = Comment.talk == Talk.id, Comment.status == "approved"
    for chunk in chunked(talks, ROWS):
        counted = Comment.select(fn.COUNT(Comment.id)).where(*approved)
        Talk.update(comment_count=counted).where(Talk.id.in_(chunk)).execute()


def end_access(user):
    """End sessions, second factors, and with the row's numbers every token and link."""
    for model in (Session, Credential):
        model.delete().where(model.user == user).execute()


def forget_address(user):
    """Forget what is noted of the address, what was sent there, and what was to be."""
    for model in (MailAddress, Muted):
        model.delete().where(model.email == user.email).execute()
    invited = Claim.email == user.email
    for claim in list(Claim.select().where(invited, Claim.status == "open")):
        claim.settle("withdrawn")
    Claim.update(email=None).where(invited).execute()
    as_visitor = Comment.author_email == user.email
    Comment.update(author_email=None, notify=False, network="").where(as_visitor).execute()
    done = OutboxMail.sent_at.is_null(False) | OutboxMail.failed_at.is_null(False)
    in_hand = OutboxMail.claimed_at.is_null(False) & ~done  # whoever sends it notes that
    OutboxMail.delete().where(OutboxMail.to_email == user.email, ~in_hand).execute()


def settle_claims(user):
    """Take back what it asked for and what it was asked."""
    for claim in list(Claim.select().where(Claim.user == user, Claim.status == "open")):
        claim.settle("withdrawn")
        if claim.kind == "owner":
            let_go(claim.talk)
    Claim.update(words="", email=None).where(Claim.user == user).execute()


def blank(user):
    """Make the row nobody's; returns the username it had."""
    now, username = utcnow(), user.username
    epochs = {"session_epoch": user.session_epoch + 1, "reset_serial": user.reset_serial + 1}
    values = BLANK | epochs | {"username": f"{FORMER_PREFIX}{secrets.token_hex(6)}", "gone_at": now}
    User.update(values).where(User.id == user.id).execute()
    return username


def leave_name(user, username, keeps):
    """Let a profile that nobody has stand where `user` was named, or take the name out."""
    named = TalkSpeaker.user == user.id
    if keeps and TalkSpeaker.select().where(named).exists():
        profile = User.create(username=username, name=user.shown_name, is_speaker=True)
        TalkSpeaker.update(user=profile).where(named).execute()
        Alias.update(user=profile).where(Alias.user == user.id).execute()
        User.recount([profile.id])
        return
    TalkSpeaker.delete().where(named).execute()
    Alias.delete().where(Alias.user == user.id).execute()
    # Until purge nobody else can have the username, and be taken for who left.
    Alias.insert(user=user, name=username, key="").on_conflict_ignore().execute()


def let_go(talk):
    """Nobody takes over a talk whose owner has left: it becomes a draft, unless somebody is still asked."""
    talk = Talk.get_by_id(talk.id)
    asked = Claim.talk == talk, Claim.kind == "owner", Claim.status == "open"
    if talk.owner and talk.owner.gone_at and not Claim.select().where(*asked).exists():
        publishing.change_status(talk, Talk.unpublish)


def purge(before):
    """Delete the drafts of who left before then that no co-speaker has.

    Others can have their usernames from then on.
    """
    left = User.select(User.id).where(User.gone_at < before)
    for claim in list(Claim.select().join(Talk).where(Claim.kind == "owner", Talk.owner.in_(left))):
        with database.atomic():
            if claim.settle("withdrawn"):
                let_go(claim.talk)
    Alias.delete().where(Alias.user.in_(left)).execute()
    for talk in list(Talk.select().where(Talk.owner.in_(left), Talk.status == "draft")):
        with database.atomic():
            accounts = (
                TalkSpeaker.select().join(User).where(TalkSpeaker.talk == talk, User.email.is_null(False))
            )
            if accounts.exists():
                Talk.update(owner=None).where(Talk.id == talk.id).execute()
            elif talk.delete_softly():
                Talk.update(deleted_at=talk.owner.gone_at).where(Talk.id == talk.id).execute()
