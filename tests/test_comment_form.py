"""The form under a talk and the pages behind it: who sent it, what is said, and that no text is ever lost."""

import io
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from asked import EVE, FROM_HERE, a_comment, an_open_talk, asked, form_under, reloaded, send, sent_back, whole
from browsing import Form, form_of, write
from conftest import only_sqlite, person
from test_escaping import HOSTILE, check
from written import a_talk

import main
from models import Comment, Refusal, Talk, utcnow
from talks import comment_pages, previews, stamps, tokens
from talks.allowances import Allowance

TYPED = "My <b>long</b>\r\nthought & more"  # as browsers send it
KEPT = TYPED.replace("\r\n", "\n")


@pytest.fixture
def talk(ada):
    return an_open_talk(ada)


def path_of(answer):
    return answer.location.partition("#")[0]


def own_page(client, talk, **fields):
    """The answer to a visitor's comment, which leads to the page of its author."""
    answer = send(client, talk, **({"body": "How?"} | EVE | fields))
    assert answer.status_code == 303, answer.text
    return path_of(answer)


def assert_given_back(answer, status, said):
    assert answer.status_code == status
    assert said in answer.text
    assert not Comment.select().exists()
    assert sent_back(answer)["body"] == TYPED


# A visitor asks


def test_a_visitor_asks_and_comes_to_a_page_that_says_it_waits(client, ada):
    talk = an_open_talk(ada, discussion="moderated")

    page = client.get(own_page(client, talk, body=TYPED))

    comment = Comment.get()
    assert (comment.body, comment.author_name, comment.status) == (KEPT, "Eve", "pending")
    assert "It waits to be approved" in page.text
    assert "thought" not in client.get(f"/talk/{talk.id}").text


def test_under_an_open_talk_it_stands_there_at_once(client, talk):
    page = client.get(own_page(client, talk, body="Shown at once"))

    assert "It stands under the talk" in page.text
    assert "Shown at once" in client.get(f"/talk/{talk.id}").text


def test_a_visitor_never_gets_a_cookie(client, talk):
    page = own_page(client, talk)
    answers = [
        client.get(f"/talk/{talk.id}"), client.get(page), send(client, talk, body=""),
        send(client, talk, body="x", preview="1"), client.get("/comment/1"), client.get("/comment/1/report"),
        client.post("/preview", data={"body": "x"}), client.get("/comment/1?key=x"),
        client.post("/comment/1/delete", data={"key": parse_qs(urlsplit(page).query)["key"][0]}),
    ]  # fmt: skip

    assert not [answer for answer in answers if "Set-Cookie" in answer.headers]


def test_the_page_is_the_same_for_every_visitor(client, talk, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1_800_000_000.0)
    a_comment(talk)
    other = main.app.test_client()
    other.environ_base["REMOTE_ADDR"] = "203.0.113.7"
    own_page(other, talk, body="Other words")

    assert client.get(f"/talk/{talk.id}").data == other.get(f"/talk/{talk.id}").data
    assert "Cache-Control" not in client.get(f"/talk/{talk.id}").headers


@only_sqlite
def test_the_form_says_who_sees_the_address(client, talk):
    assert (
        "Only the speaker and the administrators of this site see it." in client.get(f"/talk/{talk.id}").text
    )


def test_where_no_speaker_has_an_account_the_form_names_the_administrators(client):
    page = client.get(f"/talk/{a_talk(status='published', speakers=[], discussion='moderated').id}").text

    assert "Only the administrators of this site see it." in page
    assert "Shown after an administrator has looked at it." in page


@only_sqlite
@pytest.mark.parametrize(
    "values, said",
    [
        ({"discussion": "closed"}, "Questions are closed."),
        ({"discussion": "members"}, "People with an account ask here."),
        ({"discussion_days": 1}, "Questions closed on"),
    ],
)
def test_where_a_visitor_cannot_ask_the_page_says_why(client, ada, values, said):
    talk = an_open_talk(ada, **values)
    Talk.update(published_at=utcnow() - timedelta(days=2)).execute()
    a_comment(talk)

    text = client.get(f"/talk/{talk.id}").text

    assert said in text and 'name="body"' not in text


