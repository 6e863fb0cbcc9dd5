"""The form of a talk says who may ask under it, and for how long."""

import pytest
from asked import whole
from browsing import form_of, write
from conftest import only_sqlite
from written import a_talk

from models import Talk


@pytest.mark.parametrize("rule", ["open", "moderated", "members", "closed"])
def test_a_speaker_says_who_may_ask(as_ada, ada, rule):
    talk = a_talk(ada)

    write(as_ada, f"/edit/{talk.id}", discussion=rule, discussion_days="30")

    assert (whole(talk).discussion, whole(talk).discussion_days) == (rule if rule != "moderated" else "", 30)
    assert form_of(as_ada, f"/edit/{talk.id}")["discussion"] == rule


def test_a_new_talk_is_moderated_and_stays_open(as_ada):
    write(as_ada, title="New", status="published")

    assert (Talk.get().discussion_rule, Talk.get().discussion_days) == ("moderated", None)


def test_an_imported_talk_is_shown_as_closed_and_opened_by_its_form(as_ada, ada):
    talk = a_talk(ada, imported_from="pyvideo", imported_key="x")
    assert form_of(as_ada, f"/edit/{talk.id}")["discussion"] == "closed"

    write(as_ada, f"/edit/{talk.id}", title="Other")
    assert whole(talk).discussion == ""
    write(as_ada, f"/edit/{talk.id}", discussion="moderated")

    assert whole(talk).discussion == "moderated"


@only_sqlite
@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "1.5", "9" * 30, "9" * 400])
def test_odd_days_are_refused(as_ada, ada, days):
    talk = a_talk(ada)

    assert write(as_ada, f"/edit/{talk.id}", discussion_days=days).status_code == 422
    assert whole(talk).discussion_days is None


def test_days_are_taken_away_again(as_ada, ada):
    talk = a_talk(ada, discussion_days=7)

    write(as_ada, f"/edit/{talk.id}", discussion_days="")

    assert whole(talk).discussion_days is None


@only_sqlite
def test_an_unknown_rule_is_refused(as_ada, ada):
    assert write(as_ada, f"/edit/{a_talk(ada).id}", discussion="anybody").status_code == 422
