"""What a text will look like, while it is typed: the same renderer as when it is sent."""

import time

from flask import Blueprint, abort, render_template, request

from talks import comment_pages, comments, journal, networks
from talks.allowances import Allowance
from talks.comment_forms import BodyForm
from talks.journal_forms import EntryTextForm

bp = Blueprint("previews", __name__)

KINDS = {"comment": (BodyForm, comments.rendered), "entry": (EntryTextForm, journal.rendered)}
PER_MINUTE = 60  # from one network, in one process: a preview writes nothing, and neither does its limit
allowance = Allowance(PER_MINUTE, seconds=60)


@bp.post("/preview")
def preview():
    """The `body` of a comment, or of the `kind` entry, as it would be published: a part of a page."""
    comment_pages.refuse_other_sites()
    if not allowance.take(networks.network(request.remote_addr), time.time()):
        abort(429)
    form_class, rendered = KINDS.get(request.form.get("kind", "comment")) or abort(400)
    form = form_class(meta={"csrf": False})
    good = form.validate()
    html = rendered(form.body.data) if good else ""
    page = render_template("comments/_preview.html", body_html=html, wrong=form.body.errors)
    return page, 200 if good else 422
