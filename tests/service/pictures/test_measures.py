"""Planted faults of pictures are found among ordinary ones, which are not flagged."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from matplotlib.cbook import get_sample_data
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_images

from service.issues.image_quality import Quality, image_quality
from service.pictures.image_files import BadImage
from service.pictures.measures import NAMES, Measures, measure_image
from tests.service.ingest.uploads import shared_data

CROPS, EDGE = 60, 200


def encode(image: Image.Image, format: str = "JPEG") -> bytes:
    target = io.BytesIO()
    image.save(target, format)
    return target.getvalue()


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    """Crops of photographs, from 200 to 280 pixels wide."""
    generator = np.random.default_rng(0)
    whole = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    with get_sample_data("grace_hopper.jpg") as file:
        whole.append(Image.open(file).convert("RGB"))
    crops = []
    for number in range(CROPS):
        image = whole[number % len(whole)]
        width = EDGE + int(generator.integers(80))
        left = int(generator.integers(image.width - width))
        top = int(generator.integers(image.height - EDGE))
        crops.append(image.crop((left, top, left + width, top + EDGE)))
    return crops


def look(measured: list[Measures]) -> Quality:
    return image_quality(
        {name: np.array([getattr(one, name) for one in measured]) for name in NAMES}
    )


FAULTS = {
    "dark": lambda image: image.point(lambda value: value // 5),
    "light": lambda image: image.point(lambda value: 248 + value // 36),
    "blurry": lambda image: image.filter(ImageFilter.GaussianBlur(10)),
    "low_information": lambda image: Image.new("RGB", image.size, (90, 120, 60)),
    "odd_aspect_ratio": lambda image: image.crop((0, 0, image.width, 40)),
    "odd_size": lambda image: image.resize((900, 700)),
    "grayscale": lambda image: image.convert("L"),
}


@pytest.fixture(scope="module", params=["JPEG", "PNG"])
def ordinary(photographs, request) -> tuple[str, list[Measures]]:
    """A format, and the photographs' measures in it."""
    return request.param, [measure_image(encode(one, request.param)) for one in photographs]


@pytest.mark.parametrize("issue", FAULTS)
def test_planted_faults_are_found_and_ordinary_photographs_are_not(photographs, ordinary, issue):
    format, measured = ordinary
    planted = [0, 13, 29, 44]
    mixed = list(measured)
    for number in planted:
        mixed[number] = measure_image(encode(FAULTS[issue](photographs[number]), format))
    quality = look(mixed)
    assert np.flatnonzero(quality.found[issue]).tolist() == planted
    others = [number for number in range(CROPS) if number not in planted]
    flagged = np.logical_or.reduce(list(quality.found.values()))
    assert not flagged[others].any()


def test_width_and_height_are_the_files_own(photographs):
    found = measure_image(encode(photographs[0].resize((500, 300))))
    assert (found.width, found.height) == (500, 300)


def test_a_picture_of_one_pixel_is_measured():
    found = measure_image(encode(Image.new("RGB", (1, 1), "white"), "PNG"))
    assert (found.width, found.height, found.sharpness) == (1, 1, 0.0)
    assert found.brightest == pytest.approx(1.0)


def test_a_cut_off_picture_is_bad(photographs):
    data = encode(photographs[0])
    with pytest.raises(BadImage):
        measure_image(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("pack", "most"),
    [("cifar10n", 0.03), ("pneumoniamnist", 0.01), ("bccd", 0.01), ("dsb2018_nuclei", 0.03)],
)
def test_few_pictures_of_ordinary_datasets_are_flagged(pack: str, most: float):
    """The grey pictures of CIFAR-10 are in it by mistake or by taste: they are not counted here."""
    quality = look([measure_image(data) for data in pictures_of(shared_data(f"{pack}/images.zip"))])
    found = [rows for name, rows in quality.found.items() if name != "grayscale"]
    assert np.logical_or.reduce(found).mean() <= most


def pictures_of(path: Path, most: int = 400) -> list[bytes]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return [archive.read(name) for name in names[:most]]
