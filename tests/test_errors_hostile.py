"""No path, query, header or form breaks the site, whatever stands in it."""

import pytest
from conftest import TOKEN, only_sqlite
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

import main
import models
from models import Event, Tag, Talk, User

TEXTS = (
    st.text(max_size=40)
    | st.sampled_from(
        ["", "0", "-1", "1", "99999999999999999999", "9" * 5000, "abc", "%00", "\0", "\U0001f600"]
    )
    | st.sampled_from(
        ["x" * 5000, "2019-05-03.1204", ".", "..", "2019.", ".1", "٣", "\ud800", "'\"<>", "1e9"]
    )
    | st.text("0123456789.-", max_size=24)
)
PATHS = [
    "/{}", "/talk/{}", "/talk/{}-x", "/talk/1-{}", "/event/{}", "/tag/{}", "/user/{}", "/edit/{}",
    "/about/{}", "/thumbnail/{}.jpg", "/auth/setup/{}", "/help/{}", "/auth/{}",
    "/edit/{}/publish", "/-/{}", "/static/{}",
]  # fmt: skip
QUERIES = {
    "/": ["page", "before", "after", "x"],
    "/events": ["page", "before", "after"],
    "/event/meeting": ["page", "before", "after"],
    "/tags": ["page", "before", "after"],
    "/tag/python": ["page", "before", "after"],
    "/speakers": ["page", "before", "after"],
    "/user/ada": ["page", "before", "after", "year"],
    "/talk/1": ["play"],
    "/mine": ["page", "before", "after"],
    "/auth/login": ["next"],
}
in_one_database = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def archive(ada):
    """One talk with everything that has an address."""
    event = Event.create(slug="meeting", title="A meeting", talk_count=1)
    tag = Tag.create(slug="python", name="Python", key="python", talk_count=1)
    talk = Talk.create(title="A talk", status="published", event=event, owner=ada)
    models.TalkSpeaker.create(talk=talk, user=ada)
    models.TalkTag.create(talk=talk, tag=tag, date=None)
    User.recount([ada.id])


@pytest.fixture(params=["bare", "stack"])
def visitor(request, archive, as_in_production):
    yield Client(main.app if request.param == "bare" else main.application)
    models.database.connect(reuse_if_open=True)


def path_info(text):
    """As a server hands on a path that came with any bytes in it."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.mark.slow
@pytest.mark.parametrize("pattern", PATHS)
@in_one_database
@given(text=TEXTS, method=st.sampled_from(["GET", "GET", "POST", "HEAD", "DELETE"]))
def test_no_path_breaks_the_site(visitor, pattern, text, method):
    path = path_info(pattern.format(text))

    answer = visitor.open("/", method=method, environ_overrides={"PATH_INFO": path})

    assert answer.status_code < 500


@pytest.mark.slow
@pytest.mark.parametrize(("address", "names"), QUERIES.items(), ids=QUERIES)
@in_one_database
@given(data=st.data())
def test_no_query_breaks_the_site(visitor, address, names, data):
    name, value = data.draw(st.sampled_from(names)), data.draw(TEXTS)

    answer = visitor.get(address, query_string={name: value.encode("utf-8", "surrogatepass")})

    assert answer.status_code < 500


@pytest.mark.slow
@only_sqlite
@in_one_database
@given(st.binary(max_size=60))
@example(b"page=\xff")
def test_no_bytes_in_place_of_a_query_break_the_site(visitor, query):
    answer = visitor.get("/", environ_overrides={"QUERY_STRING": query.decode("latin-1")})

    assert answer.status_code < 500


@pytest.mark.slow
@only_sqlite
@in_one_database
@given(
    st.sampled_from(
        ["Cookie", "Accept", "Accept-Language", "Referer", "If-None-Match", "Range", "User-Agent"]
    ),
    st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=60),
)
def test_no_header_breaks_the_site(visitor, name, value):
    assert visitor.get("/", headers={name: value}).status_code < 500


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/new", "/edit/1", "/profile"])
@in_one_database
@given(data=st.data())
def test_no_form_breaks_the_site(as_carol, archive, as_in_production, path, data):
    token = TOKEN.search(as_carol.get("/profile").text)[1]
    names = ["title", "date", "time", "duration", "speakers", "tags", "video", "slides", "links", "event"]
    names += ["time_zone", "language", "status", "version", "venue_url", "name", "website", "bio"]
    values = data.draw(st.dictionaries(st.sampled_from(names), TEXTS, max_size=6))
    sent = {name: value.encode("utf-8", "replace").decode() for name, value in values.items()}

    answer = as_carol.post(path, data=sent | {"csrf_token": token})

    assert answer.status_code in (303, 422)
