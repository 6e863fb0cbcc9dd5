"""What the address of a database says, or what would be right instead."""

import contextlib
import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote

SCHEMES = {name: name for name in ("sqlite", "postgresql", "mysql")}
SCHEMES |= {"postgres": "postgresql", "mariadb": "mysql"}
PORTS = {"postgresql": 5432, "mysql": 3306}
EXAMPLES = {
    "sqlite": "sqlite:///path/to/file.db",
    "postgresql": "postgresql://user:password@host/database",
    "mysql": "mysql://user:password@host/database",
}


URL = re.compile(r"([^:/?#]*)://([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL)


def _whole(text):
    if not re.fullmatch("[0-9]{1,6}", text):
        raise ValueError
    return int(text)


def _switch(text):
    return {"0": False, "1": True, "false": False, "true": True}[text.lower()]


# What may stand behind the question mark, as the driver wants it. What Talks depends on is not among it.
OPTIONS = {
    "postgresql": dict.fromkeys(
        ("application_name", "gssencmode", "host", "options", "sslcert", "sslkey", "sslmode", "sslrootcert")
        + ("target_session_attrs",),
        str,
    )
    | dict.fromkeys(
        ("connect_timeout", "keepalives_count", "keepalives_idle", "keepalives_interval", "port")
        + ("tcp_user_timeout",),
        _whole,
    ),
    "mysql": dict.fromkeys(("program_name", "ssl_ca", "ssl_cert", "ssl_key", "unix_socket"), str)
    | dict.fromkeys(("ssl_disabled", "ssl_verify_cert", "ssl_verify_identity"), _switch)
    | {"connect_timeout": _whole},
}


class Address(NamedTuple):
    """What a database's address says. SQLite has only a `name`: its file, "" for memory."""

    engine: str
    name: str
    places: tuple[tuple[str, int], ...] = ()  # hosts and their ports; none: `options` name a socket
    user: str = ""
    password: str = ""
    options: dict = {}  # noqa: RUF012, never changed

    @property
    def on_server(self) -> bool:
        return self.engine != "sqlite"


def read_address(url: str) -> Address:
    """The parts of `url`, percent signs decoded, SQLite's file relative as it is written.

    Raises ValueError with a sentence that says what would be right, and no part of `url`: it has a password.
    """
    # Not urlsplit: some Pythons take brackets only around the first host.
    found = URL.fullmatch(url)
    part = SplitResult(*(text or "" for text in found.groups())) if found else SplitResult("", "", "", "", "")
    engine = SCHEMES.get(part.scheme.partition("+")[0])
    if engine is None or "://" not in url:
        raise ValueError(f"unknown scheme; use {', '.join(EXAMPLES.values())}")
    if "\0" in unquote(url):
        raise ValueError(f"there is a NUL in it; use {EXAMPLES[engine]}")
    if part.fragment:
        raise ValueError("there is a # in it; use %23 for one in a name or password")
    if engine == "sqlite":
        return _file_address(part)
    return _server_address(engine, part)


def _file_address(part: SplitResult) -> Address:
    if part.netloc:
        raise ValueError("a SQLite address has three slashes: sqlite:///path/to/file.db")
    if part.query:
        raise ValueError("a SQLite address takes no options; use %3F for a question mark in a path")
    path = unquote(part.path[1:])
    return Address("sqlite", "" if path == ":memory:" else path)


def _server_address(engine: str, part: SplitResult) -> Address:
    options = _options(engine, part.query)
    login, _, places = part.netloc.rpartition("@")
    user, _, password = login.partition(":")
    found = tuple(_place(engine, place) for place in places.split(",")) if places else ()
    if not found and not options.keys() & {"host", "unix_socket"}:
        raise ValueError(f"it names no host; use {EXAMPLES[engine]}")
    if engine == "mysql" and len(found) > 1:
        raise ValueError(f"only PostgreSQL takes several hosts; use {EXAMPLES[engine]}")
    name = unquote(part.path[1:])
    if not name:
        raise ValueError(f"it names no database; use {EXAMPLES[engine]}")
    return Address(engine, name, found, unquote(user), unquote(password), options)


def _place(engine: str, text: str) -> tuple[str, int]:
    """Host and port of ``host``, ``host:port``, ``[IPv6]`` or ``[IPv6]:port``."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([\w.%-]+))(?::([0-9]{1,5}))?", text)
    port = int(match[3] or PORTS[engine]) if match else 0
    with contextlib.suppress(ValueError):
        if match and match[1]:
            ipaddress.IPv6Address(match[1])
        if 0 < port < 2**16:
            return match[1] or unquote(match[2]), port
    raise ValueError("a host or port is wrong; use host, host:port or [IPv6]:port, ports from 1 to 65535")


def _options(engine: str, query: str) -> dict:
    known = OPTIONS[engine]
    try:
        return {name: known[name](value) for name, value in parse_qsl(query, keep_blank_values=True)}
    except (KeyError, ValueError):
        names = ", ".join(sorted(known))
        raise ValueError(f"an option after ? is unknown or has a wrong value; use {names}") from None