def test_an_imported_talk_without_comments_says_nothing_of_questions(client, ada):
    talk = an_open_talk(ada, discussion="", imported_from="pyvideo", imported_key="x")

    assert "uestion" not in client.get(f"/talk/{talk.id}").text


# What is typed wrong comes back


@only_sqlite
@pytest.mark.parametrize(
    "field, typed, said",
    [
        ("body", "", "Write your question or remark."),
        ("body", " \n\t\r\n ", "Write your question or remark."),
        ("body", "\u200b\u2800", "Write your question or remark."),
        ("body", "x" * 10_001, "10000 characters"),
        ("body", "a\x07b", "U+0007"),
        ("body", "a\0b", "U+0000"),
        ("body", "a\u202eb", "U+202E"),
        ("name", "", "Tell people your name."),
        ("name", "\u200b", "Tell people your name."),
        ("name", "x" * 65, "64 characters"),
        ("name", "Eve\r\nBcc: all@example.org", "Write this on one line."),
        ("name", "Eve\nBcc: all@example.org", "Write this on one line."),
        ("name", "Eve\u2028Bcc: all@example.org", "Write this on one line."),
        ("name", "Eve\u202egnp.exe", "U+202E"),
        ("email", "", "Enter your e-mail address."),
        ("email", "eve", "That is not an e-mail address."),
        ("email", "eve@example.org\r\nBcc: all@example.org", "That is not an e-mail address."),
        ("email", "eve@example.org, bob@example.org", "That is not an e-mail address."),
        ("email", "x" * 400 + "@example.org", "320 characters"),
        ("parent", "x", "integer"),
    ],
)
def test_what_is_typed_wrong_is_said_and_comes_back(client, talk, field, typed, said):
    filled = EVE | {"body": TYPED} | {field: typed}

    answer = send(client, talk, **filled)

    assert answer.status_code == 422 and said in answer.text
    assert not Comment.select().exists()
    back = sent_back(answer)
    for name in {"body", "name", "email"} - {field}:
        assert back[name] == filled[name]
    if field == "body" and typed.strip() and "\0" not in typed:
        assert typed in back["body"]


@only_sqlite
def test_a_hostile_form_comes_back_as_words(client, talk):
    answer = send(client, talk, body=HOSTILE, name=HOSTILE, email=HOSTILE, parent=HOSTILE, homepage=HOSTILE)

    assert answer.status_code == 422
    check(answer.text)


@only_sqlite
def test_hostile_words_are_words_on_every_page(client, as_ada, talk):
    key = own_page(client, talk, body=HOSTILE, name=HOSTILE[:64])

    for browser, path in ((client, f"/talk/{talk.id}"), (client, key), (client, "/comment/1/report"),
                          (as_ada, f"/talk/{talk.id}")):  # fmt: skip
        check(browser.get(path).text)


FIELDS = ("body", "name", "email", "homepage", "parent", "notify", "stamp")


@only_sqlite
@pytest.mark.parametrize("field", FIELDS)
def test_a_file_is_no_text(client, talk, field):
    filled = form_under(client, talk) | EVE | {"body": "How?"}
    filled[field] = (io.BytesIO(b"x"), "x.txt")

    answer = client.post(
        f"/talk/{talk.id}", data=filled, content_type="multipart/form-data", headers=FROM_HERE
    )
    assert answer.status_code in (303, 422)
    assert Comment.select().count() == (answer.status_code == 303)


