"""Pages by key, on a real table."""

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from conftest import only_sqlite
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.exceptions import NotFound

from models import Talk
from talks.paging import Order, paginate, parse_key

NEWEST = Order(Talk.date, Talk.id, descending=True)
OLDEST = Order(Talk.date, Talk.id)
CHANGED = Order(Talk.updated_at, Talk.id, descending=True)


@pytest.fixture
def seven(database):
    """Seven talks, of which two have one date and two none."""
    dates = [
        date(2020, 1, 1),
        date(2020, 1, 2),
        date(2020, 1, 2),
        date(2019, 5, 5),
        None,
        None,
        date(2018, 1, 1),
    ]
    return [Talk.create(title=str(day), date=day, status="published") for day in dates]


def page(order, query=None, per_page=3, **args):
    return paginate(Talk.published(), order, dict(parse_qsl((query or "?")[1:])) | args, per_page)


def walk(order, direction, start):
    """Ids of every page on the way."""
    pages, current = [[talk.id for talk in start.items]], start
    while query := getattr(current, direction):
        current = page(order, query)
        pages.append([talk.id for talk in current.items])
    return pages


def test_walking_forward_shows_every_row_once_in_order(seven):
    assert walk(NEWEST, "next", page(NEWEST)) == [[3, 2, 1], [4, 7, 6], [5]]


def test_walking_back_from_the_end_shows_the_same_pages_from_the_start(seven):
    last = page(NEWEST, before="2018-01-01.7")

    assert walk(NEWEST, "previous", last) == [[6, 5], [1, 4, 7], [3, 2, 1]]


def test_a_list_by_moments_is_walked_both_ways(seven):
    noon = datetime(2024, 5, 31, 12, tzinfo=UTC)
    for talk in seven:  # two of them at one moment, and moments with and without a fraction of a second
        talk.updated_at = noon + timedelta(microseconds=500_000 * (talk.id // 2))
        talk.save()

    assert walk(CHANGED, "next", page(CHANGED)) == [[7, 6, 5], [4, 3, 2], [1]]
    assert walk(CHANGED, "previous", page(CHANGED, page="3")) == [[1], [4, 3, 2], [7, 6, 5]]


@only_sqlite
@pytest.mark.parametrize(
    "key", ["2019", "", "x", "x.1", "2019.1", "2019-13-01.1", "2019-01-01T00:00:00+02:00.1", "9" * 300]
)
@pytest.mark.parametrize("name", ["before", "after"])
def test_what_is_no_moment_is_not_found_in_a_list_by_moments(seven, name, key):
    with pytest.raises(NotFound):
        page(CHANGED, **{name: key})


def test_a_day_alone_jumps_into_a_list_by_moments(seven):
    Talk.update(updated_at=datetime(2024, 5, 31, 12, tzinfo=UTC)).where(Talk.id <= 2).execute()

    assert [talk.id for talk in page(CHANGED, before="2024-06-01").items] == [2, 1]


def test_an_ascending_list_reads_the_other_way(seven):
    assert walk(OLDEST, "next", page(OLDEST)) == [[5, 6, 7], [4, 1, 2], [3]]


def test_the_first_page_has_nothing_before_it(seven):
    assert page(NEWEST).previous is None


def test_a_value_alone_jumps_into_the_list(seven):
    assert [talk.id for talk in page(NEWEST, before="2020").items] == [4, 7, 6]


def test_a_numbered_page_shows_the_same_as_walking(seven):
    assert [talk.id for talk in page(NEWEST, page="2").items] == [4, 7, 6]


def test_going_back_past_the_start_shows_the_first_page(seven):
    assert page(NEWEST, after="2021").items == page(NEWEST).items


@only_sqlite
@pytest.mark.parametrize(
    "args",
    [{"page": word} for word in ("0", "-1", "99999999999", "abc", "", "1001", "4", "١", "1.0", " 1")]
    + [{"before": word} for word in ("\0", "x" * 301, "2019.x", "2019.99999999999999999999", ".0", "")],
    ids=str,
)
def test_a_page_that_is_not_there_is_not_found(seven, args):
    with pytest.raises(NotFound):
        page(NEWEST, **args)


@only_sqlite
def test_only_named_arguments_stay_in_the_links(seven):
    found = paginate(Talk.published(), NEWEST, {"year": "2020", "evil": "1"}, 3, keep=("year",))

    assert found.next.startswith("?year=2020&before=")
    assert "evil" not in found.next


def test_one_more_row_than_shown_is_asked_for_and_nothing_is_counted(seven, database):
    asked = []
    database.query_hooks.append(lambda *args: asked.append(args))

    page(NEWEST, before="2020-01-01.1")

    assert len(asked) == 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    key=st.text(max_size=40) | st.datetimes().map(str),
    name=st.sampled_from(["before", "after", "page"]),
    order=st.sampled_from([NEWEST, CHANGED]),
)
def test_any_key_gives_a_page_or_not_found(database, key, name, order):
    try:
        assert page(order, **{name: key}).items == []
    except NotFound:
        pass


@given(value=st.text(st.characters(exclude_characters="\0"), max_size=100), number=st.integers(0, 2**63 - 1))
def test_a_key_is_read_as_it_was_written(value, number):
    assert parse_key(f"{value}.{number}") == (value, number)


@only_sqlite
@pytest.mark.parametrize("key", ["x", "1e3", "-1", "2019-01-01", "٣", "9" * 40])
def test_a_list_by_number_has_no_page_of_another_kind(seven, key):
    by_id = Order(Talk.id, Talk.id)

    for name in ("before", "after"):
        with pytest.raises(NotFound):
            page(by_id, **{name: key})
