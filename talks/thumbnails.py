"""Real pictures of talks, copied from known hosts so that no reader's browser has to ask them."""

import http.client
import io
import os
import struct
import urllib.error
import urllib.request
import warnings
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from flask import Blueprint, abort, current_app, send_from_directory
from PIL import Image, ImageOps, UnidentifiedImageError

from models import Talk, utcnow

HOSTS = {"i.ytimg.com", "i1.ytimg.com", "i2.ytimg.com", "i3.ytimg.com", "i4.ytimg.com"} | {
    "img.youtube.com",
    "i.vimeocdn.com",
}
SIZE = (640, 360)
MOST_BYTES, MOST_PIXELS = 5 * 2**20, 20_000_000
UNREADABLE = (
    UnidentifiedImageError, OSError, SyntaxError, ValueError, struct.error, EOFError,
    Image.DecompressionBombError,
)  # fmt: skip
TIMEOUT_SECONDS = 10
GIVE_UP_AFTER = 5  # failures of one host in one run
GONE = (404, 410)  # that picture only: old talks have many, and they must not keep the others away

bp = Blueprint("thumbnails", __name__)


class Unusable(Exception):
    """Why there is no picture; the message is for the operator."""


class HostFailed(Unusable):
    """The host did not answer, or refused: the next picture would fare no better."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None  # an allowed host must not send us to another one


_opener = urllib.request.build_opener(_NoRedirect)


def fetch_thumbnails(config, instance_path, hosts=HOSTS, schemes=("https",)):
    """Copy the pictures that talks name and that are not here yet; returns a sentence about it."""
    if not config["FETCH_THUMBNAILS"]:
        return "Nothing was fetched: set FETCH_THUMBNAILS=1 to copy pictures from " + ", ".join(sorted(hosts))
    folder, failures = Path(instance_path) / "thumbnails", Counter()
    copied = unusable = 0
    folder.mkdir(parents=True, exist_ok=True)
    waiting = Talk.select(Talk.id, Talk.thumbnail_url).where(
        Talk.status == "published", Talk.thumbnail_url != "", Talk.thumbnail_at.is_null()
    )
    for talk in list(waiting.order_by(Talk.id.desc())):
        host = known_host(talk.thumbnail_url, hosts, schemes)
        if host is None or failures[host] >= GIVE_UP_AFTER:
            continue
        try:
            write_whole(folder / f"{talk.id}.jpg", as_jpeg(download(talk.thumbnail_url)))
        except HostFailed:
            failures[host] += 1
        except Unusable:
            unusable += 1
        else:
            Talk.update(thumbnail_at=utcnow()).where(Talk.id == talk.id).execute()
            copied += 1
    return f"{copied} pictures copied, {failures.total() + unusable} failed."


def known_host(url, hosts, schemes):
    """The host that `url` is fetched from; None for one that is not among `hosts`."""
    try:
        part = urlsplit(url)
    except ValueError:
        return None
    return part.hostname if part.hostname in hosts and part.scheme in schemes else None


def download(url):
    """The bytes at `url`, which must be of a known host. Raises Unusable, or HostFailed."""
    try:
        with _opener.open(url, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        error.close()
        raise (Unusable if error.code in GONE else HostFailed)(str(error)) from None
    except (ValueError, http.client.InvalidURL) as error:
        raise Unusable(str(error)) from None
    except (OSError, http.client.HTTPException) as error:
        raise HostFailed(str(error)) from None
    if len(content) > MOST_BYTES:
        raise Unusable(f"more than {MOST_BYTES} bytes")
    return content


def as_jpeg(content):
    """A picture made anew from what `content` shows: nothing else of it is kept. Raises Unusable."""
    try:
        with (
            warnings.catch_warnings(action="ignore"),  # of broken metadata, which is dropped anyway
            Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as image,
        ):
            if image.width * image.height > MOST_PIXELS:
                raise Unusable(f"{image.width} × {image.height} pixels")
            fitted = ImageOps.fit(ImageOps.exif_transpose(image).convert("RGB"), SIZE)
    except UNREADABLE as error:
        raise Unusable(str(error)) from None
    bare = Image.new("RGB", SIZE)
    bare.paste(fitted)  # only what is seen: a comment would be written with the picture that holds it
    made = io.BytesIO()
    bare.save(made, "JPEG", quality=82, optimize=True, progressive=True)
    return made.getvalue()


def write_whole(path, content):
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(content)
    os.replace(draft, path)


@bp.get("/thumbnail/<id:talk_id>.jpg")
def thumbnail(talk_id):
    """The copied picture of a published talk."""
    if (
        not Talk.select()
        .where(Talk.id == talk_id, Talk.status == "published", Talk.thumbnail_at.is_null(False))
        .exists()
    ):
        abort(404)
    folder = Path(current_app.instance_path) / "thumbnails"
    return send_from_directory(folder, f"{talk_id}.jpg", max_age=7 * 24 * 3600)
