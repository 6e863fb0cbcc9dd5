"""Collects: extensions, blueprints, database hooks, error pages, commands, and the WSGI stack.

`app` is the bare Flask application, `application` what a server serves: Flask inside the raw layers.
"""

import sys
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from flask import abort, jsonify, make_response, redirect, render_template, request, session, url_for
from flask.sessions import SecureCookieSessionInterface
from flask_login import current_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, NotFound, RequestEntityTooLarge
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.routing import IntegerConverter

import admin
from app import app
from models import TABLES, User, database
from talks import (
    access,
    accounts,
    api,
    avatars,
    bodies,
    claim_pages,
    claims,
    commands,
    comment_pages,
    errors,
    journal_pages,
    layers,
    markup,
    moderation,
    moderation_links,
    moderation_pages,
    own_data,
    pages,
    pictures,
    previews,
    publishing,
    reauthentication,
    recovery,
    registration,
    schema,
    second_factor_pages,
    second_step,
    sessions,
    shortcuts,
    speakers,
    thumbnails,
    timeline,
    ui,
    wording,
)
from talks.database_errors import ERRORS as DATABASE_ERRORS
from talks.database_errors import Unsuitable, explain, is_away
from talks.databases import open_database
from talks.layers.assets import Assets
from talks.layers.refusals import REQUEST_ID, wants_json
from talks.mailing import background
from talks.mailing import pages as mailing

INSTANCE = Path(app.instance_path)
ERRORS = {
    400: "That request makes no sense here. Go back, reload the page, and try again.",
    403: "You may not do that.",
    404: "There is nothing at this address. It may have moved, or the address may be mistyped.",
    405: "This address does not take that kind of request.",
    408: "The request took too long to arrive. Try again over a better connection.",
    413: "That is more than this site takes at once. Go back, make it shorter, then send it again.",
    422: "Something in that form needs another look.",
    429: "Too many requests. Wait a little, then try again.",
    500: "Something broke on our side. Nothing you sent was half-saved. Try again in a minute.",
    503: "The site cannot reach its database at the moment. Try again in a minute.",
}
TITLES = {  # of their pages; others are called as the standard calls them
    400: "Not understood",
    403: "Not allowed",
    405: "Not possible here",
    408: "Took too long",
    410: "No longer there",
    413: "Too large",
    422: "Not right yet",
    429: "Too many at once",
    500: "Something broke",
    503: "Out of reach",
}


class IdConverter(IntegerConverter):
    """An id as a database has it: one spelling for each, and none that overflows."""

    regex = r"(?:0|[1-9][0-9]*)"

    def __init__(self, url_map):
        super().__init__(url_map, max=2**63 - 1)


class SessionCookie(SecureCookieSessionInterface):
    """Flask's, marked `Secure` whenever the request came over TLS."""

    def get_cookie_secure(self, app):
        return request.is_secure

    def open_session(self, app, request):
        """None under /api/: any site could write in the name of whom a browser's cookie tells of."""
        return self.session_class() if is_api(request) else super().open_session(app, request)

    def save_session(self, app, session, response):
        if not is_api(request):
            super().save_session(app, session, response)


def is_api(request):
    return request.path.startswith("/api/")


class Navigation:
    """What the bar shows. Counts are asked of the database when they are printed, once."""

    links = (
        ("timeline.index", "Timeline"),
        ("timeline.events", "Events"),
        ("speakers.index", "Speakers"),
        ("timeline.tags", "Tags"),
        ("journal.index", "Journal"),
    )

    @cached_property
    def waiting(self):
        """How much waits to be decided by who is signed in, in digits; "" for nothing."""
        number = moderation.count_waiting(current_user) if current_user.is_authenticated else 0
        return f"{number - 1}+" if number == moderation.MOST_COUNTED else str(number or "")

    @cached_property
    def counts(self):
        """How many drafts, requests to who is signed in, and to administrators if they are one."""
        return claims.menu_counts(current_user) if current_user.is_authenticated else (0, 0, 0)


class Talks:
    """The site as one WSGI application: Flask contained in the raw layers of `talks.layers`."""

    def __init__(self, app, settings):
        self.app = app
        self.stack = layers.stack(app, settings)

    def prepare(self):
        """Once, before the first request and before a fork: make the tables, say where the site is."""
        prepare_database()
        print("\n".join(greeting()), flush=True)
        database.close_all()  # a pool keeps what was closed, and two processes must not share a connection

    def __call__(self, environ, start_response):
        return self.stack(environ, start_response)


@app.before_request
def open_connection():
    """Before every other hook: what refuses a request draws a page that says who is signed in."""
    database.connect(reuse_if_open=True)


@app.before_request
def send_mail():
    """For servers that do not say when a worker begins; under gunicorn it does so already."""
    background.start(app)


