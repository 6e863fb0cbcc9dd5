"""Short addresses that people type, and that the first version of this site had: they lead to where it is."""

from flask import Blueprint, redirect, request

bp = Blueprint("shortcuts", __name__)

PLACES = {
    "/register": "/auth/register",
    "/login": "/auth/login",
    "/logout": "/auth/logout",
    "/entry": "/journal/new",
}


def shortcut():
    """308, with the query as it was sent."""
    query = request.query_string.decode("latin-1")
    return redirect(PLACES[request.path] + (f"?{query}" if query else ""), 308)


for short in PLACES:
    bp.add_url_rule(short, view_func=shortcut, methods=["GET", "POST"])
