"""Profiles that become somebody's: merged into an account, or made one.

Only what nobody has claimed can be merged away: an account, and what is left of one, never.
"""

from peewee import chunked

from models import Alias, Claim, Comment, Entry, Talk, TalkSpeaker, User, database, utcnow
from talks import audit
from talks.names import fold

ROWS = 500  # in one statement
FILLED = ("location", "bio", "bio_html", "website")  # what the account takes over where it says nothing


class NotUnclaimed(ValueError):
    """The message is fit to be shown."""

    def __init__(self):
        super().__init__("This profile has become somebody's meanwhile. Nothing was changed.")


def merge(profile, account, by):
    """Give `account` all that is the profile's, and take the profile away. Raises NotUnclaimed.

    Talks, spellings, what waits for a decision; its name where the account has none of its own. Its old
    address leads to the account from then on.
    """
    with database.atomic():
        profile = taken(profile)
        talks = move_talks(profile, account)
        Talk.update(owner=account).where(Talk.owner == profile).execute()
        for model in (Comment, Entry):
            model.update(author=account).where(model.author == profile).execute()
        Claim.update(profile=account).where(Claim.profile == profile).execute()
        Claim.update(user=account).where(Claim.user == profile).execute()
        move_names(profile, account)
        describe(account, profile)
        open_discussions(talks)
        User.delete().where(User.id == profile.id).execute()
        User.recount([account.id])
        audit.record("user.merge", account, by=by, profile=profile.username, talks=len(talks))


def make_account(profile, email, password_hash):
    """Let the profile be the account of who reads `email`. Raises NotUnclaimed."""
    with database.atomic():
        taken(profile)
        now = {"confirmed_at": utcnow(), "member_since": utcnow()}
        values = {"email": email, "password_hash": password_hash, "is_speaker": True} | now
        User.update(values).where(User.id == profile.id).execute()
        open_discussions(talks_of(profile))
        made = User.get_by_id(profile.id)
        audit.record("user.claim", made, by=made)
    return made


def taken(profile):
    """The row of `profile` as it is now, for this transaction alone. Raises NotUnclaimed."""
    User.lock(profile.id)
    now = User.get_or_none(User.id == profile.id)
    if now is None or not now.is_unclaimed:
        raise NotUnclaimed
    return now


def talks_of(user):
    """Ids of the talks that name `user`."""
    return [id_ for (id_,) in Talk.ids_spoken_by(user).tuples()]


def move_talks(profile, account):
    """Name the account where the profile was named, in its place; returns the ids of those talks."""
    talks, already = talks_of(profile), set(talks_of(account))
    for chunk in chunked([id_ for id_ in talks if id_ in already], ROWS):
        TalkSpeaker.delete().where(TalkSpeaker.user == account, TalkSpeaker.talk.in_(chunk)).execute()
    TalkSpeaker.update(user=account).where(TalkSpeaker.user == profile).execute()
    return talks


def move_names(profile, account):
    """Let the profile's spellings and its username mean the account."""
    Alias.update(user=account).where(Alias.user == profile).execute()
    former = {"user": account, "name": profile.username, "key": fold(profile.username)}
    Alias.insert(former).on_conflict_ignore().execute()


def describe(account, profile):
    """Write what the profile says where the account says nothing. Who chose a name keeps it."""
    if account.name in ("", account.username):
        account.name = profile.name
    if not any(getattr(account, name) for name in FILLED):
        for name in FILLED:
            setattr(account, name, getattr(profile, name))
    account.is_speaker = True
    account.save()


def open_discussions(talks):
    """Imported talks are closed until they are claimed: now somebody decides about their questions."""
    for chunk in chunked(talks, ROWS):
        nobody_chose = Talk.discussion == "", Talk.imported_from.is_null(False)
        Talk.update(discussion="moderated").where(Talk.id.in_(chunk), *nobody_chose).execute()
