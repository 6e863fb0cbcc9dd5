"""Pictures of people: judged by what is in them, made anew, stored and served under a name of our own."""

import io
import os
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin
from test_thumbnails import SVG, picture, png_that_claims
from werkzeug.datastructures import FileStorage

import main
from models import AuditEvent, User
from talks import avatars, bodies
from talks.avatars import Refused, made_anew

PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
HTML = b"<!doctype html><script>alert(1)</script>"
NO_PICTURE = [
    pytest.param(PDF, id="pdf"),
    pytest.param(SVG, id="svg with script"),
    pytest.param(HTML, id="page"),
    pytest.param(b"", id="empty"),
    pytest.param(picture("BMP", (64, 64)), id="bmp"),
    pytest.param(picture("TIFF", (64, 64)), id="tiff"),
    pytest.param(picture()[:300], id="broken off"),
    pytest.param(picture("PNG")[:-30] + b"\xff" * 30, id="damaged"),
    pytest.param(b"GIF89a" + HTML, id="page that begins like a gif"),
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where avatars are kept."""
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path / "instance"))
    return tmp_path / "instance" / "avatars"


def send(browser, content, name="me.jpg", **fields):
    """Choose a file on the page of one's profile and send it."""
    file = FileStorage(io.BytesIO(content), filename=name)
    return browser.submit("/profile/picture", "/profile", picture=file, **fields)


def names(folder):
    return sorted(path.name for path in folder.glob("*")) if folder.exists() else []


def colours(made, *places):
    with Image.open(io.BytesIO(made)) as image:
        return [image.convert("RGB").getpixel(place) for place in places]


def is_near(one, other):
    return all(abs(a - b) < 12 for a, b in zip(one, other, strict=True))


# What becomes of a picture


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF"])
@pytest.mark.parametrize("size", [(1280, 720), (100, 900), (1, 1), (256, 256)])
def test_a_picture_becomes_a_square_of_our_size(format, size):
    with Image.open(io.BytesIO(made_anew(picture(format, size)))) as image:
        assert (image.format, image.size, image.mode) == ("WEBP", (256, 256), "RGB")


@pytest.mark.parametrize("content", NO_PICTURE)
def test_what_is_no_picture_is_refused_with_a_sentence(content):
    with pytest.raises(Refused, match=r"no picture that we can read\. Choose a JPEG"):
        made_anew(content)


@pytest.mark.parametrize("size", [(30_000, 30_000), (2**31 - 1, 2**31 - 1), (5_001, 5_000)])
def test_a_bomb_is_refused_before_it_is_unpacked(size, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was unpacked"))

    with pytest.raises(Refused):
        made_anew(png_that_claims(*size))


def test_the_largest_picture_of_pixels_is_taken():
    assert made_anew(picture("JPEG", (5_000, 5_000), color="red"))


def test_a_jpeg_of_countless_scans_is_refused():
    """Each scan of twenty bytes costs as much as the whole picture."""
    content = picture("JPEG", (2_000, 2_000), progressive=True)
    scan = content.rindex(b"\xff\xda")

    with pytest.raises(Refused):
        made_anew(content[:-2] + content[scan:-2] * 200 + content[-2:])


def test_a_file_of_more_than_five_megabytes_is_refused():
    with pytest.raises(Refused, match="more than 5 MB"):
        made_anew(picture() + b"\0" * avatars.MOST_BYTES)


def test_nothing_but_what_is_seen_is_kept():
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = picture(exif=exif, icc_profile=profile, comment=b"a secret comment")

    made = made_anew(content + b"<script>a secret script</script>")

    assert b"secret" in content
    assert b"secret" not in made
    with Image.open(io.BytesIO(made)) as image:
        assert not image.getexif()
        assert "icc_profile" not in image.info


@pytest.mark.parametrize("format", ["PNG", "WEBP", "GIF"])
def test_what_stands_beside_the_pixels_is_not_kept(format):
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a secret comment")
    more = {
        "PNG": {"pnginfo": text},
        "WEBP": {"xmp": b"a secret comment"},
        "GIF": {"comment": b"a secret comment"},
    }[format]
    content = picture(format, **more)

    assert b"secret" in content
    assert b"secret" not in made_anew(content)


def test_what_can_be_seen_through_stands_on_white():
    """Also where it had another colour: nothing that was hidden comes to light."""
    file = io.BytesIO()
    Image.new("RGBA", (64, 64), (200, 0, 0, 0)).save(file, "PNG")

    assert is_near(*colours(made_anew(file.getvalue()), (128, 128)), (255, 255, 255))


def test_a_picture_stands_upright_as_its_camera_said():
    image = Image.new("RGB", (200, 200), "blue")
    image.paste("yellow", (0, 0, 200, 100))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = 3  # upside down
    image.save(file, "JPEG", exif=exif)

    top, bottom = colours(made_anew(file.getvalue()), (128, 20), (128, 236))

    assert is_near(top, (0, 0, 255)) and is_near(bottom, (255, 255, 0))


def test_the_middle_is_shown():
    image, file = Image.new("RGB", (900, 300), "blue"), io.BytesIO()
    image.paste("yellow", (300, 0, 600, 300))
    image.save(file, "PNG")

    assert all(is_near(one, (255, 255, 0)) for one in colours(made_anew(file.getvalue()), (8, 8), (247, 247)))


def test_of_moving_pictures_the_first_is_kept():
    frames, file = [Image.new("RGB", (64, 64), color) for color in ("yellow", "blue", "red")], io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])

    made = made_anew(file.getvalue())

    with Image.open(io.BytesIO(made)) as image:
        assert getattr(image, "n_frames", 1) == 1
    assert is_near(*colours(made, (128, 128)), (255, 255, 0))


