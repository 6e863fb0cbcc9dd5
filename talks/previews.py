"""What a text will look like, while it is typed: the same renderer as when it is sent."""

import time

from flask import Blueprint, abort, render_template, request

from forms import BodyForm
from talks import accounts, comment_pages, comments
from talks.allowances import Allowance

bp = Blueprint("previews", __name__)

PER_MINUTE = 60  # from one network, in one process: a preview writes nothing, and neither does its limit
allowance = Allowance(PER_MINUTE, seconds=60)


@bp.post("/preview")
def preview():
    """The `body` of a comment as the HTML that would be published: a part of a page."""
    comment_pages.refuse_other_sites()
    if not allowance.take(accounts.network(request.remote_addr), time.time()):
        abort(429)
    form = BodyForm(meta={"csrf": False})
    good = form.validate()
    html = comments.rendered(form.body.data) if good else ""
    page = render_template("comments/_preview.html", body_html=html, wrong=form.body.errors)
    return page, 200 if good else 422
