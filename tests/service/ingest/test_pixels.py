"""Deep, floating and medical pictures are shown as a person would set them."""

import io

import numpy as np
import pytest
from PIL import Image

from service.core.errors import BadDataset
from service.pictures import image_files
from service.pictures.pixels import stretch
from tests.service.ingest.pictures import HEIC, dicom, encoded
from tests.service.ingest.uploads import folder_members, make_zip, picture, take_in


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(image_files.decode_image(data))


def test_one_hot_pixel_leaves_the_others_visible():
    deep = np.random.default_rng(0).integers(900, 1100, (64, 64), dtype=np.uint16)
    deep[5, 5] = 65535
    assert 100 < decoded(encoded(Image.fromarray(deep), "PNG")).mean() < 155


def test_values_that_are_not_finite_do_not_count():
    values = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    values[0, :3] = np.inf, -np.inf, np.nan
    shown = decoded(encoded(Image.fromarray(values), "TIFF"))[..., 0]
    assert 120 < shown.mean() < 135
    assert shown[0, :3].tolist() == [255, 0, 0]


def test_a_few_bright_spots_on_black_are_not_cut_off():
    values = np.zeros((100, 100), np.uint16)
    values[50, 50] = 1000
    assert np.asarray(stretch(values))[50, 50] == 255


def test_nothing_finite_is_black():
    assert not np.asarray(stretch(np.full((4, 4), np.nan))).any()


def test_a_dicom_is_shown_through_its_own_window():
    ramp = np.arange(4096, dtype=np.int16).reshape(64, 64)
    data = dicom(ramp, RescaleSlope=1, RescaleIntercept=-1024, WindowCenter=0, WindowWidth=200)
    shown = decoded(data)[..., 0].ravel()
    assert not shown[: 1024 - 100].any()
    assert (shown[1024 + 101 :] == 255).all()
    assert 120 < shown[1024] < 135


def test_the_first_window_of_several_is_used():
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    data = dicom(ramp, WindowCenter=[1000, 3000], WindowWidth=[100, 100])
    assert 120 < decoded(data)[..., 0].ravel()[1000] < 135


def test_a_dicom_whose_small_values_are_bright_is_turned_around():
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    shown = decoded(dicom(ramp, PhotometricInterpretation="MONOCHROME1"))[..., 0]
    assert shown[0, 0] == 255
    assert shown[-1, -1] == 0


def test_a_dicom_in_colour_keeps_its_colours():
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 200
    assert decoded(dicom(red))[0, 0].tolist() == [200, 0, 0]


@pytest.mark.parametrize("cut", [140, 300, 600])
def test_a_damaged_dicom_is_a_bad_image(cut):
    data = dicom(np.zeros((64, 64), np.uint16))
    with pytest.raises(image_files.BadImage):
        image_files.thumbnail(data[:cut])


def test_a_deflated_dicom_is_not_inflated():
    data = dicom(np.zeros((8, 8), np.uint16))
    plain, deflated = b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99"
    with pytest.raises(image_files.BadImage, match="deflated"):
        image_files.thumbnail(data.replace(plain, deflated))


def test_a_dicom_beyond_the_limit_is_not_decoded():
    data = dicom(np.zeros((8, 8), np.uint16), Rows=30000, Columns=30000)
    with pytest.raises(BadDataset, match="megapixels"):
        image_files.thumbnail(data)


@pytest.mark.parametrize("format", ["AVIF", "JPEG2000"])
def test_younger_formats_are_read(format):
    assert decoded(encoded(Image.new("RGB", (20, 10), "red"), format)).shape == (10, 20, 3)


def test_heic_is_read():
    shown = decoded(HEIC)
    assert shown.shape == (12, 16, 3)
    assert np.abs(shown.mean(axis=(0, 1)) - [255, 0, 0]).max() < 10


@pytest.mark.parametrize("name", ["x.jfif", "x.jpe", "x.JPG_", "x", "x.dcm", "x.heic", "x.bin"])
def test_no_picture_is_dropped_whatever_it_is_called(name, tmp_path):
    contents = {"x.dcm": dicom(np.eye(16, dtype=np.uint16)), "x.heic": HEIC}
    content = contents.get(name, picture(99, format="JPEG"))
    upload = make_zip(tmp_path / "a.zip", folder_members() | {f"cat/{name}": content})
    report, samples = take_in(upload, tmp_path / "out")
    assert report.sample_count == 31
    assert f"cat/{name}" in samples["file"].to_pylist()


def test_pictures_that_nobody_here_reads_are_counted_by_class(tmp_path):
    members = folder_members(150) | {"cat/x.psd": b"8BPS", "dog/y.jxl": b"\xff\x0a"}
    report, _ = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert report.sample_count == 150
    assert any("2 images cannot be read" in w and "cat: 1, dog: 1" in w for w in report.warnings)


def test_all_see_the_same_stretched_picture():
    deep = np.random.default_rng(1).integers(0, 4000, (40, 40), dtype=np.uint16)
    data = encoded(Image.fromarray(deep), "PNG")
    served = np.asarray(Image.open(io.BytesIO(image_files.thumbnail(data))))
    assert np.array_equal(served, decoded(data))
