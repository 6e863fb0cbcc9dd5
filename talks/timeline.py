"""Reading: the timeline, a talk, events and tags."""

import time

from flask import Blueprint, abort, current_app, make_response, redirect, render_template, request, url_for
from flask_login import current_user
from peewee import JOIN

from models import Event, Link, Tag, Talk, TalkTag, User
from talks import accounts, embeds, stamps, threads
from talks.comment_forms import CommentForm, VisitorCommentForm
from talks.layers import security
from talks.mentions import Mention
from talks.paging import Order, paginate

bp = Blueprint("timeline", __name__)

NEWEST_FIRST = Order(Talk.date, Talk.id, descending=True)
AS_GIVEN = Order(Talk.date, Talk.id)
EVENTS = Order(Event.starts_on, Event.id, descending=True)
TAGS = Order(Tag.key, Tag.id)
NEWEST_OF_TAG = Order(TalkTag.date, TalkTag.talk, descending=True)
EVENTS_PER_PAGE, TAGS_PER_PAGE = 100, 200
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def visible_talk(talk_id):
    """The talk that the one who asks may read, whole, with its speakers; 404 for any other."""
    owner = User.alias()
    talks = Talk.visible_to(accounts.asking()).select_extend(owner.id, owner.username, owner.name)
    talk = talks.join_from(Talk, owner, JOIN.LEFT_OUTER, on=Talk.owner).where(Talk.id == talk_id).first()
    if talk is None:
        abort(404)
    Talk.attach_speakers([talk])
    return talk


def with_details(talk):
    """Give `talk` its `tags` and `links` as lists."""
    talk.tags, talk.links = list(Tag.of(talk)), list(talk.links.order_by(Link.id))
    return talk


def talks_page(talks, order):
    page = paginate(talks, order, request.args, current_app.config["TALKS_PER_PAGE"])
    Talk.attach_speakers(page.items)
    return page


def newest(number):
    """The newest talks, for who took a wrong turn."""
    return Talk.attach_speakers(list(NEWEST_FIRST.sorted(Talk.published()).limit(number)))


@bp.get("/")
def index():
    """Every published talk, newest first, undated last."""
    page = talks_page(Talk.published(), NEWEST_FIRST)
    return render_template("timeline/timeline.html", page=page, years=Talk.years())


@bp.get("/talk/<id:talk_id>")
def talk(talk_id):
    """One talk. `?play=video` or `?play=slides` shows the player at once, for browsers without scripts.

    `?reply=42` likewise makes the form an answer to that comment.
    """
    return talk_page(visible_talk(talk_id))


def talk_page(found, form=None, preview=None):
    """The page of a talk; `form` as somebody has sent it, with its `preview` (HTML) if one was asked for."""
    with_details(found)
    hosts = current_app.config["PEERTUBE_HOSTS"]
    players = {
        "video": embeds.player(found.video_url, hosts, "video"),
        "slides": embeds.player(found.slides_url, hosts, "slides"),
    }
    playing = request.args.get("play")
    before, after = found.neighbours()
    page = render_template(
        "timeline/talk.html", talk=found, **players, playing=playing if players.get(playing) else None,
        previous=before, next=after, preview=preview, **discussion(found, form), **journal_about(found),
        may_edit=current_user.is_authenticated and found.editable_by(current_user),
    )  # fmt: skip
    response = make_response(page)
    response.headers["Content-Security-Policy"] = policy_for(filter(None, players.values()))
    return response


def discussion(found, form):
    """What the page of a talk shows of its comments, and the form beneath them, if there is one."""
    asking = accounts.asking()
    if form is None and found.takes_comments_from(asking):
        form = comment_form(asking)
        form.answer(request.args.get("reply", type=int))
    answered = threads.answered(found, form.parent.data) if form else None
    if form and not answered:
        form.answer(None)
    if form and not asking:
        form.stamp.data = stamps.stamp(current_app.secret_key, found.id, time.time())
    per_page = current_app.config["COMMENTS_PER_PAGE"]
    return {
        "thread": threads.page_of(found, asking, request.args, per_page, keep=("play",)),
        "moderates": asking is not None and found.moderated_by(asking),
        "shown_at_once": found.shows_at_once(asking),
        "form": form,
        "answered": answered,
    }


def journal_about(found):
    """What the page of a talk shows of the journal: entries that name it."""
    asking = accounts.asking()
    moderates = asking is not None and found.moderated_by(asking)
    return {
        "mentions": list(Mention.under(found, moderates)),
        "may_write": asking is not None and asking.may_write,
    }


def comment_form(asking):
    """The form of a comment, as who asks fills it in."""
    return CommentForm() if asking else VisitorCommentForm()


def policy_for(players):
    """The site's content security policy, opened for what the players of one page need."""
    wider = {}
    for player in players:
        directive = "media_src" if player.kind == "file" else "frame_src"
        wider[directive] = f"{wider.get(directive, '')} {player.origin}".strip()
    return security.policy(**wider)


@bp.get("/talk/<id:talk_id>-<slug>")
def talk_with_slug(talk_id, slug):
    return redirect(url_for(".talk", talk_id=talk_id), 308)


@bp.get("/events")
def events():
    """Events with talks, newest first."""
    page = paginate(Event.listed(), EVENTS, request.args, EVENTS_PER_PAGE)
    return render_template("timeline/events.html", page=page)


@bp.get("/event/<slug>")
def event(slug):
    """One event and its talks in the order they were given."""
    found = Event.listed().where(Event.slug == slug).first() or abort(404)
    page = talks_page(Talk.at(found), AS_GIVEN)
    return render_template(
        "timeline/event.html", event=found, page=page, editions=list(found.editions().limit(30))
    )


@bp.get("/tags")
def tags():
    """Tags with talks, by name."""
    page = paginate(Tag.listed(), TAGS, request.args, TAGS_PER_PAGE)
    return render_template("timeline/tags.html", page=page, letters=LETTERS)


@bp.get("/tag/<slug>")
def tag(slug):
    """One tag and its talks, newest first."""
    found = Tag.listed().where(Tag.slug == slug).first() or abort(404)
    return render_template("timeline/tag.html", tag=found, page=talks_page(Talk.tagged(found), NEWEST_OF_TAG))
