"""Giving and taking rights, and that somebody can always administrate."""

from threading import Barrier, Thread

import pytest

from models import AuditEvent, Session, User, utcnow
from talks import rights


def test_rights_are_given_and_noted(bob, carol):
    assert rights.set_rights(bob, {"is_speaker": True, "is_trusted": True, "is_admin": False}, by=carol)

    now = User.get_by_id(bob.id)
    assert (now.is_speaker, now.is_trusted, now.is_admin) == (True, True, False)
    row = AuditEvent.get()
    assert (row.action, row.object_id, row.actor) == ("user.rights", bob.id, carol)
    assert row.details == {"is_speaker": True, "is_trusted": True}


def test_what_is_so_already_is_no_change(bob, carol):
    assert not rights.set_rights(bob, {"is_active": True, "is_admin": False}, by=carol)

    assert not AuditEvent.select().exists()


def test_who_is_blocked_is_signed_out_also_after_being_let_in_again(bob, carol):
    token = Session.begin(bob, remembered=True)

    rights.set_rights(bob, {"is_active": False}, by=carol)
    assert Session.user_of(token) is None
    rights.set_rights(bob, {"is_active": True}, by=carol)
    assert Session.user_of(token) is None


@pytest.mark.parametrize("name", ["is_admin", "is_active"])
def test_the_last_administrator_stays_one(carol, name):
    with pytest.raises(rights.NotPossible, match="only administrator") as refusal:
        rights.set_rights(carol, {name: False}, by=carol)

    assert refusal.value.field == name
    assert User.there_is_an_administrator()
    assert not AuditEvent.select().exists()


def test_a_blocked_administrator_is_none(carol, bob):
    rights.set_rights(bob, {"is_admin": True}, by=carol)
    rights.set_rights(bob, {"is_active": False}, by=carol)

    with pytest.raises(rights.NotPossible):
        rights.set_rights(carol, {"is_admin": False}, by=carol)
    rights.set_rights(bob, {"is_admin": False}, by=carol)  # which takes nothing away


def test_one_of_two_administrators_may_go(carol, bob):
    rights.set_rights(bob, {"is_admin": True}, by=carol)

    assert rights.set_rights(carol, {"is_admin": False}, by=carol)
    assert not User.get_by_id(carol.id).is_admin


def test_a_profile_without_an_account_cannot_administrate(carol):
    profile = User.create(username="grace", name="Grace")

    with pytest.raises(rights.NotPossible, match="address"):
        rights.set_rights(profile, {"is_admin": True}, by=carol)


def test_an_account_that_its_owner_deleted_stays_closed(bob, carol):
    User.update(is_active=False, gone_at=utcnow()).where(User.id == bob.id).execute()

    with pytest.raises(rights.NotPossible, match="deleted"):
        rights.set_rights(bob, {"is_active": True}, by=carol)


def test_two_administrators_who_demote_each_other_leave_one(database, carol, bob):
    User.update(is_admin=True).where(User.id == bob.id).execute()
    together, refused = Barrier(2), []

    def demote(user, by):
        with database.connection_context():
            together.wait()
            try:
                rights.set_rights(user, {"is_admin": False}, by=by)
            except rights.NotPossible as refusal:
                refused.append(refusal)

    threads = [Thread(target=demote, args=pair) for pair in ((carol, bob), (bob, carol))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refused) == 1
    assert User.select().where(User.is_admin).count() == 1
