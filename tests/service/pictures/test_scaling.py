"""Strips give the very pixels that the whole picture would give."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from service.pictures import image_files, memory, scaling
from service.pictures.pixels import stretch
from tests.service.pictures.test_image_files import encode

EDGES = [(301, 203), (90, 400), (64, 64), (33, 1000)]


def noisy(mode: str, edges: tuple[int, int]) -> Image.Image:
    rng = np.random.default_rng(7)
    width, height = edges
    if mode in ("I;16", "F"):
        values = rng.integers(0, 60_000, (height, width))
        return Image.fromarray(values.astype({"I;16": np.uint16, "F": np.float32}[mode]))
    channels = {"RGB": 3, "RGBA": 4, "CMYK": 4, "LA": 2}.get(mode)
    if channels is None:
        return Image.fromarray(rng.integers(0, 256, (height, width), np.uint8)).convert(mode)
    return Image.fromarray(rng.integers(0, 256, (height, width, channels), np.uint8), mode=mode)


def at_once(image: Image.Image, size: int, gap: float) -> Image.Image:
    """The whole picture in one piece, as one would write it without a bound of memory."""
    if image.mode.startswith(("I", "F")):
        flat = stretch(np.asarray(image.convert("F"), np.float32)).convert("RGB")
    elif image.has_transparency_data:
        rgba = image.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    else:
        flat = image.convert("RGB")
    flat.thumbnail((size, size), reducing_gap=gap)
    return flat


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated")
@pytest.mark.parametrize("gap", [image_files.SHARP, image_files.QUICK])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_strips_give_the_same_pixels(monkeypatch, mode, gap):
    monkeypatch.setattr(scaling, "STRIP_PIXELS", 1000)  # many strips, the last one shorter
    for edges in EDGES:
        image = noisy(mode, edges)
        for size in (16, 50, 250, 2000):
            found = scaling.to_rgb(image, size=size, gap=gap)
            assert np.array_equal(np.asarray(found), np.asarray(at_once(image, size, gap)))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # where others work, too
@given(st.integers(1, 400), st.integers(1, 400), st.integers(1, 200))
def test_the_edges_are_those_of_pillow(width, height, size):
    if max(width, height) > size:
        image = Image.new("1", (width, height))
        image.thumbnail((size, size))
        assert memory.fitting((width, height), size) == image.size


def test_only_the_first_frame_is_decoded():
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue", "blue")]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    assert image_files.decode_image(target.getvalue(), size=10).getpixel((5, 5)) == (255, 0, 0)


def test_a_truncated_picture_is_said_to_be_one():
    data = encode(Image.effect_noise((300, 300), 50))
    with pytest.raises(image_files.BadImage):
        image_files.thumbnail(data[: len(data) // 2], size=64)