@app.before_request
def bound_body():
    """Before the check of the form's token, which reads the form: parsing it costs time and memory."""
    known = request.method not in ("GET", "HEAD") and "_user_id" in session
    most = bodies.MOST_FORM_BYTES if known else bodies.MOST_VISITOR_FORM_BYTES
    if known and request.endpoint == "avatars.upload":
        most = bodies.MOST_UPLOAD_BYTES
    request.max_content_length = min(most, app.config["MAX_CONTENT_LENGTH"])


@app.before_request
def read_query():
    """A query that is no UTF-8 is no query: werkzeug would raise wherever it is first asked for."""
    try:
        request.args  # noqa: B018, asked for what it raises
    except UnicodeDecodeError:
        abort(400)


app.before_request(access.guard)
app.after_request(access.keep_among_members)


@app.teardown_request
def close_connection(error):
    if not database.is_closed():
        database.close()


app.url_map.converters.update(id=IdConverter, page=pages.PageConverter)
FILTERS = (*wording.FILTERS, *pictures.FILTERS, avatars.avatar_url, markup.beginning)
app.request_class = bodies.Request
app.session_interface = SessionCookie()
app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
app.jinja_env.filters.update({function.__name__: function for function in FILTERS})
for feature in (timeline, comment_pages, previews, speakers, accounts, publishing, pages, thumbnails, ui):
    app.register_blueprint(feature.bp)
for feature in (mailing, moderation_pages, moderation_links, avatars, sessions):
    app.register_blueprint(feature.bp)
for feature in (claim_pages, journal_pages, own_data, shortcuts):
    app.register_blueprint(feature.bp)
for feature in (registration, recovery, reauthentication, second_step, second_factor_pages):
    app.register_blueprint(feature.bp)
for version, name in (("1.0", "api"), ("v1.0", "api_v")):
    app.register_blueprint(api.bp, url_prefix=f"/api/{version}", name=name)
for command in commands.COMMANDS:
    app.cli.add_command(command)
sessions.login_manager.init_app(app)
csrf = CSRFProtect(app)
admin.set_up(app)
for feature in (comment_pages, previews):  # which look themselves: a visitor's form holds no session's token
    csrf.exempt(feature.bp)
for resource in api.RESOURCES:  # where no cookie says who asks
    csrf.exempt(resource.bp)
csrf.exempt(shortcuts.bp)  # which do nothing themselves
# Their addresses are signed tokens.
for page in (mailing.stop_mail, mailing.confirm_mail, moderation_links.by_mail):
    csrf.exempt(page)
database.initialize(open_database(app.config["DATABASE_URL"]))
try:
    INSTANCE.mkdir(mode=0o700, parents=True, exist_ok=True)  # before anything makes a folder in it
    assets = Assets(Path(app.root_path) / "static", INSTANCE / "static")
    errors.configure(app.logger, app.config, INSTANCE)
except (ValueError, OSError) as problem:
    sys.exit(str(problem))
app.static_folder = assets.target
app.jinja_env.globals["asset"] = assets.url


def prepare_database():
    """Bring the schema to what this version needs. Call it before the first request, and before a fork."""
    try:
        done, waiting = schema.prepare(app.config["SCHEMA_EVOLVE"] == "auto")
    except schema.NotReady as refusal:
        sys.exit(str(refusal))
    except (*DATABASE_ERRORS, Unsuitable) as error:
        sys.exit(explain(error))
    for line in done + waiting:
        print(line, flush=True)


@app.after_request
def keep_private(response):
    """What is drawn for one person is for no shared cache. It may be kept: going back keeps typed text."""
    if session:
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


@app.context_processor
def for_every_page():
    return {
        "site_name": app.config["SITE_NAME"],
        "site_language": "en",
        "nav": Navigation(),
        "page_path": request.path,
    }


@app.shell_context_processor
def shell_names():
    """`flask shell` starts with the models, and with the database open."""
    prepare_database()
    database.connect()
    return {model.__name__: model for model in TABLES}


def error_page(status, message, request_id, newest=(), back=None, **context):
    """The site's own page about an error; `back` is where to go on: an address, and the words of its link."""
    title = TITLES.get(status) or HTTP_STATUS_CODES[status].capitalize()
    return render_template(
        "errors/error.html", status=status, title=title, message=message, request_id=request_id,
        newest=newest, back=back or (url_for("timeline.index"), "Go to the timeline"), **context,
    )  # fmt: skip


def error_answer(status, message, headers=(), back=None):
    """An error as the site's page, or as JSON for who asks for that and for the API."""
    if is_api(request) or wants_json(request.environ):
        name = HTTP_STATUS_CODES[status].lower()
        response = jsonify(status=name, error=name, message=message)
    else:
        request_id = request.environ.get("talks.request_id", "")
        if status >= 500:
            # What broke this page may break another: these were drawn at the start and need no database.
            response = make_response(drawn[status].replace(REQUEST_ID.encode(), request_id.encode()))
        else:
            newest = timeline.newest(5) if status == 404 and access.may_read() else ()
            response = make_response(error_page(status, message, request_id, newest, back))
    response.status_code = status
    response.headers.extend(headers)
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response


