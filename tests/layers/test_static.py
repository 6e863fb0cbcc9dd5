import brotli
import pytest

from talks.layers.assets import Assets
from talks.layers.refusals import Refusals
from talks.layers.static import Static

from .bare import ask, checked_hello

CSS = "a { color: red }\n" * 100


@pytest.fixture
def assets(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "site.css").write_text(CSS)
    (source / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (source / "text.woff2").write_bytes(b"wOF2")
    (source / "theme.js").write_text("let a = 1\n")
    (source / "robots.txt").write_text("User-agent: *\n")
    return Assets(source, tmp_path / "target")


@pytest.fixture
def static(assets):
    return Static(checked_hello, Refusals({}), assets.target, assets.root_files())


@pytest.fixture
def css(assets):
    return assets.url("site.css")


def test_a_built_file_is_served(static, css):
    answer = ask(static, css)

    assert (answer.status, answer.text) == (200, CSS)


def test_it_may_be_kept_for_a_year(static, css):
    assert ask(static, css).headers["Cache-Control"] == "max-age=31536000, public, immutable"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("site.css", 'text/css; charset="utf-8"'),
        ("icon.svg", "image/svg+xml"),
        ("text.woff2", "font/woff2"),
        ("theme.js", 'text/javascript; charset="utf-8"'),
    ],
)
def test_the_type_of(assets, static, name, kind):
    assert ask(static, assets.url(name)).headers["Content-Type"] == kind


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        pytest.param("gzip, deflate, br", "br", id="a browser gets brotli"),
        pytest.param("gzip", "gzip", id="an older one gzip"),
        pytest.param("", None, id="who packs nothing gets it plain"),
        pytest.param("br;q=0, gzip;q=0.5", "gzip", id="what is weighed zero is not sent"),
        pytest.param("br;q=0, gzip;q=0", None, id="nor if that is everything"),
    ],
)
def test_it_is_packed_as_the_client_likes(static, css, accepted, encoding):
    answer = ask(static, css, HTTP_ACCEPT_ENCODING=accepted)

    assert answer.headers["Content-Encoding"] == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_what_is_packed_unpacks_to_the_file(static, css):
    assert brotli.decompress(ask(static, css, HTTP_ACCEPT_ENCODING="br").body).decode() == CSS


def test_head_has_the_length_and_no_body(static, css):
    answer = ask(static, css, REQUEST_METHOD="HEAD")

    assert (answer.body, answer.headers["Content-Length"]) == (b"", str(len(CSS)))


def test_who_has_it_is_told_so(static, css):
    etag = ask(static, css).headers["ETag"]

    assert ask(static, css, HTTP_IF_NONE_MATCH=etag).status == 304


def test_a_part_is_served(static, css):
    answer = ask(static, css, HTTP_RANGE="bytes=0-3")

    assert (answer.status, answer.body) == (206, CSS[:4].encode())


def test_a_part_beyond_the_end_is_refused(static, css):
    assert ask(static, css, HTTP_RANGE="bytes=99999-").status == 416


def test_another_method_is_refused(static, css):
    answer = ask(static, css, REQUEST_METHOD="POST")

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/static/site.css", id="the name without the hash"),
        pytest.param("/static/", id="the folder"),
        pytest.param("/static/../../etc/passwd", id="a path that leads out"),
        pytest.param("/static/in-use.json", id="a note of the builder"),
        pytest.param("/", id="a page"),
    ],
)
def test_the_application_answers_for(static, path):
    assert ask(static, path).body == b"hello"


@pytest.mark.parametrize("suffix", [".br", ".gz"])
def test_the_packed_form_has_no_address_of_its_own(static, css, suffix):
    assert ask(static, css + suffix).body == b"hello"


@pytest.mark.parametrize("path", ["", "/\xff\xfe", "/static/\x00", "/static//site.css"])
def test_a_strange_path_is_no_error(static, path):
    assert ask(static, path).body == b"hello"


def test_a_file_with_a_fixed_address_is_kept_for_an_hour(static):
    answer = ask(static, "/robots.txt")

    assert (answer.text, answer.headers["Cache-Control"]) == ("User-agent: *\n", "max-age=3600, public")


def test_the_type_of_an_icon_is_that_of_its_file(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "favicon.svg").write_text("<svg/>")
    assets = Assets(tmp_path / "source", tmp_path / "target")
    app = Static(checked_hello, Refusals({}), assets.target, assets.root_files())

    assert ask(app, "/favicon.ico").headers["Content-Type"] == "image/svg+xml"


def test_what_is_not_there_has_no_fixed_address(static):
    assert ask(static, "/favicon.ico").body == b"hello"


def test_a_file_that_another_release_removed_is_left_to_the_application(static, assets, css):
    for path in assets.target.rglob("site.*"):
        path.unlink()

    assert ask(static, css).body == b"hello"


def test_a_request_for_a_page_touches_no_disk(static, assets):
    assets.target.rename(assets.target.with_name("moved"))

    assert ask(static, "/").body == b"hello"
    assert static.autorefresh is False
