"""What is sent as JSON, through the forms of the pages: the same rules, whichever door."""

from flask import request
from werkzeug.datastructures import MultiDict

from talks.api import identity
from talks.api.errors import ApiError

KINDS = {str: "a text", bool: "true or false", int: "a whole number"}


def needed_object():
    """The JSON object of the body. Raises ApiError: 415 for another kind, 400 for what is none."""
    sent = identity.json_object()
    if sent is not None:
        return sent
    if request.is_json or not request.content_length:
        raise ApiError(400, "The body is not a JSON object.")
    raise ApiError(415, "Send the body as JSON, with Content-Type: application/json.")


def form_of(form_class, sent, **kinds):
    """A valid form, filled from the members of `sent` that `kinds` names. Raises ApiError 422."""
    wrong = {
        name: [f"Use {KINDS[kind]}."]
        for name, kind in kinds.items()
        if sent.get(name) is not None and type(sent[name]) is not kind
    }
    typed = {
        name: "y" if sent[name] is True else str(sent[name])
        for name in kinds
        if not (sent.get(name) is None or sent[name] is False or name in wrong)
    }
    form = form_class(formdata=MultiDict(typed), meta={"csrf": False})
    if not form.validate():
        wrong = {name: list(messages) for name, messages in form.errors.items() if name} | wrong
    if wrong:
        raise ApiError(422, "Something in what you sent needs another look.", wrong)
    return form
