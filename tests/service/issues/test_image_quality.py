"""Each fault of a picture is found, and a fault that most pictures share is how the dataset is."""

import numpy as np
import pytest

from service.issues.image_quality import image_quality, quality_check

COUNT = 100


def ordinary() -> dict[str, np.ndarray]:
    return {
        "width": np.full(COUNT, 640),
        "height": np.full(COUNT, 480),
        "brightest": np.full(COUNT, 0.9),
        "darkest": np.full(COUNT, 0.1),
        "entropy": np.full(COUNT, 7.5),
        "contrast": np.full(COUNT, 50.0),
        "sharpness": np.full(COUNT, 1.6),
        "coloured": np.full(COUNT, True),
    }


FAULTS: dict[str, dict[str, float]] = {
    "dark": {"brightest": 0.31},
    "light": {"darkest": 0.96},
    "blurry": {"sharpness": 0.9},
    "low_information": {"entropy": 2.9},
    "odd_aspect_ratio": {"width": 1300, "height": 450},
    "odd_size": {"width": 320, "height": 240},
    "grayscale": {"coloured": False},
}


@pytest.mark.parametrize("issue", FAULTS)
def test_a_fault_is_found_on_its_picture_alone(issue):
    measures = ordinary()
    for name, value in FAULTS[issue].items():
        measures[name][7] = value
    quality = image_quality(measures)
    assert np.flatnonzero(quality.found[issue]).tolist() == [7]
    assert quality.scores[issue].argmin() == 7
    assert not any(rows.any() for name, rows in quality.found.items() if name != issue)
    assert all(((scores >= 0) & (scores <= 1)).all() for scores in quality.scores.values())
    check = quality_check(quality)
    assert (check.name, check.found, check.count) == ("image_quality", True, 1)
    assert check.detail.startswith("Of the pictures, 1 is ")


def test_ordinary_pictures_have_no_issue():
    check = quality_check(image_quality(ordinary()))
    assert (check.found, check.count) == (False, 0)
    assert check.detail == "No picture stands out by its quality."


def test_what_most_pictures_share_is_said_once_and_flagged_nowhere():
    measures = ordinary()
    measures["coloured"][:60] = False
    quality = image_quality(measures)
    assert not quality.found["grayscale"].any()
    check = quality_check(quality)
    assert not check.found
    assert check.detail.endswith("60% are grey: that is how this dataset is.")


def test_sizes_that_vary_are_not_odd():
    measures = ordinary()
    measures["width"] = np.linspace(200, 900, COUNT).astype(int)
    measures["width"][3], measures["height"][3] = 641, 480
    assert not image_quality(measures).found["odd_size"].any()
    same = ordinary()
    same["width"][3] = 641  # one pixel more than all others
    assert not image_quality(same).found["odd_size"].any()


def test_nothing_in_an_empty_picture_is_blurry():
    measures = ordinary()
    measures["contrast"][7], measures["sharpness"][7] = 1.0, 0.0
    assert not image_quality(measures).found["blurry"].any()


def test_several_faults_are_counted_by_picture():
    measures = ordinary()
    measures["brightest"][:2], measures["sharpness"][1:4] = 0.1, 0.2
    check = quality_check(image_quality(measures))
    assert check.count == 4
    assert check.detail == "Of the pictures, 2 are dark and 3 are blurry."