@only_sqlite
@pytest.mark.parametrize(
    "sent", [[1], "x", 5, None, *({field: 5} for field in FIELDS), {"body": ["a", {}]}], ids=str
)
@pytest.mark.parametrize("path", ["/talk/1", "/preview"])
def test_json_is_no_form(client, talk, path, sent):
    assert client.post(path, json=sent, headers=FROM_HERE).status_code == 422
    assert not Comment.select().exists()


def test_the_longest_comment_of_a_visitor_is_taken(client, talk):
    own_page(client, talk, body="𠮷" * 10_000, name="𠮷" * 64)

    assert len(Comment.get().body) == 10_000


@only_sqlite
def test_a_text_twice_too_long_comes_back_whole(client, talk):
    answer = send(client, talk, body="é" * 20_000, **EVE)

    assert answer.status_code == 422 and len(sent_back(answer)["body"]) == 20_000


@only_sqlite
def test_a_line_break_counts_as_one_character(client, talk):
    answer = send(client, talk, body="x\r\n" * 5_000, **EVE)

    assert answer.status_code == 303
    assert Comment.get().body == "x\n" * 4_999 + "x"


@pytest.mark.parametrize(
    "change", [{"discussion": "closed"}, {"discussion": "members"}, {"discussion_days": 1}]
)
def test_a_discussion_that_closed_meanwhile_gives_the_text_back(client, talk, change):
    filled = form_under(client, talk) | EVE | {"body": TYPED}
    Talk.update(published_at=utcnow() - timedelta(days=2), **change).where(Talk.id == talk.id).execute()

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "Not sent yet")


@pytest.mark.parametrize("status", ["draft", "deleted"])
def test_a_talk_that_went_meanwhile_gives_the_text_back(client, talk, status):
    filled = form_under(client, talk) | EVE | {"body": TYPED}
    Talk.update(status=status).where(Talk.id == talk.id).execute()

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    unknown = client.post("/talk/99", data=filled, headers=FROM_HERE)
    for found in (answer, unknown):  # which of the two it is, is nobody's business
        assert found.status_code == 404 and "This talk is not there, or not any more" in found.text
        assert "My &lt;b&gt;long&lt;/b&gt;" in found.text


def test_a_speaker_cannot_ask_under_the_own_draft_and_keeps_the_text(as_ada, ada, talk):
    draft = a_talk(ada)
    filled = form_under(as_ada, talk) | {"body": TYPED}

    answer = as_ada.post(f"/talk/{draft.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "not published now")


def test_an_answer_to_what_is_gone_stands_alone_when_sent_again(client, talk):
    gone = a_comment(talk)
    filled = form_under(client, talk, f"?reply={gone.id}") | EVE | {"body": TYPED}
    assert filled["parent"] == str(gone.id)
    Comment.update(status="rejected").execute()

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)
    assert answer.status_code == 422 and "not there any more" in answer.text
    again = client.post(f"/talk/{talk.id}", data=sent_back(answer), headers=FROM_HERE)

    assert again.status_code == 303
    assert Comment.get(Comment.body == KEPT).parent is None


def test_an_answer_stands_under_what_it_answers(client, talk):
    top = a_comment(talk)

    send(client, talk, f"?reply={top.id}", body="Because", **EVE)

    assert Comment.get(Comment.body == "Because").parent == top


@pytest.mark.parametrize("reply", ["99", "x", "-1", "9" * 30, ""])
def test_an_odd_reply_is_a_plain_form(client, talk, reply):
    assert form_under(client, talk, f"?reply={reply}")["parent"] == ""


# Where a form comes from


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "http://localhost.elsewhere.example"},
        {"Origin": "http://localhost:8080"},
        {"Origin": "http://[bad"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/talk/1", "/preview", "/comment/1/report", "/comment/1/edit"])
def test_a_form_of_another_site_is_refused(client, talk, headers, path):
    a_comment(talk)
    filled = form_under(client, talk) | EVE | {"body": TYPED}

    answer = client.post(path, data=filled, headers=headers)

    assert answer.status_code == 400 and "another site" in answer.text
    assert Comment.select().count() == 1 and not reloaded(Comment.get()).reported_at


@only_sqlite
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Origin": "https://LOCALHOST"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "https://name-behind-the-proxy.example"},
    ],
    ids=str,
)
def test_a_form_of_this_site_is_taken(client, talk, headers):
    assert send(client, talk, headers=headers, body="How?", **EVE).status_code == 303


