"""The uploads of the walk: measurements and pictures of cats and dogs."""

import io
import random
import zipfile

from PIL import Image

# Means and spreads of a class: weight in kilograms, shoulder height and ear length in centimetres.
MEASURES = {
    "cat": ((4.2, 0.7), (25.0, 2.0), (6.0, 0.6)),
    "dog": ((24.0, 5.0), (56.0, 6.0), (11.0, 1.2)),
}
HEADER = "sample_id,label,weight_kg,shoulder_cm,ear_cm\n"
OTHER = {"cat": "dog", "dog": "cat"}
WRONG_EVERY = 7  # the first sample of as many has the other class as its label


def table(count: int = 224) -> bytes:
    """A CSV of measurements, one label in seven wrong."""
    chance = random.Random(7)
    lines = [HEADER]
    for number in range(count):
        animal = ("cat", "dog")[number % 2]
        label = OTHER[animal] if number % WRONG_EVERY == 0 else animal
        measured = (f"{chance.gauss(*spread):.1f}" for spread in MEASURES[animal])
        lines.append(f"animal-{number:04d},{label},{','.join(measured)}\n")
    return "".join(lines).encode()


def pictures(count: int = 24) -> bytes:
    """A zip of small PNGs, and a table that names each with its label and three people's votes."""
    target = io.BytesIO()
    lines = ["file,label,vote_ann,vote_ben,vote_eve\n"]
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(count):
            animal = ("cat", "dog")[number % 2]
            third = OTHER[animal] if number % WRONG_EVERY == 0 else animal
            archive.writestr(f"{number:02d}.png", picture(number))
            lines.append(f"{number:02d}.png,{animal},{animal},{animal},{third}\n")
        archive.writestr("labels.csv", "".join(lines))
    return target.getvalue()


def picture(number: int) -> bytes:
    """A small PNG: cats, which are even, are dark."""
    png = io.BytesIO()
    Image.new("RGB", (16, 16), (200 * (number % 2) + number, 90, 160)).save(png, "PNG")
    return png.getvalue()