SEEDS = [picture(format, (40, 30)) for format in ("JPEG", "PNG", "WEBP", "GIF")]


@st.composite
def damaged(draw):
    """A small picture with some bytes changed, taken out or put in."""
    content = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 8))):
        place = draw(st.integers(0, len(content)))
        content[place : place + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    return bytes(content)


@given(st.one_of(damaged(), st.binary(max_size=300)))
@example(SVG)
@example(PDF)
@example(b"\xff\xd8\xff\xda" * 40)
def test_whatever_bytes_come_it_is_a_small_webp_or_refused(content):
    try:
        made = made_anew(content)
    except Refused as refusal:
        assert str(refusal).endswith(".")
    else:
        with Image.open(io.BytesIO(made)) as image:
            assert (image.format, image.size) == ("WEBP", (256, 256))


# On the page


def test_a_picture_is_shown_where_the_person_is(as_ada, ada, folder):
    answer = send(as_ada, picture())

    assert (answer.status_code, answer.location) == (303, "/profile")
    name = User.get().avatar
    assert names(folder) == [name]
    for page in ("/profile", "/user/ada"):
        assert f'src="/avatar/{name}"' in as_ada.get(page).text


def test_the_name_of_the_file_is_ours(as_ada, folder):
    send(as_ada, picture(), name="../../evil.svg")

    assert avatars.NAME.fullmatch(User.get().avatar)
    assert names(folder) == [User.get().avatar]


def test_a_picture_is_served_for_ever_and_as_nothing_else(as_ada, client, folder):
    send(as_ada, picture(), name="evil.html")

    with client.get(f"/avatar/{User.get().avatar}") as answer:
        headers = answer.headers

    assert headers["Content-Type"] == "image/webp"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == "inline"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert {"public", "max-age=31536000", "immutable"} <= set(headers["Cache-Control"].split(", "))


def test_behind_sign_in_no_shared_cache_keeps_a_picture(as_ada, folder, monkeypatch):
    send(as_ada, picture())
    monkeypatch.setitem(main.app.config, "ACCESS", "members")

    with as_ada.get(f"/avatar/{User.get().avatar}") as answer:
        kept = answer.headers["Cache-Control"].split(", ")

    assert "private" in kept and "public" not in kept


@pytest.mark.parametrize(
    "name",
    ["0" * 32 + ".webp", "x.webp", "..%2fsecret_key", "0" * 32, "0" * 32 + ".svg", "A" * 32 + ".webp", "."],
)
def test_another_name_is_not_found(client, folder, name):
    assert client.get(f"/avatar/{name}").status_code == 404


def test_a_new_picture_takes_the_place_of_the_old(as_ada, folder):
    send(as_ada, picture())
    before = User.get().avatar
    send(as_ada, picture(color="red"))

    assert before != User.get().avatar
    assert names(folder) == [User.get().avatar]


def test_a_picture_is_removed(as_ada, folder):
    send(as_ada, picture())

    answer = as_ada.submit("/profile/picture", "/profile", remove="yes")

    assert answer.status_code == 303
    assert "Your picture is removed." in as_ada.get("/profile").text
    assert names(folder) == []
    assert "/avatar/" not in as_ada.get("/user/ada").text


@pytest.mark.parametrize("content", [*NO_PICTURE, pytest.param(png_that_claims(30_000, 30_000), id="bomb")])
def test_what_is_refused_leaves_nothing(as_ada, folder, content, writes):
    before = len(writes)
    answer = send(as_ada, content)

    assert answer.status_code == 422
    assert 'class="wrong" id="picture-wrong"' in answer.text
    assert names(folder) == []
    assert User.get().avatar == "" and writes[before:] == []


def test_what_is_refused_keeps_the_picture_before(as_ada, folder):
    send(as_ada, picture())
    send(as_ada, PDF)

    assert names(folder) == [User.get().avatar]


def test_without_a_file_the_page_says_so(as_ada, folder):
    answer = as_ada.submit("/profile/picture", "/profile")

    assert answer.status_code == 422 and "Choose a picture first." in answer.text


def test_the_page_that_says_no_shows_the_profile_as_it_is(as_ada, folder):
    User.update(location="London").execute()

    assert 'value="London"' in send(as_ada, PDF).text


def test_visitors_put_up_no_picture(client, folder):
    answer = client.submit("/profile/picture", "/auth/login", picture=(io.BytesIO(picture()), "a.jpg"))

    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/auth/login")
    assert names(folder) == []


def test_another_site_puts_up_no_picture(as_ada, folder):
    answer = as_ada.post("/profile/picture", data={"picture": (io.BytesIO(picture()), "a.jpg")})

    assert answer.status_code == 400
    assert names(folder) == []


def test_a_body_of_six_megabytes_is_refused(as_ada, folder):
    form = "multipart/form-data; boundary=x"
    answer = as_ada.post(
        "/profile/picture", data=b"x", content_type=form, environ_overrides={"CONTENT_LENGTH": "6000000"}
    )

    assert answer.status_code == 413
    assert names(folder) == []


def test_a_picture_above_what_a_form_may_bring_is_refused_with_the_way_back(as_ada, folder, monkeypatch):
    monkeypatch.setattr(bodies, "MOST_UPLOAD_BYTES", 1000)

    answer = send(as_ada, bytes(2000))

    assert answer.status_code == 413
    assert "A picture has at most 5 MB." in answer.text
    assert 'href="/profile">Back to your profile' in answer.text


def test_it_is_noted_who_changed_a_picture(as_ada, ada, folder):
    send(as_ada, picture())

    row = AuditEvent.select().order_by(AuditEvent.id.desc()).get()
    assert (row.action, row.actor, row.object_id) == ("user.avatar", ada, ada.id)


# What is left over


def test_files_that_nobody_names_are_purged(ada, folder):
    kept = avatars.put_up(ada, picture(), folder)
    lost, fresh, draft = (avatars.written(b"x", folder), avatars.written(b"x", folder), ".0.webp")
    (folder / draft).write_bytes(b"x")
    for name in (kept, lost, draft):
        os.utime(folder / name, (time.time() - 200_000,) * 2)

    assert avatars.purge(folder, time.time() - 100_000) == 2
    assert names(folder) == sorted([kept, fresh])


def test_no_folder_is_nothing_to_purge(database, folder):
    assert avatars.purge(folder, time.time()) == 0
