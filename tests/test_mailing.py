"""Sending: what each answer of a mail server means, and whose a mail is meanwhile."""

import asyncio
import threading

import mailed
import pytest
from aiosmtpd.smtp import AuthResult
from conftest import only_sqlite
from mailed import (
    Peer,
    confirmed,
    files,
    flush,
    hang_up,
    later,
    outgoing,
    plain,
    posted,
    serving,
    take_and_hang_up,
)
from written import a_talk

import main
import models
from models import Comment, OutboxMail, User, utcnow
from talks import smtp
from talks.mailing import outbox

ADA, BOB, EVE = "ada@example.org", "bob@example.org", "eve@example.org"


@pytest.fixture
def talk(ada):
    return a_talk(ada, title="Iteration in depth", status="published")


@pytest.fixture
def three(ada, bob, talk):
    """Three mails that wait, to Ada, Bob and Eve."""
    confirmed(EVE)
    mailed.a_comment(talk, bob, notify=True, status="approved")
    mailed.a_comment(talk, email=EVE, notify=True, status="approved")
    posted(talk, name="Vera", body="Shown")
    posted(talk, name="Vera", body="Shown", status="approved")
    return OutboxMail.select().order_by(OutboxMail.id)


def states():
    """{address: "sent", "failed" or "waiting"}"""
    return {
        mail.to_email: "sent" if mail.sent_at else "failed" if mail.failed_at else "waiting"
        for mail in OutboxMail.select()
    }


def mail_to(address):
    return OutboxMail.get(OutboxMail.to_email == address)


# Answers of the server


def test_each_mail_is_sent_once(three, tmp_path):
    peer = Peer()
    with serving(peer) as server:
        assert flush(tmp_path, **server) == {"sent": 3}
        assert flush(tmp_path, **server) == {}

    assert peer.reached == [ADA, BOB, EVE]
    assert set(states().values()) == {"sent"}


def test_a_flush_is_one_connection(three, tmp_path):
    peer = Peer()
    with serving(peer) as server:
        flush(tmp_path, **server)

    assert peer.connections == 1


def test_no_mail_is_no_connection(database, tmp_path):
    assert flush(tmp_path, MAIL_SERVER="127.0.0.1", MAIL_PORT=1) == {}


def answering(answer):
    async def answer_bob(peer, server, envelope):
        return answer if envelope.rcpt_tos == [BOB] else None

    return answer_bob


@pytest.mark.slow
@only_sqlite
@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (lambda: Peer({BOB: ["451 grey"]}), "451 grey"),
        (lambda: Peer({BOB: ["450 busy"]}), "450 busy"),
        (lambda: Peer({BOB: ["530 sign in first"]}), "530 sign in"),
        (lambda: Peer(data=answering("452 full")), "452 full"),
        (lambda: Peer({BOB: ["421 closing"]}), "421 closing"),
        (lambda: Peer(data=answering("421 closing")), "421 closing"),
    ],
    ids=["451 at RCPT", "450 at RCPT", "530 at RCPT", "452 at DATA", "421 at RCPT", "421 at DATA"],
)
def test_what_may_pass_is_tried_again_with_the_same_message_id(three, tmp_path, peer, said):
    peer = peer()
    with serving(peer) as server:
        assert flush(tmp_path, **server) == {"sent": 2, "later": 1}
        first = mail_to(BOB)
        assert said in first.error
        assert flush(tmp_path, **server) == {}  # not yet
        peer.data = None
        later(minutes=1)
        assert flush(tmp_path, **server) == {"sent": 1}

    assert peer.reached == [ADA, BOB, EVE]
    assert peer.taken[-1][1]["Message-ID"] == first.message_id


