"""Pictures of people: uploaded, judged by what is in them, made anew, and served under a name of our own."""

import io
import os
import re
import secrets
import threading
import warnings
from pathlib import Path

from flask import (
    Blueprint,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask_login import current_user, login_required
from PIL import Image, ImageOps

from models import User, database
from talks import audit
from talks.account_forms import PictureForm, ProfileForm
from talks.bodies import megabytes
from talks.thumbnails import UNREADABLE

SIDE = 256  # pixels
MOST_BYTES, MOST_PIXELS = 5_000_000, 25_000_000
MOST_SCANS = 100  # of a JPEG; each costs as much as the whole picture, however few bytes it has
FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
NAME = re.compile(r"g?[0-9a-f]{32}\.webp")  # g: from Gravatar
YEAR_SECONDS = 365 * 24 * 3600

# One at a time in a process: the largest picture takes 200 MB, and the filter of warnings is everybody's.
_decoding = threading.Lock()

bp = Blueprint("avatars", __name__)


class Refused(ValueError):
    """Why a picture was not taken; the message is fit to be shown."""


def made_anew(content: bytes) -> bytes:
    """The middle of the picture in `content` as a WebP of 256 by 256 pixels. Raises Refused.

    Only what is seen is kept: no metadata, no animation, nothing that stood behind the picture.
    """
    if len(content) > MOST_BYTES:
        raise Refused(
            f"That file has more than {MOST_BYTES // 1_000_000} MB. Make it smaller, then try again."
        )
    try:
        with _decoding, warnings.catch_warnings(action="ignore"):  # of broken metadata, which is dropped
            with Image.open(io.BytesIO(content), formats=FORMATS) as image:
                return _squared(image, content)
    except Image.DecompressionBombError:
        raise Refused(too_large()) from None
    except UNREADABLE:
        raise Refused(
            "That is no picture that we can read. Choose a JPEG, PNG, WebP or GIF file, or save it anew."
        ) from None


def too_large():
    most = MOST_PIXELS // 1_000_000
    return f"That picture has more than {most} million pixels. Make it smaller, then try again."


def _squared(image, content):
    """As `made_anew`, of an opened picture of which only the header has been read."""
    if image.width * image.height > MOST_PIXELS:
        raise Refused(too_large())
    if image.format in ("JPEG", "MPO"):
        if content.count(b"\xff\xda") > MOST_SCANS:  # the mark of a scan stands nowhere within one
            raise ValueError("too many scans")
        image.draft("RGB", (2 * SIDE, 2 * SIDE))  # decoded smaller, as far as its format can
    colours = "RGBA" if image.has_transparency_data else "RGB"
    fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert(colours), (SIDE, SIDE))
    bare = Image.new("RGB", (SIDE, SIDE), "white")  # a new one: metadata would be written with the old
    bare.paste(fitted, mask=fitted if colours == "RGBA" else None)
    made = io.BytesIO()
    bare.save(made, "WEBP", quality=85)
    return made.getvalue()


def larger():
    """What is said when the picture is more than the site reads at all."""
    most = min(MOST_BYTES, current_app.config["MAX_CONTENT_LENGTH"])
    return f"A picture has at most {megabytes(most)}. Choose a smaller one, or make this one smaller."


def put_up(user, content, folder):
    """Make the picture in `content` the avatar of `user`; returns its name in `folder`. Raises Refused."""
    name = written(made_anew(content), folder)
    change(user, name, folder, "user.avatar")
    return name


def take_down(user, folder):
    """Show the drawn picture of `user` from now on. False if it is shown already."""
    had_one = bool(NAME.fullmatch(user.avatar))
    change(user, User.NO_PICTURE, folder, "user.no_avatar")
    return had_one


def written(made, folder, prefix=""):
    """The name of a new file in `folder` that holds the picture `made`: there whole, or not at all."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{prefix}{secrets.token_hex(16)}.webp"
    draft = folder / f".{name}"
    with open(draft, "wb") as file:
        file.write(made)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, folder / name)
    return name


def change(user, name, folder, action):
    """Write the name of the avatar. The file before it goes once that is committed."""
    with database.atomic():
        before = User.get_by_id(user.id).avatar
        User.update(avatar=name).where(User.id == user.id).execute()
        audit.record(action, user, by=user)
    user.avatar = name
    if before != name:
        discard(before, folder)


def discard(name, folder):
    """Delete the file of an avatar that nobody has any more."""
    if NAME.fullmatch(name):
        (folder / name).unlink(missing_ok=True)


def purge(folder, before):
    """Delete the files that no account names and that are older than `before`, in seconds; returns how many.

    A process that ends between file and row leaves one.
    """
    found = [path for path in folder.glob("*") if path.stat().st_mtime < before]
    named = {name for (name,) in User.select(User.avatar).where(User.avatar != "").tuples()}
    lost = [path for path in found if path.name not in named]
    for path in lost:
        path.unlink(missing_ok=True)
    return len(lost)


# What people do


def folder():
    return Path(current_app.instance_path) / "avatars"


def avatar_url(person):
    """Where the picture of `person` is; None: we draw one."""
    name = person.avatar
    return url_for("avatars.picture", name=name) if name and name != User.NO_PICTURE else None


@bp.get("/avatar/<name>")
def picture(name):
    """An avatar. A new one has a new name, so this one may be kept for ever."""
    if not NAME.fullmatch(name):
        abort(404)
    response = send_from_directory(folder(), name, mimetype="image/webp", max_age=YEAR_SECONDS)
    response.cache_control.immutable = True
    response.headers["Content-Disposition"] = "inline"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@bp.post("/profile/picture")
@login_required
def upload():
    """Put one's own picture up, or with `remove` take it down."""
    form, me = PictureForm(request.files), current_user._get_current_object()
    if "remove" in request.form:
        done = take_down(me, folder())
        flash("Your picture is removed." if done else "There was no picture to remove.", "success")
        return redirect(url_for("speakers.profile"), 303)
    if form.validate_on_submit():
        try:
            put_up(me, form.picture.data.read(MOST_BYTES + 1), folder())
        except Refused as refusal:
            form.picture.errors = [str(refusal)]
        else:
            flash("Your picture is shown from now on.", "success")
            return redirect(url_for("speakers.profile"), 303)
    page = ProfileForm(formdata=None, obj=me)
    return render_template("speakers/profile.html", form=page, picture=form), 422
