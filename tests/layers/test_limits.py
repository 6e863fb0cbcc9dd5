import io
import socket
import threading
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, RequestTimeout

from talks.layers.limits import MOST_DRAINED, BoundedInput, Limits, parsed_host
from talks.layers.refusals import Refusals

from .bare import ask, ask_unchecked, checked_hello

LATIN = st.text(st.characters(max_codepoint=255), max_size=80)


class Untouched(io.BytesIO):
    def read(self, *args):
        raise AssertionError("the body was read")

    readline = readlines = read


def limits(app=checked_hello, site_url="", limit=10):
    return Limits(app, Refusals({}), limit, site_url)


def reading(environ, start_response):
    """An application that reads all there is and says how much it was."""
    size = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 1000)))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(size).encode()]


# The length that a client states


@pytest.mark.parametrize(
    ("length", "status"),
    [
        pytest.param("10", 200, id="a body as large as the limit is taken"),
        pytest.param("11", 413, id="one byte more is refused"),
        pytest.param("9" * 5000, 413, id="a number of 5,000 digits is refused"),
        pytest.param("0" * 30 + "9", 200, id="leading zeros do not make it larger"),
        pytest.param("", 200, id="an empty length is none"),
    ],
)
def test_the_length_is_judged_before_a_byte_is_read(length, status):
    answer = ask_unchecked(limits(), method="POST", CONTENT_LENGTH=length, **{"wsgi.input": Untouched()})

    assert answer.status == status


@pytest.mark.parametrize("length", ["-1", "+1", "1_0", "1.0", "0x1", " 1", "1\n", "ten", "²", "1,1", "1 1"])
def test_a_length_that_is_not_a_number_is_refused(length):
    assert ask_unchecked(limits(), method="POST", CONTENT_LENGTH=length).status == 400


@given(LATIN)
def test_any_length_is_taken_or_refused_but_never_an_error(length):
    status = ask_unchecked(limits(), method="POST", CONTENT_LENGTH=length).status

    good = not length or (length.isascii() and length.isdigit())
    assert status == ((200 if not length or int(length) <= 10 else 413) if good else 400)


def test_a_body_within_the_limit_reaches_the_application():
    assert ask(limits(reading), "/", "POST", b"12345", CONTENT_LENGTH="5").body == b"5"


# What comes after a refusal


def refusing(environ, start_response):
    """An application that reads a little of a body and finds it too large."""
    environ["wsgi.input"].read(4)
    start_response("413 Content Too Large", [("Content-Type", "text/plain")])
    return [b"no"]


@pytest.mark.parametrize(
    ("app", "limit"),
    [
        pytest.param(checked_hello, 10, id="by this layer"),
        pytest.param(refusing, 1000, id="by the application"),
    ],
)
def test_the_rest_of_a_refused_body_is_read_and_no_byte_more(app, limit):
    stream = io.BytesIO(b"x" * 100 + b"the next request")
    answer = ask(limits(app, limit=limit), "/", "POST", **{"CONTENT_LENGTH": "100", "wsgi.input": stream})

    assert answer.status == 413
    assert stream.read() == b"the next request"


def test_the_rest_of_an_enormous_body_is_left_to_the_server():
    stream = io.BytesIO(b"x" * 100)
    length = str(MOST_DRAINED + 1)

    assert ask(limits(), "/", "POST", **{"CONTENT_LENGTH": length, "wsgi.input": stream}).status == 413
    assert stream.tell() == 0


def test_a_refused_body_that_breaks_off_is_no_error():
    assert ask(limits(), "/", "POST", b"x" * 20, CONTENT_LENGTH="100").status == 413


# A body of unknown length


def chunked(app, body, **environ):
    return ask(limits(app), "/", "POST", body, **{"wsgi.input_terminated": True, **environ})


def test_a_chunked_body_as_large_as_the_limit_is_taken():
    assert chunked(reading, b"1234567890").body == b"10"


def test_a_longer_one_is_refused_while_it_is_read():
    assert chunked(reading, b"12345678901").status == 413