@only_sqlite
@pytest.mark.parametrize(
    ("peer", "said"),
    [
        (lambda: Peer({BOB: ["550 no such user"]}), "550 no such user"),
        (lambda: Peer(data=answering("554 spam")), "554 spam"),
        (lambda: Peer(data=answering("552 too big")), "552 too big"),
    ],
    ids=["550 at RCPT", "554 at DATA", "552 at DATA"],
)
def test_what_is_refused_for_good_is_given_up_and_says_why(three, tmp_path, peer, said):
    with serving(peer()) as server:
        assert flush(tmp_path, **server) == {"sent": 2, "failed": 1}
        later(days=1)
        assert flush(tmp_path, **server) == {}

    assert states() == {ADA: "sent", BOB: "failed", EVE: "sent"}
    assert said in mail_to(BOB).error


def test_a_mail_that_is_too_big_for_the_server_is_given_up(three, tmp_path):
    long = posted(mail_to(BOB).talk, body="x" * 9000, status="approved")
    Comment.update(body="x").where(Comment.id == long.id).execute()
    Comment.update(body_html="x" * 60_000).where(Comment.id == long.id).execute()

    with serving(Peer(), data_size_limit=30_000) as server:
        assert flush(tmp_path, **server) == {"sent": 1, "failed": 2}

    assert "552" in mail_to(BOB).error


@only_sqlite
@pytest.mark.parametrize("do", [hang_up, take_and_hang_up], ids=["hangs up", "takes it and hangs up"])
def test_in_doubt_it_is_tried_again_with_the_same_message_id(three, tmp_path, do):
    async def to_bob(peer, server, envelope):
        return await do(peer, server, envelope) if envelope.rcpt_tos == [BOB] else None

    peer = Peer(data=to_bob)
    with serving(peer) as server:
        assert flush(tmp_path, **server) == {"sent": 2, "later": 1}
        peer.data = None
        later(minutes=1)
        assert flush(tmp_path, **server) == {"sent": 1}

    ids = {mail["Message-ID"] for address, mail in peer.taken if address == BOB}
    assert len(ids) == 1
    assert states() == {ADA: "sent", BOB: "sent", EVE: "sent"}


@pytest.mark.slow
@only_sqlite
def test_a_server_that_says_nothing_is_tried_again_later(three, tmp_path, monkeypatch):
    monkeypatch.setattr(smtp, "TIMEOUT_SECONDS", 0.5)
    release = threading.Event()

    async def silent(peer, server, envelope):
        while envelope.rcpt_tos == [BOB] and not release.is_set():
            await asyncio.sleep(0.05)

    peer = Peer(data=silent)
    with serving(peer) as server:
        assert flush(tmp_path, **server) == {"sent": 2, "later": 1}
        release.set()

    assert "timed out" in mail_to(BOB).error


def test_a_server_that_is_down_is_tried_again_later(three, tmp_path):
    with serving(Peer()) as server:
        pass

    assert flush(tmp_path, **server) == {"later": 3}
    assert "ConnectionRefusedError" in mail_to(BOB).error


def test_while_the_server_is_down_comments_are_collected(ada, talk, tmp_path):
    with serving(Peer()) as server:
        pass
    first = posted(talk)
    flush(tmp_path, **server)
    second = posted(talk)

    assert outgoing() == {ADA: [first.id, second.id]}


