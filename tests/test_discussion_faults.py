"""Many people comment at once while processes of the site are killed: nothing is lost, nor said twice."""

import os
import random
import re
import time
from collections import Counter, defaultdict

import crowd
import hasty
import live
import mailed
import pytest
import reliability

from models import OutboxMail
from talks.mailing.messages import MOST_LISTED
from talks.notifications import SHOWN

pytestmark = pytest.mark.server

KINDS = {"worker": hasty.kill_worker, "flusher": hasty.kill_flusher, "master": hasty.kill_master}
KILLS = int(os.environ.get("TALKS_KILLS", 0)) or (100 if reliability.IS_SOAK else len(KINDS))
LISTED = re.compile(r"/comment/(\d+)")
LONGEST_PAUSE = 1.5  # seconds of undisturbed work before each kill
SETTINGS = {"TRUSTED_PROXIES": 1, "WEB_CONCURRENCY": 3, "claim_seconds": 8}


@pytest.fixture
def peer():
    return mailed.Peer()


@pytest.fixture
def site(database, tmp_path, peer):
    with mailed.serving(peer) as mail_server, hasty.sites(database, tmp_path, **mail_server) as make:
        yield make(**SETTINGS).start()


def kinds():
    """What is killed, in turn; each kind as often as the others, in changing order."""
    found = []
    while len(found) < KILLS:
        found += random.sample(list(KINDS), len(KINDS))
    return found[:KILLS]


def arrived(peer):
    """{Message-ID: [(address, ids of the comments it lists) each time]}"""
    found = defaultdict(list)
    for address, mail in peer.taken:
        listed = [int(id_) for id_ in LISTED.findall(mailed.plain(mail))]
        found[mail["Message-ID"]].append((address, listed))
    return found


def wrong_mails(mails, copies):
    """Sentences about mail that did not arrive, or not as its row of the outbox says."""
    for mail in mails:
        listed = mail.payload["comments"][:MOST_LISTED] if mail.kind == SHOWN else []
        each = copies.get(mail.message_id)
        if not each or any(copy != (mail.to_email, listed) for copy in each):
            yield f"mail {mail.id} to {mail.to_email} with {listed} arrived as {each}"
    for message_id in copies.keys() - {mail.message_id for mail in mails}:
        yield f"mail {message_id} stands in no outbox"


def post_while_killing(site, people):
    """Returns what was killed, how many times."""
    killed = Counter()
    for kind in kinds():
        time.sleep(random.uniform(0, LONGEST_PAUSE))
        KINDS[kind](site)
        killed[kind] += 1
        before = len(people.answered)
        live.wait_for(lambda before=before: len(people.answered) > before, "an answer")
    return killed


def test_nothing_is_lost_and_nobody_told_twice_when_processes_are_killed(request, site, peer, ada):
    talks = [talk.id for talk in crowd.stage(ada)]
    with crowd.Crowd(site.address, talks, per_second=50) as people:
        killed = post_while_killing(site, people)
    live.wait_for(hasty.everything_is_sent, "the mail")
    mails, copies = list(OutboxMail.select()), arrived(peer)
    wrong = [*crowd.wrong_in(people), *wrong_mails(mails, copies)]
    twice = len(peer.taken) - len(copies)
    reliability.record(
        "faults", request.node.callspec.params["database"], *(killed[kind] for kind in KINDS),
        len(people.answered), len(people.in_doubt), len(mails), twice, len(wrong),
    )  # fmt: skip

    assert wrong == [], people.refused
    assert twice <= sum(killed.values())
    assert set(people.refused.values()) <= {503}  # who waited for too long, and was told so
