"""What somebody asks for and another decides: "this is me", to publish, to speak in a talk, to own one.

Who may decide is said by the row (see models.Claim); what accepting does is said here, once for all doors.
Each verb owns its transaction, and raises Refused with a sentence or NotAllowed.
"""

from datetime import timedelta

from peewee import SQL, Select, fn

from models import Claim, Talk, TalkSpeaker, User, database, utcnow
from talks import audit, departure, merging, publishing, rights
from talks.offers import one_line, tell

MOST_A_DAY = 10  # that one account asks for
AGAIN = timedelta(days=7)  # after which what was refused may be asked again
SETTLES = {"accepted": "accept", "refused": "refuse", "withdrawn": "withdraw"}
SETTLED = "This was decided or taken back meanwhile. Nothing was changed."


class Refused(ValueError):
    """Why it cannot be; the message is fit to be shown."""


class NotAllowed(Exception):
    """Who asks does not decide about this; the message is fit to be shown."""

    def __init__(self):
        super().__init__("Somebody else decides about this.")


def ask_for_profile(user, profile, words):
    """`user` says: this is me. Administrators decide; returns the Claim."""
    if not profile.is_unclaimed:
        raise Refused("Somebody has this profile already. The people who run this site can tell you more.")
    name, who = one_line(profile.shown_name), one_line(user.shown_name)
    said = f"{who} ({user.username}) says of the profile {name} ({profile.username}): this is me."
    return _ask(Claim(kind="profile", user=user, profile=profile, words=words), f"Is {who} {name}?", said)


def ask_to_publish(user, words):
    """`user` wants to publish talks. Administrators decide; returns the Claim."""
    if user.may_publish:
        raise Refused("You can publish talks already.")
    who = one_line(user.shown_name)
    said = f"{who} ({user.username}) asks to publish talks here."
    return _ask(Claim(kind="speaker", user=user, words=words), f"{who} wants to publish talks", said)


def _ask(claim, subject, said):
    with database.atomic():
        _check_asking(claim)
        claim.save()
        for administrator in User.reachable().where(User.is_admin):
            tell(administrator, subject, [said], "/moderate-admin/claims", "Accept or refuse it")
        audit.record(f"{claim.kind}.ask", about(claim), by=claim.user)
    return claim


def _check_asking(claim):
    """Raise Refused for what was asked already, or too often."""
    if not claim.user.may_write:
        raise Refused("Confirm your e-mail address first: the mail about it has a link.")
    own = Claim.select().where(Claim.user == claim.user)
    same = own.where(Claim.kind == claim.kind, fn.COALESCE(Claim.profile, 0) == (claim.profile_id or 0))
    if same.where(Claim.status == "open").exists():
        raise Refused("You have asked that already, and an administrator looks at it.")
    if same.where(Claim.status == "refused", Claim.decided_at > utcnow() - AGAIN).exists():
        raise Refused("An administrator said no to that within the last week.")
    if own.where(Claim.created_at > utcnow() - timedelta(days=1)).count() >= MOST_A_DAY:
        raise Refused("That is enough for today. Ask again tomorrow.")


def accept(claim, by):
    """Do what was asked for."""
    check(claim, by)
    try:
        with database.atomic():
            _settle(claim, "accepted")
            audit.record(f"{claim.kind}.accept", about(claim), by=by)
            ACCEPTED[claim.kind](claim, by)
    except (merging.NotUnclaimed, publishing.CannotOwn, rights.NotPossible) as refusal:
        raise Refused(str(refusal)) from None


def refuse(claim, by):
    """Do not do it; administrators tell who asked."""
    check(claim, by)
    with database.atomic():
        _settle(claim, "refused")
        audit.record(f"{claim.kind}.refuse", about(claim), by=by)
        if claim.kind in Claim.FOR_ADMINISTRATORS:
            _say_no(claim)
        elif claim.kind == "owner":
            departure.let_go(claim.talk)


def withdraw(claim, by):
    """Take back what one has asked the administrators for."""
    if claim.user_id != by.id or claim.kind not in Claim.FOR_ADMINISTRATORS:
        raise NotAllowed
    with database.atomic():
        _settle(claim, "withdrawn")
        audit.record(f"{claim.kind}.withdraw", about(claim), by=by)


def check(claim, by):
    """Raise NotAllowed unless `by` decides about this."""
    if not claim.is_decided_by(by):
        raise NotAllowed


def about(claim):
    """The row that a claim is about."""
    return claim.talk or claim.profile or claim.user


def close_others(claim, account):
    """The profile of `claim` becomes the account's: settle what else waits about it."""
    others = Claim.select().where(Claim.profile == claim.profile_id, Claim.status == "open")
    for other in list(others.where(Claim.id != claim.id)):
        status = "refused" if other.kind == "profile" else "withdrawn"
        if other.kind == "co_speaker" and other.user_id == account.id:
            status = "accepted"  # what asks the account itself is answered by this
        other.settle(status)
        audit.record(f"{other.kind}.{SETTLES[status]}", about(other), by_itself=True)
        if other.kind == "profile":
            _say_no(other)


def menu_counts(user):
    """(drafts, requests to `user`, requests to administrators if `user` is one), in one statement."""
    found = [Talk.written_by(user, "draft").select(Talk.id), Claim.asked_of(user).select(Claim.id)]
    found += [Claim.for_administrators().select(Claim.id)] if user.may_administrate else []
    counts = [Select([each.alias("counted")], [fn.COUNT(SQL("*"))]) for each in found]
    return (*Select([], counts).bind(database).tuples()[0], 0)[:3]


def _settle(claim, status):
    if not claim.settle(status):
        raise Refused(SETTLED)


def _give_profile(claim, by):
    account, profile = User.get_by_id(claim.user_id), claim.profile
    if not account.may_write:
        raise Refused("That account is blocked, or its address is not confirmed.")
    close_others(claim, account)
    merging.merge(profile, account, by)
    said = ["Its talks are on your page, you can edit them, and you decide about the questions under them."]
    page = f"/user/{account.username}"
    tell(account, f"You are {one_line(profile.shown_name)}", said, page, "Your page")


def _let_publish(claim, by):
    rights.set_rights(claim.user, {"is_speaker": True}, by)
    tell(claim.user, "You can publish talks now", ["An administrator has said yes."], "/new", "New talk")


def _join(claim, by):
    """Let the account stand where the name stood."""
    named = TalkSpeaker.talk == claim.talk_id, TalkSpeaker.user == claim.profile_id
    if TalkSpeaker.select().where(TalkSpeaker.talk == claim.talk_id, TalkSpeaker.user == by).exists():
        TalkSpeaker.delete().where(*named).execute()
    elif not TalkSpeaker.update(user=by).where(*named).execute():
        raise Refused("Your name was taken out of that talk meanwhile. Nothing was changed.")
    merging.open_discussions([claim.talk_id])
    User.recount([by.id, claim.profile_id])


def _own(claim, by):
    publishing.hand_over(Talk.get_by_id(claim.talk_id), by, by)


def _say_no(claim):
    if claim.kind == "speaker":
        subject, said = "You cannot publish talks for now", "An administrator has said no."
    else:
        name = one_line(claim.profile.shown_name)
        subject, said = f"The profile {name}", f"An administrator could not see that {name} is you."
    again = "If you think that is wrong, you can ask again in a week and say more."
    tell(claim.user, subject, [said, again], "/claims", "What you have asked")


ACCEPTED = {"profile": _give_profile, "speaker": _let_publish, "co_speaker": _join, "owner": _own}
