"""Asking accounts whether they speak in a talk.

Writing a name draws nobody's account in. Where exactly one account is called so, or is meant by `@username`,
it is asked; until it accepts, the name stands in the talk as a profile that nobody has.
"""

from datetime import timedelta

from peewee import fn

from models import Alias, Claim, Talk, User, utcnow
from talks import account_mail, audit
from talks.names import fold

MOST_A_DAY = 50  # accounts that the owner of talks asks


def accounts_called(names):
    """{name: account} of those names that one account has, as its own or as another spelling."""
    keys = {name: fold(name)[: User.name_key.max_length] for name in names if not name.startswith("@")}
    usernames = {name: name[1:].strip().lower() for name in names if name.startswith("@")}
    found = {}
    wanted = list(set(keys.values()) - {""})
    if wanted:
        for user in User.reachable().where(User.name_key.in_(wanted)):
            found.setdefault(user.name_key, {})[user.id] = user
        with_spellings = User.reachable().select_extend(Alias.key).join(Alias)
        for user in with_spellings.where(Alias.key.in_(wanted)).objects():
            found.setdefault(user.key, {})[user.id] = user
    named = {}
    if usernames:
        same = User.reachable().where(User.username.in_(list(usernames.values())))
        named = {user.username: user for user in same}
    one = {
        name: next(iter(found[key].values())) for name, key in keys.items() if len(found.get(key, ())) == 1
    }
    return one | {name: named[username] for name, username in usernames.items() if username in named}


def renew(talk, meant, by):
    """Ask the accounts in `meant`, {profile: account}, and those called like unclaimed speakers of `talk`.

    Nobody is asked twice about a talk, and what is no longer named is withdrawn. Returns who was asked now.
    Call it in the transaction that wrote the speakers.
    """
    present = {user.id for user in talk.speakers}
    standing = {user.id: user for user in User.select().where(User.id.in_(list(present)), User.is_nobodys())}
    called = accounts_called([user.name for user in standing.values()])
    meant = {user: called[user.name] for user in standing.values() if user.name in called} | meant
    open_ones = Claim.select().where(Claim.talk == talk, Claim.kind == "co_speaker", Claim.status == "open")
    for claim in list(open_ones):
        if claim.profile_id not in standing:
            claim.settle("withdrawn")
    wanted = [(profile, account) for profile, account in meant.items() if account.id not in present]
    return [account for profile, account in wanted if ask(talk, profile, account, by)]


def ask(talk, profile, account, by):
    """Ask `account` whether it speaks in `talk`, where `profile` stands for it. False if it was before."""
    same = Claim.talk == talk, Claim.user == account, Claim.kind == "co_speaker", Claim.status != "withdrawn"
    if Claim.select().where(*same).exists() or asked_lately(talk.owner_id or by.id) >= MOST_A_DAY:
        return False
    Claim.create(kind="co_speaker", user=account, profile=profile, talk=talk)
    tell(
        account, f"Did you give “{one_line(talk.title)}”?",
        [
            f"{one_line(by.shown_name)} names you as a speaker of “{one_line(talk.title)}”.",
            "If you accept, the talk stands on your page, you see the questions under it and decide about "
            "them. If you refuse, your account has nothing to do with it.",
        ],
        "/claims", "Accept or refuse",
    )  # fmt: skip
    audit.record("talk.ask_speaker", talk, by=by, account=account.username)
    return True


def asked_lately(owner_id):
    """How many accounts the owner of talks has asked within a day."""
    since = utcnow() - timedelta(days=1)
    asked = Claim.select(fn.COUNT(Claim.id)).join(Talk).where(Talk.owner == owner_id)
    return asked.where(Claim.kind == "co_speaker", Claim.created_at > since).scalar()


def tell(user, subject, said, path, label):
    """Write to `user` what was asked or decided: paragraphs, and a page where to go on."""
    account_mail.tell(user, "claim", subject=subject, said=said, path=path, label=label)


def one_line(text, longest=100):
    """What somebody else has typed, for a mail: on one line, and not longer than that."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def of_talk(talk):
    """The last claim of each account that was asked about `talk`: [Claim with `user` and `profile`]."""
    profile = User.alias()
    rows = (
        Claim.select(Claim, User, profile)
        .join(User, on=Claim.user)
        .join_from(Claim, profile, on=Claim.profile, attr="profile")
        .where(Claim.talk == talk, Claim.kind == "co_speaker", Claim.status.in_(["open", "refused"]))
    )
    return list(rows.order_by(Claim.id))
