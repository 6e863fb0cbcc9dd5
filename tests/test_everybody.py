"""Every route and method of the site, asked by everybody, against one table of who gets in.

Visitor, member, a speaker of another talk, who owns what the address names, and an administrator ask for
each, with what the address needs. A route without a row fails, and so does a row without a route.
"""

import re
import shutil
import time
from pathlib import Path

import pytest
from calling import bearer
from conftest import bound, person
from mailed import a_comment
from written import rows

import main
from models import Claim, Credential, Entry, OutboxMail, Session, Talk, User, utcnow
from talks import accounts, notifications, publishing, reauthentication, registration, second_factor, tokens
from talks.mailing import messages

PEOPLE = ("visitor", "member", "speaker", "owner", "administrator")
SHOWN, HIDDEN = "shown", "hidden"

# Above some routes stand their answers to PEOPLE, in that order. `yes`: it shows or does what it is for, or
# says what is wrong with what was sent; `in`: it asks to sign in; a number is the status of a refusal.
TABLE = {
    SHOWN: """
        yes yes yes yes yes
            GET /    GET /<page:name>    GET /static/<path:filename>    POST /preview
            GET /events    GET /event/<slug>    GET /tags    GET /tag/<slug>
            GET /speakers    GET /user/<username>    GET /avatar/<name>
            GET POST /talk/<id:talk_id>    GET /talk/<id:talk_id>-<slug>    GET /thumbnail/<id:talk_id>.jpg
            GET /comment/<id:comment_id>    GET POST /comment/<id:comment_id>/report
            GET /journal/    GET /journal/<id:entry_id>
            GET POST /auth/login    POST /auth/logout    GET POST /auth/register
            GET POST /auth/confirm    GET POST /auth/reset
            GET POST /login    GET POST /logout    GET POST /register    GET POST /entry
            GET POST /auth/reset/<token>    GET POST /auth/setup/<token>    GET POST /invitation/<token>
            GET POST /moderate/<token>    GET POST /unsubscribe/<token>    GET POST /confirm-mail/<token>
            GET /api/1.0/comments/    GET /api/1.0/comments/<id:comment_id>
            GET /api/1.0/entries/    GET /api/1.0/entries/<id:entry_id>
            GET /api/1.0/talks/<id:talk_id>/comments/
        in yes yes yes yes
            GET /auth/logout    GET /auth/account    POST /auth/token    GET POST /auth/reauthenticate
            GET POST /auth/password    GET POST /auth/email    POST /auth/email/keep
            GET /auth/sessions    POST /auth/sessions/end    POST /auth/sessions/<id:session_id>/end
            GET POST /auth/second-factor    GET /auth/second-factor/settings
            POST /auth/second-factor/app/new    GET POST /auth/second-factor/app
            POST /auth/second-factor/passkeys    POST /auth/second-factor/passkeys/challenge
            GET POST /profile    POST /profile/picture    GET POST /profile/publish
            GET POST /profile/download    GET POST /profile/delete
            GET /claims    GET POST /user/<username>/claim
            GET /moderate    POST /moderate/bulk    GET /journal/mine    GET POST /journal/new
        in 403 yes yes yes
            GET /mine    GET POST /new
        in 403 403 yes yes
            GET POST /edit/<id:talk_id>    POST /edit/<id:talk_id>/delete    POST /edit/<id:talk_id>/restore
            POST /edit/<id:talk_id>/publish    POST /edit/<id:talk_id>/unpublish
            POST /comment/<id:comment_id>/approve    POST /comment/<id:comment_id>/spam
            POST /comment/<id:comment_id>/keep    POST /comment/<id:comment_id>/undo
            POST /journal/<id:entry_id>/delete
            POST /journal/<id:entry_id>/talk/<any(approve,delete,undo):act>
        in 403 403 yes 403
            GET POST /journal/<id:entry_id>/edit    POST /journal/<id:entry_id>/restore
        in 403 403 403 yes
            GET /moderate-admin    GET /moderate-admin/claims    GET POST /user/<username>/invite
            GET /mailbox    GET /mailbox/<name>    POST /mailbox/<id:mail_id>/again
            POST /journal/<id:entry_id>/<any(approve,spam,undo):act>
            GET POST /admin/…
        in 404 404 yes 404
            POST /claims/<id:claim_id>/<any(accept,refuse,withdraw):act>
            POST /auth/second-factor/<id:credential_id>/remove    POST /auth/second-factor/codes
        in in in in in
            POST /auth/second-factor/challenge
        in 403 403 403 404
            GET /admin/…/lookup/
        403 403 403 yes 403
            GET POST /comment/<id:comment_id>/edit    POST /comment/<id:comment_id>/restore
        403 403 403 yes yes
            POST /comment/<id:comment_id>/delete
        yes 403 403 403 403
            GET POST /auth/confirm/<token>
        401 yes yes yes yes
            POST /api/1.0/entries/    POST /api/1.0/talks/<id:talk_id>/comments/
        401 403 403 yes yes
            PUT DELETE /api/1.0/comments/<id:comment_id>    POST /api/1.0/comments/<id:comment_id>/spam
            POST /api/1.0/comments/<id:comment_id>/keep    POST /api/1.0/comments/<id:comment_id>/undo
            DELETE /api/1.0/entries/<id:entry_id>    PUT DELETE /api/1.0/entries/<id:entry_id>/talk
            POST /api/1.0/entries/<id:entry_id>/talk/undo
        401 403 403 yes 403
            PATCH /api/1.0/comments/<id:comment_id>    PUT /api/1.0/entries/<id:entry_id>
        401 403 403 403 yes
            POST /api/1.0/entries/<id:entry_id>/approve    POST /api/1.0/entries/<id:entry_id>/spam
            POST /api/1.0/entries/<id:entry_id>/undo
        401 401 401 401 401
            GET /api/1.0/token
        404 404 404 404 404
            GET /-/ui
        """,
    HIDDEN: """
        yes yes yes yes yes
            GET /talk/<id:talk_id>-<slug>
        404 404 404 yes yes
            GET POST /talk/<id:talk_id>    GET /comment/<id:comment_id>    GET /journal/<id:entry_id>
            POST /comment/<id:comment_id>/delete
            GET /api/1.0/comments/<id:comment_id>    GET /api/1.0/entries/<id:entry_id>
            GET /api/1.0/talks/<id:talk_id>/comments/
        in 403 404 yes yes
            GET POST /edit/<id:talk_id>    POST /edit/<id:talk_id>/delete    POST /edit/<id:talk_id>/restore
            POST /edit/<id:talk_id>/publish    POST /edit/<id:talk_id>/unpublish
        in 404 404 yes yes
            POST /comment/<id:comment_id>/approve    POST /comment/<id:comment_id>/spam
            POST /comment/<id:comment_id>/keep    POST /comment/<id:comment_id>/undo
            POST /journal/<id:entry_id>/delete
            POST /journal/<id:entry_id>/talk/<any(approve,delete,undo):act>
        in 404 404 yes 403
            GET POST /journal/<id:entry_id>/edit    POST /journal/<id:entry_id>/restore
        in 404 404 403 yes
            POST /journal/<id:entry_id>/<any(approve,spam,undo):act>
        404 404 404 yes 403
            GET POST /comment/<id:comment_id>/edit    POST /comment/<id:comment_id>/restore
        404 404 404 404 404
            GET POST /comment/<id:comment_id>/report    GET /thumbnail/<id:talk_id>.jpg
        401 403 403 yes yes
            PUT DELETE /api/1.0/comments/<id:comment_id>    POST /api/1.0/comments/<id:comment_id>/spam
            POST /api/1.0/comments/<id:comment_id>/keep    POST /api/1.0/comments/<id:comment_id>/undo
        401 403 403 yes 403
            PATCH /api/1.0/comments/<id:comment_id>
        401 404 404 yes yes
            DELETE /api/1.0/entries/<id:entry_id>    PUT DELETE /api/1.0/entries/<id:entry_id>/talk
            POST /api/1.0/entries/<id:entry_id>/talk/undo    POST /api/1.0/talks/<id:talk_id>/comments/
        401 404 404 yes 403
            PUT /api/1.0/entries/<id:entry_id>
        401 404 404 403 yes
            POST /api/1.0/entries/<id:entry_id>/approve    POST /api/1.0/entries/<id:entry_id>/spam
            POST /api/1.0/entries/<id:entry_id>/undo
        """,
}
SHOWN_OR_HIDDEN = {"talk_id", "comment_id", "entry_id"}
IN_DEVELOPMENT = {"/-/crash"}