def test_an_application_that_catches_the_refusal_answers_itself():
    def app(environ, start_response):
        with pytest.raises(RequestEntityTooLarge):
            environ["wsgi.input"].read(1000)
        return checked_hello(environ, start_response)

    assert chunked(app, b"x" * 11).body == b"hello"


def test_a_body_that_is_not_read_is_not_refused():
    assert chunked(checked_hello, b"x" * 11).status == 200


def test_no_more_is_taken_than_the_limit_and_a_byte():
    stream = io.BytesIO(b"x" * 1000)
    with pytest.raises(RequestEntityTooLarge):
        BoundedInput(stream, 10).read()

    assert stream.tell() == 11


@pytest.mark.parametrize(
    "use",
    [
        pytest.param(lambda body: body.read(), id="read at once"),
        pytest.param(lambda body: body.read(None), id="read all"),
        pytest.param(lambda body: [body.read(3) for _ in range(5)], id="read in pieces"),
        pytest.param(lambda body: [body.readline() for _ in range(5)], id="read by lines"),
        pytest.param(lambda body: [body.readline(3) for _ in range(5)], id="read by bounded lines"),
        pytest.param(lambda body: body.readlines(), id="read all lines"),
        pytest.param(list, id="iterated"),
    ],
)
def test_the_limit_holds_however_it_is(use):
    with pytest.raises(RequestEntityTooLarge):
        use(BoundedInput(io.BytesIO(b"abc\ndef\nghi\njkl\n"), 10))


@given(st.binary(max_size=40), st.lists(st.integers(0, 50)))
def test_within_the_limit_it_reads_as_without(data, sizes):
    plain, bounded = io.BytesIO(data), BoundedInput(io.BytesIO(data), 40)
    for size in sizes:
        assert bounded.readline(size) == plain.readline(size)
        assert bounded.read(size) == plain.read(size)
    assert bounded.readlines(5) == plain.readlines(5)
    assert list(bounded) == list(plain)


def test_a_body_that_breaks_off_is_the_clients_fault():
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise ConnectionResetError

    with pytest.raises(ClientDisconnected):
        BoundedInput(Broken(), 10).read(1)


@pytest.mark.parametrize("kind", [ConnectionResetError, ValueError, type("InvalidChunk", (Exception,), {})])
def test_whatever_a_server_raises_about_a_body_is_the_clients_fault(kind):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise kind("ZZ")

    with pytest.raises(ClientDisconnected):
        BoundedInput(Broken(), 10).read(1)


# A body that takes long


class Received:
    """What comes over a socket, read as servers do: until all that is asked for is there."""

    def __init__(self, connection):
        self.connection = connection

    def read(self, size):
        data = b""
        while len(data) < size and (more := self.connection.recv(size - len(data))):
            data += more
        return data


@pytest.fixture
def trickle():
    """A socket to which a byte comes every 20 ms, without end."""
    here, there = socket.socketpair()
    ended = threading.Event()

    def send():
        with suppress(OSError):  # the other end was shut
            while not ended.wait(0.02):
                there.send(b"x")

    sender = threading.Thread(target=send)
    sender.start()
    yield here
    ended.set()
    sender.join()
    here.close()
    there.close()


def test_a_body_that_comes_byte_by_byte_ends_at_the_deadline(trickle):
    body = BoundedInput(Received(trickle), 1_000_000, 0.2, trickle)

    with pytest.raises(RequestTimeout):
        body.read()


def test_after_a_body_that_took_too_long_no_request_is_looked_for(trickle):
    stream = Received(trickle)
    with pytest.raises(RequestTimeout):
        BoundedInput(stream, 1_000_000, 0.2, trickle).read()

    assert stream.failed


def test_a_body_in_time_leaves_the_connection_open(trickle):
    BoundedInput(Received(trickle), 1_000_000, 60, trickle).read(3)

    assert trickle.recv(1) == b"x"


def test_without_a_socket_the_clock_is_looked_at_between_reads():
    body = BoundedInput(io.BytesIO(b"123"), 10, 0)

    with pytest.raises(RequestTimeout):
        body.read(1)


@pytest.mark.parametrize("length", [{"CONTENT_LENGTH": "3"}, {"wsgi.input_terminated": True}])
def test_a_body_that_takes_too_long_is_answered_408(length):
    app = Limits(reading, Refusals({}), 10, body_seconds=0)

    assert ask(app, "/", "POST", b"123", **length).status == 408


