"""Pictures copied from known hosts, here a real HTTP server."""

import io
import struct
import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from conftest import only_sqlite
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

import main
import models
from models import Talk
from talks import thumbnails
from talks.thumbnails import Unusable, as_jpeg, fetch_thumbnails

ON = {"FETCH_THUMBNAILS": True}
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def picture(format="JPEG", size=(1280, 720), color="teal", **options):
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, format, **options)
    return file.getvalue()


def png_that_claims(width, height):
    """A picture of a few bytes that says it is large."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )  # fmt: skip


class PictureHost:
    """A server that answers each path with (status, headers, body) and remembers what was asked."""

    def __init__(self):
        self.answers, self.asked = {}, []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                host.asked.append(self.path)
                status, headers, body = host.answers.get(self.path, (404, {}, b""))
                if status is None:  # not HTTP at all
                    self.wfile.write(body)
                    return
                self.send_response(status)
                for name, value in ({"Content-Length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # the other side has seen enough

            def log_message(self, *arguments):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def serves(self, path, body=b"", status=200, **headers):
        self.answers[path] = status, headers, body
        return self.address + path

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    host = PictureHost()
    yield host
    host.close()


@pytest.fixture
def fetch(database, tmp_path):
    """Fetch as the job does, with this machine as the known host."""

    def run(config=ON, hosts=("127.0.0.1",), schemes=("http",)):
        return fetch_thumbnails(config, tmp_path, set(hosts), schemes)

    return run


def talk_with(url, status="published"):
    return Talk.create(title="A talk", status=status, thumbnail_url=url)


def copied(talk, tmp_path):
    """Whether the picture is here, and whether the talk says so."""
    return (tmp_path / "thumbnails" / f"{talk.id}.jpg").exists(), bool(Talk.get_by_id(talk.id).thumbnail_at)


def test_a_picture_is_copied_in_our_size(host, fetch, tmp_path):
    talk = talk_with(host.serves("/a.jpg", picture()))

    assert fetch() == "1 pictures copied, 0 failed."

    assert copied(talk, tmp_path) == (True, True)
    with Image.open(tmp_path / "thumbnails" / f"{talk.id}.jpg") as made:
        assert (made.format, made.size) == ("JPEG", (640, 360))


def test_nothing_is_asked_unless_the_setting_says_so(host, fetch):
    talk_with(host.serves("/a.jpg", picture()))

    assert fetch({"FETCH_THUMBNAILS": False}).startswith("Nothing was fetched: set FETCH_THUMBNAILS=1")
    assert host.asked == []


def test_a_picture_that_is_here_is_not_asked_for_again(host, fetch):
    talk_with(host.serves("/a.jpg", picture()))
    fetch()

    assert fetch() == "0 pictures copied, 0 failed."
    assert host.asked == ["/a.jpg"]


@pytest.mark.parametrize("status", ["draft", "deleted"])
def test_only_published_talks_get_a_picture(host, fetch, status):
    talk_with(host.serves("/a.jpg", picture()), status)

    fetch()

    assert host.asked == []


@only_sqlite
@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:{port}/a.jpg",
        "http://127.0.0.1@localhost:{port}/a.jpg",
        "https://127.0.0.1:{port}/a.jpg",
        "ftp://127.0.0.1:{port}/a.jpg",
        "file://127.0.0.1/etc/hostname",
        "file:///etc/hostname",
        "//127.0.0.1:{port}/a.jpg",
        "/a.jpg",
        "data:image/png;base64,AAAA",
        "http://127.0.0.1.example.org:{port}/",
        "http://[127.0.0.1:{port}/a.jpg",
    ],
)
def test_nothing_but_a_known_host_is_asked(host, fetch, tmp_path, url):
    host.serves("/a.jpg", picture())
    talk = talk_with(url.format(port=host.server.server_port))

    assert fetch() == "0 pictures copied, 0 failed."
    assert host.asked == []
    assert copied(talk, tmp_path) == (False, False)


@only_sqlite
def test_without_tls_nothing_is_asked(host, database, tmp_path):
    talk_with(host.serves("/a.jpg", picture()))

    assert fetch_thumbnails(ON, tmp_path, {"127.0.0.1"}) == "0 pictures copied, 0 failed."
    assert host.asked == []


@only_sqlite
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(host, fetch, tmp_path, status):
    target = host.serves("/b.jpg", picture())
    talk = talk_with(host.serves("/a.jpg", status=status, Location=target))

    assert fetch() == "0 pictures copied, 1 failed."
    assert host.asked == ["/a.jpg"]
    assert copied(talk, tmp_path) == (False, False)


@only_sqlite
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"GIF89a",
        b"<html>not found</html>",
        SVG,
        picture("GIF"),
        picture("BMP"),
        picture()[:200],
        b"\0" * 9,
    ]
    + [png_that_claims(640, 360), picture("PNG")[:-20] + b"\xff" * 20],
    ids="empty magic page svg gif bmp broken-off zeros short damaged".split(),
)
def test_what_is_not_a_picture_is_not_kept(host, fetch, tmp_path, body):
    talk = talk_with(host.serves("/a.jpg", body))

    assert fetch() == "0 pictures copied, 1 failed."
    assert copied(talk, tmp_path) == (False, False)


@only_sqlite
def test_what_a_browser_would_run_is_not_kept(host, fetch, tmp_path):
    talk = talk_with(host.serves("/a.jpg", SVG, **{"Content-Type": "image/jpeg"}))

    assert fetch() == "0 pictures copied, 1 failed."
    assert copied(talk, tmp_path) == (False, False)


@only_sqlite
def test_a_file_that_is_too_large_is_not_kept(host, fetch, monkeypatch):
    content = picture()
    talk_with(host.serves("/a.jpg", content))
    monkeypatch.setattr(thumbnails, "MOST_BYTES", len(content) - 1)
    assert fetch() == "0 pictures copied, 1 failed."

    monkeypatch.setattr(thumbnails, "MOST_BYTES", len(content))
    assert fetch() == "1 pictures copied, 0 failed."


@only_sqlite
def test_a_file_without_end_is_read_up_to_the_limit(host, fetch, monkeypatch):
    talk_with(host.serves("/a.jpg", b"\xff" * 2_000_000, **{"Content-Length": str(10**15)}))
    monkeypatch.setattr(thumbnails, "MOST_BYTES", 1000)

    assert fetch() == "0 pictures copied, 1 failed."


@pytest.mark.parametrize("size", [(5000, 4001), (2**31 - 1, 2**31 - 1), (30000, 30000), (0, 0)])
def test_a_small_file_that_unpacks_to_a_huge_picture_is_not_unpacked(size):
    with pytest.raises(Unusable):
        as_jpeg(png_that_claims(*size))


def test_nothing_but_what_is_seen_is_kept():
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    content = picture(exif=exif, icc_profile=profile, comment=b"a secret comment")

    made = as_jpeg(content + b"<script>a secret script</script>")

    assert b"secret" in content
    assert b"secret" not in made
    with Image.open(io.BytesIO(made)) as image:
        assert not image.getexif()
        assert "icc_profile" not in image.info


def test_text_in_a_png_is_not_kept():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "a secret comment")

    assert b"secret" not in as_jpeg(picture("PNG", pnginfo=text))


def test_a_picture_that_lies_on_its_side_is_set_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn to the right
    lying = Image.new("RGB", (360, 640), "white")
    lying.paste("black", (0, 0, 360, 320))  # its upper half; upright, that is the right one
    file = io.BytesIO()
    lying.save(file, "JPEG", exif=exif)

    with Image.open(io.BytesIO(as_jpeg(file.getvalue()))) as made:
        left, right = made.convert("L").getpixel((100, 180)), made.convert("L").getpixel((540, 180))
    assert left > 200
    assert right < 50


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_every_kind_of_colour_becomes_a_picture(mode):
    file = io.BytesIO()
    Image.new(mode, (64, 36)).save(file, "JPEG" if mode == "CMYK" else "PNG")

    with Image.open(io.BytesIO(as_jpeg(file.getvalue()))) as made:
        assert made.mode == "RGB"


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (640, 360)])
def test_any_shape_is_cut_to_ours(size):
    with Image.open(io.BytesIO(as_jpeg(picture("WEBP", size)))) as made:
        assert made.size == (640, 360)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.integers(0, 700), st.binary(min_size=1, max_size=12))
@example("JPEG", 0, b"")
def test_no_bytes_break_the_copying(format, place, noise):
    exif = Image.Exif()
    exif[0x0112] = 6
    content = picture(format, (32, 18), exif=exif)
    place %= len(content)

    try:
        made = as_jpeg(content[:place] + noise + content[place + len(noise) :])
    except Unusable:
        return
    assert made.startswith(b"\xff\xd8")


@only_sqlite
def test_a_host_that_fails_five_times_is_left_alone(host, fetch):
    for number in range(8):
        talk_with(host.serves(f"/{number}.jpg", status=503))

    assert fetch() == "0 pictures copied, 5 failed."
    assert len(host.asked) == 5


def test_another_host_is_still_asked(host, fetch):
    talk_with(host.serves("/good.jpg", picture()).replace("127.0.0.1", "localhost"))
    for number in range(6):
        talk_with(host.serves(f"/{number}.jpg", status=429))

    assert fetch(hosts=("127.0.0.1", "localhost")) == "1 pictures copied, 5 failed."


def test_pictures_that_are_gone_do_not_keep_the_others_away(host, fetch):
    talk_with(host.serves("/good.jpg", picture()))
    for number in range(4):
        talk_with(host.address + f"/gone/{number}.jpg")
        talk_with(host.serves(f"/broken/{number}.jpg", b"no picture"))

    assert fetch() == "1 pictures copied, 8 failed."


@only_sqlite
@pytest.mark.parametrize("body", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 999999999 x\r\n\r\n"])
def test_a_host_that_speaks_no_http_is_a_failure_and_no_fault_of_ours(host, fetch, body):
    talk_with(host.serves("/a.jpg", body, status=None))

    assert fetch() == "0 pictures copied, 1 failed."


@only_sqlite
def test_a_host_that_is_not_there_is_a_failure(host, fetch, tmp_path):
    talk = talk_with(host.serves("/a.jpg", picture()))
    host.server.server_close()

    assert fetch() == "0 pictures copied, 1 failed."
    assert copied(talk, tmp_path) == (False, False)


@only_sqlite
@pytest.mark.parametrize("path", ["/a b.jpg", "/\x7f.jpg", "/\xe9.jpg", "/\r\nX: y"])
def test_an_address_that_cannot_be_asked_is_a_failure(host, fetch, path):
    talk_with(host.address + path)

    assert fetch() == "0 pictures copied, 1 failed."


@pytest.fixture
def kept(client, host, fetch, monkeypatch, tmp_path):
    """A published talk with its picture, on a site whose instance folder is the test's."""
    monkeypatch.setattr(main.app, "instance_path", str(tmp_path))
    talk = talk_with(host.serves("/a.jpg", picture()))
    fetch()
    return talk