@only_sqlite
@pytest.mark.parametrize("stamp", ["", "x", "x.y", "é", "W10.x", "a" * 5000])
def test_a_form_without_a_good_stamp_comes_back_with_one(client, talk, stamp):
    answer = send(client, talk, body=TYPED, stamp=stamp, **EVE)

    assert_given_back(answer, 422, "open for too long")
    assert client.post(f"/talk/{talk.id}", data=sent_back(answer), headers=FROM_HERE).status_code == 303


@only_sqlite
def test_a_stamp_is_for_one_talk(client, ada, talk):
    other = form_under(client, an_open_talk(ada))["stamp"]

    assert_given_back(send(client, talk, body=TYPED, stamp=other, **EVE), 422, "open for too long")


HOUR, NOW = 3600, 1_800_000_000.0


@pytest.mark.parametrize(
    "age, good", [(0, True), (47, True), (48, True), (49, False), (500, False), (-1, True), (-2, False)]
)
def test_a_stamp_is_good_for_two_days(age, good):
    assert stamps.is_good("secret", stamps.stamp("secret", 7, NOW - age * HOUR), 7, NOW) is good


def test_a_stamp_of_another_secret_is_not_good():
    assert not stamps.is_good("secret", stamps.stamp("other", 7, NOW), 7, NOW)


def test_a_stamp_is_the_same_for_an_hour():
    start = NOW - NOW % HOUR
    assert stamps.stamp("secret", 7, start) == stamps.stamp("secret", 7, start + HOUR - 1)


def test_a_sign_in_that_ended_gives_the_text_back(as_bob, talk):
    filled = form_under(as_bob, talk) | {"body": TYPED}
    as_bob.submit("/auth/logout", page="/auth/logout")

    answer = as_bob.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "belongs to another sign-in")


def test_a_sign_in_that_began_meanwhile_gives_the_text_back(client, talk, bob):
    filled = form_under(client, talk) | EVE | {"body": TYPED}
    client.sign_in(bob)

    answer = client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE)

    assert_given_back(answer, 422, "belongs to another sign-in")
    assert client.post(f"/talk/{talk.id}", data=sent_back(answer), headers=FROM_HERE).status_code == 303


@only_sqlite
def test_a_member_without_the_token_of_the_form_writes_nothing(as_bob, talk):
    answer = as_bob.post(f"/talk/{talk.id}", data={"body": TYPED}, headers=FROM_HERE)

    assert_given_back(answer, 422, "belongs to another sign-in")


# A member asks


def test_a_member_asks_and_comes_to_where_it_stands(as_bob, ada):
    talk = an_open_talk(ada, discussion="moderated")

    answer = send(as_bob, talk, body="How?", notify="y")

    comment = Comment.get()
    assert answer.location == f"/talk/{talk.id}#comment-{comment.id}"
    assert (comment.author.username, comment.notify, comment.status) == ("bob", True, "pending")
    assert "It waits to be approved" in as_bob.get(path_of(answer)).text


@only_sqlite
def test_a_members_form_asks_for_neither_name_nor_address(as_bob, talk):
    assert {"name", "email", "stamp"}.isdisjoint(form_under(as_bob, talk))


