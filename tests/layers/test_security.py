import pytest

from talks.layers.security import HEADERS, SecurityHeaders, policy

from .bare import ask, checked_hello


def answering(*headers, status="200 OK"):
    def app(environ, start_response):
        start_response(status, [("Content-Type", "text/plain"), *headers])
        return [b""]

    return SecurityHeaders(app)


def directives(text):
    return dict(part.split(" ", 1) if " " in part else (part, "") for part in text.split("; "))


@pytest.mark.parametrize(("name", "value"), HEADERS, ids=[f"adds {name}" for name, _ in HEADERS])
def test_an_answer_gets_every_header_it_lacks(name, value):
    assert ask(SecurityHeaders(checked_hello)).headers.get_all(name) == [value]


def test_errors_get_them_too():
    assert ask(answering(status="404 Not Found")).headers["X-Content-Type-Options"] == "nosniff"


def test_what_the_application_set_stays():
    answer = ask(answering(("content-security-policy", "default-src 'none'")))

    assert answer.headers.get_all("Content-Security-Policy") == ["default-src 'none'"]


def test_https_is_demanded_over_https():
    answer = ask(SecurityHeaders(checked_hello), **{"wsgi.url_scheme": "https"})

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_https_is_not_demanded_over_http():
    assert "Strict-Transport-Security" not in ask(SecurityHeaders(checked_hello)).headers


@pytest.mark.parametrize(
    ("directive", "value"),
    [
        pytest.param("default-src", "'self'", id="everything comes from here"),
        pytest.param("object-src", "'none'", id="no plugins"),
        pytest.param("base-uri", "'none'", id="no page moves its links elsewhere"),
        pytest.param("frame-ancestors", "'none'", id="nobody frames a page"),
        pytest.param("form-action", "'self'", id="forms are sent here only"),
        pytest.param("frame-src", "'none'", id="a page frames nobody"),
    ],
)
def test_the_policy_of_the_site(directive, value):
    assert directives(policy())[directive] == value


def test_the_policy_allows_nothing_inline():
    assert "unsafe" not in policy()


def test_a_directive_is_replaced():
    made = directives(policy(frame_src=["https://a.example", "https://b.example"]))

    assert made["frame-src"] == "https://a.example https://b.example"


def test_a_directive_is_added():
    assert directives(policy(media_src="https:"))["media-src"] == "https:"


def test_a_directive_is_left_out():
    assert "frame-ancestors" not in directives(policy(frame_ancestors=None))


def test_no_source_at_all_is_none():
    assert directives(policy(img_src=[]))["img-src"] == "'none'"


def test_a_directive_without_sources_stands_alone():
    assert directives(policy(upgrade_insecure_requests=[]))["upgrade-insecure-requests"] == ""


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("https://a.example; script-src *", id="one that opens another directive"),
        pytest.param("https://a.example,*", id="one that opens another policy"),
        pytest.param("https://a.example\r\nSet-Cookie: a=b", id="one that opens another header"),
        pytest.param("https://ä.example", id="one that is not ASCII"),
        pytest.param("", id="an empty one"),
    ],
)
def test_a_source_that_would_break_the_header_is_refused(source):
    with pytest.raises(ValueError, match="cannot be a source of frame-src"):
        policy(frame_src=[source])


def test_a_misspelt_directive_is_refused():
    with pytest.raises(ValueError, match="frames-src is no directive"):
        policy(frames_src="'self'")