# The host


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "example.org:8000",
        "EXAMPLE.org",
        "example.org.",
        "localhost",
        "xn--bcher-kva.example",
        "192.0.2.1:80",
        "[2001:db8::1]",
        "[::1]:65535",
        "a" * 63 + ".org",
    ],
)
def test_a_host_is_taken(host):
    assert ask(limits(), HTTP_HOST=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        pytest.param("example.org/path", id="with a path"),
        pytest.param("user@example.org", id="with a user"),
        pytest.param("a.org,b.org", id="two hosts, as servers join two headers"),
        pytest.param("example.org:", id="with a colon and no port"),
        pytest.param("example.org:0", id="with port 0"),
        pytest.param("example.org:65536", id="with a port that is too high"),
        pytest.param("example.org:٣", id="with digits of another script"),
        pytest.param("exa mple.org", id="with a space"),
        pytest.param("example.org\n", id="with a new line"),
        pytest.param("exämple.org", id="with an umlaut"),
        pytest.param("a..b", id="with an empty label"),
        pytest.param("-a.org", id="with a label that starts with a hyphen"),
        pytest.param("a" * 64 + ".org", id="with a label that is too long"),
        pytest.param(".".join(["a" * 60] * 5), id="that is too long"),
        pytest.param("[::1", id="with an open bracket"),
        pytest.param("[::g]", id="with a bad IPv6 address"),
        pytest.param("::1", id="with an IPv6 address without brackets"),
        pytest.param(".", id="that is a dot"),
    ],
)
def test_a_host_is_refused(host):
    assert ask_unchecked(limits(), HTTP_HOST=host).status == 400


@given(LATIN)
def test_any_host_is_taken_or_refused_but_never_an_error(host):
    assert ask_unchecked(limits(), HTTP_HOST=host).status in (200, 400)


@pytest.mark.slow
@given(st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){0,3}", fullmatch=True), st.integers(1, 65535))
def test_a_host_comes_apart_into_name_and_port(name, port):
    assert parsed_host(f"{name.upper()}:{port}") == (name, port)


@pytest.mark.parametrize(
    ("protocol", "status"), [("HTTP/1.1", 400), ("HTTP/1.0", 200)], ids=["HTTP/1.1", "HTTP/1.0"]
)
def test_only_http_1_0_may_leave_the_host_out(protocol, status):
    assert ask(limits(site_url="https://a.org"), HTTP_HOST="", SERVER_PROTOCOL=protocol).status == status


@pytest.mark.parametrize(
    ("site_url", "host", "status"),
    [
        pytest.param("https://talks.org", "talks.org", 200, id="its name"),
        pytest.param("https://talks.org/", "TALKS.org.", 200, id="its name, written otherwise"),
        pytest.param("https://talks.org", "talks.org:443", 200, id="its name and usual port"),
        pytest.param("https://talks.org:8443", "talks.org:8443", 200, id="its name and port"),
        pytest.param("https://talks.org:8443", "talks.org", 200, id="its name without the port"),
        pytest.param("https://talks.org", "talks.org:8000", 400, id="another port"),
        pytest.param("https://talks.org", "www.talks.org", 400, id="a name below"),
        pytest.param("https://talks.org", "talks.org.evil.org", 400, id="a name that starts alike"),
        pytest.param("http://[::1]:8000", "[0:0::1]:8000", 200, id="an IPv6 address, written otherwise"),
        pytest.param("https://bücher.example", "xn--bcher-kva.example", 200, id="an international name"),
    ],
)
def test_a_site_with_an_address_answers_under(site_url, host, status):
    assert ask(limits(site_url=site_url), HTTP_HOST=host).status == status


@pytest.mark.parametrize(
    "site_url", ["talks.org", "ftp://talks.org", "https://", "https://a b", "https://a:99999", "https://[::1"]
)
def test_a_bad_site_url_stops_the_start_with_a_sentence(site_url):
    with pytest.raises(ValueError, match="it has to be like https://talks.example.org"):
        limits(site_url=site_url)
