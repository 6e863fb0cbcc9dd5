"""Who is told about whose comment."""

import pytest
from conftest import only_sqlite
from mailed import a_comment, confirmed, decided, outgoing, posted
from written import a_talk

from models import Comment, MailAddress, Muted, OutboxMail, User, database
from talks import notifications
from talks.notifications import CONFIRM, SHOWN, WAITS

WITHOUT = {"email": None}
UNCONFIRMED = {"confirmed_at": None}
BLOCKED = {"is_active": False}


@pytest.fixture
def people(ada, bob, carol):
    """Ada and Bob have accounts, Carol administrates, Frank is a profile that nobody claimed."""
    frank = User.create(username="frank", name="Frank", is_speaker=True)
    return {"ada": ada, "bob": bob, "carol": carol, "frank": frank}


def names(addresses):
    return {address.removesuffix("@example.org") for address in addresses}


@pytest.mark.parametrize(
    ("speakers", "owner", "changes", "author", "told"),
    [
        pytest.param(["ada"], "ada", {}, None, {"ada"}, id="a visitor's: the speaker"),
        pytest.param(["ada", "bob"], "ada", {}, None, {"ada", "bob"}, id="the co-speaker too"),
        pytest.param(["frank"], "ada", {}, None, {"ada"}, id="the owner who does not speak"),
        pytest.param(["bob"], "ada", {}, None, {"ada", "bob"}, id="owner and speaker"),
        pytest.param(["ada", "bob"], "ada", {}, "bob", {"ada"}, id="a co-speaker's own: the other one"),
        pytest.param(["ada"], "ada", {}, "ada", set(), id="the only speaker's own: nobody"),
        pytest.param(["frank"], None, {}, None, {"carol"}, id="no speaker has an account: administrators"),
        pytest.param([], None, {}, None, {"carol"}, id="nobody speaks: administrators"),
        pytest.param(["ada"], "ada", {"ada": BLOCKED}, None, {"carol"}, id="the speaker is blocked"),
        pytest.param(["ada"], "ada", {"ada": UNCONFIRMED}, None, {"carol"}, id="the address is unconfirmed"),
        pytest.param(["ada", "bob"], "ada", {"bob": BLOCKED}, None, {"ada"}, id="a co-speaker is blocked"),
        pytest.param([], None, {"carol": BLOCKED}, None, set(), id="a blocked administrator"),
        pytest.param(["frank"], None, {}, "carol", set(), id="the only administrator's own"),
    ],
)
def test_who_is_told_that_a_comment_waits(people, speakers, owner, changes, author, told):
    talk = a_talk(people.get(owner), status="published", speakers=[people[name] for name in speakers])
    for name, values in changes.items():
        User.update(values).where(User.id == people[name].id).execute()

    posted(talk, people.get(author), None if author else "vera@example.org")

    assert names(outgoing(WAITS)) == told


def test_a_visitor_with_the_speakers_address_in_other_letter_case_is_the_speaker(ada, bob):
    talk = a_talk(ada, status="published", speakers=[ada, bob])

    posted(talk, email="ADA@Example.org")

    assert names(outgoing(WAITS)) == {"bob"}


# Who wrote before, as (account, address, notify, status); who writes now; who is confirmed; who is told.
EARLIER = {
    "bob asked": ("bob", None, True, "approved"),
    "bob did not ask": ("bob", None, False, "approved"),
    "vera asked": (None, "vera@example.org", True, "approved"),
    "vera did not ask": (None, "vera@example.org", False, "approved"),
    "vera asked and waits": (None, "vera@example.org", True, "pending"),
    "vera asked and was refused": (None, "vera@example.org", True, "rejected"),
    "vera asked and took it back": (None, "vera@example.org", True, "deleted"),
    "vera asked with another letter case": (None, "VERA@example.ORG", True, "approved"),
    "the speaker asked": ("ada", None, True, "approved"),
    "a visitor with the speaker's address asked": (None, "Ada@example.org", True, "approved"),
    "a visitor with bob's address asked": (None, "Bob@example.org", True, "approved"),
}
NOBODY = frozenset()


