"""The rows of imported talks: read, compared and written many at once."""

import hashlib
import json
from datetime import date

from models import Link, Purged, Tag, Talk, TalkSpeaker, TalkTag, free_slug
from talks import markup
from talks.names import fold_tag, slug

SOURCE = "pyvideo"
ROWS = 500  # in one INSERT
PARTS = {"speakers": TalkSpeaker, "tags": TalkTag, "links": Link}


def rows_of(name, talk, values):
    """The rows of one of PARTS for a talk."""
    if name == "speakers":
        return [{"talk": talk, "user": user, "position": at} for at, user in enumerate(values[name])]
    if name == "tags":
        return [{"talk": talk, "tag": tag, "date": values["date"]} for tag in values[name]]
    return [{"talk": talk, "kind": kind, "url": url, "label": label} for kind, url, label in values[name]]


def parts_of(talks):
    """Talk's id -> what PARTS hold of it, in the form in which an import wants them."""
    found = {talk.id: {"speakers": [], "tags": [], "links": []} for talk in talks}
    ids = list(found)
    if ids:
        speakers = TalkSpeaker.select(TalkSpeaker.talk, TalkSpeaker.user).where(TalkSpeaker.talk.in_(ids))
        for talk, user in speakers.order_by(TalkSpeaker.talk, TalkSpeaker.position).tuples():
            found[talk]["speakers"].append(user)
        tags = TalkTag.select(TalkTag.talk, TalkTag.tag).where(TalkTag.talk.in_(ids))
        for talk, tag in tags.order_by(TalkTag.talk, TalkTag.tag).tuples():
            found[talk]["tags"].append(tag)
        links = Link.select(Link.talk, Link.kind, Link.url, Link.label).where(Link.talk.in_(ids))
        for talk, *link in links.order_by(Link.id).tuples():
            found[talk]["links"].append(link)
    return found


def derived_from(values):
    """Columns that follow from others."""
    derived = {}
    if "title" in values:
        derived["slug"] = slug(values["title"])
    if "description" in values:
        derived["description_html"] = markup.render(values["description"])
    return derived


def keyed(keys):
    return Talk.imported_from == SOURCE, Talk.imported_key.in_(list(keys))


def purged(keys):
    """Those of `keys` whose talks were deleted for good."""
    these = Purged.imported_from == SOURCE, Purged.imported_key.in_(keys)
    return [key for (key,) in Purged.select(Purged.imported_key).where(*these).tuples()]


def insert(model, rows):
    for start in range(0, len(rows), ROWS):
        model.insert_many(rows[start : start + ROWS]).execute()


def tags_named(names):
    keys = {name: fold_tag(name)[: Tag.key.max_length] for name in names}
    rows = Tag.select(Tag.key, Tag.id).where(Tag.key.in_(list(set(keys.values()))))
    ids = dict(rows.tuples())
    new = {}
    for name in names:
        if keys[name] not in ids:
            new.setdefault(keys[name], name)
    if new:
        wanted = {key: slug(name) or slug(key) for key, name in new.items()}
        taken = {tag.slug for tag in Tag.select(Tag.slug).where(Tag.slug.in_(list(wanted.values())))}
        plain = []
        for key, name in new.items():
            if wanted[key] and wanted[key] not in taken:
                taken.add(wanted[key])
                plain.append({"key": key, "name": name, "slug": wanted[key]})
        insert(Tag, plain)
        for key in new.keys() - {row["key"] for row in plain}:
            Tag.create(key=key, name=new[key], slug=free_slug(Tag, wanted[key], key))
        ids |= dict(Tag.select(Tag.key, Tag.id).where(Tag.key.in_(list(new))).tuples())
    return {name: ids[key] for name, key in keys.items()}


def is_empty(value):
    return value is None or value == "" or value == [] or value == {}


def digest(value) -> str:
    """A short stand-in for a value that an import wrote."""
    text = json.dumps(value, sort_keys=True, default=date.isoformat)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