def test_a_member_changes_and_takes_back_the_own_comment(as_bob, talk, bob):
    comment = asked(talk, author=bob)
    path = f"/comment/{comment.id}/edit"
    assert f'href="{path}"' in as_bob.get(f"/talk/{talk.id}").text
    form = Form(as_bob.get(path).text, "ask-form").fields

    answer = as_bob.post(path, data=form | {"body": "**Why**?"})
    assert answer.location == f"/talk/{talk.id}#comment-{comment.id}"
    assert reloaded(comment).body_html == "<p><strong>Why</strong>?</p>"

    as_bob.submit(f"/comment/{comment.id}/delete", page=path)
    assert reloaded(comment).status == "deleted"
    assert "You took this back." in as_bob.get(f"/talk/{talk.id}").text

    as_bob.submit(f"/comment/{comment.id}/restore", page=path)
    assert reloaded(comment).status == "approved"


@pytest.mark.parametrize("act", ["edit", "delete", "restore"])
def test_another_member_changes_nothing(as_bob, talk, act):
    comment = asked(talk, author=person("eve"))

    answer = as_bob.submit(f"/comment/{comment.id}/{act}", page=f"/talk/{talk.id}", body="Mine")

    assert answer.status_code == 403
    assert (reloaded(comment).body, reloaded(comment).status) == ("How?", "approved")


@pytest.mark.parametrize("act", ["edit", "delete", "restore"])
def test_what_one_may_not_read_is_not_found(as_bob, talk, act):
    comment = a_comment(talk, "pending")

    answer = as_bob.submit(f"/comment/{comment.id}/{act}", page=f"/talk/{talk.id}", body="x")

    assert answer.status_code in (403, 404) and reloaded(comment).status == "pending"


@only_sqlite
@pytest.mark.parametrize("act", ["edit", "delete", "restore"])
def test_a_post_without_the_forms_token_changes_nothing(as_bob, talk, bob, act):
    comment = asked(talk, author=bob)

    answer = as_bob.post(f"/comment/{comment.id}/{act}", data={"body": TYPED})

    assert answer.status_code in (400, 422)
    assert (reloaded(comment).body, reloaded(comment).status) == ("How?", "approved")


@only_sqlite
@pytest.mark.parametrize("act", ["delete", "restore"])
def test_a_link_alone_takes_nothing_back(as_bob, talk, bob, act):
    assert as_bob.get(f"/comment/{asked(talk, author=bob).id}/{act}").status_code == 405


def test_who_decides_takes_away_what_others_wrote(as_ada, talk):
    comment = asked(talk)

    as_ada.submit(f"/comment/{comment.id}/delete", page=f"/talk/{talk.id}")

    assert reloaded(comment).status == "rejected"


def test_an_edit_too_late_gives_the_text_back(as_bob, talk, bob):
    comment = asked(talk, author=bob)
    form = Form(as_bob.get(f"/comment/{comment.id}/edit").text, "ask-form").fields
    Comment.update(created_at=utcnow() - Comment.EDITABLE).execute()

    answer = as_bob.post(f"/comment/{comment.id}/edit", data=form | {"body": TYPED})

    assert answer.status_code == 422 and "quarter of an hour" in answer.text
    assert sent_back(answer)["body"] == TYPED


# The visitor's own page


@only_sqlite
def test_the_own_page_is_told_to_nobody(client, talk):
    page = client.get(own_page(client, talk))

    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"


def keyed(page, **fields):
    return {"key": parse_qs(urlsplit(page).query)["key"][0]} | fields


def test_a_visitor_changes_takes_back_and_brings_back(client, talk):
    page = own_page(client, talk)
    comment = Comment.get()
    form = Form(client.get(page).text, "ask-form").fields
    nothing_known = main.app.test_client()

    changed = nothing_known.post(f"/comment/{comment.id}/edit", data=form | {"body": "**Why**?"})
    assert path_of(changed) == page and "<strong>Why</strong>" in client.get(page).text

    nothing_known.post(f"/comment/{comment.id}/delete", data=keyed(page))
    assert reloaded(comment).status == "deleted" and "You took it back" in client.get(page).text

    nothing_known.post(f"/comment/{comment.id}/restore", data=keyed(page))
    assert reloaded(comment).status == "approved"


