"""Talks as they stand in the database, for tests of what writes them."""

from models import TABLES, LoginAttempt, Session, Talk, TalkSpeaker, utcnow
from talks import markup, publishing
from talks.names import slug


def a_talk(owner=None, title="A talk", status="draft", speakers=None, **values):
    talk = Talk.create(
        title=title, slug=slug(title), owner=owner, status=status,
        published_at=utcnow() if status == "published" else None,
        description_html=markup.render(values.get("description", "")), **values,
    )  # fmt: skip
    for place, user in enumerate([owner] if speakers is None else speakers):
        TalkSpeaker.create(talk=talk, user=user, position=place)
    publishing.recount(publishing.shown_in(talk))
    return talk


def reloaded(talk):
    return Talk.get_by_id(talk.id)


def names_of(talk):
    return [user.name for user in Talk.attach_speakers([reloaded(talk)])[0].speakers]


def rows():
    """All that is in the database."""
    return {
        model.__name__: list(model.select().order_by(model._meta.primary_key).dicts())
        for model in TABLES
        if model not in (Session, LoginAttempt)
    }