@app.errorhandler(HTTPException)
def refused(error):
    """Any refusal, with its own sentence where the code gave one."""
    if error.code is None or error.code < 400 or error.code > 500:
        return error
    standard = type(error).description == error.description
    message = ERRORS.get(error.code, error.description) if standard else error.description
    headers = [pair for pair in error.get_headers() if pair[0] not in ("Content-Type", "Content-Length")]
    return error_answer(error.code, message, headers)


@app.errorhandler(RequestEntityTooLarge)
def too_large(error):
    """A body above a limit; of the layers' own limit see `draw_own_pages`."""
    if error.description != RequestEntityTooLarge.description:
        return refused(error)
    if request.endpoint == "avatars.upload" and "_user_id" in session:
        return error_answer(413, avatars.larger(), back=to_profile())
    return error_answer(413, bodies.too_large(request.max_content_length))


def to_profile():
    return url_for("speakers.profile"), "Back to your profile"


@app.errorhandler(NotFound)
def not_found(error):
    """Each page has one address: with or without the last slash leads there. Otherwise: not here."""
    path = request.path
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    if request.url_rule is None and app.create_url_adapter(request).test(other, request.method):
        query = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
        return redirect(quote(other, safe="/:@!$&'()*+,;=~-._") + query, 308)
    return refused(error)


@app.errorhandler(CSRFError)
def forged(error):
    """A form that was open in another sign-in, or that another site sent."""
    return error_answer(
        400,
        "That form belongs to another sign-in, or was sent by another site. "
        "Go back, reload the page, and send it again.",
    )


def away_answer():
    return error_answer(503, ERRORS[503], [("Retry-After", "10")])


def unavailable(error):
    """The database is away or busy; any other failure with it is ours."""
    if not is_away(error):
        raise error
    log_failure(sys.exc_info())
    return away_answer()


for kind in DATABASE_ERRORS:
    app.register_error_handler(kind, unavailable)


@app.errorhandler(500)
def broken(error):
    """Something of ours failed, or the database while a page of an error was made. Flask has logged it."""
    if is_away(error.original_exception or error):
        return away_answer()
    return error_answer(500, ERRORS[500])


def log_failure(exc_info):
    """Write an exception to the log: the route and the request's id, never the filled path or the query."""
    facts = {
        "request_id": request.environ.get("talks.request_id", "-"),
        "method": request.method,
        "route": str(request.url_rule or "-"),
    }
    app.logger.error(
        "%(method)s %(route)s failed, request %(request_id)s", facts, exc_info=exc_info, extra=facts
    )


app.log_exception = log_failure  # Flask's writes the path


def draw_page(status, message, back=None):
    """The page of an error that needs nothing of the request: neither who asks nor where they are."""
    page = error_page(status, message, REQUEST_ID, back=back, page_path="", is_for_anybody=True)
    return page.encode()


def draw_pages():
    """Such pages by status."""
    said = ERRORS | {413: bodies.too_large(app.config["MAX_UPLOAD_MB"] * 1_000_000)}
    with app.test_request_context("/"):
        return {status: draw_page(status, said[status]) for status in (400, 404, 405, 408, 413, 500, 503)}


def draw_own_pages():
    """Those of addresses that have more to say, by status and path."""
    with app.test_request_context("/"):
        return {(413, url_for("avatars.upload")): draw_page(413, avatars.larger(), to_profile())}


def database_answers():
    """Raises while the database does not answer."""
    with database.connection_context():
        database.execute_sql("SELECT 1")


def greeting():
    """What the server says at its start: where it is, and how to become its first administrator."""
    address = app.config["SITE_URL"] or f"http://127.0.0.1:{app.config['PORT']}"
    lines = [f"Talks is at {address}"]
    with database.connection_context():
        is_set_up = User.there_is_an_administrator()
    if not is_set_up:
        with app.test_request_context():
            path = url_for("accounts.setup", token=accounts.setup_token(app.secret_key))
        lines.append(f"There is no administrator yet. Within an hour, open {address}{path}")
    return lines


if app.config["TALKS_CONFIG"] == "development":

    @app.get("/-/crash")
    def crash():
        """Prove the error page, the log and the mail."""
        raise RuntimeError("This error was asked for at /-/crash.")


drawn = draw_pages()
application = Talks(
    app,
    layers.Settings(
        pages=drawn,
        own_pages=draw_own_pages(),
        ready=database_answers,
        trusted_proxies=app.config["TRUSTED_PROXIES"],
        site_url=app.config["SITE_URL"],
        max_body_bytes=app.config["MAX_UPLOAD_MB"] * 2**20,
        static_root=assets.target,
        root_files=assets.root_files(),
        development=app.config["TALKS_CONFIG"] == "development",
    ),
)
