"""Tables beside pictures: every row finds its picture, however it writes the name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ingest import ColumnRoles
from service.ingest.archives.archive import Member
from service.ingest.images.member_index import MemberIndex
from service.pictures import image_files
from tests.service.ingest.uploads import (
    CLASSES,
    folder_members,
    label_of,
    make_zip,
    picture,
    refusal,
    take_in,
    to_csv,
)

WRITTEN = {
    "as it is": lambda name: name,
    "without extension": lambda name: name.removesuffix(".png"),
    "name alone": lambda name: name.rpartition("/")[2],
    "number alone": lambda name: name.rpartition("/")[2].removesuffix(".png"),
    "backslashes": lambda name: name.replace("/", "\\"),
    "absolute": lambda name: f"/home/me/data/{name}",
    "on a drive": lambda name: "D:\\data\\" + name.replace("/", "\\"),
    "dot slash": lambda name: f"./{name}",
    "another case": str.upper,
}


@pytest.mark.parametrize("written", WRITTEN)
@pytest.mark.parametrize("column", ["file", "id", "whatever"])
def test_a_name_is_found_however_it_is_written(written, column, tmp_path):
    names = [f"images/{i:04d}.png" for i in range(30)]
    rows = [(WRITTEN[written](name), label_of(i)) for i, name in enumerate(names)]
    members: dict[str, str | bytes] = {n: picture(i) for i, n in enumerate(names)}
    upload = make_zip(tmp_path / "a.zip", members | {"t.csv": to_csv((column, "label"), rows)})
    report, samples = take_in(upload, tmp_path / "out")
    assert report.format == "image-manifest"
    assert samples["file"].to_pylist() == names
    assert samples["given_label"].to_pylist() == [label_of(i) for i in range(30)]


def test_a_row_never_finds_the_picture_of_another_split(tmp_path):
    members = {f"test/{i}.png": picture(i) for i in range(30)}
    members |= {f"train/{i}.png": picture(100 + i) for i in range(29)}
    rows = [(f"train/{i}.png", label_of(i)) for i in range(30)]
    upload = make_zip(tmp_path / "a.zip", members | {"t.csv": to_csv(("file", "label"), rows)})
    error = refusal(upload)
    assert (error.type, error.errors[0]["row"]) == ("manifest-mismatch", 30)


def test_a_table_for_each_split_is_read_with_its_own_pictures(tmp_path):
    members: dict[str, str | bytes] = {}
    for split, first in (("train", 0), ("test", 50)):
        members |= {f"{split}/{i}.png": picture(first + i) for i in range(20)}
        rows = [(f"{i}.png", CLASSES[(i + first) % 3]) for i in range(20)]
        members[f"{split}/metadata.csv"] = to_csv(("file_name", "label"), rows)
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert report.labeled_count == 40
    found = dict(zip(samples["file"].to_pylist(), samples["given_label"].to_pylist(), strict=True))
    assert found["train/1.png"] == CLASSES[1]
    assert found["test/1.png"] == CLASSES[51 % 3]
    assert samples["prior_split"].to_pylist().count("test") == 20
    assert len(set(samples["sample_id"].to_pylist())) == 40


def test_the_only_other_column_is_the_label_and_that_is_said(tmp_path):
    members = {f"train/{i}.png": picture(i) for i in range(30)}
    rows = [(i, label_of(i)) for i in range(30)]
    upload = make_zip(tmp_path / "a.zip", members | {"labels.csv": to_csv(("id", "breed"), rows)})
    report, _ = take_in(upload, tmp_path / "out")
    assert report.columns.label == "breed"
    assert any("breed" in warning for warning in report.warnings)


def test_a_table_whose_label_cannot_be_told_is_named(tmp_path):
    members = {f"train/{i}.png": picture(i) for i in range(30)}
    rows = [(i, label_of(i), label_of(i + 1)) for i in range(30)]
    table = to_csv(("id", "breed", "colour"), rows)
    upload = make_zip(tmp_path / "a.zip", members | {"labels.csv": table})
    error = refusal(upload)
    assert error.type == "label-column-missing"
    assert "labels.csv" in error.detail
    assert "breed, colour" in error.detail
    report, _ = take_in(upload, tmp_path / "out", roles=ColumnRoles(label="colour"))
    assert report.columns.label == "colour"


def test_a_table_that_is_not_used_is_named(tmp_path):
    members = folder_members() | {"notes.csv": "day,weather\n1,rain\n2,sun\n"}
    report, _ = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert any("notes.csv" in warning for warning in report.warnings)


@settings(max_examples=200, deadline=None)
@given(
    names=st.lists(
        st.tuples(st.sampled_from(["a", "b", "a/b"]), st.integers(0, 30)),
        min_size=1, max_size=20, unique=True,
    ),
    style=st.sampled_from(sorted(WRITTEN)),
)  # fmt: skip
def test_a_name_finds_its_own_picture_or_none(names, style):
    members = [Member(f"{f}/{n}.png", 0, 0, 0, image_files.STORED, None, None) for f, n in names]
    index = MemberIndex(members)
    for member in members:
        found = index.find(WRITTEN[style](member.name))
        unsure = style in ("name alone", "number alone")
        assert found is member or (unsure and (found is None or len(names) > 1))
