"""Tell browsers what a page may do (PEP 3333 middleware), and build other policies of that kind."""

import re

# Nothing inline, nothing from elsewhere, no frames. `data:` pictures are the icons that the style sheet
# draws into its form fields; they cannot run anything.
DIRECTIVES = {
    "default-src": ("'self'",),
    "img-src": ("'self'", "data:"),
    "object-src": ("'none'",),
    "frame-src": ("'none'",),
    "base-uri": ("'none'",),
    "form-action": ("'self'",),
    "frame-ancestors": ("'none'",),
}
# Further directives that `policy` knows, so that a misspelt one is an error and not a hole.
OTHER_DIRECTIVES = frozenset(
    "child-src connect-src font-src manifest-src media-src sandbox script-src script-src-attr script-src-elem"
    " style-src style-src-attr style-src-elem upgrade-insecure-requests worker-src".split()
)
WITHOUT_SOURCES = frozenset({"sandbox", "upgrade-insecure-requests"})
SOURCE = re.compile(r"[!-+\--:<-~]+")  # visible ASCII; no comma, no semicolon: they end what they stand in
REFUSED_FEATURES = (
    "accelerometer camera display-capture geolocation gyroscope magnetometer microphone midi payment usb"
)


def policy(**directives):
    """The site's Content-Security-Policy with some directives replaced, as a header value.

    A directive is named with underscores; its value is one source, several in a list, or None to leave the
    directive out: ``policy(frame_src=["https://player.vimeo.com"], media_src="https:")``. An empty list is
    `'none'`. Raises ValueError for an unknown directive and for a source that would break the header.
    """
    changed = dict(DIRECTIVES)
    for name, sources in directives.items():
        name = name.replace("_", "-")
        if name not in DIRECTIVES and name not in OTHER_DIRECTIVES:
            raise ValueError(f"{name} is no directive of a Content-Security-Policy")
        changed[name] = _checked(name, sources)
    return "; ".join(" ".join((name, *sources)) for name, sources in changed.items() if sources is not None)


def _checked(name, sources):
    if sources is None:
        return None
    sources = tuple(sources.split() if isinstance(sources, str) else sources)
    for source in sources:
        if not SOURCE.fullmatch(source):
            raise ValueError(f"{source!r} cannot be a source of {name}")
    return sources or (() if name in WITHOUT_SOURCES else ("'none'",))


HEADERS = (
    ("Content-Security-Policy", policy()),
    ("Referrer-Policy", "strict-origin-when-cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("Permissions-Policy", ", ".join(f"{feature}=()" for feature in REFUSED_FEATURES.split())),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
# Believed by browsers only over https, and a promise for a year: so it is made nowhere else.
STRICT_TRANSPORT = ("Strict-Transport-Security", "max-age=31536000")


class SecurityHeaders:
    """Add the headers of `HEADERS` that an answer lacks; over https also ``Strict-Transport-Security``.

    What the application set stays, so a page that needs another policy says so itself (with `policy`).
    """

    def __init__(self, app):
        self.app = app
        self.plain = [(name.lower(), (name, value)) for name, value in HEADERS]
        self.secure = [*self.plain, (STRICT_TRANSPORT[0].lower(), STRICT_TRANSPORT)]

    def __call__(self, environ, start_response):
        wanted = self.secure if environ["wsgi.url_scheme"] == "https" else self.plain

        def start(status, headers, exc_info=None):
            present = {name.lower() for name, _ in headers}
            missing = [header for name, header in wanted if name not in present]
            return start_response(status, [*headers, *missing], exc_info)

        return self.app(environ, start)
