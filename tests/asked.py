"""Comments as they stand in the database, and the form under a talk, for tests of what writes them."""

from urllib.parse import parse_qs, urlsplit

from browsing import Form
from written import a_talk

from models import Comment, Talk
from talks import comments

FROM_HERE = {"Sec-Fetch-Site": "same-origin"}
EVE = {"name": "Eve", "email": "eve@example.org"}
TYPED = "My <b>long</b>\r\nthought & more"  # as browsers send it


def an_open_talk(owner, **values):
    """A published talk under which everybody asks and is shown at once."""
    return a_talk(owner, status="published", **({"discussion": "open"} | values))


def whole(talk):
    return Talk.attach_speakers([Talk.get_by_id(talk.id)])[0]


def typed(body="How?", **values):
    """What `comments.post` takes of a visitor."""
    return EVE | {"body": body, "notify": False, "parent": None, "homepage": ""} | values


def asked(talk, body="How?", author=None, network="here", **values):
    """A comment that was posted as people post."""
    return comments.post(whole(talk), author, typed(body, **values), network)


def a_comment(talk, status="approved", body="How?", **values):
    """A comment as a row; nobody was told, nothing was judged."""
    number = Talk.get_by_id(talk.id).last_number + 1
    shown = status == "approved"
    Talk.update(last_number=number, comment_count=Talk.comment_count + shown).where(
        Talk.id == talk.id
    ).execute()
    standard = {
        "author_name": "" if values.get("author") else "Eve", "network": "there",
        "body_html": f"<p>{body}</p>",
        "author_email": None if values.get("author") else "eve@example.org",
    }  # fmt: skip
    return Comment.create(talk=talk, number=number, status=status, body=body, **standard | values)


def reloaded(comment):
    return Comment.get_by_id(comment.id)


def form_under(browser, talk, query=""):
    """The fields of the form under a talk, as its page has them."""
    answer = browser.get(f"/talk/{talk.id}{query}")
    assert answer.status_code == 200, answer.status
    return Form(answer.text, "ask-form").fields


def send(browser, talk, query="", headers=FROM_HERE, **fields):
    """Fill in the form under a talk and send it, as a browser does."""
    filled = form_under(browser, talk, query) | fields
    return browser.post(f"/talk/{talk.id}", data=filled, headers=headers)


def sent_back(answer):
    """The fields of the form in an answer."""
    return Form(answer.text, "ask-form").fields


def assert_given_back(answer, status, said):
    """Nothing was stored, and the form that comes back holds what was typed."""
    assert answer.status_code == status
    assert said in answer.text
    assert not Comment.select().exists()
    assert sent_back(answer)["body"] == TYPED


def path_of(answer):
    return answer.location.partition("#")[0]


def own_page(client, talk, **fields):
    """The answer to a visitor's comment, which leads to the page of its author."""
    answer = send(client, talk, **({"body": "How?"} | EVE | fields))
    assert answer.status_code == 303, answer.text
    return path_of(answer)


def keyed(page, **fields):
    """What a visitor's own page sends, with the key in its address."""
    return {"key": parse_qs(urlsplit(page).query)["key"][0]} | fields
