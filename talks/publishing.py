"""Writing talks: drafts, publication, changes, deletion and bringing back."""

from functools import partial, wraps

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required

from forms import TalkForm, key_of
from models import Event, Link, Tag, Talk, TalkSpeaker, TalkTag, User, database, free_slug, utcnow
from talks import audit, embeds, markup, offers, refusals
from talks.links import kind_of
from talks.names import slug
from talks.paging import Order, paginate
from talks.profiles import profile_named
from talks.signals import talk_published
from talks.timeline import visible_talk, with_details

bp = Blueprint("publishing", __name__)

MOST_DELETED = 100  # shown; an administrator sees everybody's
LAST_CHANGED = Order(Talk.updated_at, Talk.id, descending=True)
COLUMNS = (
    "title", "description", "description_html", "venue", "venue_url", "license", "video_url", "slides_url",
    "date", "time_zone", "duration_s", "language", "discussion", "discussion_days",
)  # fmt: skip

DRAFT = "Only its owner, its speakers and administrators see it."


class Conflict(Exception):
    """Somebody saved the talk since the one who saves now opened it."""


class CannotOwn(refusals.Refused):
    """Who cannot own a talk."""

    def __init__(self, user):
        super().__init__(f"{user.shown_name} may not publish, and so cannot own a talk.")


def save(talk, values, by, status=None, version=""):
    """Write `values` (`TalkForm.values()`, or a part of them) to `talk`; None makes a new draft.

    `status` published or draft moves it there. With `version` (`Talk.updated_at` as the form held it) a talk
    that somebody changed since raises Conflict and nothing is written. Only its owner and administrators
    change who speaks.
    """
    if "description" in values:  # before the transaction: it can take a second, and all who write would wait
        values = values | {"description_html": markup.render(values["description"])}
    with database.atomic():
        is_new = talk is None
        if is_new:
            talk = Talk.create(title=values["title"], owner=by)
            talk.speakers = []
        elif version and Talk.get_by_id(talk.id).updated_at.isoformat() != version:
            raise Conflict
        shown_at = shown_in(talk)
        set_columns(talk, values)
        if "speakers" in values and talk.owned_by(by):
            set_speakers(talk, values["speakers"], by)
        if "tags" in values:
            set_tags(talk, values["tags"])
        if "links" in values:
            set_links(talk, values["links"])
        newly_published = status == "published" and talk.publish()
        unpublished = status == "draft" and talk.unpublish()
        recount(shown_at, shown_in(talk))
        if is_new or values:
            audit.record("talk.create" if is_new else "talk.edit", talk, by=by, values=sorted(values))
        if newly_published or unpublished:
            audit.record("talk.publish" if newly_published else "talk.unpublish", talk, by=by)
    if newly_published:
        database.after_commit(partial(talk_published.send, talk))
    return talk


def set_columns(talk, values):
    """Write what stands in the talk's own row, and what follows from it elsewhere."""
    before = talk.date
    for name in COLUMNS:
        if name in values:
            setattr(talk, name, values[name])
    if "title" in values:
        talk.slug = slug(talk.title)
    if "event" in values:
        talk.event = event_named(values["event"], talk.event)
    talk.updated_at = utcnow()
    talk.save()
    if talk.date != before:
        TalkTag.update(date=talk.date).where(TalkTag.talk == talk).execute()


def change_status(talk, act, by=None):
    """Do `Talk.publish`, `unpublish`, `delete_softly` or `restore`, and keep the counts. False: too late.

    `by` as in `audit.record`.
    """
    with database.atomic():
        done = act(talk)
        if done:
            recount(shown_in(talk))
            audit.record(f"talk.{act.__name__.removesuffix('_softly')}", talk, by=by)
    if done and act is Talk.publish:
        database.after_commit(partial(talk_published.send, talk))
    return done


def hand_over(talk, owner, by):
    """Make `owner` (None: nobody) the owner of `talk`. Raises CannotOwn."""
    if owner and not (owner.is_claimed and owner.may_publish):
        raise CannotOwn(owner)
    with database.atomic():
        talk.owner, talk.updated_at = owner, utcnow()
        talk.save()
        audit.record("talk.hand_over", talk, by=by, owner=owner.username if owner else None)


