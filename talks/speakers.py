"""Speakers: their pages, their index, and one's own profile."""

import re

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from peewee import SQL, fn

from models import Alias, Entry, Event, Talk, User, database
from talks import audit, markup
from talks.account_forms import PictureForm, ProfileForm
from talks.paging import Order, paginate
from talks.timeline import LETTERS, NEWEST_FIRST

bp = Blueprint("speakers", __name__)

BY_NAME = Order(User.name_key, User.id)
SPEAKERS_PER_PAGE = 100
MOST_ENTRIES = 5  # on the page of who wrote them


def save_profile(user, values, by=None):
    """Set name, location, website and bio of a profile; `by` somebody else than its owner."""
    before = {name: getattr(user, name) for name in values}
    for name, value in values.items():
        setattr(user, name, value or "")
    user.bio_html = markup.render(user.bio)  # before the transaction: it can take a second, and others wait
    changed = sorted(name for name in values if getattr(user, name) != before[name])
    with database.atomic():
        user.save()
        if changed:
            audit.record("user.edit", user, by=by or user, changed=changed)


def talks_by_year(speaker):
    """[(year, number of published talks)], newest first; undated talks are not counted."""
    # No parameters: PostgreSQL would not know that what is shown and what is grouped by are the same.
    year = fn.SUBSTR(Talk.date, SQL("1"), SQL("4"))
    rows = Talk.select(year, fn.COUNT(Talk.id)).where(
        Talk.has_status("published"), Talk.date > "", Talk.id.in_(Talk.ids_spoken_by(speaker))
    )
    return [(int(year), count) for year, count in rows.group_by(year).order_by(year.desc()).tuples()]


def events_of(speaker):
    """[(event, number of talks there)], newest first."""
    rows = Event.select(Event.id, Event.slug, Event.title, Event.starts_on, fn.COUNT(Talk.id).alias("here"))
    rows = rows.join(Talk).where(Talk.has_status("published"), Talk.id.in_(Talk.ids_spoken_by(speaker)))
    return [
        (event, event.here) for event in rows.group_by(Event.id).order_by(Event.starts_on.desc(), Event.id)
    ]


def newest_entries(person):
    """What `person` wrote in the journal of late: one more than is shown says that there are more."""
    entries = Entry.select(Entry.id, Entry.title, Entry.created_at).where(
        Entry.author == person, Entry.status == "approved"
    )
    return list(entries.order_by(Entry.created_at.desc(), Entry.id.desc()).limit(MOST_ENTRIES + 1))


@bp.get("/speakers")
def index():
    """Everybody with a published talk, by name."""
    page = paginate(User.speakers(), BY_NAME, request.args, SPEAKERS_PER_PAGE)
    return render_template("speakers/speakers.html", page=page, letters=LETTERS)


@bp.get("/user/<username>")
def speaker(username):
    """One speaker and the talks, of one year when `?year=` says so."""
    found = User.get_or_none(User.username == username) or former(username)
    if found is None or not found.is_active or is_hidden(found):
        abort(404)
    if found.username != username:
        return redirect(url_for(".speaker", username=found.username), 308)
    talks, year = Talk.spoken_by(found), read_year(request.args.get("year"))
    if year:
        talks = talks.where(Talk.date >= str(year), Talk.date < str(year + 1))
    page = paginate(talks, NEWEST_FIRST, request.args, current_app.config["TALKS_PER_PAGE"], keep=("year",))
    own = current_user.is_authenticated and current_user == found
    drafts = list(Talk.written_by(found, "draft")) if own else []
    Talk.attach_speakers([*page.items, *drafts])
    return render_template(
        "speakers/speaker.html", speaker=found, page=page, year=year, years=talks_by_year(found),
        events=events_of(found), drafts=drafts, entries=newest_entries(found),
        most_entries=MOST_ENTRIES,
    )  # fmt: skip


def is_hidden(person):
    """Whether who asks may not know of this profile: nothing published, and no address confirmed yet."""
    if person.email is not None or person.talk_count:
        return False
    return not (current_user.is_authenticated and (current_user.may_administrate or current_user == person))


def former(username):
    """Who had that username once, or is spelled so."""
    alias = Alias.select(Alias, User).join(User).where(Alias.name == username).first()
    return alias and alias.user


def read_year(text):
    if text is None:
        return None
    if not re.fullmatch("[1-9][0-9]{3}", text):
        abort(404)
    return int(text)


@bp.route("/profile", methods=["GET", "POST"])
@login_required
def profile():
    """One's own profile."""
    form = ProfileForm(obj=current_user)
    if form.validate_on_submit():
        values = {name: form[name].data for name in ("name", "location", "website", "bio")}
        save_profile(current_user._get_current_object(), values)
        flash("Your profile is saved.", "success")
        return redirect(url_for(".speaker", username=current_user.username), 303)
    picture = PictureForm(formdata=None)
    return render_template("speakers/profile.html", form=form, picture=picture), 422 if form.errors else 200
