"""What the panel says: after a change, in its lists, about its tables."""

import ast
import inspect
import re
from html import unescape
from itertools import chain
from pathlib import Path

import pytest
from flask_admin.model import BaseModelView
from panelling import VIEWS, said, send, view_of

import main
from models import Claim, Tag, User
from talks import audit
from talks.mailing.kinds import KINDS as mail_kinds
from talks.moderation import DONE, KINDS
from talks.panel import words

# After a change


def test_a_message_says_what_was_saved(as_carol, stocked):
    made = send(as_carol, "/admin/tags/new/", name="Atlases")
    assert "The new tag is saved." in said(as_carol, made)

    talk = stocked[1]
    changed = send(as_carol, f"/admin/talks/edit/?id={talk.id}", venue="The big hall")
    assert "The talk is saved." in said(as_carol, changed)


def test_a_message_says_that_nothing_was_saved(as_carol, database):
    refused = send(as_carol, "/admin/tags/new/", name="")

    assert refused.status_code == 422
    assert "Nothing is saved yet." in refused.text and not Tag.select().exists()


def test_a_message_says_that_a_row_is_gone(as_carol, stocked):
    assert "That comment is not there any more." in said_at(as_carol, "/admin/comments/edit/?id=99")


def said_at(client, address):
    return unescape(client.get(address, follow_redirects=True).text)


def test_a_filter_says_what_it_does_not_take(as_carol, stocked):
    number = [(one.name, one.said) for one in view_of("talks")._filters].index(("Written", "since"))

    assert "The filter does not take “soon”" in said_at(as_carol, f"/admin/talks/?flt0_{number}=soon")


def test_everything_that_flask_admin_would_say_of_records_is_said_otherwise():
    source = "".join(
        inspect.getsource(getattr(BaseModelView, name))
        for name in ("create_view", "edit_view", "details_view", "export")
    )
    messages = re.findall(r'flash\(gettext\("([^"]*)"\)', source)

    assert len(messages) > 4 and set(messages) <= words.INSTEAD.keys()


@pytest.mark.parametrize("table", VIEWS)
def test_no_list_speaks_of_records(as_carol, stocked, table):
    page = said_at(as_carol, f"/admin/{table}/")

    assert not re.search(r"\brecords?\b", page, re.IGNORECASE)


def test_who_has_ticked_nothing_is_told_what_to_do(as_carol, stocked):
    assert "Tick what it is about first." in said_at(as_carol, "/admin/comments/")


# What was done

MADE = {  # how an action is put together, where the code does not name it -> all that come of it
    "f'{thing.KIND}.{DONE[to]}'": [
        f"{kind}.{act}"
        for kind, acts in (("comment", DONE), ("entry", DONE), ("mention", ("approved", "rejected")))
        for act in (DONE[status] for status in acts)
    ],
    "f'{thing.KIND}.undo'": [f"{kind}.undo" for kind in KINDS],
    "f'{claim.kind}.ask'": [f"{kind}.ask" for kind in Claim.FOR_ADMINISTRATORS],
    "f'{claim.kind}.accept'": [f"{kind}.accept" for kind in Claim.FOR_ADMINISTRATORS + Claim.FOR_ONESELF],
    "f'{claim.kind}.refuse'": [f"{kind}.refuse" for kind in Claim.FOR_ADMINISTRATORS + Claim.FOR_ONESELF],
    "f'{claim.kind}.withdraw'": [f"{kind}.withdraw" for kind in Claim.FOR_ADMINISTRATORS],
    "f'{other.kind}.{SETTLES[status]}'": [
        "profile.refuse", "co_speaker.accept", "co_speaker.withdraw", "invitation.withdraw",
    ],
    """f"talk.{act.__name__.removesuffix('_softly')}\"""": [
        "talk.publish", "talk.unpublish", "talk.delete", "talk.restore",
    ],
    "action": ["user.avatar", "user.no_avatar", "entry.withdraw", "entry.restore"],
}  # fmt: skip


def recorded():
    """The first argument of each call of `audit.record`."""
    for path in Path(main.app.root_path).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                first = node.args[0]
                yield from (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)


def test_each_action_that_is_recorded_has_words():
    named = {node.value for node in recorded() if isinstance(node, ast.Constant)}
    made = {ast.unparse(node) for node in recorded() if not isinstance(node, ast.Constant)}

    assert made == MADE.keys()
    assert named | set(chain(*MADE.values())) == words.ACTIONS.keys()


def test_each_kind_of_mail_has_words():
    folders = Path(main.app.root_path, "templates", "email").iterdir()

    assert {folder.name for folder in folders if folder.is_dir()} == mail_kinds.keys()


def test_the_trail_says_in_plain_words_what_was_done(as_carol, stocked):
    row = audit.record("talk.publish", stocked[1], by=stocked[1].owner)

    for address in ("", "audit/", f"audit/details/?id={row.id}"):
        page = said_at(as_carol, f"/admin/{address}")
        assert "published a talk" in page and "talk.publish" not in page.replace('"talk.publish"', "")


def test_mail_is_called_as_on_its_page(as_carol, stocked):
    for address in ("/admin/outbox/", "/mailbox"):
        page = said_at(as_carol, address)
        assert "Questions that wait" in page and ">comment_waits<" not in page


def test_what_was_done_is_found_by_its_words_and_by_its_name(as_carol, stocked):
    audit.record("talk.publish", stocked[1], by=stocked[1].owner)
    audit.record("session.begin", stocked[1].owner, by=stocked[1].owner)
    number = [one.name for one in view_of("audit")._filters].index("Did")

    for query in (f"flt0_{number}=talk.publish", "search=published+talk", "search=talk.publish"):
        page = said_at(as_carol, f"/admin/audit/?{query}")
        assert page.count('aria-label="Open ') == 1 and "Boundaries" in page, query


def test_the_first_page_names_nobody_twice(as_carol, carol):
    audit.record("session.begin", carol, by=carol)
    audit.record("user.rights", User.create(username="dan", name="Dan"), by=carol, is_speaker=True)
    lines = re.findall(r"<li>\s*<time.*?</li>", as_carol.get("/admin/").text, re.DOTALL)
    rights, begun = [" ".join(unescape(re.sub("<[^>]*>", "", line)).split()[2:]) for line in lines[:2]]

    assert (rights, begun) == ("carol changed somebody's rights: dan", "carol signed in")


# What a list offers and is about


@pytest.mark.parametrize("table", ["talks", "tags", "comments", "entries"])
def test_what_takes_away_is_offered_last(table):
    acts = [name for name, _ in view_of(table).get_actions_list()[0]]

    assert acts[-1] == "delete" and "spam" not in acts[:-2]


def test_each_introduction_is_whole_sentences(as_carol, database):
    for table in VIEWS:
        page = said_at(as_carol, f"/admin/{table}/")
        intro = re.sub("<[^>]*>", "", re.search(r'<p class="panel-intro">(.*?)</p>', page)[1])
        assert intro.endswith(".") and ".." not in intro, table


def test_mail_is_called_mail_in_the_menu_the_panel_and_its_page(as_carol, database):
    for address in ("/admin/", "/admin/outbox/", "/mailbox"):
        page = said_at(as_carol, address)
        assert ">Mail</a>" in page and not re.search(r">[^<]*\b(outbox|mailbox)\b", page, re.IGNORECASE)