def read_table(text):
    """{"GET /": "yes yes yes yes yes"} of one of the two."""
    found, answers = {}, None
    for line in text.strip().splitlines():
        if "/" not in line:
            answers = line.strip()
            continue
        for routes in line.strip().split("    "):
            *methods, path = routes.split()
            found |= {f"{method} {path}": answers for method in methods}
    return found


class World:
    """What an address may name: a talk of the owner, what stands under it, and more that is the owner's.

    SHOWN: everybody reads talk, question and entry. HIDDEN: the talk is a draft, the other two wait.
    """

    def __init__(self, state):
        status, talk_status = ("approved", "published") if state == SHOWN else ("pending", "draft")
        people = {
            "member": person("bob"),
            "speaker": person("dora", is_speaker=True),
            "owner": person("ada", is_speaker=True),
            "administrator": person("carol", is_admin=True),
        }
        owner = people["owner"]
        publishing.save(None, VALUES | {"title": "Another talk"}, people["speaker"], "published")
        talk = publishing.save(None, VALUES | {"title": "The talk"}, owner, talk_status)
        Talk.update(thumbnail_at=utcnow()).execute()
        self.named = {"talk_id": talk.id} | written(talk, owner, status) | held(talk, owner)
        self.tokens = mailed(talk, owner)
        self.cookies = {who: Session.begin(user, remembered=False) for who, user in people.items()}
        self.bearers = {who: bearer(user) for who, user in people.items()}

    def address(self, rule):
        """The address of a rule that names what is here."""
        named = STANDING | self.named | {"token": self.tokens.get(rule.endpoint)}
        named |= OTHERWISE.get(rule.endpoint, {})
        urls = main.app.url_map.bind("localhost")
        return urls.build(rule.endpoint, {name: named[name] for name in rule.arguments})


