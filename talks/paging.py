"""Pages by key: the deepest page of a list costs what the first one costs.

A key is the value of the sort column and the id of the row at a page's edge, ``2019-05-03.1204``; a value
alone, ``2019`` or ``k``, jumps into the list. ``before`` asks for smaller values, ``after`` for greater
ones, whichever way the list is read.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from peewee import DateTimeField, IntegerField
from werkzeug.exceptions import NotFound

DEEPEST = 1000  # of ?page=N, which costs more the deeper it goes
LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Page:
    """One page of a list. `previous` and `next` are query strings, or None at the ends."""

    items: list
    previous: str | None
    next: str | None


@dataclass(frozen=True)
class Order:
    """How a list is read: by `value` and then `id`, both the same way. The pair must be unique."""

    value: object  # a peewee field that is never NULL
    id: object  # a peewee field
    descending: bool = False

    def sorted(self, query, backwards=False):
        if self.descending != backwards:
            return query.order_by(self.value.desc(), self.id.desc())
        return query.order_by(self.value, self.id)

    def beyond(self, key: str, smaller: bool):
        """The condition for rows past `key`. Raises NotFound for a key that no page has."""
        value, id_ = parse_key(key)
        if isinstance(self.value, DateTimeField):
            value = _moment(value)
        elif isinstance(self.value, IntegerField):
            value = _number(value)
        if id_ is None:
            return self.value < value if smaller else self.value >= value
        if smaller:  # the first half lets an index on (value, id) start at the right place
            return (self.value <= value) & ((self.value < value) | (self.id < id_))
        return (self.value >= value) & ((self.value > value) | (self.id > id_))

    def key(self, item) -> str:
        value = self.value.db_value(getattr(item, self.value.name))
        return f"{value}.{item.id}"


def parse_key(key: str) -> tuple[str, int | None]:
    value, dot, number = key.rpartition(".")
    if not dot:
        value, number = key, ""
    if "\0" in key or len(key) > 300 or (dot and not _is_number(number)):
        raise NotFound
    return value, int(number) if dot else None


def _moment(text: str) -> datetime:
    """The UTC time that `text` writes without a zone, as keys do."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotFound from None
    if moment.tzinfo:
        raise NotFound
    return moment.replace(tzinfo=UTC)


def _number(text: str) -> int:
    if not _is_number(text):
        raise NotFound
    return int(text)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= LARGEST_ID


def paginate(query, order: Order, args, per_page: int, keep: tuple[str, ...] = ()) -> Page:
    """The page of `query` that the request's `args` ask for; arguments named in `keep` stay in its links.

    Raises NotFound for a page that is not there. Fetches one row more than it shows, never counts.
    """
    kept = {name: args[name] for name in keep if name in args}
    if "page" in args:
        return _numbered(query, order, args["page"], per_page, kept)
    if "before" in args or "after" in args:
        smaller = "before" in args
        backwards = smaller != order.descending
        beyond = query.where(order.beyond(args["before"] if smaller else args["after"], smaller))
        rows = list(order.sorted(beyond, backwards).limit(per_page + 1))
        more, rows = len(rows) > per_page, rows[:per_page]
        if backwards and more:
            return _page(rows[::-1], order, kept, previous=True, next=True)
        if not backwards and rows:
            return _page(rows, order, kept, previous=True, next=more)
        if not backwards:
            raise NotFound
    return _numbered(query, order, "1", per_page, kept)


def _numbered(query, order, number, per_page, kept):
    if not _is_number(number) or not 1 <= int(number) <= DEEPEST:
        raise NotFound
    skipped = (int(number) - 1) * per_page
    rows = list(order.sorted(query).limit(per_page + 1).offset(skipped))
    if skipped and not rows:
        raise NotFound
    return _page(rows[:per_page], order, kept, previous=skipped > 0, next=len(rows) > per_page)


def _page(rows, order, kept, previous, next):
    forward, back = ("before", "after") if order.descending else ("after", "before")
    return Page(
        rows,
        "?" + urlencode(kept | {back: order.key(rows[0])}) if previous else None,
        "?" + urlencode(kept | {forward: order.key(rows[-1])}) if next else None,
    )
