"""The panel: who comes in, what is found and shown, what leaves it as a file, and what its pages may do."""

import csv
import io
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import PASSWORD, TOKEN
from hypothesis import given, settings
from hypothesis import strategies as st
from panelling import VIEWS, view_of
from written import a_talk

import main
import models
from models import AuditEvent, Comment, Entry, Event, OutboxMail, Session, Tag, User, utcnow
from talks import audit
from talks.databases import open_database
from talks.panel.exports import defused
from talks.panel.lists import MOST_OFFERED

EDITABLE, READ_ONLY = VIEWS[:6], VIEWS[6:]
VALUES = {"export_type": "csv", "filename": "admin/js/helpers.js"}
RULES = [rule for rule in main.app.url_map.iter_rules() if rule.rule.startswith("/admin")]
ADDRESSES = sorted(re.sub(r"<(?:path:)?(\w+)>", lambda found: VALUES[found[1]], rule.rule) for rule in RULES)
GOT = [address for address in ADDRESSES if not address.endswith(("/delete/", "/action/"))]
POSTED = [address for address in ADDRESSES if address.endswith(("/delete/", "/action/", "/new/", "/edit/"))]


@pytest.fixture
def talk(stocked):
    return stocked[1]


# Who comes in


def test_a_visitor_signs_in_and_comes_back(client):
    for address in GOT:
        answer = client.get(address + "?id=1")
        assert answer.status_code == 303, address
        place = urlsplit(answer.location)
        assert place.path == "/auth/login"
        assert parse_qs(place.query)["next"] == [address + "?id=1"]


def test_an_administrator_comes_back_after_signing_in(client, carol):
    answer = client.submit("/auth/login?next=/admin/users/%3Fpage%3D1", email=carol.email, password=PASSWORD)

    assert answer.location == "/admin/users/?page=1"


def test_whoever_is_no_administrator_is_refused(as_ada, as_bob):
    for browser in (as_ada, as_bob):
        assert {browser.get(address).status_code for address in GOT} == {403}


def test_nobody_else_posts_anything(client, as_bob, stocked):
    before = AuditEvent.select().count()
    for browser, page, expected in ((client, "/auth/login", 303), (as_bob, "/profile", 403)):
        token = TOKEN.search(browser.get(page).text)[1]
        values = {"csrf_token": token, "id": "1", "rowid": "1", "action": "delete", "name": "X", "title": "X"}
        for address in POSTED:
            assert browser.post(f"{address}?id=1", data=values).status_code == expected, address

    assert AuditEvent.select().count() == before


def test_nothing_is_posted_without_the_forms_token(as_carol, stocked):
    before = AuditEvent.select().count()
    for token in ({}, {"csrf_token": "IjEi.aaaaaa.bbbb"}):
        values = token | {"id": "1", "rowid": "1", "action": "delete", "name": "X"}
        for address in POSTED:
            assert as_carol.post(f"{address}?id=1", data=values).status_code == 400, address

    assert AuditEvent.select().count() == before


def test_who_is_demoted_or_blocked_is_out_at_once(as_carol, carol, bob):
    assert as_carol.get("/admin/").status_code == 200

    User.update(is_admin=False).where(User.id == carol.id).execute()
    assert as_carol.get("/admin/").status_code == 403
    User.update(is_admin=True, is_active=False).where(User.id == carol.id).execute()
    assert as_carol.get("/admin/").status_code == 303


def test_an_administrator_who_needs_a_second_factor_sets_it_up_first(as_carol, monkeypatch):
    monkeypatch.setitem(main.app.config, "REQUIRE_ADMIN_2FA", True)

    for address in GOT:
        assert as_carol.get(address).location == "/auth/second-factor/settings", address


def test_the_menu_of_an_administrator_leads_there(as_carol, as_ada):
    assert '<a href="/admin/">Administration</a>' in as_carol.get("/about").text
    assert "/admin/" not in as_ada.get("/about").text


def test_a_page_leads_back_only_to_this_site(as_carol, talk):
    for target in ("//evil.example", "https:evil", "/\\evil.example", "http://evil.example/", "javascript:x"):
        for address in ("/admin/talks/edit/", "/admin/talks/details/", "/admin/talks/new/"):
            query = {"id": talk.id, "url": target}
            assert as_carol.get(address, query_string=query).status_code == 400


# What is shown


def test_each_table_has_a_list_a_page_for_a_row_and_a_file(as_carol, stocked):
    for table in VIEWS:
        assert as_carol.get(f"/admin/{table}/").status_code == 200
        assert as_carol.get(f"/admin/{table}/details/?id=1").status_code == 200
        assert as_carol.get(f"/admin/{table}/export/csv/").mimetype == "text/csv"
    for table in EDITABLE:
        assert 'class="admin-form"' in as_carol.get(f"/admin/{table}/edit/?id=1").text


