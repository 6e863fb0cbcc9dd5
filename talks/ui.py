"""Every partial with sample data, in all its states: development only."""

from flask import Blueprint

bp = Blueprint("ui", __name__)
