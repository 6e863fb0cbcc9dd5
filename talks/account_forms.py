"""What people type about their accounts: usernames, addresses, passwords."""

import re

from flask import current_app
from wtforms import EmailField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Regexp, ValidationError

from forms import USERNAME, USERNAME_RULE, Form, email_address, line
from models import User
from talks import passwords

# What nobody is called who does not speak for the site.
RESERVED = frozenset(
    "abuse admin administration administrator anonymous api auth billing bot contact editor everybody"
    " formermember guest help helpdesk hostmaster info mail mailerdaemon moderation moderator mods news"
    " nobody noreply null official operator owner postmaster root security site sitemap staff support"
    " sysadmin sysop system talks team undefined unknown user visitor webmaster www".split()
)
LOOK_ALIKES = str.maketrans("01345", "oieas")  # adm1n


def not_reserved(form, field):
    """Refuse usernames by which people could be deceived."""
    plain = re.sub("[._-]", "", field.data.lower())
    own = {*RESERVED, re.sub("[^a-z0-9]", "", current_app.config["SITE_NAME"].lower())}
    if plain in own or plain.translate(LOOK_ALIKES) in own:
        raise ValidationError("That name is kept for the people who run this site. Choose another.")


def hard_to_guess(form, field):
    """Refuse weak passwords, also those made of what others know of their owner."""
    typed = [form[name].data for name in ("username", "email") if name in form]
    about = [current_app.config["SITE_NAME"], *typed, *getattr(form, "about", ())]
    if why := passwords.why_weak(field.data, filter(None, about)):
        raise ValidationError(why)


def username_field(*more):
    rule = Regexp(f"{USERNAME.pattern}$", message=USERNAME_RULE)
    return StringField(
        "Username", **line(User.username.max_length, rule, *more, required="Choose a username.")
    )


def email_field(label="E-mail"):
    return EmailField(label, **line(320, email_address, required="Enter your e-mail address."))


def new_password_field(label="Password"):
    return PasswordField(label, validators=[InputRequired("Choose a password."), hard_to_guess])


def same_password_field(label="Password again"):
    return PasswordField(label, validators=[EqualTo("password", "The two passwords are not the same.")])


class SetupForm(Form):
    """The first administrator."""

    username = username_field()
    email = email_field()
    password = new_password_field()
    password2 = same_password_field()


class RegisterForm(Form):
    """Somebody's account."""

    username = username_field(not_reserved)
    email = email_field()
    password = new_password_field()
    password2 = same_password_field()


class AddressForm(Form):
    """An address that something is sent to."""

    email = email_field()


class NewPasswordForm(Form):
    """Another password. `about` are words that others know of its owner."""

    password = new_password_field("New password")
    password2 = same_password_field("New password again")

    def __init__(self, *args, about=(), **kwargs):
        self.about = about
        super().__init__(*args, **kwargs)


class ChangePasswordForm(NewPasswordForm):
    """The same by who knows the present one."""

    old_password = PasswordField("Present password", validators=[InputRequired("Enter your password.")])


class ChangeEmailForm(AddressForm):
    """Another address. `own` is the present one."""

    password = PasswordField("Password", validators=[InputRequired("Enter your password.")])

    def __init__(self, *args, own=None, **kwargs):
        self.own = own
        super().__init__(*args, **kwargs)

    def validate_email(self, field):
        if field.data == self.own:
            raise ValidationError("That is your address already.")
