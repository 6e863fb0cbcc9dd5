"""The pages of the journal: all entries, one, one's own, and the form to write one."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required

from models import Entry, Talk, User
from talks import journal, moderation_pages, networks
from talks.accounts import asking
from talks.journal_forms import EntryForm
from talks.paging import LARGEST_ID, Order, paginate
from talks.spam import Refused

bp = Blueprint("journal", __name__, url_prefix="/journal")

NEWEST_FIRST = Order(Entry.created_at, Entry.id, descending=True)
PER_PAGE = 20
PUBLISHED = "Published. Everybody can read it now."
WAITS = "Sent. It waits until an administrator has looked at it; until then nobody else sees it."
AT_TALK = "It shows under the talk once somebody who decides about that talk has agreed."


def visible_entry(entry_id):
    """The entry that the one who asks may read; 404 for any other."""
    return Entry.visible_to(asking()).where(Entry.id == entry_id).first() or abort(404)


def own_entry(entry_id):
    """The entry of the one who asks: 404 when it cannot be seen, 403 when it is another's."""
    entry = visible_entry(entry_id)
    if not entry.written_by(asking()):
        abort(403, "Somebody else wrote this entry. Only its author can change it.")
    return entry


@bp.get("/")
def index():
    """All entries, newest first; `?by=` those of one author."""
    author = None
    entries = Entry.rows().where(Entry.status == "approved")
    if "by" in request.args:
        author = User.get_or_none(User.username == request.args["by"], User.is_active) or abort(404)
        entries = entries.where(Entry.author == author)
    page = paginate(entries, NEWEST_FIRST, request.args, PER_PAGE, keep=("by",))
    return render_template("journal/journal.html", page=page, author=author)


@bp.get("/<id:entry_id>")
def entry(entry_id):
    """One entry, and the talk that it is about."""
    found = visible_entry(entry_id)
    talks = list(Talk.published().where(Talk.id == found.talk_id)) if found.talk_id else []
    Talk.attach_speakers(talks)
    return render_template(
        "journal/entry.html", entry=found, talk=talks[0] if talks else None,
        own=found.written_by(asking()), decides=asking() is not None and found.decided_by(asking()),
    )  # fmt: skip


@bp.get("/mine")
@login_required
def mine():
    """One's own entries: those that wait, those that everybody reads, and those that were taken away."""
    own = Entry.rows().where(Entry.author == asking())
    page = paginate(own, NEWEST_FIRST, request.args, PER_PAGE)
    return render_template("journal/mine.html", page=page)


@bp.route("/new", methods=["GET", "POST"])
@login_required
def new():
    """Write an entry; `?talk=12`: about that talk. `preview` shows how it would look instead."""
    if not current_user.may_write:
        abort(403, journal.UNCONFIRMED)
    form = EntryForm(published_talk(request.args.get("talk", 0, type=int)))
    if "preview" in request.form or not form.validate_on_submit():
        return form_page(form, None)
    try:
        made = journal.write(asking(), form.values(), networks.of_request())
    except Refused as refusal:
        return refused(form, None, refusal)
    return say_saved(made, PUBLISHED)


@bp.route("/<id:entry_id>/edit", methods=["GET", "POST"])
@login_required
def edit(entry_id):
    """Change one's own entry."""
    found = own_entry(entry_id)
    if not found.is_editable:
        flash("This entry was taken away, and cannot be changed now.", "info")
        return redirect(url_for(".entry", entry_id=entry_id), 303)
    form = EntryForm(found.talk, data={"title": found.title, "body": found.body})
    if "preview" in request.form or not form.validate_on_submit():
        return form_page(form, found)
    try:
        changed = journal.edit(found, form.values(), asking())
    except Refused as refusal:
        return refused(form, found, refusal)
    return say_saved(changed, "Saved.")


def published_talk(id_):
    """The talk of that id, if it can be named in an entry."""
    return Talk.published().where(Talk.id == id_).first() if 0 < id_ <= LARGEST_ID else None


def form_page(form, entry, status=None):
    """The form, with a preview if one was asked for."""
    preview = None
    if not form.is_submitted() and form.named:
        form.talk.data = url_for("timeline.talk", talk_id=form.named.id)
    if "preview" in request.form:
        form.body.validate(form)
        preview = journal.rendered(form.body.data or "")
    page = render_template("journal/entry_form.html", form=form, entry=entry, preview=preview)
    return page, status or (422 if form.errors and preview is None else 200)


def refused(form, entry, refusal):
    if refusal.field in form:
        form[refusal.field].errors = [str(refusal)]
    else:
        form.form_errors.append(str(refusal))
    return form_page(form, entry, 429 if refusal.reason == "too-many" else 422)


def say_saved(entry, said):
    """Say what became of an entry, and show it."""
    if entry.status == "pending":
        flash(WAITS, "info")
    else:
        flash(f"{said} {AT_TALK}" if entry.talk_status == "pending" else said, "success")
    return redirect(url_for(".entry", entry_id=entry.id), 303)


@bp.post("/<id:entry_id>/delete")
@login_required
def delete(entry_id):
    """Delete one's own entry; administrators take away those of others."""
    found = visible_entry(entry_id)
    if not found.written_by(asking()):
        return moderation_pages.decide(found, "delete")
    if journal.withdraw(found):
        flash("Deleted. Nobody else sees it, and you can bring it back from here.", "success")
    else:
        flash("It was taken away already.", "info")
    return redirect(url_for(".entry", entry_id=entry_id), 303)


@bp.post("/<id:entry_id>/restore")
@login_required
def restore(entry_id):
    """Bring one's own entry back."""
    if journal.bring_back(own_entry(entry_id)):
        flash("Your entry is back.", "success")
    else:
        flash("You had not deleted it.", "info")
    return redirect(url_for(".entry", entry_id=entry_id), 303)