@pytest.mark.parametrize(
    ("before", "now", "ready", "told"),
    [
        (["bob asked"], (None, "eve@example.org"), NOBODY, {"bob"}),
        (["bob did not ask"], (None, "eve@example.org"), NOBODY, NOBODY),
        (["vera asked"], (None, "eve@example.org"), {"vera"}, {"vera"}),
        (["vera asked"], (None, "eve@example.org"), NOBODY, NOBODY),
        (["vera did not ask"], (None, "eve@example.org"), {"vera"}, NOBODY),
        (["vera asked and waits"], (None, "eve@example.org"), {"vera"}, {"vera"}),
        (["vera asked and was refused"], (None, "eve@example.org"), {"vera"}, NOBODY),
        (["vera asked and took it back"], (None, "eve@example.org"), {"vera"}, NOBODY),
        (["vera asked with another letter case"], (None, "eve@example.org"), {"vera"}, {"vera"}),
        (["vera asked", "vera did not ask"], (None, "eve@example.org"), {"vera"}, {"vera"}),
        (["vera asked"], (None, "vera@example.org"), {"vera"}, NOBODY),
        (["vera asked"], (None, "Vera@EXAMPLE.org"), {"vera"}, NOBODY),
        (["bob asked"], ("bob", None), NOBODY, NOBODY),
        (["bob asked"], (None, "BOB@example.org"), NOBODY, NOBODY),
        (["a visitor with bob's address asked"], ("bob", None), {"bob"}, NOBODY),
        (["a visitor with bob's address asked"], (None, "eve@example.org"), NOBODY, NOBODY),
        (["bob asked", "a visitor with bob's address asked"], ("ada", None), {"bob"}, {"bob"}),
        (["the speaker asked"], (None, "eve@example.org"), NOBODY, NOBODY),
        (["a visitor with the speaker's address asked"], (None, "eve@example.org"), {"ada"}, NOBODY),
        (["bob asked", "vera asked"], ("ada", None), {"vera"}, {"bob", "vera"}),
    ],
    ids=lambda value: " and ".join(map(str, value)) if isinstance(value, list) else None,
)
def test_who_is_told_that_a_comment_is_shown(people, before, now, ready, told):
    talk = a_talk(people["ada"], status="published")
    confirmed(*(f"{name}@example.org" for name in ready))
    for account, address, notify, status in map(EARLIER.get, before):
        a_comment(talk, people.get(account), address, notify=notify, status=status)

    account, address = now
    posted(talk, people.get(account), address, status="approved")

    assert names(outgoing(SHOWN)) == told


@pytest.mark.parametrize("changes", [BLOCKED, UNCONFIRMED], ids=["blocked", "unconfirmed"])
def test_an_account_that_is_no_more_to_be_told_is_not_told(people, changes):
    talk = a_talk(people["ada"], status="published")
    a_comment(talk, people["bob"], notify=True, status="approved")
    User.update(changes).where(User.id == people["bob"].id).execute()

    posted(talk, email="eve@example.org", status="approved")

    assert outgoing(SHOWN) == {}


def test_the_address_of_a_blocked_account_is_not_told_either(people):
    talk = a_talk(people["ada"], status="published")
    confirmed("bob@example.org")
    a_comment(talk, email="bob@example.org", notify=True, status="approved")
    User.update(BLOCKED).where(User.id == people["bob"].id).execute()

    posted(talk, email="eve@example.org", status="approved", notify=False)

    assert outgoing(SHOWN) == {}


def test_an_administrator_who_asked_is_told_where_nobody_else_decides(carol):
    talk = a_talk(None, status="published", speakers=[])
    a_comment(talk, carol, notify=True, status="approved")

    posted(talk, email="eve@example.org", status="approved")

    assert names(outgoing(SHOWN)) == {"carol"}


def test_what_others_asked_for_under_another_talk_does_not_count(people):
    confirmed("vera@example.org")
    a_comment(a_talk(people["ada"], status="published"), email="vera@example.org", notify=True)

    posted(a_talk(people["ada"], status="published"), email="eve@example.org", status="approved")

    assert outgoing(SHOWN) == {}


def test_an_unsubscribed_address_is_told_nothing(people):
    talk = a_talk(people["ada"], status="published")
    confirmed("vera@example.org")
    a_comment(talk, email="Vera@example.org", notify=True, status="approved")

    notifications.unsubscribe("vera@example.org", talk.id)
    posted(talk, email="eve@example.org", status="approved")

    assert outgoing(SHOWN) == {}


# Collecting


@pytest.fixture
def talk(ada):
    return a_talk(ada, status="published")


def test_comments_are_collected_in_one_mail(talk):
    ids = [posted(talk, email="vera@example.org").id for _ in range(3)]

    assert outgoing() == {"ada@example.org": ids}


def test_each_talk_has_its_mail(ada, talk):
    posted(talk)
    posted(a_talk(ada, status="published"))

    assert OutboxMail.select().count() == 2


def test_what_was_claimed_collects_no_more(talk):
    first = posted(talk)
    OutboxMail.update(waiting=None).execute()
    second = posted(talk)

    assert [mail.payload["comments"] for mail in OutboxMail.select().order_by(OutboxMail.id)] == [
        [first.id], [second.id],
    ]  # fmt: skip


def test_a_comment_that_is_decided_waits_in_no_mail(talk):
    first, second = posted(talk), posted(talk)
    decided(first)

    assert outgoing() == {"ada@example.org": [second.id]}


@pytest.mark.parametrize("to", ["approved", "deleted", "rejected", "spam"])
def test_a_mail_that_lists_nothing_any_more_is_gone(talk, to):
    decided(posted(talk), to)

    assert OutboxMail.select().count() == 0


