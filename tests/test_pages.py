"""Flat pages: what the folder holds is served, and nothing else."""

import pytest
from conftest import only_sqlite

from talks import pages
from talks.pages import read_page


@only_sqlite
@pytest.mark.parametrize("name", sorted(pages.PAGES))
def test_every_page_is_served_under_its_name(client, name):
    answer = client.get(f"/{name}")

    assert answer.status_code == 200
    assert f"<h1>{pages.PAGES[name].title}</h1>" in answer.text


def test_every_file_in_the_folder_is_a_page():
    assert len(pages.PAGES) == len(list(pages.CONTENT.rglob("*.md"))) > 0


@only_sqlite
@pytest.mark.parametrize("name", sorted(pages.PAGES))
def test_the_form_with_a_slash_leads_to_the_one_without(client, name):
    answer = client.get(f"/{name}/?a=1")

    assert (answer.status_code, answer.location) == (308, f"/{name}?a=1")


@only_sqlite
@pytest.mark.parametrize(
    "path",
    ["/unknown", "/abou", "/about2", "/about.md", "/help/unknown", "/../app", "/about%00", "/%2e%2e/app.py"],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_an_unknown_name_is_not_found_whatever_the_method(client, path, method):
    assert client.open(path, method=method).status_code == 404


@only_sqlite
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_a_page_is_only_read(client, method):
    answer = client.open("/about", method=method)

    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]


@only_sqlite
def test_a_post_to_a_page_is_refused(client):
    assert client.post("/about").status_code == 405


@only_sqlite
def test_a_page_can_be_asked_for_its_head_alone(client):
    answer = client.head("/about")

    assert (answer.status_code, answer.data) == (200, b"")


# Front matter


@pytest.fixture
def read(tmp_path):
    def write_and_read(text):
        path = tmp_path / "page.md"
        path.write_bytes(text.encode())
        return read_page(path)

    return write_and_read


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("---\ntitle: One: two\n---\nBody", id="a colon in the value"),
        pytest.param("---\r\ntitle: One: two\r\n---\r\nBody\r\n", id="line ends of Windows"),
        pytest.param("\ufeff---\ntitle: One: two\n---\nBody", id="a byte order mark"),
        pytest.param("---\ntitle:   One: two  \n\nother: x\n---\nBody", id="blanks and other keys"),
    ],
)
def test_a_page_has_the_title_of_its_front_matter(read, text):
    page = read(text)

    assert page.title == "One: two" and "<p>Body</p>" in page.body


def test_a_rule_in_the_body_is_not_front_matter(read):
    assert "<hr" in read("---\ntitle: T\n---\nOne\n\n---\n\nTwo").body


def test_a_page_may_be_empty(read):
    assert read("---\ntitle: T\n---") == ("T", "")


@pytest.mark.parametrize(
    "text, said",
    [
        pytest.param("", "does not begin with front matter", id="empty file"),
        pytest.param("# Title\n", "does not begin with front matter", id="no front matter"),
        pytest.param("---\ntitle: T\n", "does not begin with front matter", id="front matter without an end"),
        pytest.param("x\n---\ntitle: T\n---\n", "does not begin with front matter", id="text before it"),
        pytest.param("---\n---\nBody", "has no title", id="no fields"),
        pytest.param("---\ntitle:\n---\nBody", "has no title", id="empty title"),
        pytest.param("---\nname: T\n---\nBody", "has no title", id="other fields only"),
        pytest.param("---\ntitle T\n---\nBody", "'title T' in the front matter", id="a line without a colon"),
    ],
)
def test_a_file_that_is_no_page_is_named_with_the_reason(read, text, said):
    with pytest.raises(ValueError, match=f"page.md.*{said}"):
        read(text)
