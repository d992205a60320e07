"""What is served is re-encoded, upright, RGB and small."""

import io

import numpy as np
import pytest
from PIL import Image

from service.core.errors import BadDataset
from service.pictures import image_files
from tests.service.ingest.uploads import picture


def encode(image, format="PNG", **options):
    target = io.BytesIO()
    image.save(target, format, **options)
    return target.getvalue()


def opened(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_a_thumbnail_is_a_small_png_of_any_format(format):
    thumbnail = opened(image_files.thumbnail(picture(1, size=(900, 300), format=format), size=128))
    assert (thumbnail.format, thumbnail.mode, thumbnail.size) == ("PNG", "RGB", (128, 43))


def test_a_small_picture_keeps_its_pixels():
    data = picture(3, size=(32, 32))
    assert np.array_equal(np.asarray(opened(image_files.thumbnail(data))), np.asarray(opened(data)))


def test_what_hides_behind_the_last_pixel_does_not_get_out():
    data = picture(2) + b"<script>alert(1)</script>"
    assert b"script" not in image_files.thumbnail(data)


def test_a_picture_is_turned_as_its_exif_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.new("RGB", (40, 20), "red"), "JPEG", exif=exif)
    assert image_files.decode_image(data).size == (20, 40)
    assert opened(image_files.thumbnail(data)).getexif() == {}


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "I", "F", "CMYK"])
def test_every_mode_becomes_rgb(mode):
    values = np.tile(np.linspace(0, 255, 16), (16, 1))
    base = Image.fromarray(values.astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray((values * 200).astype(np.uint16))
    else:
        image = base.convert(mode)
    format = "TIFF" if mode in ("F", "CMYK", "I") else "PNG"
    decoded = np.asarray(image_files.decode_image(encode(image, format)))
    assert decoded.shape == (16, 16, 3)
    assert decoded[:, 0].mean() < 20
    assert decoded[:, -1].mean() > 200


def test_transparency_lies_on_white():
    data = encode(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert np.asarray(image_files.decode_image(data)).min() == 255


def test_deep_pictures_are_stretched_not_cut_off():
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) + 4000
    decoded = np.asarray(image_files.decode_image(encode(Image.fromarray(deep))))
    assert (decoded.min(), decoded.max()) == (0, 255)


def test_a_flat_deep_picture_does_not_divide_by_zero():
    flat = Image.fromarray(np.full((8, 8), 70, np.uint16))
    assert np.asarray(image_files.decode_image(encode(flat))).max() == 0


def test_what_is_no_picture_is_said_to_be_none():
    for data in (b"", b"not a picture", picture(0)[:40]):
        with pytest.raises(image_files.BadImage):
            image_files.thumbnail(data)


def test_a_picture_beyond_the_limit_is_not_decoded():
    with pytest.raises(BadDataset, match="50 megapixels"):
        image_files.thumbnail(encode(Image.new("1", (10_000, 5_001))))