@only_sqlite
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_wrong_password_loses_nothing(three, tmp_path, password):
    def authenticator(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right", handled=data.password == b"right")

    options = {"authenticator": authenticator, "auth_required": True, "auth_require_tls": False}
    peer = Peer()
    with serving(peer, **options) as server:
        done = flush(tmp_path, **server, MAIL_USERNAME="talks", MAIL_PASSWORD=password)

    assert done == ({"sent": 3} if password == "right" else {"later": 3})
    assert peer.connections == 1


@only_sqlite
def test_a_server_without_the_encryption_that_is_asked_for_gets_no_mail(three, tmp_path):
    peer = Peer()
    with serving(peer) as server:
        assert flush(tmp_path, **server, MAIL_USE_TLS=True) == {"later": 3}

    assert peer.taken == []


@only_sqlite
def test_a_connection_that_breaks_again_and_again_is_not_tried_for_each_mail(talk, tmp_path):
    confirmed(*(f"v{number}@example.org" for number in range(20)))
    for number in range(20):
        mailed.a_comment(talk, email=f"v{number}@example.org", notify=True, status="approved")
    posted(talk, status="approved")

    peer = Peer(data=hang_up)
    with serving(peer) as server:
        assert flush(tmp_path, **server) == {"later": 20}

    assert peer.connections == outbox.LOST_IN_A_ROW


@pytest.mark.slow
def test_the_pauses_grow_and_end_after_two_days(talk, tmp_path):
    posted(talk)
    begun, pauses = utcnow(), []
    with serving(Peer()) as server:
        pass
    while not (mail := mail_to(ADA)).failed_at:
        pauses.append(round((mail.due_at - utcnow()).total_seconds() / 60) if mail.attempts else 0)
        OutboxMail.update(due_at=begun).execute()
        assert len(pauses) < 50
        flush(tmp_path, **server)

    assert pauses[1] == 1
    assert pauses == sorted(pauses)
    assert max(pauses) == 6 * 60
    assert 40 * 60 < sum(pauses) <= 48 * 60


def test_what_was_given_up_can_be_tried_again(three, tmp_path):
    with serving(Peer({BOB: ["550 no such user"]})) as server:
        flush(tmp_path, **server)
        failed = mail_to(BOB)
        assert failed.try_anew()
        assert not failed.try_anew()
        assert flush(tmp_path, **server) == {"sent": 1}


# Poison


def test_a_mail_that_cannot_be_built_does_not_keep_the_others(three, tmp_path, monkeypatch):
    right = outbox.message_of

    def wrong(mail, comments):
        if mail.to_email == ADA:
            raise KeyError("a fault of ours")
        return right(mail, comments)

    monkeypatch.setattr(outbox, "message_of", wrong)

    assert flush(tmp_path) == {"sent": 2, "later": 1}
    assert "a fault of ours" in mail_to(ADA).error


def test_a_mail_that_ended_each_process_is_given_up(three, tmp_path):
    OutboxMail.update(attempts=len(outbox.PAUSES) + 1).where(OutboxMail.to_email == ADA).execute()

    assert flush(tmp_path) == {"failed": 1, "sent": 2}
    assert "ended" in mail_to(ADA).error


@only_sqlite
def test_an_address_with_letters_of_the_world_goes_where_the_server_can(ada, talk, tmp_path):
    User.update(email="äda@bücher.example").where(User.id == ada.id).execute()
    posted(talk)

    peer = Peer()
    with serving(peer, enable_SMTPUTF8=True) as server:
        assert flush(tmp_path, **server) == {"sent": 1}

    ((address, mail),) = peer.taken
    assert address == "äda@xn--bcher-kva.example"
    assert "äda@" in str(mail["To"]).encode("utf-8", "surrogateescape").decode()


@only_sqlite
def test_an_address_with_letters_of_the_world_is_given_up_where_the_server_cannot(ada, talk, tmp_path):
    User.update(email="äda@example.org").where(User.id == ada.id).execute()
    posted(talk)

    with serving(Peer(), enable_SMTPUTF8=False) as server:
        assert flush(tmp_path, **server) == {"failed": 1}

    assert "SMTPUTF8" in OutboxMail.get().error


@only_sqlite
def test_many_such_addresses_do_not_keep_the_others(talk, tmp_path):
    addresses = [*(f"ä{number}@example.org" for number in range(5)), "z@example.org"]
    confirmed(*addresses)
    for address in addresses:
        mailed.a_comment(talk, email=address, notify=True, status="approved")
    posted(talk, status="approved")

    peer = Peer()
    with serving(peer, enable_SMTPUTF8=False) as server:
        assert flush(tmp_path, **server) == {"failed": 5, "sent": 1}

    assert peer.connections == 1


def test_hundreds_of_mails_are_put_off_in_one_statement(talk, tmp_path, writes):
    posted(talk)
    same = OutboxMail.select().dicts().get()
    OutboxMail.insert_many(
        [
            same | {"id": 100 + number, "to_email": f"v{number}@example.org", "message_id": str(number)}
            for number in range(400)
        ]
    ).execute()
    writes.clear()

    assert flush(tmp_path, MAIL_SERVER="127.0.0.1", MAIL_PORT=1) == {"later": 401}
    assert len(writes) == 1


@only_sqlite
def test_a_domain_with_letters_of_the_world_goes_anywhere(ada, talk, tmp_path):
    User.update(email="ada@bücher.example").where(User.id == ada.id).execute()
    posted(talk)

    peer = Peer()
    with serving(peer, enable_SMTPUTF8=False) as server:
        assert flush(tmp_path, **server) == {"sent": 1}

    assert peer.reached == ["ada@xn--bcher-kva.example"]


# Claims


@pytest.mark.slow
def test_two_that_flush_at_once_send_each_mail_once(talk, tmp_path):
    confirmed(*(f"v{number}@example.org" for number in range(30)))
    for number in range(30):
        mailed.a_comment(talk, email=f"v{number}@example.org", notify=True, status="approved")
    posted(talk, status="approved")
    barrier, done = threading.Barrier(3), []
    peer = Peer()

    def work():
        with models.database.connection_context(), main.app.app_context():
            barrier.wait()
            done.append(dict(outbox.Flush(tmp_path).run(0)))

    with serving(peer) as server:
        before = {name: main.app.config[name] for name in server}
        main.app.config.update(server)
        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        main.app.config.update(before)

    assert sum(counts.get("sent", 0) for counts in done) == 30
    assert peer.reached == sorted(f"v{number}@example.org" for number in range(30))


def test_what_a_dead_process_claimed_is_taken_when_the_claim_is_void(three, tmp_path):
    OutboxMail.update(claimed_at=utcnow(), waiting=None, attempts=1, message_id="<x@y>").where(
        OutboxMail.to_email == BOB
    ).execute()
    assert flush(tmp_path) == {"sent": 2}
    assert flush(tmp_path) == {}

    later(seconds=outbox.CLAIM_SECONDS + 1)
    assert flush(tmp_path) == {"sent": 1}
    assert [mail["Message-ID"] for mail in files(tmp_path) if mail["To"].addresses[0].addr_spec == BOB] == [
        "<x@y>"
    ]


def test_a_claim_is_renewed_while_the_server_answers(three, tmp_path, monkeypatch):
    monkeypatch.setattr(outbox, "RENEW_SECONDS", 0)
    seen = []

    async def look(peer, server, envelope):
        seen.append(envelope.rcpt_tos[0])

    renewals = []
    finish = outbox.Flush.finish

    def counting(self, mail, **values):
        if "claimed_at" in values and values["claimed_at"]:
            renewals.append(mail.to_email)
        finish(self, mail, **values)

    monkeypatch.setattr(outbox.Flush, "finish", counting)
    with serving(Peer(data=look)) as server:
        assert flush(tmp_path, **server) == {"sent": 3}

    assert set(renewals) == set(seen) == {ADA, BOB, EVE}


def test_a_comment_that_comes_while_its_mail_is_sent_makes_the_next_mail(ada, talk, tmp_path):
    posted(talk, body="The first")
    late = []

    async def meanwhile(peer, server, envelope):
        if not late:
            late.append(True)
            await asyncio.to_thread(write_another)

    def write_another():
        with models.database.connection_context():
            posted(talk, body="The second")

    peer = Peer(data=meanwhile)
    with serving(peer) as server:
        flush(tmp_path, **server)
        flush(tmp_path, **server)

    texts = [plain(mail) for _, mail in peer.taken]
    assert ["The first" in text for text in texts] == [True, False]
    assert ["The second" in text for text in texts] == [False, True]
