"""Pictures that would harm or are none; see also what is taken in test_forms."""

import io
import struct
import zlib

import pytest
from PIL import Image

from service.core.errors import BadDataset
from service.pictures import image_files
from tests.service.ingest.uploads import (
    folder_members,
    make_zip,
    picture,
    refusal,
    take_in,
)

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><script>alert(1)</script></html>"


def refused(tmp_path, name, content):
    return refusal(make_zip(tmp_path / "a.zip", folder_members(300) | {name: content}))


def flood(width, height):
    """A PNG that claims to be huge and is 100 bytes long."""

    def chunk(kind, body):
        return (
            struct.pack(">L", len(body)) + kind + body + struct.pack(">L", zlib.crc32(kind + body))
        )

    header = struct.pack(">LLBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def left_out(tmp_path, name, content):
    """The warning about one image among 300 good ones."""
    upload = make_zip(tmp_path / "a.zip", folder_members(300) | {name: content})
    report, samples = take_in(upload, tmp_path / "out")
    assert samples.num_rows == 300
    [warning] = [w for w in report.warnings if "left out" in w]
    assert "(cat: 1)" in warning
    assert name in warning
    return warning


@pytest.mark.parametrize("size", [(20_000, 20_000), (7_072, 7_072)])
def test_a_pixel_flood_is_left_out_by_its_header(size, tmp_path):
    assert "megapixels" in left_out(tmp_path, "cat/flood.png", flood(*size))


@pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP"])
def test_a_film_is_left_out(format, tmp_path):
    frames = [Image.open(io.BytesIO(picture(i))) for i in range(150)]
    target = io.BytesIO()
    frames[0].save(target, format, save_all=True, append_images=frames[1:])
    assert "150 frames" in left_out(tmp_path, "cat/film.png", target.getvalue())


def test_the_first_of_many_pages_of_a_tiff_is_read(tmp_path):
    frames = [Image.open(io.BytesIO(picture(i))) for i in range(150)]
    target = io.BytesIO()
    frames[0].save(target, "TIFF", save_all=True, append_images=frames[1:])
    upload = make_zip(tmp_path / "a.zip", folder_members() | {"cat/stack.tif": target.getvalue()})
    report, _ = take_in(upload, tmp_path / "out")
    assert report.sample_count == 31
    decoded = image_files.decode_image(target.getvalue())
    assert decoded.tobytes() == image_files.decode_image(picture(0)).tobytes()


@pytest.mark.parametrize(
    "damage", [lambda d: d[: len(d) // 2], lambda _: b"\x89PNG nonsense", lambda _: b""]
)
def test_more_than_five_percent_of_bad_images_refuse_the_file(damage, tmp_path):
    members = folder_members(300)
    for name in list(members)[:16]:
        members[name] = damage(members[name])
    error = refusal(make_zip(tmp_path / "a.zip", members))
    assert error.type == "too-many-bad-images"
    assert {item["file"] for item in error.errors} == set(list(members)[:16])
    assert "cat: 6" in error.detail


def test_a_class_without_a_readable_image_refuses_the_file(tmp_path):
    members = folder_members() | {f"owl/{i}.psd": b"8BPS" for i in range(2)}
    error = refusal(make_zip(tmp_path / "a.zip", members))
    assert error.type == "too-many-bad-images"
    assert "No image of owl" in error.detail


def test_a_truncated_jpeg_is_found_though_it_is_decoded_at_a_fraction(tmp_path):
    members = {
        f"{'ab'[i % 2]}/{i}.jpg": picture(i, size=(64, 64), format="JPEG") for i in range(30)
    }
    members["a/0.jpg"] = members["a/0.jpg"][:-400]
    report, _ = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert (report.sample_count, report.class_counts) == (29, [14, 15])
    assert any("One image cannot be read" in warning for warning in report.warnings)


@pytest.mark.parametrize(
    ("name", "content", "slug"),
    [
        ("cat/x.svg", SVG, "unsupported-media-type"),
        ("cat/x.png", SVG, "unsupported-media-type"),
        ("cat/x.html", HTML, "unsupported-media-type"),
        ("cat/x.png", HTML, "content-type-mismatch"),
        ("cat/x.png", b"MZ\x90\0" + bytes(200), "content-type-mismatch"),
        ("cat/x.png", b"\x7fELF" + bytes(200), "content-type-mismatch"),
    ],
)
def test_what_is_no_picture_in_the_place_of_one_is_refused(name, content, slug, tmp_path):
    error = refused(tmp_path, name, content)
    assert (error.type, error.status) == (slug, 415)
    assert error.errors[0]["file"] == name


def test_reading_media_never_inflates_more_than_was_promised(tmp_path):
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(bytes(50 << 20)) + stream.flush()
    path = tmp_path / "bomb"
    path.write_bytes(data)
    with pytest.raises(BadDataset, match="larger than its header"):
        image_files.read_media(path, 0, len(data), 100, image_files.DEFLATED)


@pytest.mark.parametrize("place", [(0, 50, 50, 0), (10, 5, 5, 8), (0, 5, 9, 0)])
def test_reading_media_that_is_not_there_is_refused(place, tmp_path):
    path = tmp_path / "short"
    path.write_bytes(b"0123456789abcdef")
    with pytest.raises(BadDataset):
        image_files.read_media(path, *place)


VIDEO = b"\x00\x00\x00\x18ftypmp42" + bytes(100)


def test_a_video_among_images_is_called_a_video(tmp_path):
    assert "it is a video. Videos are not read" in left_out(tmp_path, "cat/clip.mp4", VIDEO)


@pytest.mark.parametrize(
    ("count", "said"), [(1, "a video, cat/0.mov,"), (30, "30 videos, such as")]
)
def test_videos_alone_are_refused_by_their_name(count, said, tmp_path):
    clips = {f"{('cat', 'dog')[i % 2]}/{i}.mov": VIDEO for i in range(count)}
    error = refusal(make_zip(tmp_path / "a.zip", clips))
    assert said in error.detail
    assert "Save the frames that you want to label" in error.detail
    assert error.errors[0]["file"] == "cat/0.mov"
    assert len(error.errors) == min(count, 20)