@only_sqlite
def test_a_wrong_edit_comes_back(client, talk):
    page = own_page(client, talk)

    answer = client.post("/comment/1/edit", data=keyed(page, body=" "))

    assert answer.status_code == 422 and "Write your question or remark." in answer.text
    assert Comment.get().body == "How?"


def key_of(comment_id, purpose="comment", secret=None):
    return tokens.sign(secret or main.app.secret_key, purpose, comment_id)


BAD_KEYS = {
    "empty": "", "nonsense": "x", "of another comment": key_of(2), "of another purpose": key_of(1, "setup"),
    "of another secret": key_of(1, secret="other"), "of text": key_of("1"), "of a list": key_of([1]),
    "half a character": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"),
}  # fmt: skip


@only_sqlite
@pytest.mark.parametrize("key", BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_bad_key_is_refused_with_a_page_that_says_so(client, talk, key):
    comment = asked(talk)

    shown = client.get(f"/comment/{comment.id}", query_string={"key": key})
    assert shown.status_code == 403 and "not valid" in shown.text
    assert (shown.headers["Cache-Control"], shown.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    for act in ("edit", "delete", "restore"):
        answer = client.post(f"/comment/{comment.id}/{act}", data={"key": key, "body": TYPED})
        assert answer.status_code == 403 and "not valid" in answer.text
        if act == "edit":
            assert "My &lt;b&gt;long" in answer.text
    assert (reloaded(comment).body, reloaded(comment).status) == ("How?", "approved")


def test_a_key_lasts_a_quarter_of_an_hour_and_then_gives_the_text_back(client, talk, monkeypatch):
    page = own_page(client, talk)
    monkeypatch.setattr(comment_pages, "KEY_SECONDS", -1)

    assert client.get(page).status_code == 410
    answer = client.post("/comment/1/edit", data=keyed(page, body=TYPED))
    assert (
        answer.status_code == 410
        and "quarter of an hour" in answer.text
        and "My &lt;b&gt;long" in answer.text
    )
    assert client.post("/comment/1/delete", data=keyed(page)).status_code == 410
    assert Comment.get().status == "approved"


def test_a_key_of_a_comment_that_was_purged_is_not_valid(client, talk):
    page = own_page(client, talk)
    Comment.delete().execute()

    assert client.get(page).status_code == 403


NOT_SHOWN = "It was not approved"


@only_sqlite
@pytest.mark.parametrize(
    "status, said", [("rejected", NOT_SHOWN), ("spam", NOT_SHOWN), ("approved", "It stands under the talk")]
)
def test_the_own_page_says_what_became_of_it(client, talk, status, said):
    page = own_page(client, talk)
    Comment.update(status=status).execute()

    assert said in client.get(page).text


# Reports


def test_a_reader_reports_with_a_button_and_without_a_cookie(client, talk):
    comment = asked(talk)
    path = f"/comment/{comment.id}/report"
    assert f'href="{path}"' in client.get(f"/talk/{talk.id}").text
    stamp = client.get(path).text.partition('name="stamp" value="')[2].partition('"')[0]
    assert not reloaded(comment).reported_at

    answer = client.post(path, data={"stamp": stamp}, headers=FROM_HERE)

    assert answer.status_code == 303 and "Thank you" in client.get(answer.location).text
    assert reloaded(comment).reported_at and reloaded(comment).status == "approved"
    assert "Reported" not in client.get(f"/talk/{talk.id}").text


@only_sqlite
def test_a_report_without_a_stamp_is_asked_again(client, talk):
    comment = asked(talk)

    answer = client.post(f"/comment/{comment.id}/report", headers=FROM_HERE)

    assert answer.status_code == 422 and not reloaded(comment).reported_at


def test_a_member_reports_with_the_token_of_the_form(as_bob, talk):
    comment = asked(talk)
    assert as_bob.post(f"/comment/{comment.id}/report").status_code == 400

    as_bob.submit(f"/comment/{comment.id}/report")

    assert reloaded(comment).reported_at


@only_sqlite
def test_reports_are_limited(client, talk, allowance, monkeypatch):
    monkeypatch.setattr(comment_pages, "reports", Allowance(2, 3600))
    monkeypatch.setattr(time, "time", lambda: NOW)
    stamp = {"stamp": form_under(client, talk)["stamp"]}
    made = [a_comment(talk) for _ in range(3)]

    sent = [client.post(f"/comment/{each.id}/report", data=stamp, headers=FROM_HERE) for each in made]
    assert [answer.status_code for answer in sent] == [303, 303, 429]
    assert Comment.select().where(Comment.reported_at.is_null(False)).count() == 2


@only_sqlite
@pytest.mark.parametrize("status", ["pending", "rejected", "deleted"])
def test_what_is_not_shown_is_not_reported(client, talk, status):
    assert client.get(f"/comment/{a_comment(talk, status).id}/report").status_code == 404


# Preview


@pytest.fixture
def allowance(monkeypatch):
    monkeypatch.setattr(previews, "allowance", Allowance(previews.PER_MINUTE, 60))
    monkeypatch.setattr(comment_pages, "long_texts", Allowance(comment_pages.LONG_A_MINUTE, 60))
    monkeypatch.setattr(comment_pages, "reports", Allowance(comment_pages.REPORTS_AN_HOUR, 3600))


@only_sqlite
@pytest.mark.parametrize(
    "body", [TYPED, "**a** `b` https://example.org", "# T\n\n- x\n\n```\n<i>\n```", HOSTILE]
)
def test_the_preview_is_what_is_published(client, talk, allowance, body):
    shown = client.post("/preview", data={"body": body}, headers=FROM_HERE)

    own_page(client, talk, body=body)

    assert shown.status_code == 200 and shown.text.strip() == Comment.get().body_html


@only_sqlite
def test_the_preview_without_scripts_is_the_same(client, talk):
    answer = send(client, talk, body="**a**", preview="1")

    assert answer.status_code == 200 and "<p><strong>a</strong></p>" in answer.text
    assert sent_back(answer)["body"] == "**a**" and not Comment.select().exists()


@only_sqlite
def test_the_preview_without_scripts_keeps_what_is_answered(client, talk):
    top = a_comment(talk)

    answer = send(client, talk, f"?reply={top.id}", body="x", preview="1")

    assert sent_back(answer)["parent"] == str(top.id)


@only_sqlite
@pytest.mark.parametrize("body, said", [("", "Write"), ("a\u202eb", "U+202E"), ("x" * 10_001, "10000")])
def test_the_preview_says_what_is_wrong(client, database, allowance, body, said):
    answer = client.post("/preview", data={"body": body}, headers=FROM_HERE)

    assert answer.status_code == 422 and said in answer.text


@only_sqlite
def test_previews_are_limited(client, database, allowance, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)
    for _ in range(previews.PER_MINUTE):
        assert client.post("/preview", data={"body": "x"}).status_code == 200
    assert client.post("/preview", data={"body": "x"}).status_code == 429

    monkeypatch.setattr(time, "time", lambda: NOW + 60)
    assert client.post("/preview", data={"body": "x"}).status_code == 200


@only_sqlite
def test_long_texts_are_limited_and_come_back(client, talk, allowance, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: NOW)
    page, long = own_page(client, talk), "x" * (comment_pages.LONG + 1)
    for _ in range(comment_pages.LONG_A_MINUTE):
        assert send(client, talk, body=long, preview="1").status_code == 200

    changed = keyed(page, body=long)
    for answer in (
        send(client, talk, body=long, preview="1"),
        send(client, talk, body=long, **EVE),
        client.post(f"/comment/{Comment.get().id}/edit", data=changed, headers=FROM_HERE),
    ):
        assert (answer.status_code, sent_back(answer)["body"]) == (429, long)
    assert Comment.get().body == "How?"
    assert send(client, talk, body="A short one is fine", **EVE).status_code == 303
    monkeypatch.setattr(time, "time", lambda: NOW + 60)
    assert send(client, talk, body=long, **EVE).status_code == 303


@only_sqlite
def test_a_preview_writes_nothing(client, writes, allowance):
    client.post("/preview", data={"body": "x"})

    assert writes == []


# The talk's form


@pytest.mark.parametrize("rule", ["open", "moderated", "members", "closed"])
def test_a_speaker_says_who_may_ask(as_ada, ada, rule):
    talk = a_talk(ada)

    write(as_ada, f"/edit/{talk.id}", discussion=rule, discussion_days="30")

    assert (whole(talk).discussion, whole(talk).discussion_days) == (rule if rule != "moderated" else "", 30)
    assert form_of(as_ada, f"/edit/{talk.id}")["discussion"] == rule


def test_a_new_talk_is_moderated_and_stays_open(as_ada):
    write(as_ada, title="New", status="published")

    assert (Talk.get().discussion_rule, Talk.get().discussion_days) == ("moderated", None)


def test_an_imported_talk_is_shown_as_closed_and_opened_by_its_form(as_ada, ada):
    talk = a_talk(ada, imported_from="pyvideo", imported_key="x")
    assert form_of(as_ada, f"/edit/{talk.id}")["discussion"] == "closed"

    write(as_ada, f"/edit/{talk.id}", title="Other")
    assert whole(talk).discussion == ""
    write(as_ada, f"/edit/{talk.id}", discussion="moderated")

    assert whole(talk).discussion == "moderated"


@only_sqlite
@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "1.5", "9" * 30, "9" * 400])
def test_odd_days_are_refused(as_ada, ada, days):
    talk = a_talk(ada)

    assert write(as_ada, f"/edit/{talk.id}", discussion_days=days).status_code == 422
    assert whole(talk).discussion_days is None