def test_mail_and_trail_are_only_read(as_carol, stocked):
    token = TOKEN.search(as_carol.get("/profile").text)[1]
    for table in READ_ONLY:
        for address in ("new/", "edit/?id=1", "delete/", "action/", "ajax/update/", "ajax/lookup/"):
            assert as_carol.get(f"/admin/{table}/{address}").status_code == 404
            answer = as_carol.post(f"/admin/{table}/{address}", data={"csrf_token": token, "id": "1"})
            assert answer.status_code == 404


def test_no_page_and_no_file_holds_a_secret(as_carol, stocked):
    secrets = [user.password_hash for user in User.select()]
    secrets += [row.token_digest for row in Session.select()]
    secrets += ["key-of-a-passkey", "secret-of-an-app", "id-of-a-mail", "token-in-a-mail"]
    secrets += ["digest-of-a-network", "digest-of-another-network"]
    for table in VIEWS:
        addresses = ["", "details/?id=1", "details/?id=2", "export/csv/"]
        for address in addresses + ["edit/?id=1"] * (table in EDITABLE):
            text = unescape(as_carol.get(f"/admin/{table}/{address}").text)
            assert not [secret for secret in secrets if secret in text], f"{table}/{address}"


@pytest.mark.parametrize("table", VIEWS)
def test_no_column_that_holds_a_secret_is_named_anywhere(table):
    secret = {"password_hash", "session_epoch", "reset_serial", "network", "payload", "message_id"}
    secret |= {"imported_digests", "extra", "bio_html", "body_html", "description_html", "name_key", "key"}
    view = view_of(table)
    names = {name for name, _ in (*view._list_columns, *view._details_columns, *view._export_columns)}
    names |= {chosen.column.name for chosen in view._filters} | {column.name for column in view.searched}
    names |= {*(view.form_columns or ()), *view.created}

    assert names and not names & secret


def test_lists_lead_to_the_pages_of_the_site(as_carol, stocked):
    pages = {"talks": "/talk/1", "users": "/user/ada", "events": "/event/map-days", "comments": "/comment/1"}
    pages |= {"tags": "/tag/cartography", "entries": "/journal/1"}
    for table, address in pages.items():
        assert f'href="{address}"' in as_carol.get(f"/admin/{table}/").text


def test_the_first_page_says_what_waits_and_what_was_done(as_carol, stocked):
    page = as_carol.get("/admin/").text

    assert re.search(r"<b>1</b>\s*Questions that wait", page)
    assert "site.look" in page


# What is found


def test_a_search_minds_no_case_and_knows_no_wildcards(as_carol, talk):
    for words, found in (
        ("boundaries", 1),
        ("BOUND", 1),
        ("nothing like that", 0),
        ("100%", 0),
        ("B_und", 0),
    ):
        page = as_carol.get("/admin/talks/", query_string={"search": words}).text
        assert page.count('href="/talk/1"') == found, words


def test_each_word_of_a_search_has_to_be_there(as_carol, ada, bob):
    assert 'href="/user/ada"' in as_carol.get("/admin/users/?search=ada+example.org").text
    assert 'href="/user/ada"' not in as_carol.get("/admin/users/?search=ada+bob").text


def filtered(client, table, name, said, value):
    filters = view_of(table)._filters
    index = next(number for number, one in enumerate(filters) if (one.name, one.said) == (name, said))
    return client.get(f"/admin/{table}/", query_string={f"flt0_{index}": value})


FILTERED = [  # with which the first row of a table is found, or not
    ("talks", "Status", "is", "published", True),
    ("talks", "Status", "is", "draft", False),
    ("talks", "Event", "contains", "map", True),
    ("talks", "Event", "contains", "war", False),
    ("talks", "Owner", "is", "ada", True),
    ("talks", "Owner", "is", "bob", False),
    ("talks", "Imported", "is", "0", True),
    ("talks", "Imported", "is", "1", False),
    ("talks", "Written", "since", "2020-01-01", True),
    ("talks", "Written", "until", "2020-01-01", False),
    ("users", "Speaker", "is", "1", False),
    ("users", "Administrator", "is", "1", True),
    ("comments", "Status", "is", "pending", True),
    ("comments", "Talk", "contains", "bound", True),
    ("comments", "Reported", "is", "1", False),
    ("entries", "Shown there", "is", "", True),
    ("outbox", "Given up", "is", "0", True),
    ("outbox", "Given up", "is", "1", False),
    ("audit", "Its no.", "is", "7", False),
]


