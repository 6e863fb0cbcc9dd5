"""What people type about themselves: to sign in, to have an account, and on their profile."""

import re

from flask import current_app
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, EmailField, HiddenField, PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Regexp, ValidationError
from wtfpeewee.orm import model_form

from forms import Form, email_address, line, one_line, web_address
from models import FORMER_PREFIX, Credential, User
from talks import passwords

USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
USERNAME_RULE = "Use letters a to z, digits, dots, hyphens and underscores; begin with a letter or a digit."
# What nobody is called who does not speak for the site.
RESERVED = frozenset(
    "abuse admin administration administrator anonymous api auth billing bot contact editor everybody"
    " formermember guest help helpdesk hostmaster info mail mailerdaemon moderation moderator mods news"
    " nobody noreply null official operator owner postmaster root security site sitemap staff support"
    " sysadmin sysop system talks team undefined unknown user visitor webmaster www".split()
)
# Of these, what speaks for the site as a part of a name too: site-admin, moderator2.
OFFICES = frozenset(
    "admin administration administrator helpdesk hostmaster moderation moderator operator postmaster root"
    " security staff support sysadmin sysop webmaster".split()
)
LOOK_ALIKES = str.maketrans("01345", "oieas")  # adm1n


def not_reserved(form, field):
    """Refuse usernames by which people could be deceived."""
    username = field.data.lower()
    plain = re.sub("[._-]", "", username)
    own = {*RESERVED, re.sub("[^a-z0-9]", "", current_app.config["SITE_NAME"].lower())}
    is_office = any(readings(part) & OFFICES for part in (plain, *re.split("[._-]", username)))
    if is_office or {plain, plain.translate(LOOK_ALIKES)} & own or username.startswith(FORMER_PREFIX):
        raise ValidationError("That name is kept for the people who run this site. Choose another.")


def readings(word):
    """The words that `word` is taken for: without numbers around it, with letters for digits, of one."""
    plain = {word, word.rstrip("0123456789"), word.strip("0123456789")}
    plain |= {reading.translate(LOOK_ALIKES) for reading in plain}
    return plain | {reading.removesuffix("s") for reading in plain}


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


class LoginForm(Form):
    email = EmailField("E-mail", **line(320, required="Enter your e-mail address."))
    password = PasswordField("Password", validators=[InputRequired("Enter your password.")])
    remember_me = BooleanField("Keep me signed in")


class PasswordForm(Form):
    """The password once more."""

    password = PasswordField("Your password", validators=[InputRequired("Enter your password.")])


class CodeForm(Form):
    """What an authenticator app shows."""

    code = StringField("Code", **line(40, required="Enter the code that the app shows."))


class RecoveryCodeForm(Form):
    recovery_code = StringField("Recovery code", **line(80, required="Enter one of your recovery codes."))


class PasskeyAnswerForm(Form):
    """What the browser says for a passkey, as JSON: talks/passkeys.py reads it."""

    passkey = HiddenField(**line(20_000, required="Your browser sent nothing. Try again."))


class PasskeyForm(PasskeyAnswerForm):
    """A new passkey."""

    name = StringField("Name", **line(Credential.name.max_length, one_line))


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


ProfileForm = model_form(
    User,
    base_class=Form,
    only=("name", "location", "website", "bio"),
    field_args={
        "name": line(User.name.max_length, one_line, required="Tell people your name.", label="Name"),
        "location": line(User.location.max_length, one_line, label="Place"),
        "website": line(User.website.max_length, web_address, label="Website"),
        "bio": line(10_000, label="About you"),
    },
)


class PictureForm(Form):
    """A picture of oneself: what is in the file is judged in talks/avatars.py."""

    picture = FileField("Picture", validators=[FileRequired("Choose a picture first.")])