def test_days_are_taken_away_again(as_ada, ada):
    talk = a_talk(ada, discussion_days=7)

    write(as_ada, f"/edit/{talk.id}", discussion_days="")

    assert whole(talk).discussion_days is None


@only_sqlite
def test_an_unknown_rule_is_refused(as_ada, ada):
    assert write(as_ada, f"/edit/{a_talk(ada).id}", discussion="anybody").status_code == 422


def test_refusals_of_a_form_are_not_written_twice(client, talk):
    send(client, talk, body="How?", homepage="x", **EVE)

    assert Refusal.select().count() == 1


@pytest.mark.parametrize("body", ["How so?", "", "a\0b\u202e", "\ufdd0", "🎤" * 300, "%ED%A0%80"])
@pytest.mark.parametrize(
    ("discussion", "stamp", "reason"), [("open", "x", "stale"), ("closed", None, "closed")]
)
def test_what_is_refused_before_it_is_read_is_counted_too(client, talk, body, discussion, stamp, reason):
    filled = form_under(client, talk) | EVE | {"body": body} | ({"stamp": stamp} if stamp else {})
    Talk.update(discussion=discussion).where(Talk.id == talk.id).execute()

    assert client.post(f"/talk/{talk.id}", data=filled, headers=FROM_HERE).status_code == 422
    assert Refusal.get().reason == reason
    assert Comment.select().count() == 0


@only_sqlite
def test_a_refused_text_is_shown_on_one_line_without_what_cannot_be_shown(as_carol, client, talk):
    send(client, talk, body="a\0b\r\n\u202ec", stamp="x", **EVE)

    assert Refusal.get().excerpt == "a b c"
    assert "A form too old, or sent by a program" in as_carol.get("/moderate-admin").text