def test_filters(as_carol, stocked):
    for table, name, said, value, is_found in FILTERED:
        page = filtered(as_carol, table, name, said, value).text
        assert ("details/?id=1&" in page) == is_found, (table, name, said, value)


def test_today_lies_between_since_and_until_today(as_carol, talk):
    for which in ("since", "until"):
        page = filtered(as_carol, "talks", "Written", which, utcnow().date().isoformat()).text
        assert 'href="/talk/1"' in page


def test_what_no_filter_takes_is_said(as_carol, talk):
    page = filtered(as_carol, "talks", "Written", "since", "soon").text

    assert "soon" in page and 'href="/talk/1"' in page


def test_a_list_has_pages(as_carol, ada):
    for number in range(51):
        a_talk(ada, title=f"Talk {number}")

    first, second = (as_carol.get(f"/admin/talks/?page={number}").text for number in (0, 1))
    assert first.count('href="/talk/') == 50 and 'rel="next"' in first and 'rel="prev"' not in first
    assert second.count('href="/talk/') == 1 and 'rel="prev"' in second and 'rel="next"' not in second


def test_a_list_is_sorted_by_its_key_both_ways(as_carol, ada):
    for number in range(3):
        a_talk(ada, title=f"Talk {number}")

    def order(query):
        return re.findall(r'href="/talk/(\d+)"', as_carol.get(f"/admin/talks/{query}").text)

    assert order("") == order("?sort=6&desc=1") == ["3", "2", "1"]
    assert order("?sort=6") == ["1", "2", "3"]


def test_rows_are_offered_while_somebody_types(as_carol, stocked, ada):
    assert as_carol.get("/admin/talks/ajax/lookup/?name=event&query=map").json == [[1, "Map Days"]]
    assert as_carol.get("/admin/talks/ajax/lookup/?name=owner&query=ADA").json == [[ada.id, "Ada (ada)"]]
    assert as_carol.get("/admin/entries/ajax/lookup/?name=talk&query=bound").json == [[1, "Boundaries"]]


def test_few_are_offered_at_once(as_carol, database):
    Event.insert_many({"slug": f"map-{n}", "title": f"Map {n}"} for n in range(50)).execute()

    for limit in ("100000", "-1", "0", "x", "9" * 30):
        query = {"name": "event", "query": "map", "limit": limit, "offset": "-3"}
        assert 1 <= len(as_carol.get("/admin/talks/ajax/lookup/", query_string=query).json) <= MOST_OFFERED


def test_a_lookup_of_nothing_finds_nothing(as_carol, stocked):
    for query in ("name=event", "name=event&query=%00", "name=event&query=%25", "name=event&query=_"):
        assert as_carol.get(f"/admin/talks/ajax/lookup/?{query}").json == []
    for query in ("", "name=password_hash&query=a", "name=id&query=1"):
        assert as_carol.get(f"/admin/talks/ajax/lookup/?{query}").status_code == 404


def test_a_page_costs_the_same_for_many_rows(as_carol, database, stocked, ada):
    def statements():
        found = {}
        for address in ["", *(f"{table}/{part}" for table in VIEWS for part in ("", "export/csv/"))]:
            asked = []
            database.query_hooks.append(asked.append)
            as_carol.get(f"/admin/{address}")
            database.query_hooks.remove(asked.append)
            found[address] = len([event for event in asked if not event.sql.startswith("PRAGMA")])
        return found

    few = statements()
    for number in range(20):
        talk = a_talk(ada, title=f"T {number}", event=Event.create(slug=f"e{number}", title="E"))
        author = User.create(username=f"u{number}", name="U")
        Comment.create(talk=talk, number=1, author=author, body="Why?", body_html="<p>Why?</p>")
        Entry.create(author=author, title="E", title_key="e", body="B", body_html="B", talk=talk)
        Tag.named(f"Tag {number}")
        OutboxMail.create(message_id=f"m{number}", kind="k", to_email="a@b.c", talk=talk, due_at=utcnow())
        audit.record("site.look", talk, by=author)

    assert statements() == few
    assert max(few.values()) <= 8
    assert max(few[f"{table}/"] for table in VIEWS) <= 3


# What leaves as a file


def cells(answer):
    return list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "|calc", "%0A"]
)
def test_no_cell_is_a_formula(text):
    assert defused(text) == f"'{text}"


def test_plain_words_and_numbers_stay_as_they_are():
    assert [defused(value) for value in ("Ada", -3, None, True, "a=b")] == ["Ada", -3, "", "yes", "a=b"]


