"""What talks share: events and tags, changed and deleted by administrators.

Their addresses (`slug`) stay as they are, so that links go on leading there. The days of an event follow from
its talks, see `Event.recount`.
"""

from forms import split_tags
from models import Event, Tag, Talk, TalkTag, database, free_slug
from talks import audit, refusals
from talks.names import fold_tag, slug
from talks.wording import count

COLUMNS = ("title", "description", "venue", "url", "series")  # of an event


class Refused(refusals.Refused):
    """Why something was not changed."""


def save_event(event, values, by):
    """Write `values` (some of COLUMNS) to `event`; None makes a new one. Raises Refused."""
    values = {name: values[name] for name in COLUMNS if name in values}
    if "title" in values and not slug(values["title"]):
        raise Refused("An event's name needs a letter or a digit.", "title")
    with database.atomic():
        if event is None:
            event = Event.create(slug=free_slug(Event, slug(values["title"]), values["title"]), **values)
            audit.record("event.create", event, by=by)
        else:
            Event.update(values).where(Event.id == event.id).execute()
            event.__data__.update(values)
            audit.record("event.edit", event, by=by, changed=sorted(values))
    return event


def delete_event(event, by):
    """Delete an event without talks. Raises Refused for any other."""
    with database.atomic():
        here = Talk.select().where(Talk.event == event.id).count()
        if here:
            raise Refused(
                f"{count(here, 'talk')} of “{event.title}” would lose their event. Deleted talks and drafts"
                " count too. Move them to another event first."
            )
        audit.record("event.delete", event, by=by, slug=event.slug)
        Event.delete().where(Event.id == event.id).execute()


def save_tag(tag, values, by):
    """Name `tag` as `values` say; None makes a new one. Raises Refused for another tag's name."""
    name = values["name"]
    key = fold_tag(name)[: Tag.key.max_length]
    if not key:
        raise Refused("A tag needs a letter or a digit.", "name")
    if split_tags(name) != [name]:
        raise Refused("A comma separates tags, so none has one in its name.", "name")
    with database.atomic():
        other = Tag.get_or_none(Tag.key == key)
        if other and other != tag:
            raise Refused(f"That is how “{other.name}” can be written too, and there is that tag.", "name")
        if tag is None:
            tag = Tag.named(name)
            audit.record("tag.create", tag, by=by)
        else:
            audit.record("tag.edit", tag, by=by, name=name)
            Tag.update(name=name, key=key).where(Tag.id == tag.id).execute()
            tag.__data__.update(name=name, key=key)
    return tag


def delete_tag(tag, by):
    """Delete a tag, and take it off its talks."""
    with database.atomic():
        talks = TalkTag.select().where(TalkTag.tag == tag.id).count()
        audit.record("tag.delete", tag, by=by, slug=tag.slug, talks=talks)
        Tag.delete().where(Tag.id == tag.id).execute()
