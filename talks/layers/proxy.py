"""Believe the proxies in front of this server, and nobody else (PEP 3333 middleware)."""

import ipaddress

from werkzeug.middleware.proxy_fix import ProxyFix


class Proxy:
    """Set ``REMOTE_ADDR`` and ``wsgi.url_scheme`` from ``X-Forwarded-For`` and ``X-Forwarded-Proto``.

    `count` proxies are trusted: of each header the value that the outermost of them wrote is taken, which
    is the `count`-th from the right. What stands further left came from the client and is never believed,
    and neither is a value that is not an address, or not http or https.

    ``X-Forwarded-Host`` is not read: many proxies hand on the one a client made up. They are to pass
    ``Host`` on as it came.
    """

    def __init__(self, app, count):
        self.app = app
        self.rewrite = ProxyFix(self.check, x_for=count, x_proto=count)

    def __call__(self, environ, start_response):
        return self.rewrite(environ, start_response)

    def check(self, environ, start_response):
        """Go on with what ProxyFix found, or with the original where that makes no sense."""
        original = environ["werkzeug.proxy_fix.orig"]
        if environ["wsgi.url_scheme"] not in ("http", "https"):
            environ["wsgi.url_scheme"] = original["wsgi.url_scheme"]
        address = bare_address(environ.get("REMOTE_ADDR") or "")
        if address:
            environ["REMOTE_ADDR"] = address
        elif original["REMOTE_ADDR"] is not None:
            environ["REMOTE_ADDR"] = original["REMOTE_ADDR"]
        return self.app(environ, start_response)


def bare_address(text):
    """The IP address in "192.0.2.1", "192.0.2.1:4711", "2001:db8::1" or "[2001:db8::1]:4711"; else None."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
