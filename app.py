"""The Flask application and its settings. Nothing else."""

import os
import re
import secrets
import sys
from email.utils import parseaddr
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from dotenv import load_dotenv
from flask import Flask

from talks.database_urls import read_address
from talks.layers.limits import parsed_host, site_host

ROOT = Path(__file__).resolve().parent
SECRETS = ("SECRET_KEY", "MAIL_PASSWORD", "DATABASE_URL")  # never printed
CONFIGS = ("development", "testing", "production")


class SettingError(ValueError):
    """A setting that cannot be used; the message names it and says what would be right."""


def number(lowest, highest):
    def read(value):
        value = value.strip()
        if not (re.fullmatch("[0-9]{1,9}", value) and lowest <= int(value) <= highest):
            raise ValueError(f"use a whole number from {lowest} to {highest}")
        return int(value)

    return read


def choice(*words):
    def read(value):
        if value.strip() not in words:
            raise ValueError(f"use one of: {', '.join(words)}")
        return value.strip()

    return read


def switch(value):
    return choice("0", "1")(value) == "1"


def hosts(value):
    found = tuple(host.strip().lower() for host in value.split(",") if host.strip())
    if not all(map(parsed_host, found)):
        raise ValueError("use names of hosts by comma, like tube.example.org")
    return found


def site_url(value):
    value = value.strip().rstrip("/")
    try:
        if value:
            site_host(value)
        if re.fullmatch(r"(https?://[^/?#@\\\s]+)?", value, re.IGNORECASE):
            return value
    except ValueError:
        pass  # said below, with what would be right
    raise ValueError("use the site's address without a path, like https://talks.example.org")


def mailbox(value):
    value = value.strip()
    if value and not ("@" in parseaddr(value)[1] and value.isprintable()):
        raise ValueError("use an address like talks@example.org or Talks <talks@example.org>")
    return value


def syslog(value):
    value = value.strip()
    host, _, port = value.rpartition(":")
    if value and not value.startswith("/") and not (host and re.fullmatch("[0-9]{1,5}", port)):
        raise ValueError("use host:port or the path of a socket, like /dev/log")
    return value


def database_url(value):
    value = value.strip()
    address = read_address(value)
    return value if address.on_server or not address.name else f"sqlite:///{quote(str(ROOT / address.name))}"


class Setting(NamedTuple):
    """One setting: an environment variable, or a line of `.env`. `read` turns its text into the value."""

    name: str
    default: str
    help: str
    read: object = str.strip


SETTINGS = (
    Setting(
        "TALKS_CONFIG",
        "development",
        "development, testing or production (the default under gunicorn).",
        choice(*CONFIGS),
    ),
    Setting(
        "SECRET_KEY",
        "",
        "Signs sessions and links. With SQLite, made once in instance/secret_key when empty.",
    ),
    Setting(
        "DATABASE_URL",
        "sqlite:///instance/talks.db",
        "Where the data is: sqlite:///path (relative to main.py), postgresql:// or mysql:// (also MariaDB).",
        database_url,
    ),
    Setting(
        "SCHEMA_EVOLVE",
        "auto",
        "auto: each start applies what is safe to an older database. off: only `flask schema apply` does.",
        choice("auto", "off"),
    ),
    Setting("SITE_NAME", "Talks", "The name on every page."),
    Setting(
        "SITE_URL",
        "",
        "The address people use, like https://talks.example.org; requests for other hosts are answered 400.",
        site_url,
    ),
    Setting(
        "REQUIRE_ADMIN_2FA",
        "0",
        "1: an administrator sets up a second factor before doing anything else.",
        switch,
    ),
    Setting(
        "ACCESS",
        "public",
        "public: everybody reads. members: the whole site is behind the sign-in.",
        choice("public", "members"),
    ),
    Setting(
        "REGISTRATION",
        "open",
        "open: anybody makes an account. closed: administrators make them, or invite.",
        choice("open", "closed"),
    ),
    Setting("TALKS_PER_PAGE", "50", "Talks on a page, 1 to 200.", number(1, 200)),
    Setting("COMMENTS_PER_PAGE", "100", "Comments on a page, answers aside, 1 to 200.", number(1, 200)),
    Setting("MAX_UPLOAD_MB", "5", "The largest request body, in megabytes.", number(1, 1024)),
    Setting(
        "TRUSTED_PROXIES",
        "0",
        "Number of proxies in front whose X-Forwarded-* headers are believed.",
        number(0, 10),
    ),
    Setting(
        "AVATARS",
        "generated",
        "generated: drawn here. gravatar: `flask cron fetch-avatars` copies others from gravatar.com.",
        choice("generated", "gravatar"),
    ),
    Setting(
        "PEERTUBE_HOSTS", "", "PeerTube servers whose videos play here, by comma: tube.example.org.", hosts
    ),
    Setting(
        "FETCH_THUMBNAILS",
        "0",
        "1: `flask cron fetch-thumbnails` copies talks' real pictures from known hosts.",
        switch,
    ),
    Setting("MAIL_SERVER", "", "SMTP server. Without one, mail is written to instance/mail/*.eml."),
    Setting("MAIL_PORT", "25", "Port of the SMTP server.", number(1, 65535)),
    Setting("MAIL_USE_TLS", "0", "1: STARTTLS.", switch),
    Setting("MAIL_USE_SSL", "0", "1: TLS from the first byte (port 465).", switch),
    Setting("MAIL_USERNAME", "", "Name to sign in to the SMTP server with; empty: none."),
    Setting("MAIL_PASSWORD", "", "Password for it."),
    Setting("MAIL_SENDER", "talks@localhost", "The address that mail comes from.", mailbox),
    Setting("MAIL_SUBJECT_PREFIX", "[talks] ", "Begins every subject.", str),
    Setting(
        "MAIL_FLUSH_INTERVAL",
        "3600",
        "Seconds for which mail about comments is collected; in development 60 unless it is set.",
        number(0, 7 * 24 * 3600),
    ),
    Setting(
        "MAIL_ERROR_RECIPIENT",
        "",
        "Who is told of errors, at most once per kind and hour. Empty: nobody.",
        mailbox,
    ),
    Setting("SYSLOG", "", "host:port or /dev/log: errors and warnings go there too.", syslog),
    Setting("PORT", "8000", "The port that gunicorn listens on.", number(1, 65535)),
    Setting("WEB_CONCURRENCY", "2", "Number of gunicorn workers.", number(1, 256)),
)


