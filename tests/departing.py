"""Somebody who deletes the account, and days that pass since, for tests of what is left."""

from datetime import timedelta

from conftest import PASSWORD

from models import User


def delete(browser, **values):
    """Fill in the page that deletes an account, and send it."""
    standard = {"words": "stay", "name": "stays", "password": PASSWORD}
    return browser.submit("/profile/delete", **(standard | values))


def days_later(days):
    by = timedelta(days=days)
    for user in User.select().where(User.gone_at.is_null(False)):
        User.update(gone_at=user.gone_at - by).where(User.id == user.id).execute()