@only_sqlite
def test_a_copied_picture_is_served_from_here(client, kept):
    with client.get(f"/thumbnail/{kept.id}.jpg") as answer:
        assert answer.status_code == 200
        assert answer.content_type == "image/jpeg"
        assert answer.data.startswith(b"\xff\xd8")
        assert "max-age=604800" in answer.headers["Cache-Control"]
        assert "Set-Cookie" not in answer.headers
    assert Talk.get_by_id(kept.id).picture_url == f"/thumbnail/{kept.id}.jpg"


@pytest.mark.parametrize("status", ["draft", "deleted"])
def test_the_picture_of_a_talk_that_is_not_published_is_not_served(client, as_carol, kept, status):
    models.Talk.update(status=status).execute()

    assert client.get(f"/thumbnail/{kept.id}.jpg").status_code == 404
    assert as_carol.get(f"/thumbnail/{kept.id}.jpg").status_code == 404


@only_sqlite
def test_a_picture_that_was_removed_from_the_folder_is_not_found(client, kept, tmp_path):
    (tmp_path / "thumbnails" / f"{kept.id}.jpg").unlink()

    assert client.get(f"/thumbnail/{kept.id}.jpg").status_code == 404


@only_sqlite
@pytest.mark.parametrize("name", ["2", "0", "01", "-1", "x", "..%2f..%2fsecret_key", "9" * 30, ""])
def test_there_is_no_other_picture(client, kept, name):
    assert client.get(f"/thumbnail/{name}.jpg").status_code == 404
