"""Signed words that travel in addresses and mails: one salt and one age for each purpose."""

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer


class TokenError(ValueError):
    """A token that is not accepted; the message is fit to be shown, with `status`."""

    status = 410


class TokenInvalid(TokenError):
    status = 404

    def __init__(self):
        super().__init__("That link is not valid. Check that it was copied whole.")


class TokenExpired(TokenError):
    def __init__(self):
        super().__init__("That link has expired. Ask for a new one.")


def sign(secret: str, purpose: str, value) -> str:
    """A URL-safe token that says `value` (anything JSON can say) for one purpose."""
    return URLSafeTimedSerializer(secret, salt=f"talks.{purpose}").dumps(value)


def read(secret: str, purpose: str, token: str, max_age_seconds: int):
    """What `sign` was given. Raises TokenExpired or TokenInvalid."""
    try:
        return URLSafeTimedSerializer(secret, salt=f"talks.{purpose}").loads(token, max_age=max_age_seconds)
    except SignatureExpired:
        raise TokenExpired from None
    except (BadSignature, UnicodeError):  # half a character cannot have been signed
        raise TokenInvalid from None