def written(talk, owner, status):
    """What `owner` wrote under the talk, as names in addresses."""
    comment = a_comment(talk, author=owner, status=status)
    entry = Entry.create(
        author=owner, title="The entry", title_key="the entry", body="x", body_html="<p>x</p>",
        status=status, talk=talk, talk_status="pending",
    )  # fmt: skip
    return {"comment_id": comment.id, "entry_id": entry.id}


def held(talk, owner):
    """What else is the owner's, likewise: asked of them, theirs to sign in with, and a mail to them."""
    asked = Claim.create(kind="owner", user=owner, talk=talk)
    passkey = Credential.create(user=owner, kind="passkey", key="key", confirmed_at=utcnow())
    second_factor.make_codes(owner)
    failed = OutboxMail.create(
        message_id="m", kind="comment_waits", to_email=owner.email, due_at=utcnow(), failed_at=utcnow()
    )
    Session.begin(owner, remembered=False)
    return {
        "claim_id": asked.id, "credential_id": passkey.id, "mail_id": failed.id,
        "session_id": Session.get().id,
    }  # fmt: skip


def mailed(talk, owner):
    """The tokens in mails, by the endpoint that reads each."""
    secret = main.app.secret_key
    profile = User.create(username="lovelace", name="Ada Lovelace")
    waiting = User.create(username="wanda", name="Wanda", new_email="wanda@example.org")
    invited = Claim.create(kind="invitation", profile=profile, email="lovelace@example.org")
    return {
        "registration.confirm_link": registration.confirm_token(secret, waiting.id, waiting.new_email),
        "recovery.reset_link": tokens.sign(secret, "reset_password", [owner.id, owner.reset_serial]),
        "accounts.setup": accounts.setup_token(secret),
        "claims.invitation": tokens.sign(secret, "invitation", invited.id),
        "moderation_links.by_mail": notifications.moderate_token(secret, a_comment(talk).id, owner.id),
        "mailing.stop_mail": messages.unsubscribe_token(secret, owner.email, talk.id),
        "mailing.confirm_mail": messages.confirm_token(secret, "vera@example.org"),
    }