def test_a_shown_comment_that_is_deleted_waits_in_no_mail(bob, talk):
    a_comment(talk, bob, notify=True, status="approved")
    first = posted(talk, status="approved")
    second = posted(talk, status="approved")
    decided(first, "deleted")

    assert outgoing() == {"bob@example.org": [second.id]}


def test_who_is_told_again_of_the_same_comment_has_it_once_in_the_mail(bob, talk):
    a_comment(talk, bob, notify=True, status="approved")
    comment = posted(talk, status="approved")
    with database.atomic():
        notifications.tell(comment)

    assert outgoing() == {"bob@example.org": [comment.id]}


def test_what_a_transaction_takes_back_is_told_to_nobody(talk):
    with database.atomic() as transaction:
        posted(talk)
        transaction.rollback()

    assert Comment.select().count() == OutboxMail.select().count() == 0


def test_a_thousand_are_told_in_a_few_statements(talk, writes):
    confirmed(*(f"v{number}@example.org" for number in range(1000)))
    same = {"talk": talk, "notify": True, "body": "x", "body_html": "x", "status": "approved"}
    rows = [same | {"number": number, "author_email": f"v{number}@example.org"} for number in range(1000)]
    with database.atomic():
        for start in range(0, 1000, 50):
            Comment.insert_many(rows[start : start + 50]).execute()
    writes.clear()

    posted(talk, status="approved")
    posted(talk, status="approved")

    assert OutboxMail.select().count() == 1000
    assert len(writes) < 20


# Confirming


def test_an_unconfirmed_address_is_asked_once_ever(talk, ada):
    posted(talk, email="vera@example.org", notify=True)
    posted(talk, email="VERA@example.org", notify=True)
    posted(a_talk(ada, status="published"), email="vera@example.org", notify=True, status="approved")

    assert list(outgoing(CONFIRM)) == ["vera@example.org"]
    assert OutboxMail.select().where(OutboxMail.kind == CONFIRM).count() == 1


@pytest.mark.parametrize(
    ("address", "notify"),
    [("vera@example.org", False), ("ada@example.org", True), (None, True)],
    ids=["did not ask to be told", "is the speaker", "has none"],
)
def test_who_is_not_asked(talk, address, notify):
    posted(talk, email=address, notify=notify)

    assert outgoing(CONFIRM) == {}


def test_a_member_is_not_asked(talk, bob):
    posted(talk, bob, notify=True)

    assert outgoing(CONFIRM) == {}


def test_after_its_click_an_address_is_told(talk):
    posted(talk, email="vera@example.org", notify=True, status="approved")
    notifications.confirm_address("vera@example.org")
    comment = posted(talk, email="eve@example.org", status="approved")

    assert outgoing(SHOWN) == {"vera@example.org": [comment.id]}


def test_confirming_twice_keeps_the_first_time(database):
    notifications.confirm_address("vera@example.org")
    first = MailAddress.get().confirmed_at
    notifications.confirm_address("vera@example.org")

    assert MailAddress.get().confirmed_at == first


@only_sqlite
def test_who_is_told_is_read_from_an_index_however_long_a_discussion_is(database, talk):
    asked = []
    database.query_hooks.append(asked.append)
    notifications.followers(talk)
    database.query_hooks.pop()

    plans = [
        " ".join(row[3] for row in database.execute_sql(f"EXPLAIN QUERY PLAN {event.sql}", event.params))
        for event in asked
        if '"comment"' in event.sql
    ]
    assert len(plans) == 2
    for plan in plans:
        assert "USING COVERING INDEX comment_talk_id_notify_" in plan, plan


# Stopping


def test_stopping_removes_the_waiting_mail_of_that_talk_and_address_only(ada, bob, talk):
    other = a_talk(ada, status="published")
    for place in (talk, other):
        a_comment(place, bob, notify=True, status="approved")
        a_comment(place, ada, notify=False, status="approved")
        posted(place, status="approved")

    notifications.unsubscribe("bob@example.org", talk.id)

    assert [mail.talk_id for mail in OutboxMail.select()] == [other.id]
    assert [row.talk_id for row in Comment.select().where(Comment.notify)] == [other.id]


def test_stopping_leaves_what_was_sent(bob, talk):
    a_comment(talk, bob, notify=True, status="approved")
    posted(talk, status="approved")
    OutboxMail.update(sent_at=talk.created_at, waiting=None).execute()

    notifications.unsubscribe("bob@example.org", talk.id)

    assert OutboxMail.select().count() == 1


def test_a_moderator_can_stop_the_mail_and_begin_it_again(talk):
    notifications.unsubscribe("ada@example.org", talk.id)
    notifications.unsubscribe("ada@example.org", talk.id)
    posted(talk)
    assert (outgoing(), Muted.select().count()) == ({}, 1)

    notifications.subscribe_again("ada@example.org", talk.id)
    posted(talk)
    assert list(outgoing()) == ["ada@example.org"]
