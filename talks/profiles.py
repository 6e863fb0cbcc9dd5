"""Speakers' profiles by name."""

from collections.abc import Iterable

from models import Alias, User, database
from talks.names import ascii_slug, fold

AT_ONCE = 400  # names in one statement
NAME, KEY = User.name.max_length, Alias.key.max_length


def profile_named(name: str) -> User:
    """The profile that nobody has of that spelling, or of one like it; made when there is none.

    For names that people type. What a claimed profile is called too draws its account in nowhere.
    """
    return profiles_named([name], of_accounts=False)[name]


def profiles_named(names: Iterable[str], of_accounts: bool = True) -> dict[str, User]:
    """The profile of each name, made when there is none, in a bounded number of statements for each 400.

    Aliases alone say who is meant: an account of that name is somebody else until they say so. A name of
    signs only ("???") is nobody's other spelling. The first spelling met is the profile's name. With
    `of_accounts` a spelling that an account took over with its profile means that account: so an import
    brings the new talks of who has said "this is me" to them.
    """
    names = list(dict.fromkeys(names))
    for name in names:
        if not name.strip() or len(name) > NAME:
            raise ValueError(f"a name has 1 to {NAME} characters, not {len(name.strip())}")
    found = {}
    with database.atomic():
        for start in range(0, len(names), AT_ONCE):
            found |= _found_or_made(names[start : start + AT_ONCE], of_accounts)
    return found


def _found_or_made(names, of_accounts):
    keys = {name: fold(name)[:KEY] for name in names}
    aliases = Alias.select(Alias, User).join(User).order_by(Alias.id)
    alike = Alias.key.in_(list(set(keys.values()) - {""}))
    same = aliases.where(Alias.name.in_(names) | alike)
    by_name, by_key, seen = {}, {}, set()
    for alias in same:
        seen.add(alias.name)
        if alias.user.gone_at is None and (of_accounts or alias.user.is_unclaimed):
            by_name[alias.name] = alias.user
            by_key.setdefault(alias.key, alias.user)
    if len(by_name) < len(seen):  # the alias is another's, and perhaps a profile that nobody has is called so
        for user in _unclaimed(names, keys):
            by_name.setdefault(user.name, user)
            by_key.setdefault(user.name_key, user)
    by_key.pop("", None)
    new = {}  # key, or the name that has none -> first spelling
    for name in names:
        if name not in by_name and keys[name] not in by_key:
            new.setdefault(keys[name] or name, name)
    made = dict(zip(new, _made(list(new.values())), strict=True))
    found = {name: by_name.get(name) or by_key.get(keys[name]) or made[keys[name] or name] for name in names}
    unseen = [name for name in names if name not in seen]
    if unseen:
        Alias.insert_many({"user": found[name], "name": name, "key": keys[name]} for name in unseen).execute()
    return found


def _unclaimed(names, keys):
    """Profiles that nobody has of these names or of names like them, the first first (a query)."""
    alike = User.name.in_(names) | User.name_key.in_(list(set(keys.values()) - {""}))
    return User.select().where(User.is_nobodys(), alike).order_by(User.id)


def _made(names):
    """New profiles, one a name, in their order."""
    if not names:
        return []
    usernames = _free_usernames(names)
    longest = User.name_key.max_length
    User.insert_many(
        {"username": username, "name": name, "name_key": fold(name)[:longest], "is_speaker": True}
        for username, name in zip(usernames, names, strict=True)
    ).execute()
    made = {user.username: user for user in User.select().where(User.username.in_(usernames))}
    return [made[username] for username in usernames]


def _free_usernames(names):
    """A username for each name: its letters in ASCII (with -2, -3 …), or speaker-1, speaker-2 …"""
    wanted = [ascii_slug(name) for name in names]
    slugs = [slug for slug in wanted if slug]
    rows = User.select(User.username).where(User.username.in_(slugs))
    former = Alias.select(Alias.name).where(Alias.name.in_(slugs))  # addresses that lead to somebody
    taken = {username for (username,) in rows.tuples()} | {name for (name,) in former.tuples()}
    # Only where to begin to look; not those who are called so.
    numbered = User.select().where(User.username.startswith("speaker-")).count() if "" in wanted else 0
    usernames = []
    for slug in wanted:
        if slug:
            username = slug if slug not in taken else _first_free(slug, 2, taken)
        else:
            username = _first_free("speaker", numbered + 1, taken)
            numbered = int(username.removeprefix("speaker-"))
        taken.add(username)
        usernames.append(username)
    return usernames


def _first_free(stem, number, taken):
    username = f"{stem}-{number}"
    while username in taken or User.is_taken(username):
        number += 1
        username = f"{stem}-{number}"
    return username
