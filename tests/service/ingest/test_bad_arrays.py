"""NPZ files whose headers lie, or whose arrays do not belong together."""

import io
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from tests.service.ingest.uploads import (
    CLASSES,
    make_zip,
    refusal,
    write_npz,
)

CODES = np.array([i % 3 for i in range(30)])


def array_bytes(array):
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()


def with_header(shape, *, descr="<f4", body=b"", padding=0):
    target = io.BytesIO()
    npy.write_array_header_1_0(target, {"descr": descr, "fortran_order": False, "shape": shape})
    head = target.getvalue()
    if padding:
        dictionary = head[10:].rstrip() + b" " * padding + b"\n"
        head = b"\x93NUMPY\x02\0" + len(dictionary).to_bytes(4, "little") + dictionary
    return head + body


def npz_refusal(tmp_path, **members):
    arrays = {f"{name}.npy": content for name, content in members.items()}
    return refusal(make_zip(tmp_path / "a.npz", {"y.npy": array_bytes(CODES)} | arrays))


def test_pickled_objects_are_refused(tmp_path):
    upload = write_npz(tmp_path / "a.npz", X=np.eye(30), y=np.array([object()] * 30))
    error = refusal(upload)
    assert error.type == "pickle-not-allowed"
    assert error.errors[0]["file"] == "y.npy"


@pytest.mark.parametrize(
    "content",
    [
        with_header((10**12,), body=b"x" * 100),
        with_header((30, 10**15)),
        with_header((30, 4), body=b"x" * 479),
        with_header((30, 4), body=b"x" * 481),
        with_header((30, 4), body=b"x" * 480, padding=20_000),
        with_header((-1, 4)),
        b"\x93NUMPY\x01\0\xff\xff{",
        b"\x93NUMPY\x09\0",
        b"not an array at all",
        b"",
    ],
)
def test_headers_that_do_not_fit_the_file_are_refused(content, tmp_path):
    error = npz_refusal(tmp_path, X=content)
    assert error.type == "array-header-invalid"
    assert error.errors[0]["file"] == "X.npy"


@pytest.mark.parametrize("shape", [(29, 4), (31, 4)])
def test_arrays_of_other_length_than_the_labels_are_refused(shape, tmp_path):
    assert npz_refusal(tmp_path, X=array_bytes(np.ones(shape))).type == "shape-mismatch"


@pytest.mark.parametrize("shape", [(30, 2, 2), (30, 28, 28, 7)])
def test_arrays_of_wrong_rank_are_refused(shape, tmp_path):
    error = npz_refusal(tmp_path, X=array_bytes(np.ones(shape)))
    assert error.type == "shape-mismatch"
    assert "2-d" in error.detail


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_vectors_that_are_not_finite_are_refused(bad, tmp_path):
    vectors = np.random.default_rng(0).normal(size=(30, 4))
    vectors[20, 1] = bad
    error = npz_refusal(tmp_path, X=array_bytes(vectors))
    assert error.type == "non-finite-features"
    assert error.errors[0]["row"] == 21


def test_vectors_that_are_all_the_same_are_refused(tmp_path):
    assert npz_refusal(tmp_path, X=array_bytes(np.ones((30, 4)))).type == "non-finite-features"


def test_codes_beyond_the_class_names_are_refused(tmp_path):
    upload = write_npz(tmp_path / "a.npz", X=np.eye(30), y=CODES + 1, class_names=np.array(CLASSES))
    error = refusal(upload)
    assert error.type == "label-out-of-range"
    assert error.errors[0]["row"] == 3


def test_labels_that_are_not_among_the_class_names_are_refused(tmp_path):
    names = np.array(CLASSES)
    upload = write_npz(tmp_path / "a.npz", X=np.eye(30), y=names[CODES], class_names=names[:2])
    assert refusal(upload).type == "label-out-of-range"


def test_fractions_are_no_codes(tmp_path):
    upload = write_npz(
        tmp_path / "a.npz", X=np.eye(30), y=CODES + 0.5, class_names=np.array(CLASSES)
    )
    assert refusal(upload).type == "label-out-of-range"


@pytest.mark.parametrize(
    ("probabilities", "slug"),
    [
        (np.full((30, 3), 0.5), "probabilities-invalid"),
        (np.tile([1.5, -0.5, 0.0], (30, 1)), "probabilities-invalid"),
        (np.full((30, 4), 0.25), "shape-mismatch"),
    ],
)
def test_rows_that_are_no_probabilities_of_the_classes_are_refused(probabilities, slug, tmp_path):
    probabilities[0, :2] += (0.01, -0.01)
    names = np.array(CLASSES)
    upload = write_npz(tmp_path / "a.npz", pred_probs=probabilities, y=CODES, class_names=names)
    assert refusal(upload).type == slug


def test_a_name_given_to_two_classes_is_refused(tmp_path):
    upload = write_npz(tmp_path / "a.npz", X=np.eye(30), y=CODES, class_names=["a", "b", "a"])
    assert refusal(upload).type == "class-names-invalid"


def test_a_damaged_array_is_refused(tmp_path):
    upload = tmp_path / "a.npz"
    np.savez_compressed(upload, X=np.random.default_rng(0).normal(size=(30, 99)), y=CODES)
    data = bytearray(upload.read_bytes())
    with zipfile.ZipFile(upload) as archive:
        at = archive.getinfo("X.npy").header_offset
    data[at + 2000 : at + 2100] = bytes(100)
    upload.write_bytes(bytes(data))
    assert refusal(upload).type == "archive-corrupt"


def test_arrays_without_labels_are_refused_with_what_to_do(tmp_path):
    error = refusal(write_npz(tmp_path / "a.npz", X=np.eye(30)))
    assert error.type == "label-column-missing"
    assert "Zip it with a table" in error.detail