def shown_in(talk):
    """Ids of the speakers, events and tags whose counts `talk` is part of."""
    return (
        {row.user_id for row in TalkSpeaker.select(TalkSpeaker.user).where(TalkSpeaker.talk == talk)},
        {talk.event_id} - {None},
        {row.tag_id for row in TalkTag.select(TalkTag.tag).where(TalkTag.talk == talk)},
    )


def recount(*places):
    """Set the counts of what `shown_in` named, before and after a change."""
    users, events, tags = (set().union(*ids) for ids in zip(*places, strict=True))
    User.recount(users)
    Event.recount(events)
    Tag.recount(tags)


def set_speakers(talk, names, by):
    """Name who speaks; nobody named is the owner.

    A typed name, or `@username`, is a speaker of the talk already (all of them, where two are called alike),
    its owner, who writes it, or an unclaimed profile: nobody else's account is drawn in by writing its name.
    It is asked (see talks/offers.py).
    """
    known = known_speakers(talk, by)
    accounts = offers.accounts_called([name for name in names if name.startswith("@")])
    found, meant = [], {}
    for name in names:
        if key_of(name) in known:
            found += known[key_of(name)]
        elif account := accounts.get(name):
            found.append(profile_named(account.shown_name))
            meant[found[-1]] = account
        else:
            found.append(profile_named(name.lstrip("@") or name))
    if not names and talk.owner:
        found = [talk.owner]
    people = {user.id: user for user in found}
    TalkSpeaker.delete().where(TalkSpeaker.talk == talk).execute()
    rows = [{"talk": talk, "user": id_, "position": place} for place, id_ in enumerate(people)]
    if rows:
        TalkSpeaker.insert_many(rows).execute()
    talk.speakers = list(people.values())
    talk.asked = offers.renew(talk, meant, by)


def known_speakers(talk, by):
    """{key_of(name): people} of those who may be named outright."""
    known = {}
    for user in talk.speakers:
        known.setdefault(key_of(user.name), []).append(user)
    for user in (*talk.speakers, *filter(None, (talk.owner, by))):
        known.setdefault(key_of(user.name), [user])
        known.setdefault(f"@{user.username}", [user])
    return known


def set_tags(talk, names):
    tags = {tag.id: tag for tag in map(Tag.named, names)}
    TalkTag.delete().where(TalkTag.talk == talk).execute()
    if tags:
        TalkTag.insert_many([{"talk": talk, "tag": id_, "date": talk.date} for id_ in tags]).execute()


def set_links(talk, links):
    """Replace the links by [(address, label)]; one that stays keeps the kind it had."""
    kinds = {link.url: link.kind for link in Link.select().where(Link.talk == talk)}
    Link.delete().where(Link.talk == talk).execute()
    for url, label in links:
        Link.create(talk=talk, url=url, label=label, kind=kinds.get(url) or kind_of(url))


def event_named(title, present):
    """The event of that title, `present` first of those called alike; made when there is none.

    An event itself is that event.
    """
    if not title or isinstance(title, Event):
        return title or None
    if present and present.title == title:
        return present
    whole = slug(title, Event.title.max_length)  # two long titles that begin alike are two events
    event = Event.get_or_none(Event.title == title) or Event.get_or_none(Event.slug == whole)
    return event or Event.create(title=title, slug=free_slug(Event, slug(title), title))


def publishers_only(view):
    @wraps(view)
    @login_required
    def guarded(**kwargs):
        if not current_user.may_publish:
            abort(403, "Only speakers publish talks here. The people who run this site can make you one.")
        return view(**kwargs)

    return guarded


def editable_talk(talk_id):
    """The talk that the one who asks may change: 404 when it cannot be seen, 403 when it is another's."""
    talk = visible_talk(talk_id)
    if not talk.editable_by(current_user):
        abort(403, "This talk belongs to somebody else. Its owner and administrators can change it.")
    return talk


def owned_talk(talk_id):
    talk = visible_talk(talk_id)
    if not talk.owned_by(current_user):
        abort(403, "Only the talk's owner and administrators can do that.")
    return talk


