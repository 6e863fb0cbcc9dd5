"""Speakers' pages, the index, and one's own profile."""

import re
from datetime import date, datetime

import pytest
from browsing import Form, form_of, write
from conftest import only_sqlite
from written import a_talk

from models import Alias, Event, User
from talks.names import fold


def a_profile(name, **values):
    return User.create(username=fold(name), name=name, is_speaker=True, **values)


def titles(answer):
    return re.findall(r'<h3><a href="/talk/\d+"[^>]*>([^<]*)</a>', answer.text)


def test_the_page_shows_who_it_is_and_what_they_said(client, ada):
    User.update(location="London", website="https://ada.example/", bio_html="<p>Hi</p>").execute()
    a_talk(ada, title="Engines", status="published", date=date(1843, 9, 1))

    answer = client.get("/user/ada")

    assert titles(answer) == ["Engines"]
    for part in ("London", 'href="https://ada.example/"', "<p>Hi</p>", "1 talk<", "1 September 1843"):
        assert part in answer.text


def test_talks_stand_newest_first_and_undated_last(client, ada):
    for title, day in (("old", date(2001, 1, 1)), ("undated", None), ("new", datetime(2020, 1, 1, 9))):
        a_talk(ada, title=title, status="published", date=day)

    assert titles(client.get("/user/ada")) == ["new", "old", "undated"]


def test_a_year_shows_its_talks_only(client, ada):
    days = (date(2019, 12, 31), date(2020, 1, 1), datetime(2020, 12, 31, 23, 59), date(2021, 1, 1), None)
    for day in days:
        a_talk(ada, title=str(day), status="published", date=day)

    assert titles(client.get("/user/ada?year=2020")) == ["2020-12-31 23:59:00", "2020-01-01"]


@only_sqlite
@pytest.mark.parametrize("year", ["", "0", "0000", "20", "20200", "abcd", "２０２０", "-202", "2020'"])
def test_what_is_no_year_is_not_found(client, ada, year):
    assert client.get("/user/ada", query_string={"year": year}).status_code == 404


@pytest.mark.parametrize("year", ["1000", "9999"])
def test_a_year_without_talks_is_empty(client, ada, year):
    a_talk(ada, status="published", date=date(2020, 1, 1))

    answer = client.get(f"/user/ada?year={year}")

    assert (answer.status_code, titles(answer)) == (200, [])


def test_pages_of_a_year_stay_in_it(client, ada, monkeypatch):
    monkeypatch.setitem(client.application.config, "TALKS_PER_PAGE", 2)
    for day in (date(2019, 5, 1), *(date(2020, 5, day) for day in (1, 2, 3)), date(2021, 5, 1)):
        a_talk(ada, title=str(day), status="published", date=day)

    first = client.get("/user/ada?year=2020")
    following = re.search(r'rel="next" href="([^"]*)"', first.text)[1].replace("&amp;", "&")
    second = client.get(f"/user/ada{following}")

    assert titles(first) + titles(second) == ["2020-05-03", "2020-05-02", "2020-05-01"]


def test_years_are_counted(client, ada):
    for day in (date(2019, 1, 1), date(2020, 1, 1), datetime(2020, 5, 5, 5), None):
        a_talk(ada, status="published", date=day)
    a_talk(ada, status="draft", date=date(2018, 1, 1))

    found = re.findall(r'href="/user/ada\?year=(\d+)"[^>]*title="([^"]*)"', client.get("/user/ada").text)

    assert found == [("2019", "1 talk"), ("2020", "2 talks")]


def test_the_events_spoken_at_are_listed_with_their_counts(client, ada):
    events = [
        Event.create(slug=f"e{year}", title=f"Conf {year}", starts_on=date(year, 1, 1))
        for year in (2019, 2020)
    ]
    hidden = Event.create(slug="hidden", title="Hidden")
    for event in (*events, events[0]):
        a_talk(ada, status="published", event=event, date=event.starts_on)
    a_talk(ada, status="draft", event=hidden)

    text = client.get("/user/ada").text.partition("Spoke at")[2]

    assert re.findall(r'href="/event/(\w+)"', text) == ["e2020", "e2019"]
    assert re.search(r"Conf 2019</a>\s*<span[^>]*>2", text)


def test_drafts_are_shown_to_oneself_alone(client, as_bob, ada, as_carol):
    a_talk(ada, title="A secret", status="draft", speakers=[ada, a_profile("Zoe")])
    assert all("A secret" not in browser.get("/user/ada").text for browser in (client, as_bob, as_carol))

    client.let_in(ada)

    assert titles(client.get("/user/ada")) == ["A secret"]
    assert 'href="/user/zoe"' in client.get("/user/ada").text


def test_a_profile_that_only_a_draft_names_is_for_administrators(client, as_ada, as_carol, ada):
    zoe = a_profile("Zoe")
    Alias.create(user=zoe, name="zo", key="zo")
    a_talk(ada, speakers=[ada, zoe])

    assert [browser.get("/user/zoe").status_code for browser in (client, as_ada, as_carol)] == [404, 404, 200]
    assert client.get("/user/zo").status_code == 404

    a_talk(ada, speakers=[zoe], status="published")
    assert client.get("/user/zoe").status_code == 200


def test_an_account_without_a_talk_has_its_page(client, bob):
    assert client.get("/user/bob").status_code == 200


@pytest.mark.parametrize("path", ["/user/ADA", "/user/Countess%20of%20Lovelace", "/user/countess"])
def test_another_spelling_leads_to_the_page(client, ada, path):
    for name in ("Countess of Lovelace", "countess"):
        Alias.create(user=ada, name=name, key=fold(name))

    answer = client.get(path)

    assert (answer.status_code, answer.location) == (308, "/user/ada")


