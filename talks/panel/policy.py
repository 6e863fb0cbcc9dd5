"""What the panel's pages may do in a browser, and how its answers keep the site's manners."""

import secrets

from flask import g, request

from talks.layers.security import policy

FILES_SECONDS = 24 * 3600


def nonce():
    """What marks the scripts of this answer as ours."""
    if "panel_nonce" not in g:
        g.panel_nonce = secrets.token_urlsafe(16)
    return g.panel_nonce


def dress(response):
    """Give a page of the panel its own security policy, a redirect after a change the status for that.

    The libraries of Flask-Admin set styles on elements, so attributes may. Scripts in attributes may not run:
    our templates replace those of Flask-Admin that have any.
    """
    if "panel_nonce" in g:
        ours = ["'self'", f"'nonce-{g.panel_nonce}'"]
        response.headers["Content-Security-Policy"] = policy(
            script_src=ours, style_src=ours, style_src_attr="'unsafe-inline'"
        )
    if request.endpoint == "admin.static" and response.status_code == 200:
        response.headers["Cache-Control"] = f"private, max-age={FILES_SECONDS}"  # addresses name a version
    if request.method == "POST" and response.status_code == 302:
        response.status_code = 303
    return response