def read_settings(environ):
    """Every setting's value by name. Raises SettingError for the first that cannot be used."""
    values = {}
    for setting in SETTINGS:
        text = environ.get(setting.name) or setting.default
        try:
            values[setting.name] = setting.read(text)
        except ValueError as error:
            shown = "…" if setting.name in SECRETS else repr(text[:80])
            raise SettingError(f"{setting.name}={shown}: {error}") from None
    return values


def made_once(path):
    """The secret in `path`; the first process that comes makes it, whole and readable by the owner only."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with open(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())  # a secret that the next power cut takes back ends every session
        try:
            os.link(draft, path)  # fails when another process was faster: its secret counts
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def configure(app, environ):
    """Put the settings into `app.config`. Raises SettingError."""
    app.config.from_mapping(read_settings(environ))
    if app.config["TALKS_CONFIG"] == "development" and not environ.get("MAIL_FLUSH_INTERVAL"):
        app.config["MAIL_FLUSH_INTERVAL"] = 60
    app.config.update(
        TESTING=app.config["TALKS_CONFIG"] == "testing",
        MAX_CONTENT_LENGTH=app.config["MAX_UPLOAD_MB"] * 2**20,
        MAX_FORM_MEMORY_SIZE=app.config["MAX_UPLOAD_MB"] * 2**20,
        SESSION_COOKIE_NAME="talks",
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=30 * 24 * 3600,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a draft may stay open over night
        WTF_CSRF_SSL_STRICT=False,  # asks for a Referer, which pages with a token keep browsers from sending
    )
    if not app.config["SECRET_KEY"] and read_address(app.config["DATABASE_URL"]).on_server:
        # It may serve several machines: each would make a secret of its own.
        raise SettingError("SECRET_KEY: with a database server, set it to 64 random characters of your own")
    try:
        app.config["SECRET_KEY"] = app.config["SECRET_KEY"] or made_once(
            Path(app.instance_path) / "secret_key"
        )
    except OSError as error:
        raise SettingError(
            f"SECRET_KEY: {error.filename} cannot be made or read ({error.strerror}); set it"
        ) from None
    if not app.config["SECRET_KEY"]:
        raise SettingError("SECRET_KEY: instance/secret_key is empty; delete it, or set SECRET_KEY")


if os.environ.get("TALKS_CONFIG") != "testing":
    load_dotenv(ROOT / ".env")
app = Flask("talks")
try:
    configure(app, os.environ)
except SettingError as problem:
    sys.exit(str(problem))
