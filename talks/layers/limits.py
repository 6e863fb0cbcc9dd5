"""Refuse what is too large and what is not for this site (PEP 3333 middleware)."""

import ipaddress
import re
import socket
import sys
import threading
import time
from contextlib import suppress
from urllib.parse import urlsplit

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge, RequestTimeout
from werkzeug.wsgi import ClosingIterator

# RFC 9110, 7.2 and RFC 3986, 3.2.2, as far as names go that DNS can hold (RFC 1123, 2.1).
HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z.-]+)(?::(?P<port>[0-9]{1,5}))?")
LABEL = re.compile(r"[0-9A-Za-z]([0-9A-Za-z-]{0,61}[0-9A-Za-z])?")
LENGTH = re.compile(r"[0-9]+")  # RFC 9110, 8.6: digits, nothing else
PORTS = {"http": 80, "https": 443}
BODY_SECONDS = 30  # from the first read of a body to its end
MOST_DRAINED = 64 * 2**20  # bytes of a refused body; a photograph is less
PIECE = 64 * 2**10
TOO_SLOW = "The request took too long to arrive. Try again over a better connection."


class Limits:
    """Refuse a body above `max_body_bytes` (413), a bad length (400) and a bad or foreign ``Host`` (400).

    A length that the client states is judged before a byte is read. A chunked body, whose length nobody
    knows, is counted while it is read: past the limit `read` raises werkzeug's RequestEntityTooLarge,
    which Flask answers with 413; where an application lets it through, it is answered here. So it is with a
    body that is not there after `body_seconds`: RequestTimeout, 408, and the server closes the connection.
    What comes of a body after a 413 is read and dropped, up to 64 MiB: a browser sends everything before it
    looks at an answer, and shows none when the connection is closed meanwhile.
    With `site_url`, only the host in it is served, under its port or without one (proxies drop it).
    """

    def __init__(self, app, refuse, max_body_bytes, site_url="", body_seconds=BODY_SECONDS):
        self.app = app
        self.refuse = refuse
        self.max_body_bytes = max_body_bytes
        self.site = site_host(site_url) if site_url else None
        self.body_seconds = body_seconds

    def __call__(self, environ, start_response):
        refusal = self.host_refusal(environ) or self.length_refusal(environ.get("CONTENT_LENGTH", ""))
        if refusal:
            answer = self.refuse(environ, start_response, *refusal)
            return self.draining(answer, environ, environ["wsgi.input"]) if refusal[0] == 413 else answer
        # Without a length, a body can only be there where the server marks its end.
        if not (environ.get("CONTENT_LENGTH") or environ.get("wsgi.input_terminated")):
            return self.app(environ, start_response)
        body = self.bounded(environ, environ["wsgi.input"], self.max_body_bytes)
        environ["wsgi.input"], statuses = body, []

        def start(status, headers, exc_info=None):
            statuses.append(status)
            return start_response(status, headers, exc_info)

        try:
            answer = self.app(environ, start)
            refused = statuses and statuses[-1].startswith("413")
            return (
                self.draining(answer, environ, body, self.max_body_bytes - body.left) if refused else answer
            )
        except RequestEntityTooLarge:
            return self.refuse(environ, start_response, 413, self.too_large(), exc_info=sys.exc_info())
        except RequestTimeout:
            return self.refuse(environ, start_response, 408, TOO_SLOW, exc_info=sys.exc_info())

    def bounded(self, environ, stream, limit):
        return BoundedInput(stream, limit, self.body_seconds, environ.get("gunicorn.socket"))

    def draining(self, answer, environ, stream, read=0):
        """`answer`; once it is sent, the body is read to its stated end. `read` bytes of it are gone."""
        sent = environ.get("CONTENT_LENGTH") or "0"
        left = int(sent) - read if len(sent) < 19 else MOST_DRAINED + 1
        if not 0 < left <= MOST_DRAINED:
            return answer

        def drain():
            rest, missing = self.bounded(environ, stream, left), left
            with suppress(ClientDisconnected, RequestTimeout, RequestEntityTooLarge):
                while missing and (data := rest.read(min(missing, PIECE))):
                    missing -= len(data)

        return ClosingIterator(answer, drain)

    def host_refusal(self, environ):
        """(status, message), or None if the host will do."""
        sent = environ.get("HTTP_HOST")
        if not sent:
            # HTTP/1.0 knows no Host; links are then made from the address of the server itself.
            if environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
                return None
            return 400, "The request names no host."
        host = parsed_host(sent)
        if host is None:
            return 400, "The host in the request is not a name or an address with an optional port."
        if self.site and (host[0] != self.site[0] or host[1] not in (None, self.site[1])):
            return 400, "This server does not answer under that name."
        return None

    def length_refusal(self, sent):
        """(status, message), or None if there is no length or a good one."""
        if not sent:
            return None
        if not LENGTH.fullmatch(sent):
            return 400, "The Content-Length of the request is not a number."
        # Compared by digits first: Python refuses to convert thousands of them.
        if len(sent.lstrip("0")) > 19 or int(sent) > self.max_body_bytes:
            return 413, self.too_large()
        return None

    def too_large(self):
        return f"The request is larger than {self.max_body_bytes:,} bytes, the most this site takes."


