"""What measuring pictures costs and finds, on packs of pictures that nobody chose for their faults.

    python -m benchmarks.image_quality ../shared/data/cifar10n/images.zip ... [--most 1000]

For each pack: processor seconds for 1,000 pictures, decoded as before and with all measures; how
many pictures each issue flags, which are false alarms where the pack is ordinary; and how many of
the planted faults are found, each in 50 pictures alone. For blur, CleanVision's definition at its
defaults stands beside ours.
"""

import argparse
import io
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter, ImageStat

from service.issues.image_quality import Quality, image_quality
from service.pictures.image_files import decode_image, verify_image
from service.pictures.measures import EDGE, NAMES, Measures, measure_image

PLANTED = 50
BLURS = (1.0, 2.0, 4.0)  # radius in pixels of the picture at 64


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("packs", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=1000, help="pictures of a pack")
    options = parser.parse_args()
    for path in options.packs:
        pictures = _read(path, options.most)
        print(f"{path.parent.name}: {len(pictures)} pictures")
        before = _cost(verify_image, pictures)
        print(f"  s / 1,000: decoded {before:.2f}, measured {_cost(measure_image, pictures):.2f}")
        measured = [measure_image(data) for data in pictures]
        quality = _look(measured)
        flagged = {name: int(rows.sum()) for name, rows in quality.found.items()}
        concerned = np.logical_or.reduce(list(quality.found.values())).mean()
        print(f"  flagged: {flagged}, in all {concerned:.1%}; shared by most: {quality.prevalent}")
        _plant(pictures, measured)


def _read(path: Path, most: int) -> list[bytes]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        return [archive.read(name) for name in names[:most]]


def _cost(act: Callable[[bytes], object], pictures: list[bytes]) -> float:
    start = time.process_time()
    for data in pictures:
        act(data)
    return (time.process_time() - start) / len(pictures) * 1000


def _look(measured: list[Measures]) -> Quality:
    return image_quality(
        {name: np.array([getattr(one, name) for one in measured]) for name in NAMES}
    )


def _plant(pictures: list[bytes], measured: list[Measures]) -> None:
    """Print the share of planted faults that are found, each picture alone among the others."""
    faults: dict[str, tuple[str, Callable[[Image.Image], Image.Image]]] = {
        "darkened to a fifth": ("dark", lambda image: image.point(lambda value: value // 5)),
        "bleached": ("light", lambda image: image.point(lambda value: 248 + value // 36)),
        "one colour": ("low_information", lambda image: Image.new("RGB", image.size, "olive")),
        "cut to a strip": ("odd_aspect_ratio", lambda image: image.crop(_strip(image))),
        "a third of the size": ("odd_size", lambda image: image.reduce(3)),
        "without colour": ("grayscale", lambda image: image.convert("L")),
    }
    for radius in BLURS:
        faults[f"blurred by {radius:g} of {EDGE}"] = ("blurry", _blur(radius))
    for title, (issue, change) in faults.items():
        changed = [_encode(change(decode_image(data))) for data in pictures[:PLANTED]]
        found = [bool(_look([*measured, measure_image(data)]).found[issue][-1]) for data in changed]
        other = ""
        if issue == "blurry":
            other = f" (CleanVision {np.mean([_cleanvision_blurry(data) for data in changed]):.0%})"
        print(f"  {title}: found {np.mean(found):.0%}{other}")
    alarms = np.mean([_cleanvision_blurry(data) for data in pictures])
    print(f"  blurry by CleanVision without a fault: {alarms:.1%}")


def _strip(image: Image.Image) -> tuple[int, int, int, int]:
    return (0, 0, image.width, max(1, min(image.width, image.height) // 4))


def _blur(radius: float) -> Callable[[Image.Image], Image.Image]:
    return lambda image: image.filter(ImageFilter.GaussianBlur(radius * max(image.size) / EDGE))


def _encode(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


def _cleanvision_blurry(data: bytes) -> bool:
    """As CleanVision 0.3.7 defines it, of the picture at 64 pixels, with its defaults."""
    grey = decode_image(data, size=EDGE).convert("L")
    edges = 1 - np.exp(-0.01 * ImageStat.Stat(grey.filter(ImageFilter.FIND_EDGES)).stddev[0])
    clumping = 1 - np.exp(-0.01 * np.std(grey.histogram()))
    return bool(edges + (clumping if clumping > 0.18 else 0) < 0.29)


if __name__ == "__main__":
    main()
