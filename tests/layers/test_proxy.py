import pytest
from hypothesis import given
from hypothesis import strategies as st

from talks.layers.proxy import Proxy, bare_address

from .bare import ask, checked_hello


def seen_through(count, **environ):
    """(address, scheme) as the application sees them behind `count` proxies."""
    seen = []

    def app(environ, start_response):
        seen.append((environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]))
        return checked_hello(environ, start_response)

    ask(Proxy(app, count), REMOTE_ADDR="10.0.0.1", **environ)
    return seen[0]


@pytest.mark.parametrize(
    ("count", "forwarded", "address"),
    [
        pytest.param(1, "203.0.113.7", "203.0.113.7", id="one proxy names the client"),
        pytest.param(1, "1.1.1.1, 203.0.113.7", "203.0.113.7", id="what the client claims is not believed"),
        pytest.param(2, "1.1.1.1, 203.0.113.7, 10.9.9.9", "203.0.113.7", id="two proxies are counted"),
        pytest.param(2, "203.0.113.7", "10.0.0.1", id="fewer values than proxies: nothing is believed"),
        pytest.param(1, "unknown", "10.0.0.1", id="a word is not an address"),
        pytest.param(1, "203.0.113.7:4711", "203.0.113.7", id="a port is cut off"),
        pytest.param(1, "[2001:db8::1]:4711", "2001:db8::1", id="a port is cut off an IPv6 address"),
        pytest.param(1, "2001:DB8:0::1", "2001:db8::1", id="an IPv6 address is written one way"),
        pytest.param(1, "", "10.0.0.1", id="an empty header changes nothing"),
    ],
)
def test_the_address_of_the_client(count, forwarded, address):
    assert seen_through(count, HTTP_X_FORWARDED_FOR=forwarded)[0] == address


@pytest.mark.parametrize(
    ("sent", "scheme"),
    [
        pytest.param("https", "https", id="https is believed"),
        pytest.param("https, http", "http", id="only of the nearest proxy"),
        pytest.param("javascript", "http", id="another word is not a scheme"),
    ],
)
def test_the_scheme(sent, scheme):
    assert seen_through(1, HTTP_X_FORWARDED_PROTO=sent)[1] == scheme


def test_a_forwarded_host_is_not_read():
    hosts = []

    def app(environ, start_response):
        hosts.append(environ["HTTP_HOST"])
        return checked_hello(environ, start_response)

    ask(Proxy(app, 1), HTTP_HOST="talks.example", HTTP_X_FORWARDED_HOST="evil.example")

    assert hosts == ["talks.example"]


@given(st.text(st.characters(max_codepoint=255)))
def test_whatever_is_forwarded_an_address_comes_out(text):
    address, scheme = seen_through(1, HTTP_X_FORWARDED_FOR=text, HTTP_X_FORWARDED_PROTO=text)

    assert bare_address(address) == address
    assert scheme in ("http", "https")
