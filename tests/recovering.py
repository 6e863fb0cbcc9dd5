"""Bob, his password and his address, for tests of how they change."""

from joining import browser

from models import User

RESET, PASSWORD_PAGE, EMAIL, LOGIN = "/auth/reset", "/auth/password", "/auth/email", "/auth/login"
NEW = "another good password"
TWICE = {"password": NEW, "password2": NEW}
BOB = "bob@example.org"


def reloaded(user):
    return User.get_by_id(user.id)


def has_password(user, password):
    return browser().sign_in(user, password=password).status_code == 303
