"""Short addresses that people type, and that the first version of this site had: they lead to where it is."""

from flask import Blueprint, redirect, request

bp = Blueprint("shortcuts", __name__)

PLACES = {
    "/register": "/auth/register",
    "/login": "/auth/login",
    "/logout": "/auth/logout",
    "/entry": "/journal/new",
}


@bp.route("/register", methods=["GET", "POST"])
@bp.route("/login", methods=["GET", "POST"])
@bp.route("/logout", methods=["GET", "POST"])
@bp.route("/entry", methods=["GET", "POST"])
def shortcut():
    """308, with the query as it was sent."""
    query = request.query_string.decode("latin-1")
    return redirect(PLACES[request.path] + (f"?{query}" if query else ""), 308)
