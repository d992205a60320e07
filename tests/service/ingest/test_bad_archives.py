"""Archives that lie, overflow or lead astray are refused as a whole."""

import stat
import struct
import zipfile
import zlib

import numpy as np
import pytest

from service.core.errors import BadDataset
from service.ingest import Limits
from service.ingest.archives.opening import open_archive
from tests.service.ingest.uploads import (
    folder_members,
    label_of,
    make_zip,
    picture,
    refusal,
    take_in,
    to_csv,
    write,
    write_npz,
)


def named_zip(path, name, *, change=None):
    """A good ImageFolder and one more member of any name."""
    with zipfile.ZipFile(path, "w") as archive:
        for good, content in folder_members().items():
            archive.writestr(good, content)
        info = zipfile.ZipInfo("cat/placeholder.png")
        info.filename = name  # set afterwards: the constructor would tidy the name
        if change is not None:
            change(info)
        archive.writestr(info, picture(99))
    return path


@pytest.mark.parametrize(
    "name",
    ["../../etc/x.png", "/abs.png", "C:\\w.png", "C:/w.png", "cat\\..\\..\\b.png", "cat/./x.png",
     "cat//x.png", "cat/a\nb.png"],
)  # fmt: skip
def test_names_that_lead_out_of_the_archive_are_refused(name, tmp_path):
    error = refusal(named_zip(tmp_path / "a.zip", name))
    assert error.type == "archive-unsafe-path"
    assert error.errors[0]["file"] == name


def test_a_nul_in_a_name_is_refused(tmp_path):
    upload = named_zip(tmp_path / "a.zip", "cat/aNULb.png")
    upload.write_bytes(upload.read_bytes().replace(b"aNULb", b"a\0\0\0b"))
    assert refusal(upload).type == "archive-unsafe-path"


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_links_and_devices_are_refused(kind, tmp_path):
    def link(info):
        info.create_system, info.external_attr = 3, (kind | 0o777) << 16

    error = refusal(named_zip(tmp_path / "a.zip", "cat/link.png", change=link))
    assert error.type == "archive-unsafe-entry"
    assert error.errors == [{"detail": "link or device", "file": "cat/link.png"}]


