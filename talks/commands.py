"""What `flask` can do here: accounts, imports, periodic jobs, the demo."""

import os
import sys
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import click
from flask import current_app
from flask.cli import with_appcontext
from wtforms.validators import ValidationError

from forms import as_stored, read_email
from models import User, database
from talks import accounts, audit, demo, passwords, schema, second_factor
from talks.database_errors import ERRORS, Unsuitable, explain
from talks.exchange import pyvideo
from talks.gravatars import fetch_avatars
from talks.mailing import outbox
from talks.purge import purge
from talks.thumbnails import fetch_thumbnails


def with_database(function):
    """Run a command with the schema in order and a connection open."""

    @with_appcontext
    @wraps(function)
    def connected(*args, **kwargs):
        with refusals():
            done, _ = schema.prepare(current_app.config["SCHEMA_EVOLVE"] == "auto")
            for line in done:
                click.echo(line, err=True)
            database.connect(reuse_if_open=True)
        try:
            return function(*args, **kwargs)
        finally:
            database.close()

    return connected


@contextmanager
def refusals():
    """What the database refuses is said in one line, with exit code 1."""
    try:
        yield
    except schema.NotReady as error:
        raise click.ClickException(str(error)) from None
    except (*ERRORS, Unsuitable) as error:
        raise click.ClickException(explain(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'The backup'}: {error.strerror}.") from None


@click.command()
@click.argument("email")
@click.argument("username")
@click.option("--admin", is_flag=True, help="May do everything.")
@click.option("--speaker", is_flag=True, help="May publish talks.")
@with_database
def adduser(email, username, admin, speaker):
    """Add a confirmed account; asks for its password twice.

    For scripts: TALKS_PASSWORD, or a werkzeug hash in TALKS_PASSWORD_HASH.
    """
    try:
        email, site_name = read_email(email), current_app.config["SITE_NAME"]
        password = asked_password(about=[username, email, site_name])
        with database.atomic():
            user = accounts.create_account(username, email, is_admin=admin, is_speaker=speaker, **password)
            audit.record("user.create", user)
    except (accounts.Refused, ValidationError) as error:
        raise click.ClickException(str(error)) from None
    rights = [word for word, has in (("administrator", admin), ("speaker", speaker)) if has] or ["member"]
    click.echo(f"Added {user.username} <{user.email}>, {' and '.join(rights)}.")


def asked_password(about):
    """The password, which `why_weak` takes, or its hash; from the environment or from the terminal."""
    if stored := os.environ.get("TALKS_PASSWORD_HASH"):
        if not passwords.is_hash(stored):
            raise click.ClickException("TALKS_PASSWORD_HASH is not a hash made by werkzeug or argon2.")
        return {"password_hash": stored}
    password = os.environ.get("TALKS_PASSWORD")
    if password is None:
        password = click.prompt("Password", hide_input=True)
        if click.prompt("Password again", hide_input=True) != password:
            raise click.ClickException("The two passwords are not the same. Nothing was added.")
    if not is_text(password):
        raise click.ClickException("The password is not UTF-8 text.")
    if why := passwords.why_weak(password, about):
        raise click.ClickException(f"{why} Nothing was added.")
    return {"password": password}


def is_text(value):
    """Whether `value` came as UTF-8; bytes that did not are half characters in it."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


@click.command("remove-second-factor")
@click.argument("email")
@with_database
def remove_second_factor(email):
    """Let who has lost phone, passkeys and recovery codes sign in by password alone again."""
    user = User.by_email(as_stored(email))
    if user is None:
        raise click.ClickException(f"No account has the address {email}.")
    if not second_factor.remove_all(user):
        raise click.ClickException(f"{email} has no second factor. Nothing was changed.")
    click.echo(f"{user.username} <{user.email}> signs in by password alone, and is told so by mail.")


@click.command("import-pyvideo")
@click.argument("path", type=click.Path())
@click.option("--event", "events", multiple=True, metavar="SLUG", help="Only this event; can be repeated.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, write nothing.")
@with_database
def import_pyvideo(path, events, dry_run):
    """Import a folder or archive in the layout of the PyVideo archive. It can be run again."""
    with click.progressbar(
        length=1, label="Importing", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:

        def progress(done, total, event):
            bar.length = total
            bar.update(1)

        hosts = current_app.config["PEERTUBE_HOSTS"]
        try:
            report = pyvideo.run(path, events, dry_run, progress, hosts)
        except (ValueError, OSError) as error:
            raise click.ClickException(str(error)) from None
    for line in report.lines():
        click.echo(line)
    if report.exit_code:
        raise SystemExit(report.exit_code)


JOBS = {
    "flush-mail": ("hourly, where the site's server does not do it", outbox.flush),
    "purge": ("daily", purge),
    "fetch-thumbnails": ("daily, with FETCH_THUMBNAILS=1", fetch_thumbnails),
    "fetch-avatars": ("daily, with AVATARS=gravatar", fetch_avatars),
}


@click.command("flush-mail")
@with_database
def flush_mail():
    """Send what waits in the outbox, and what is to be tried again by now."""
    click.echo(outbox.flush(current_app.config, current_app.instance_path))


@click.command()
@click.argument("name", required=False)
@with_database
def cron(name):
    """List the periodic jobs with their rhythm, or run the one that is named."""
    if name is None:
        for job, (rhythm, _) in JOBS.items():
            click.echo(f"{job:20} {rhythm}")
        return
    if name not in JOBS:
        raise click.ClickException(f"There is no job {name!r}. There are: {', '.join(JOBS)}.")
    click.echo(JOBS[name][1](current_app.config, current_app.instance_path))


@click.command("load-demo")
@with_database
def load_demo():
    """Import what is missing of the sample and print three sign-ins."""
    try:
        lines = demo.load(current_app.instance_path)
    except demo.NotTheDemo as error:
        raise click.ClickException(str(error)) from None
    for line in lines:
        click.echo(line)


@click.group("schema")
def schema_commands():
    """What differs between the database and this version of Talks."""


@schema_commands.command("plan")
@with_appcontext
def schema_plan():
    """Show what differs, with statements and their risk. Changes nothing."""
    with refusals():
        steps = schema.planned()
    for step in steps:
        click.echo(f"{step.risk}: {step}")
        for line in step.statement.splitlines():
            click.echo(f"    {line}")
    for risk in dict.fromkeys(step.risk for step in steps):
        click.echo(f"({risk}: {schema.MEANING[risk]})")
    if steps:
        click.echo(
            "The statements are for reading: `flask schema apply` runs them in one piece, with checks."
        )
    click.echo(schema.advice(steps))


@schema_commands.command("apply")
@click.option("--yes", is_flag=True, help="Also rename, and take away what is gone, after a backup.")
@with_appcontext
def schema_apply(yes):
    """Apply what is safe or slow. Exit code 1 when something is impossible."""
    folder = Path(current_app.instance_path) / "backups"
    with refusals():
        done, left = schema.apply(yes, folder)
    for step in done:
        click.echo(f"Done: {step.sentence}")
    if any(step.loses for step in done):
        click.echo(f"What was taken away is in {folder}.")
    for step in left:
        click.echo(f"{step.risk}: {step}")
    if left or not done:
        click.echo(schema.advice(left))
    if any(step.risk == schema.IMPOSSIBLE for step in left):
        raise SystemExit(1)


COMMANDS = (adduser, remove_second_factor, import_pyvideo, flush_mail, cron, load_demo, schema_commands)
