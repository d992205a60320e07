"""What can be measured of a picture while it is decoded: exposure, sharpness, content, size.

Exposure and entropy are CleanVision's measures (https://github.com/cleanlab/cleanvision,
Apache-2.0), of the picture reduced to 64 pixels. Sharpness is not: its measure depends on contrast
and on how bright the border is, so that no one threshold holds for photographs and scans.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from service.pictures.image_files import verify_reduced

EDGE = 64  # pixels, as CleanVision measures blur
PERCEIVED = np.array([0.241, 0.691, 0.068])  # how bright red, green and blue appear
# JPEG's colour conversion may move a grey pixel's channels apart by a step or two.
GREY = 4
# Variance that rounding to 8 bits adds to a Laplacian of weights 8 and eight times -1.
ROUNDING = 72 / 12


@dataclass(frozen=True, slots=True)
class Measures:
    """Of one picture.

    Attributes
    ----------
    width, height : pixels, as stored
    brightest, darkest : 99th and 5th percentile of the pixels' perceived brightness, in [0, 1]
    entropy : of the values of all channels, in bits
    contrast : standard deviation of the grey values, 0 to 127.5
    sharpness : standard deviation of the Laplacian of the grey values, in units of their own
    coloured : whether any pixel is not grey
    """

    width: int
    height: int
    brightest: float
    darkest: float
    entropy: float
    contrast: float
    sharpness: float
    coloured: bool


NAMES = tuple(field.name for field in fields(Measures))


def measure_image(data: bytes) -> Measures:
    """Decode a picture to its last byte, and measure it; raises as `image_files.open_image`."""
    small, (width, height) = verify_reduced(data, size=EDGE)
    pixels = np.asarray(small)
    darkest, brightest = np.percentile(_brightness(pixels), (5, 99))
    grey = np.asarray(small.convert("L"), np.float32)
    contrast = float(grey.std())
    return Measures(
        width=width,
        height=height,
        brightest=float(brightest),
        darkest=float(darkest),
        entropy=float(small.entropy()),
        contrast=contrast,
        sharpness=_detail(grey) / max(contrast, 1.0),
        coloured=bool(np.ptp(pixels.astype(np.int16), axis=2).max() > GREY),
    )


def _brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    squares = np.square(pixels.astype(np.float64))
    result: NDArray[np.float64] = np.sqrt(squares @ PERCEIVED) / 255
    return result


def _detail(grey: NDArray[np.float32]) -> float:
    """Standard deviation of the Laplacian inside the border, without what rounding adds; 0 for a
    picture that has no inside."""
    if min(grey.shape) < 3:
        return 0.0
    rows = grey[:-2] + grey[1:-1] + grey[2:]
    around = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return float(np.sqrt(max(0.0, (9 * grey[1:-1, 1:-1] - around).var() - ROUNDING)))