def parsed_host(text):
    """(name in lower case, port or None) of a ``Host`` header, or None if it is not well-formed."""
    match = HOST.fullmatch(text)
    if not match:
        return None
    name, port = match["name"].lower(), match["port"] and int(match["port"])
    if port is not None and not 1 <= port <= 65535:
        return None
    if name.startswith("["):
        try:
            return f"[{ipaddress.IPv6Address(name[1:-1]).compressed}]", port
        except ValueError:
            return None
    name = name.removesuffix(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return name, port


def site_host(site_url):
    """(name, port) that `site_url` stands for. Raises ValueError with a sentence if it is no http address."""
    try:
        parts = urlsplit(site_url)
        if parts.scheme in PORTS and parts.hostname:
            literal = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            name = literal.encode("idna").decode() if not literal.isascii() else literal
            host = parsed_host(f"{name}:{parts.port or PORTS[parts.scheme]}")
            if host:
                return host
    except ValueError:
        pass  # urlsplit, the port and the idna codec complain each in their own words: ours say more
    raise ValueError(f"SITE_URL is {site_url!r}; it has to be like https://talks.example.org")


class BoundedInput:
    """A ``wsgi.input`` that gives at most `limit` bytes, for at most `seconds` from the first read on.

    Raises RequestEntityTooLarge when there is more, RequestTimeout when it takes longer, and
    ClientDisconnected (a 400) when the body breaks off or is not well-formed. `connection` is the socket
    it comes from: without one, the clock is looked at between reads only.
    """

    def __init__(self, stream, limit, seconds=BODY_SECONDS, connection=None):
        self.stream = stream
        self.left = limit
        self.seconds = seconds
        self.connection = connection
        self.deadline = None

    def read(self, size=-1):
        # One byte more than is allowed tells a body that ends at the limit from one that goes on.
        most = self.left + 1
        return self._counted(self.stream.read, most if size is None or size < 0 else min(size, most))

    def readline(self, size=-1):
        most = self.left + 1
        return self._counted(self.stream.readline, most if size is None or size < 0 else min(size, most))

    def readlines(self, hint=-1):
        lines, total = [], 0
        for line in self:
            lines.append(line)
            total += len(line)
            if hint is not None and 0 < hint <= total:
                break
        return lines

    def __iter__(self):
        return iter(self.readline, b"")

    def _counted(self, read, size):
        data = self._in_time(read, size)
        self.left -= len(data)
        if self.left < 0:
            self.left = 0
            raise RequestEntityTooLarge
        return data

    def _in_time(self, read, size):
        self.deadline = self.deadline or time.monotonic() + self.seconds
        # A server reads until it has `size` bytes: a timeout of the socket, begun anew with each byte,
        # would never come.
        alarm = threading.Timer(self.deadline - time.monotonic(), self._hang_up)
        if self.connection:
            alarm.start()
        try:
            data = read(size)
        except Exception as error:  # each server has classes of its own for a body that is not well-formed
            self._check_clock()
            raise ClientDisconnected("The body of the request broke off.") from error
        finally:
            alarm.cancel()
        self._check_clock()
        return data

    def _hang_up(self):
        """End the read that waits; an answer can still be sent."""
        with suppress(OSError):  # the client was faster
            socket.socket.shutdown(self.connection, socket.SHUT_RD)  # an SSL socket's own would drop its keys

    def _check_clock(self):
        if time.monotonic() >= self.deadline:
            with suppress(AttributeError):
                self.stream.failed = True  # to gunicorn: look for no further request behind this one
            raise RequestTimeout(TOO_SLOW)