@pytest.mark.parametrize(
    "path", ["/user/nobody", "/user/%00", "/user/a%F0%9F%98%80", "/user/" + "a" * 5000, "/user/%ff"]
)
def test_nobody_is_not_found(client, path):
    assert client.get(path).status_code == 404


def test_who_was_blocked_is_not_found(client, ada):
    Alias.create(user=ada, name="countess", key="countess")
    User.update(is_active=False).execute()

    assert client.get("/user/ada").status_code == 404
    assert client.get("/user/countess").status_code == 404


# The index


def test_the_index_lists_who_has_a_published_talk_by_name(client):
    for name in ("Zoë", "Édith", "adam", "Eve"):
        a_talk(status="published", speakers=[a_profile(name)])
    a_talk(status="draft", speakers=[a_profile("Hidden")])

    text = client.get("/speakers").text

    assert re.findall(r'href="/user/(\w+)"', text) == ["adam", "edith", "eve", "zoe"]


def test_the_pages_of_the_index_hold_everybody_once(client):
    for number in range(205):
        a_profile(f"Speaker {number:03}", talk_count=1)
    found, path = [], "/speakers"
    while path:
        text = client.get(path).text
        found += re.findall(r'href="/user/(\w+)"', text)
        more = re.search(r'rel="next" href="([^"]*)"', text)
        path = more and "/speakers" + more[1].replace("&amp;", "&")

    assert found == sorted(found) and len(found) == len(set(found)) == 205


# One's own profile


def test_a_visitor_signs_in_before_editing(client):
    assert client.get("/profile").location == "/auth/login?next=/profile"


def test_what_was_typed_is_kept_and_shown(as_bob, bob):
    answer = write(
        as_bob,
        "/profile",
        name=" Bob 😀 ",
        location="Köln",
        website="HTTPS://Bob.Example",
        bio="*I* listen.\r\n\r\nMore.",
    )

    kept = User.get_by_id(bob.id)
    assert (answer.status_code, answer.location) == (303, "/user/bob")
    assert (kept.name, kept.location, kept.website) == ("Bob 😀", "Köln", "https://bob.example")
    assert (kept.bio, kept.name_key) == ("*I* listen.\n\nMore.", "bob")
    assert "<em>I</em> listen." in as_bob.get("/user/bob").text


def test_a_profile_saved_without_a_change_is_the_same(as_bob, bob):
    write(as_bob, "/profile", bio="a\r\n\r\nb", website="https://example.org/")
    before = User.select().dicts().get()

    write(as_bob, "/profile")

    assert User.select().dicts().get() == before


@only_sqlite
@pytest.mark.parametrize(
    "field, value, said",
    [
        ("name", "", "Tell people your name."),
        ("name", "a" * 129, "128"),
        ("location", "a" * 129, "128"),
        ("website", "javascript:alert(1)", "Give a whole web address"),
        ("website", "//example.org", "Give a whole web address"),
        ("website", "https://example.org/" + "a" * 1981, "2000"),
        ("bio", "a" * 10_001, "10000"),
        ("bio", "a\0b", "U+0000"),
        ("name", "a\0b", "U+0000"),
    ],
    ids=lambda value: value[:12],
)
def test_what_cannot_be_kept_is_refused_beside_its_field(as_bob, bob, field, value, said):
    answer = write(as_bob, "/profile", **{field: value})

    assert answer.status_code == 422
    assert said in re.search(rf'id="{field}-wrong">([^<]*)<', answer.text)[1]
    assert Form(answer.text).fields[field] == value
    assert User.get_by_id(bob.id).name == "Bob"


@only_sqlite
@pytest.mark.parametrize(
    "field", ["is_admin", "is_speaker", "username", "email", "password_hash", "talk_count"]
)
def test_other_columns_cannot_be_written(as_bob, bob, field):
    before = User.select().dicts().get()

    write(as_bob, "/profile", **{field: "1"})

    assert User.select().dicts().get() == before


@only_sqlite
def test_a_profile_without_the_forms_token_is_refused(as_bob, bob):
    assert as_bob.post("/profile", data={"name": "Forged"}).status_code == 400
    assert User.get_by_id(bob.id).name == "Bob"


def test_the_form_shows_what_is_kept(as_bob):
    assert form_of(as_bob, "/profile")["name"] == "Bob"


@only_sqlite
def test_a_hostile_bio_is_cleaned(as_bob):
    write(as_bob, "/profile", bio='<script>alert(1)</script><a href="javascript:alert(1)" onclick="x">x</a>')

    html = User.get().bio_html
    assert "<script" not in html and "onclick" not in html and "href" not in html


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("Ada\nAdministrator", "Write this on one line."),
        ("Ada\tLovelace", "Write this on one line."),
        ("Ada\u2028Lovelace", "Write this on one line."),
        ("Ada\u2029Lovelace", "Write this on one line."),
        ("Ada\x07", "cannot be shown"),
        ("Ada\u202e", "cannot be shown"),
        ("\u200b\u2060", "Tell people your name."),
    ],
    ids=ascii,
)
def test_a_name_is_one_line_that_can_be_seen(as_ada, ada, name, why):
    answer = as_ada.submit("/profile", name=name)

    assert answer.status_code == 422 and why in answer.text
    assert User.get_by_id(ada.id).name == "Ada"


@pytest.mark.parametrize("name", ["Ada Lovelace", "Zoë O'Hara-Łuk", "李 小龍", "آدا"])
def test_a_name_is_kept_as_it_is(as_ada, ada, name):
    assert as_ada.submit("/profile", name=name).status_code == 303
    assert User.get_by_id(ada.id).name == name