@pytest.mark.parametrize("second", ["cat/0.png", "cat/0.PNG", "CAT/0.png"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_are_one_file_somewhere_are_refused(second, tmp_path):
    error = refusal(named_zip(tmp_path / "a.zip", second))
    assert error.type == "duplicate-path"
    assert error.errors[0]["file"] == second


def test_an_encrypted_member_is_refused(tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members())
    data = bytearray(upload.read_bytes())
    data[6] |= 1  # the flag in the first local header
    data[data.find(b"PK\x01\x02") + 8] |= 1  # and in the directory
    assert refusal(write(upload, bytes(data))).type == "archive-encrypted"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_other_than_store_and_deflate_are_refused(method, tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members(), method=method)
    assert refusal(upload).type == "archive-method"


def test_a_member_that_inflates_beyond_all_measure_is_refused(tmp_path):
    members = folder_members() | {"cat/zeros.png": bytes(64 << 20)}
    upload = make_zip(tmp_path / "a.zip", members, method=zipfile.ZIP_DEFLATED)
    error = refusal(upload)
    assert error.type == "archive-bomb"
    assert any(item.get("file") == "cat/zeros.png" for item in error.errors)


def test_large_members_that_compress_as_well_as_files_do_are_taken(tmp_path):
    text = b"".join(b"%d,cat\n" % number for number in range(60_000))  # a third of it when packed
    upload = make_zip(
        tmp_path / "a.zip", {"a.csv": b"value,label\n" + text}, method=zipfile.ZIP_DEFLATED
    )
    packed = upload.stat().st_size
    floor = Limits(archive_ratio_floor=len(text) // 2, archive_ratio=2 * len(text) / packed)
    assert open_archive(upload, floor) is not None
    error = refusal(upload, limits=Limits(archive_ratio_floor=1000, archive_ratio=1.5))
    assert error.type == "archive-bomb"
    assert any(item.get("file") == "a.csv" for item in error.errors)


def test_members_that_only_together_inflate_beyond_measure_are_refused(tmp_path):
    zeros = {f"cat/zeros-{number}.png": bytes(1 << 20) for number in range(4)}
    upload = make_zip(tmp_path / "a.zip", zeros, method=zipfile.ZIP_DEFLATED)
    error = refusal(upload, limits=Limits(archive_ratio_floor=2 << 20))
    assert error.type == "archive-bomb"
    [told] = error.errors
    assert told["detail"].startswith("in total, ")
    assert told["detail"].endswith(f" bytes become {4 << 20}")


def test_more_unpacked_bytes_than_allowed_are_refused(tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members())
    assert refusal(upload, limits=Limits(archive_unpacked=1000)).type == "archive-bomb"


def test_too_many_entries_are_refused_before_they_are_listed(tmp_path, monkeypatch):
    upload = make_zip(tmp_path / "a.zip", folder_members(60))
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert refusal(upload, limits=Limits(archive_entries=59)).type == "archive-too-many-entries"


def test_a_directory_that_lists_more_than_it_says_is_refused(tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members())
    data = bytearray(upload.read_bytes())
    end = data.rfind(b"PK\x05\x06")
    data[end + 8 : end + 12] = struct.pack("<HH", 3, 3)
    assert refusal(write(upload, bytes(data))).type == "archive-corrupt"


def test_overlapping_members_are_refused(tmp_path):
    """The quoted overlap: two directory entries that share the bytes of one member."""
    upload = make_zip(tmp_path / "a.zip", folder_members())
    data = bytearray(upload.read_bytes())
    first = data.find(b"PK\x01\x02")
    second = data.find(b"PK\x01\x02", first + 4)
    length = 46 + len("cat/0.png")
    data[second : second + length] = data[first : first + length]  # "dog/0.png" is as long
    data[second + 46 : second + length] = b"cat/1.PNG"
    assert refusal(write(upload, bytes(data))).type in ("archive-overlap", "archive-corrupt")


@pytest.mark.parametrize(("longer", "type"), [(0, None), (1, "archive-overlap")])
def test_a_member_ends_before_the_next_one_begins(longer, type, tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members())
    data = bytearray(upload.read_bytes())
    entry = data.find(b"PK\x01\x02")
    size = struct.unpack_from("<L", data, entry + 20)[0] + longer
    struct.pack_into("<2L", data, entry + 20, size, size)
    write(upload, bytes(data))
    if type is None:
        open_archive(upload, Limits())
    else:
        with pytest.raises(BadDataset) as caught:
            open_archive(upload, Limits())
        assert caught.value.type == type


def test_a_member_inside_another_is_refused(tmp_path):
    inner = picture(1)
    name = b"dog/inner.png"
    header = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, zlib.crc32(inner), len(inner), len(inner),
        len(name), 0,
    )  # fmt: skip
    upload = make_zip(
        tmp_path / "a.zip", {"cat/outer.png": header + name + inner, "dog/x.png": b"x"}
    )
    data = upload.read_bytes()
    at = data.find(header)
    directory = data.find(b"PK\x01\x02")
    entry = struct.pack(
        "<4s4B4H3L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 33, zlib.crc32(inner), len(inner),
        len(inner), len(name), 0, 0, 0, 0, 0, at,
    )  # fmt: skip
    end = bytearray(data[data.rfind(b"PK\x05\x06") :])
    size = len(data) - directory - len(end) + len(entry) + len(name)
    end[8:20] = struct.pack("<HHLL", 3, 3, size, directory)
    body = data[: len(data) - len(end)] + entry + name + bytes(end)
    error = refusal(write(upload, body))
    assert error.type == "archive-overlap"


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_truncated_archive_is_refused(share, tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members())
    data = upload.read_bytes()
    assert refusal(write(upload, data[: int(len(data) * share)])).type == "archive-corrupt"


def test_a_member_larger_than_its_header_says_is_refused(tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members(), method=zipfile.ZIP_DEFLATED)
    data = bytearray(upload.read_bytes())
    with zipfile.ZipFile(upload) as archive:
        size = archive.getinfo("cat/0.png").file_size
    data[22:26] = struct.pack("<L", size // 2)
    at = data.find(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<L", size // 2)
    assert refusal(write(upload, bytes(data))).type == "archive-corrupt"


def test_a_flipped_byte_is_found_by_its_checksum(tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members())
    data = bytearray(upload.read_bytes())
    data[100] ^= 1
    error = refusal(write(upload, bytes(data)))
    assert error.type == "archive-corrupt"
    assert "cat/0.png" in error.detail


def test_a_zip_in_a_zip_is_refused_whatever_it_is_called(tmp_path):
    inner = make_zip(tmp_path / "inner.zip", {"a": "b"}).read_bytes()
    for name in ("inner.zip", "cat/x.tar.gz", "cat/hidden.png"):
        upload = make_zip(tmp_path / "a.zip", folder_members() | {name: inner})
        assert refusal(upload).type == "archive-nested"


def test_an_archive_of_nothing_useful_is_refused_with_what_would_be(tmp_path):
    for members in ({"a.txt": "x"}, {}, {"a.csv": "a\n1\n", "b.csv": "b\n1\n"}):
        error = refusal(make_zip(tmp_path / "a.zip", members))
        assert error.status == 415
        assert "Upload " in error.detail


@pytest.mark.parametrize("name", ["[Content_Types].xml", "model/data.pkl"])
def test_office_documents_and_pickled_models_are_told_apart(name, tmp_path):
    error = refusal(make_zip(tmp_path / "a.zip", {name: "x"}))
    assert error.status == 415
    assert "CSV" in error.detail or "NPZ" in error.detail


def test_a_manifest_that_names_absent_files_is_refused(tmp_path):
    table = to_csv(("file", "label"), [(f"{i}.png", label_of(i)) for i in range(33)])
    members = {f"{i}.png": picture(i) for i in range(30)} | {"labels.csv": table}
    error = refusal(make_zip(tmp_path / "a.zip", members))
    assert error.type == "manifest-mismatch"
    assert [item["row"] for item in error.errors] == [31, 32, 33]


def test_images_that_no_row_names_are_unlabeled(tmp_path):
    table = to_csv(("file", "label"), [(f"{i}.png", label_of(i)) for i in range(28)])
    members = {f"{i}.png": picture(i) for i in range(30)} | {"labels.csv": table}
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert (report.sample_count, report.labeled_count) == (30, 28)
    assert samples["file"].to_pylist()[28:] == ["28.png", "29.png"]
    assert any("2 images are not in labels.csv" in warning for warning in report.warnings)


def test_a_table_and_arrays_of_different_length_are_refused(tmp_path):
    arrays = write_npz(tmp_path / "x.npz", X=np.eye(29)).read_bytes()
    table = to_csv(("id", "label"), [(i, label_of(i)) for i in range(30)])
    upload = make_zip(tmp_path / "a.zip", {"x.npz": arrays, "labels.csv": table})
    assert refusal(upload).type == "shape-mismatch"


def test_images_in_one_folder_or_in_none_are_refused(tmp_path):
    one = {f"cat/{i}.png": picture(i) for i in range(30)}
    assert refusal(make_zip(tmp_path / "a.zip", one)).type == "too-few-classes"
    none = {f"{i}.png": picture(i) for i in range(30)}
    assert refusal(make_zip(tmp_path / "a.zip", none)).type == "label-column-missing"