def test_a_file_holds_what_the_list_found(as_carol, ada, bob):
    User.update(name='=HYPERLINK("//evil")').where(User.id == bob.id).execute()
    answer = as_carol.get("/admin/users/export/csv/?search=bob")

    rows = cells(answer)
    assert rows[0][:4] == ["Username", "Name", "E-mail", "Let in"]
    assert [row[:2] for row in rows[1:]] == [["bob", """'=HYPERLINK("//evil")"""]]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="users.csv"'
    assert "no-store" in answer.headers["Cache-Control"]


def test_a_file_is_bounded(as_carol, monkeypatch):
    monkeypatch.setattr(view_of("tags"), "export_max_rows", 20)
    Tag.insert_many({"slug": f"t{n}", "name": f"T{n}", "key": f"t{n}"} for n in range(50)).execute()

    assert len(cells(as_carol.get("/admin/tags/export/csv/"))) == 21


def test_there_is_no_other_kind_of_file(as_carol):
    assert as_carol.get("/admin/users/export/xlsx/").location == "/admin/users/"


# What a page may do


@pytest.mark.parametrize("address", ["", "talks/", "talks/new/", "talks/edit/?id=1", "talks/details/?id=1"])
def test_a_page_has_a_policy_with_a_nonce_of_its_own(as_carol, stocked, address):
    first, second = (as_carol.get(f"/admin/{address}") for _ in range(2))
    policies = [answer.headers["Content-Security-Policy"] for answer in (first, second)]
    ours, other = (re.search(r"'nonce-([\w-]+)'", policy)[1] for policy in policies)

    assert ours != other
    said = dict(part.split(" ", 1) for part in policies[0].split("; "))
    assert said["script-src"] == said["style-src"] == f"'self' 'nonce-{ours}'"
    assert said["style-src-attr"] == "'unsafe-inline'"
    assert "script-src-attr" not in said
    assert not re.search(r"<[^>]*\son\w+=|javascript:", first.text)
    assert first.text.count("<script") == first.text.count(f'<script nonce="{ours}"') > 0


def test_nothing_on_a_page_is_from_another_host(as_carol, stocked):
    for address in ("", "users/", "talks/edit/?id=1", "audit/details/?id=1"):
        page = as_carol.get(f"/admin/{address}").text
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)


def test_the_rest_of_the_site_keeps_its_policy(as_carol):
    assert "nonce" not in as_carol.get("/about").headers.get("Content-Security-Policy", "")


# Bad input

NONSENSE = [
    "page=-1", "page=99999999999999999999", "page=x", "sort=99", "sort=-1", "sort=1", "sort=x", "desc=x",
    "flt0_0=x", "flt0_99=x", "flt_=", "flt0_0=%00", "flt0_6=9999-12-31", "flt0_6=0001-01-01", "search=%00",
    "search=" + "a+" * 500, "search=%25_%5C'%22", "endpoint=x", "_external=1", "_scheme=javascript",
    "_method=X", "_anchor=x", "export_type=x", "values=1", "page_size=100000", "self=1", "modal=1",
    "&".join(f"flt{n}_0=draft" for n in range(500)),
]  # fmt: skip


def test_an_address_that_makes_no_sense_is_no_error(as_carol, stocked):
    for address in ("talks/", "talks/export/csv/"):
        for query in NONSENSE:
            assert as_carol.get(f"/admin/{address}?{query}").status_code == 200, query


@pytest.fixture(scope="module")
def empty(empty_file):
    """An empty database for all examples of a test."""
    before = models.database.obj
    made = open_database(f"sqlite:///{empty_file}")
    models.database.initialize(made)
    made.connect()
    yield made
    made.close()
    models.database.initialize(before)


ANYTHING = st.text(st.characters(codec="utf-8"), max_size=40) | st.sampled_from(["=", "1", "\0", "x" * 400])
ARGUMENTS = ["page", "sort", "desc", "search", *(f"flt0_{number}" for number in range(9))]


@settings(max_examples=60)
@given(table=st.sampled_from(VIEWS), values=st.dictionaries(st.sampled_from(ARGUMENTS), ANYTHING))
def test_no_list_breaks_whatever_is_asked(empty, table, values):
    with main.app.test_request_context(f"/admin/{table}/", query_string=values):
        models.database.connect(reuse_if_open=True)  # the request before has closed it
        view = view_of(table)
        args = view._get_list_extra_args()
        column = view._get_column_by_idx(args.sort)
        _, rows = view.get_list(args.page, column and column[0], args.sort_desc, args.search, args.filters)

    assert rows == []
