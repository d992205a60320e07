"""Tar archives, and files compressed as a whole."""

import bz2
import gzip
import io
import lzma
import tarfile

import pyarrow as pa
import pytest

from service.ingest import Limits
from service.pictures.image_files import read_media
from tests.service.ingest.uploads import (
    CLASSES,
    folder_members,
    make_form,
    make_zip,
    picture,
    refusal,
    take_in,
    write,
)


def make_tar(path, members, *, format=tarfile.PAX_FORMAT, change=None):
    with tarfile.open(path, "w", format=format) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            if change is not None:
                change(info)
            tar.addfile(info, io.BytesIO(content))
    return path


PACKERS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_of_folders_is_read_in_place(format, tmp_path):
    members = {f"./{name}": data for name, data in folder_members().items()}
    members["." + "/longer" * 12 + "/x.txt"] = b"x"
    upload = make_tar(tmp_path / "a.tar", members, format=format)
    report, samples = take_in(upload, tmp_path / "out")
    assert (report.format, report.class_names) == ("imagefolder", list(CLASSES))
    for row in samples.to_pylist():
        place = [row[f"media_{n}"] for n in ("offset", "compressed", "size", "method")]
        assert read_media(upload, *place) == folder_members()[row["file"]]


@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_tar_keeps_its_pictures_beside_the_samples(packer, tmp_path):
    plain = make_tar(tmp_path / "a.tar", folder_members())
    upload = write(tmp_path / "a.tar.x", PACKERS[packer](plain.read_bytes()))
    _, samples = take_in(upload, tmp_path / "out")
    for row in samples.to_pylist():
        place = [row[f"media_{n}"] for n in ("offset", "compressed", "size", "method")]
        assert read_media(tmp_path / "out" / "media", *place) == folder_members()[row["file"]]


@pytest.mark.parametrize("packer", PACKERS)
def test_a_compressed_table_is_read(packer, tmp_path):
    plain = make_form("csv", tmp_path)
    upload = write(tmp_path / "a.csv.x", PACKERS[packer](plain.read_bytes()))
    report, samples = take_in(upload, tmp_path / "out")
    assert (report.kind, samples.num_rows) == ("text", 30)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_truncated_one_is_refused(packer, tmp_path):
    data = PACKERS[packer](make_form("csv", tmp_path).read_bytes())
    assert refusal(write(tmp_path / "a", data[: len(data) // 2])).type == "archive-corrupt"


@pytest.mark.parametrize("packer", ["gzip", "zstd"])
def test_a_bomb_is_stopped_on_the_way(packer, tmp_path):
    upload = write(tmp_path / "a.gz", PACKERS[packer](b"a,label\n" + b"1,b\n" * (20 << 18)))
    assert refusal(upload).type == "archive-bomb"


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "cat/../../x.png", "C:/x.png"])
def test_names_that_lead_out_are_refused(name, tmp_path):
    upload = make_tar(tmp_path / "a.tar", folder_members() | {name: picture(1)})
    assert refusal(upload).type == "archive-unsafe-path"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(kind, tmp_path):
    def change(info):
        if info.name == "cat/link.png":
            info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    members = folder_members() | {"cat/link.png": b""}
    upload = make_tar(tmp_path / "a.tar", members, change=change)
    assert refusal(upload).type == "archive-unsafe-entry"


@pytest.mark.parametrize("second", ["CAT/0.png", "cat/0.png", "cat/0.PNG"])
def test_names_that_are_one_file_somewhere_are_refused(second, tmp_path):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        for name in [*folder_members(), second]:
            info = tarfile.TarInfo(name)
            info.size = len(picture(1))
            tar.addfile(info, io.BytesIO(picture(1)))
    assert refusal(path).type == "duplicate-path"


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_truncated_tar_is_refused(share, tmp_path):
    data = make_tar(tmp_path / "a.tar", folder_members()).read_bytes().rstrip(b"\0")
    upload = write(tmp_path / "a.tar", data[: int(len(data) * share)])
    assert refusal(upload).type == "archive-corrupt"


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path):
    data = bytearray(make_tar(tmp_path / "a.tar", folder_members()).read_bytes())
    at = data.index(b"dog/3.png")
    data[at] ^= 1
    assert refusal(write(tmp_path / "a.tar", bytes(data))).type == "archive-corrupt"


def test_too_many_entries_are_refused(tmp_path):
    upload = make_tar(tmp_path / "a.tar", folder_members(60))
    error = refusal(upload, limits=Limits(archive_entries=59))
    assert error.type == "archive-too-many-entries"


def test_a_7z_is_refused_by_name(tmp_path):
    error = refusal(write(tmp_path / "a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100)))
    assert error.status == 415
    assert "7z" in error.detail


def test_names_of_a_zip_without_an_encoding_are_guessed_together(tmp_path):
    for encoding in ("cp437", "cp1252"):
        names = [f"{word}/{i}.png" for word in ("müll", "glas") for i in range(10)]
        upload = make_zip(tmp_path / "a.zip", {n.replace("ü", "Q"): picture(1) for n in names})
        data = upload.read_bytes().replace(b"mQll", "müll".encode(encoding))
        report, _ = take_in(write(upload, data), tmp_path / encoding)
        assert report.class_names == ["glas", "müll"]
        assert any(encoding in warning for warning in report.warnings)


def test_backslashes_in_a_zip_are_folders(tmp_path):
    members = {f"pets/{name}": data for name, data in folder_members().items()}
    upload = make_zip(tmp_path / "a.zip", {n.replace("/", "Q"): d for n, d in members.items()})
    data = upload.read_bytes()
    for name in members:
        data = data.replace(name.replace("/", "Q").encode(), name.replace("/", "\\").encode())
    report, _ = take_in(write(upload, data), tmp_path / "out")
    assert report.class_names == list(CLASSES)
    assert any("Backslashes" in warning for warning in report.warnings)