VALUES = {"event": "Meeting", "tags": ["Map"], "speakers": []}
# What stands for the other names in addresses, and where a name means something else.
STANDING = {
    "slug": "meeting",
    "username": "ada",
    "act": "approve",
    "filename": next(Path(main.app.static_folder).glob("*.css")).name,
    "export_type": "csv",
}
OTHERWISE = {
    "timeline.tag": {"slug": "map"},
    "pages.page": {"name": "about"},
    "claims.decide": {"act": "accept"},
    "claims.ask_for_profile": {"username": "lovelace"},
    "claims.invite": {"username": "lovelace"},
    "avatars.picture": {"name": "0" * 32 + ".webp"},
    "admin.static": {"filename": "admin/js/helpers.js"},
    "mailing.written": {"name": "20260101T000000Z-00000000.eml"},
}


@pytest.fixture(scope="module")
def worlds(tmp_path_factory, empty_file):
    """{state: (World, its file of SQLite, nothing of it open)}."""
    made = {}
    for state in (SHOWN, HIDDEN):
        file = tmp_path_factory.mktemp(state) / "talks.db"
        shutil.copy(empty_file, file)
        with bound(f"sqlite:///{file}") as database:
            made[state] = World(state), file
            made[state][0].rows = rows()
            database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return made


@pytest.fixture
def ask(worlds, tmp_path, monkeypatch):
    """Asks for an address in a fresh copy of a world, as one of PEOPLE; gives a word of the table."""
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))
    for folder, name in (
        ("mail", OTHERWISE["mailing.written"]["name"]),
        ("avatars", OTHERWISE["avatars.picture"]["name"]),
        ("thumbnails", "2.jpg"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"Subject: x\n\nx")

    def answer(state, method, rule, who):
        world, file = worlds[state]
        shutil.copy(file, tmp_path / "talks.db")
        with bound(f"sqlite:///{tmp_path}/talks.db") as database:
            answer, said = answer_to(world, method, world.address(rule), who)
            answer.close()
            database.connect(reuse_if_open=True)
            word = word_of(answer, said)
            assert word == "yes" or rows() == world.rows  # who is refused has changed nothing
            return word

    return answer


def answer_to(world, method, address, who):
    """(answer, what its next page says) for one of PEOPLE."""
    client = main.app.test_client()
    if address.startswith("/api/"):
        given = {} if method == "GET" else {"json": {}}
        return client.open(address, method=method, headers=world.bearers.get(who), **given), []
    if who in world.cookies:
        with client.session_transaction() as session:
            session |= {"_user_id": world.cookies[who], reauthentication.GIVEN_AT: time.time()}
    answer = client.get(address) if method == "GET" else client.submit(address, page="/auth/reset")
    with client.session_transaction() as session:
        return answer, [text for _, text in session.get("_flashes", [])]


def word_of(answer, said):
    """What the table calls an answer."""
    if answer.status_code in (401, 403, 404, 405, 410):
        return str(answer.status_code)
    assert answer.status_code < 500
    to_sign_in = answer.status_code == 303 and answer.location.startswith("/auth/login")
    return "in" if to_sign_in and said in ([], ["Sign in to go on."]) else "yes"


def row_of(method, rule):
    """A route in the table: the panel is one row, and what is at /api/v1.0/ has the rows of /api/1.0/."""
    path = re.sub(r"^/admin/.*?(/lookup/)?$", r"/admin/…\1", rule.rule).replace("/api/v1.0/", "/api/1.0/")
    return f"{method} {path}"


ROUTES = [
    (state, method, rule)
    for rule in main.app.url_map.iter_rules()
    for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
    for state in (SHOWN, HIDDEN)
    if rule.rule not in IN_DEVELOPMENT and (state == SHOWN or SHOWN_OR_HIDDEN & rule.arguments)
]
ROWS = {state: read_table(text) for state, text in TABLE.items()}


def test_every_route_has_a_row_and_every_row_a_route():
    for state in TABLE:
        assert {row_of(method, rule) for at, method, rule in ROUTES if at == state} == ROWS[state].keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("state", "method", "rule"),
    ROUTES,
    ids=[f"{state} {method} {rule.rule}" for state, method, rule in ROUTES],
)
def test_everybody_gets_what_the_table_says(ask, state, method, rule):
    assert " ".join(ask(state, method, rule, who) for who in PEOPLE) == ROWS[state][row_of(method, rule)]
