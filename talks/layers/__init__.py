"""The raw WSGI layers around the application: one class and one module per concern, none knows another.

`stack` puts them together. docs/wsgi.md explains them from a bare `application` on.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from talks.layers.environ import Environ
from talks.layers.guard import Guard
from talks.layers.health import Health
from talks.layers.limits import Limits
from talks.layers.proxy import Proxy
from talks.layers.refusals import Refusals
from talks.layers.request_id import RequestId
from talks.layers.security import HEADERS, SecurityHeaders
from talks.layers.static import Static


@dataclass(frozen=True)
class Settings:
    """What the layers need to know. Every field has a default that is safe."""

    pages: Mapping[int, bytes] | Callable[[int], bytes | None] = field(default_factory=dict)
    """Error pages as HTML by status (400, 404, 405, 408, 413, 500, 503), rendered at the start."""
    own_pages: Mapping[tuple[int, str], bytes] = field(default_factory=dict)
    """Likewise, by status and path, for addresses that have more to say."""
    ready: Callable[[], object] = lambda: True
    """Raises, or returns False, while the database does not answer. Called in a thread of its own."""
    trusted_proxies: int = 0
    """How many proxies stand in front and write X-Forwarded-For and X-Forwarded-Proto."""
    site_url: str = ""
    """Where the site is, such as https://talks.example.org; other hosts are refused. Empty: any host."""
    max_body_bytes: int = 16 * 1024 * 1024
    static_root: Path | None = None
    """Folder with the built static files (`Assets.target`)."""
    root_files: Mapping[str, Path] = field(default_factory=dict)
    """Built files with a fixed address (`Assets.root_files()`)."""
    development: bool = False
    """Show /-/environ."""


def stack(app, settings):
    """`app` inside all layers: a WSGI callable. Raises ValueError for a setting that makes no sense."""
    refuse = Refusals(settings.pages, settings.own_pages)
    layers = [  # outermost first
        # Whatever fails further in, a person gets a page and the log a traceback.
        (Guard, refuse, HEADERS),
        # Who asks, and over what: everything below relies on it. Left out where no proxy is trusted.
        settings.trusted_proxies and (Proxy, settings.trusted_proxies),
        # Before anything can be refused or logged, so that each answer and each record carries the id.
        (RequestId,),
        # Around everything that answers, layers too.
        (SecurityHeaders,),
        # Before the limits: a supervisor asks by address, not under the site's name.
        (Health, refuse, settings.ready),
        # Likewise, as it is there to find out which name arrives.
        (Environ, refuse, settings.development),
        # Nothing below sees a body that is too large or a host that is not ours.
        (Limits, refuse, settings.max_body_bytes, settings.site_url),
        # Files need no session, no database and no Flask.
        (Static, refuse, settings.static_root, settings.root_files),
    ]
    for layer, *arguments in reversed([entry for entry in layers if entry]):
        app = layer(app, *arguments)
    return app