@bp.route("/new", methods=["GET", "POST"])
@publishers_only
def new():
    """Write a talk."""
    form = TalkForm()
    if not form.validate_on_submit():
        form.speakers.data = form.speakers.data or current_user.name
        return talk_form(form, None)
    talk = save(None, form.values(), current_user._get_current_object(), form.status.data)
    return saved(form, talk, before=None)


@bp.route("/edit/<id:talk_id>", methods=["GET", "POST"])
@publishers_only
def edit(talk_id):
    """Change a talk."""
    talk = with_details(editable_talk(talk_id))
    if talk.is_deleted:
        flash("This talk is deleted. Bring it back to change it.", "info")
        return redirect(url_for(".mine"), 303)
    form = TalkForm(talk)
    if not talk.owned_by(current_user):
        form.speakers.render_kw = {"readonly": True}
    if not form.validate_on_submit():
        return talk_form(form, talk)
    before, version = talk.status, "" if form.changes_nothing else form.version.data
    try:
        save(talk, form.values(), current_user._get_current_object(), form.status.data, version)
    except Conflict:
        form.version.data = Talk.get_by_id(talk_id).updated_at.isoformat()
        form.form_errors.append(
            "Somebody changed this talk since you opened it. What you typed is below and not saved. "
            "Look at the talk in another tab, then save again to replace it."
        )
        return talk_form(form, talk)
    return saved(form, talk, before)


def talk_form(form, talk):
    hints = {
        kind: embeds.providers(kind, current_app.config["PEERTUBE_HOSTS"]) for kind in ("video", "slides")
    }
    events = [event.title for event in Event.listed().order_by(Event.starts_on.desc()).limit(100)]
    page = render_template(
        "publishing/talk_form.html", form=form, talk=talk, players_hint=hints, event_titles=events,
        asked=offers.of_talk(talk) if talk else [],
    )  # fmt: skip
    return page, 422 if form.errors else 200


def saved(form, talk, before):
    """Say what became of a talk that was `before` (None: not there), and show it."""
    if talk.status == before:
        flash("Saved.", "success")
    elif talk.is_published:
        flash("Published.", "success")
    else:
        flash(f"{'Unpublished: it is' if before else 'Saved as'} a draft. {DRAFT}", "success")
    if talk.asked:
        names = ", ".join(person.shown_name for person in talk.asked)
        flash(f"Asked whether they speak: {names}. Until they accept, only the name stands there.", "info")
    for field in (form.video, form.slides):
        if getattr(field, "hint", ""):
            flash(field.hint, "info")
    return redirect(url_for("timeline.talk", talk_id=talk.id), 303)


@bp.get("/mine")
@publishers_only
def mine():
    """One's own talks: drafts, published, deleted."""
    me = current_user._get_current_object()
    published = paginate(
        Talk.written_by(me, "published"), LAST_CHANGED, request.args, current_app.config["TALKS_PER_PAGE"]
    )
    drafts, deleted = list(Talk.written_by(me, "draft")), list(Talk.deleted_by(me).limit(MOST_DELETED))
    Talk.attach_speakers([*published.items, *drafts, *deleted])
    return render_template("publishing/mine.html", published=published, drafts=drafts, deleted=deleted)


@bp.post("/edit/<id:talk_id>/publish")
@publishers_only
def publish(talk_id):
    return move(editable_talk(talk_id), Talk.publish, "Published.", "It was not a draft: nothing changed.")


@bp.post("/edit/<id:talk_id>/unpublish")
@publishers_only
def unpublish(talk_id):
    said = f"Unpublished: it is a draft. {DRAFT}"
    return move(editable_talk(talk_id), Talk.unpublish, said, "It was not published.")


@bp.post("/edit/<id:talk_id>/delete")
@publishers_only
def delete(talk_id):
    said = "Deleted. You can bring it back below."
    return move(owned_talk(talk_id), Talk.delete_softly, said, "It is deleted already.", to=".mine")


@bp.post("/edit/<id:talk_id>/restore")
@publishers_only
def restore(talk_id):
    return move(owned_talk(talk_id), Talk.restore, "The talk is back.", "It was not deleted.")


def move(talk, act, done, too_late, to=None):
    """Do `act` and say what happened."""
    if change_status(talk, act):
        flash(done, "success")
    else:
        flash(too_late, "info")
    return redirect(url_for(to) if to else url_for("timeline.talk", talk_id=talk.id), 303)
