"""Sending in the background: real processes, killed while they send."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import Counter

import hasty
import live
import mailed
import pytest
from hasty import everything_is_sent, holder
from mailed import Peer, posted, serving
from written import a_talk

import models
from models import Lease
from talks import smtp
from talks.mailing import background, outbox

pytestmark = pytest.mark.server

FOLLOWERS = 40


@pytest.fixture
def talk(ada):
    return a_talk(ada, status="published")


@pytest.fixture
def peer():
    return Peer()


@pytest.fixture
def mail_server(peer):
    with serving(peer) as settings:
        yield settings


@pytest.fixture
def make_site(database, tmp_path, mail_server):
    with hasty.sites(database, tmp_path, **mail_server) as make:
        yield make


def follow(talk):
    """People to be told of what is posted."""
    addresses = [f"v{number}@example.org" for number in range(FOLLOWERS)]
    mailed.confirmed(*addresses)
    for address in addresses:
        mailed.a_comment(talk, email=address, notify=True, status="approved")
    return sorted(addresses)


def answers(site):
    with contextlib.suppress(OSError):
        return site.visitor().get("/").status == 200


def test_a_server_sends_the_mail_by_itself(make_site, peer, talk):
    make_site().start()
    posted(talk)

    live.wait_for(everything_is_sent, "the mail")
    assert peer.reached == ["ada@example.org"]


def test_of_all_workers_one_sends(make_site, peer, talk):
    addresses = follow(talk)
    first, second = make_site(WEB_CONCURRENCY=2).start(), make_site(WEB_CONCURRENCY=2).start()
    posted(talk, status="approved")

    live.wait_for(everything_is_sent, "the mail")
    assert peer.reached == addresses
    assert peer.connections == 1
    assert holder() in first.workers() + second.workers()


def test_a_worker_that_is_killed_while_it_sends_is_replaced_and_loses_nothing(make_site, peer, talk):
    addresses, kills = follow(talk), []

    async def kill(peer, server, envelope):
        """Now and then, when a mail was taken and before that is said."""
        await asyncio.sleep(0)
        if len(kills) < 3 and len(peer.taken) >= 10 * (len(kills) + 1):
            kills.append(sending := await asyncio.to_thread(who_sends))
            peer.keep(envelope)
            os.kill(sending, signal.SIGKILL)
            return "451 nobody hears this"

    def who_sends():
        with models.database.connection_context():
            return live.wait_for(holder, "who sends")

    make_site().start()
    peer.data = kill
    posted(talk, status="approved")

    live.wait_for(everything_is_sent, "the mail")
    times = Counter(peer.reached)
    assert sorted(times) == addresses
    assert len(kills) == 3
    assert sum(times.values()) <= FOLLOWERS + len(kills)
    ids = {(address, mail["Message-ID"]) for address, mail in peer.taken}
    assert len(ids) == FOLLOWERS


def test_when_the_master_is_killed_the_next_start_goes_on(make_site, peer, talk):
    addresses, killed = follow(talk), threading.Event()
    site = make_site().start()

    async def kill(peer, server, envelope):
        if len(peer.taken) == 10 and not killed.is_set():
            killed.set()
            peer.keep(envelope)
            os.killpg(site.process.pid, signal.SIGKILL)
            return "451 nobody hears this"

    peer.data = kill
    posted(talk, status="approved")
    assert killed.wait(live.PATIENCE_SECONDS)
    make_site().start()

    live.wait_for(everything_is_sent, "the mail")
    times = Counter(peer.reached)
    assert sorted(times) == addresses
    assert sum(times.values()) <= FOLLOWERS + 1


def test_a_server_that_stops_lets_another_go_on_at_once(make_site):
    site = make_site().start()
    live.wait_for(holder, "the lease")

    site.stop()

    assert Lease.select().count() == 0


def test_another_goes_on_within_a_minute():
    assert background.LEASE_SECONDS + background.POLL_SECONDS <= 60
    assert outbox.RENEW_SECONDS + smtp.TIMEOUT_SECONDS < outbox.CLAIM_SECONDS <= 60


def test_commands_that_flush_at_once_send_each_mail_once(database, peer, mail_server, talk):
    addresses = follow(talk)
    posted(talk, status="approved")
    environ = live.clean_environment(
        SECRET_KEY="secret", DATABASE_URL=database.url, TALKS_CONFIG="testing", **mail_server
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "flask", "--app", "main", "flush-mail"], cwd=live.ROOT, env=environ,
            stdout=subprocess.PIPE, text=True,
        )
        for _ in range(3)
    ]  # fmt: skip
    said = [process.communicate(timeout=live.PATIENCE_SECONDS)[0] for process in processes]

    assert peer.reached == addresses
    assert sum(int(line.split()[0]) for line in said) == FOLLOWERS


def test_a_site_in_development_sends_from_its_first_request_on(database, tmp_path, peer, mail_server, talk):
    posted(talk)
    site = live.Site(
        tmp_path / "site",
        SECRET_KEY="secret",
        DATABASE_URL=database.url,
        MAIL_FLUSH_INTERVAL=1,
        **mail_server,
    )
    command = [sys.executable, "-m", "flask", "--app", "main", "run", "--debug", "--port", str(site.port)]
    with open(site.errors, "ab") as errors:
        process = subprocess.Popen(
            live.dying_with_us(command), cwd=site.house, env=site.environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=errors, stderr=errors,
        )  # fmt: skip
    try:
        live.wait_for(lambda: answers(site), "the site", process)
        live.wait_for(everything_is_sent, "the mail")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    assert peer.reached == ["ada@example.org"]
