"""Where a visitor's form comes from: pages for visitors are the same for everyone and hold no session.

The stamp in such a form names its talk and the hour in which the page was drawn. It shows that the form was
one of ours and not too old; that a page of this site sent it, and not another one, the browser says in
`Sec-Fetch-Site` or `Origin`. A visitor has no rights that another site could borrow: the two keep other sites
from posting in the name of their readers' addresses.
"""

from urllib.parse import urlsplit

from itsdangerous import BadSignature, URLSafeSerializer

HOURS = 48  # that a form may stay open; a cached page is younger


def stamp(secret: str, talk_id: int, now: float) -> str:
    """For the form under a talk: the same within an hour, so that the page is. `now` in seconds."""
    return _signer(secret).dumps([talk_id, int(now // 3600)])


def is_good(secret: str, sent: str, talk_id: int, now: float) -> bool:
    """Whether `sent` is a stamp for that talk, and young enough."""
    try:
        of, hour = _signer(secret).loads(sent)
    except (BadSignature, UnicodeError):  # half a character cannot have been signed
        return False
    # One hour ahead: another machine may have drawn the page, by another clock.
    return of == talk_id and -1 <= now // 3600 - hour <= HOURS


def sent_by_another_site(headers, host: str) -> bool:
    """Whether the browser says that a page of another site sent this. Old browsers may say nothing.

    `Sec-Fetch-Site` goes first, which browsers tell over https only: not every proxy keeps the host.
    """
    site = headers.get("Sec-Fetch-Site")
    if site:
        return site not in ("same-origin", "none")
    origin = headers.get("Origin", "null")  # "null": from a page that tells nobody its address
    return origin != "null" and _netloc(origin) != host.lower()


def _netloc(origin):
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _signer(secret):
    return URLSafeSerializer(secret, salt="talks.comment-form")
