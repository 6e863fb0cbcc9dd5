"""Pages of things: {"<plural>": […], "prev": url or null, "next": url or null, "count": n}.

The two addresses are also in the header `Link` (RFC 8288).
"""

from urllib.parse import urljoin

from flask import current_app, jsonify, request

from talks.api.errors import ApiError
from talks.paging import paginate

MOST = 100


def per_page(setting):
    """How many are asked for; as many as on the site's pages when nobody says."""
    sent = request.args.get("per_page")
    if sent is None:
        return min(current_app.config[setting], MOST)
    if not (sent.isascii() and sent.isdigit() and len(sent) < 4 and 1 <= int(sent) <= MOST):
        raise ApiError(400, f"per_page: use a whole number from 1 to {MOST}.")
    return int(sent)


def choice(name, missing, **values):
    """What an argument of the query says, one of `values`; `missing` when it is not there."""
    sent = request.args.get(name)
    if sent is None:
        return missing
    if sent not in values:
        raise ApiError(400, f"{name}: use {' or '.join(values)}.")
    return values[sent]


def collection(plural, query, order, number, count, shape, keep=()):
    """The page of `query` that the request asks for. `shape` makes a list of dicts of its rows."""
    page = paginate(query, order, request.args, number, keep=("per_page", *keep))
    links = {"prev": page.previous, "next": page.next}
    links = {rel: urljoin(request.base_url, link) if link else None for rel, link in links.items()}
    response = jsonify({plural: shape(page.items), "count": count, **links})
    for rel, address in links.items():
        if address:
            response.headers.add("Link", f'<{address}>; rel="{rel}"')
    return response
