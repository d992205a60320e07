"""Texts in folders are read as pictures in folders are: the folder is the class."""

import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.exports.formats import Correction, export
from service.ingest import ColumnRoles, Limits
from service.ingest.archives.archive import Archive, Member
from service.ingest.folders.layout import FolderSource
from service.ingest.source import BATCH_BYTES, BATCH_ROWS
from service.ingest.texts.folders import TextFolders, find_texts
from service.pictures.image_files import STORED
from tests.service.ingest.test_folders import CLASS_FOLDERS, SPLIT_FOLDERS
from tests.service.ingest.uploads import make_zip, refusal, take_in, to_tar, write

LAYOUTS = SPLIT_FOLDERS | CLASS_FOLDERS


def to_texts(names: list[str]) -> dict[str, str | bytes]:
    return {name.replace(".png", ".txt"): f"words of {name}" for name in names}


def by_id(samples, column: str = "given_label") -> dict[str, str | None]:
    return dict(zip(samples["sample_id"].to_pylist(), samples[column].to_pylist(), strict=True))


def two_classes(count: int = 20) -> dict[str, str | bytes]:
    return {f"{'neg' if i % 2 else 'pos'}/{i}.txt": f"sentence {i}" for i in range(count)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_folders_mean_the_same_for_texts_as_for_pictures(layout, tmp_path):
    names = LAYOUTS[layout]
    members = [Member(name, 0, 0, 0, STORED, None, None) for name in names]
    expected = FolderSource(members).layout
    report, samples = take_in(make_zip(tmp_path / "a.zip", to_texts(names)), tmp_path / "out")
    assert (report.kind, report.format) == ("text", "textfolder")
    strays = [name for name in names if name.endswith("grid.png")]
    assert sorted(samples["text"].to_pylist()) == sorted(
        f"words of {name}" for name in names if name not in strays
    )
    for row in samples.to_pylist():
        name = row["text"].removeprefix("words of ")
        assert row["given_label"] == expected.label_of(name)
        if expected.has_splits:
            assert row["prior_split"] == expected.split_of(name)
        assert name.replace(".png", ".txt").endswith(row["sample_id"])


def test_imdb_is_read_without_the_files_about_it(tmp_path):
    members: dict[str, str | bytes] = {
        f"aclImdb/{split}/{name}/{i}_7.txt": f"review {split} {name} {i}"
        for split in ("train", "test")
        for name in ("pos", "neg")
        for i in range(10)
    }
    members |= {f"aclImdb/train/unsup/{i}_0.txt": "who knows" for i in range(5)}
    about = ["aclImdb/README", "aclImdb/imdb.vocab", "aclImdb/imdbEr.txt"]
    about += ["aclImdb/train/urls_pos.txt", "aclImdb/train/labeledBow.feat"]
    upload = make_zip(tmp_path / "a.zip", members | dict.fromkeys(about, "0 1"))
    report, samples = take_in(upload, tmp_path / "out")
    assert report.class_names == ["neg", "pos"]
    assert (report.sample_count, report.labeled_count) == (45, 40)
    assert by_id(samples)["train/unsup/3_0.txt"] is None
    assert by_id(samples, "prior_split")["test/pos/1_7.txt"] == "test"
    assert any("train/unsup was read as samples without labels" in w for w in report.warnings)
    ignored = next(warning for warning in report.warnings if "other files" in warning)
    assert all(name in ignored for name in about)


def test_files_without_a_suffix_or_with_a_hash_for_one_are_texts(tmp_path):
    names = [f"20news/{'sci.space' if i % 2 else 'rec.autos'}/{i}" for i in range(20)]
    names += [f"20news/alt.atheism/{i:05}.7c53336b37003a9286aba55d2945844c" for i in range(5)]
    content = dict.fromkeys(names, b"From: a\n\nwords") | {"20news/sci.space/core": b"\x7fELF\0\0"}
    report, samples = take_in(write(tmp_path / "a.tar", to_tar(content)), tmp_path / "out")
    assert report.class_names == ["alt.atheism", "rec.autos", "sci.space"]
    assert samples["text"].to_pylist() == ["From: a\n\nwords"] * 25
    assert any("20news/sci.space/core" in warning for warning in report.warnings)


def test_each_text_has_its_own_encoding_and_a_guess_is_said(tmp_path):
    members = two_classes() | {
        "pos/a.txt": "é".encode("utf-8-sig"),
        "pos/b.txt": "naïve and naïve words".encode("utf-16"),
        "neg/c.txt": "a café in the town".encode("cp1252"),
    }
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    texts = by_id(samples, "text")
    assert texts["pos/a.txt"] == "é"
    assert texts["pos/b.txt"] == "naïve and naïve words"
    assert texts["neg/c.txt"] == "a café in the town"
    guess = next(warning for warning in report.warnings if "cp1252" in warning)
    assert "neg/c.txt" in guess
    assert "pos/a.txt" not in guess


def test_a_text_that_cannot_be_read_is_left_out_and_named(tmp_path):
    members = two_classes(60) | {"pos/bad.txt": b"\x81\x8d\x8f", "neg/long.txt": "x" * 3000}
    limits = Limits(field=2000)
    report, samples = take_in(
        make_zip(tmp_path / "a.zip", members), tmp_path / "out", limits=limits
    )
    assert samples.num_rows == 60
    warning = next(warning for warning in report.warnings if "left out" in warning)
    assert "pos/bad.txt" in warning
    assert "neg/long.txt (it has 3000 bytes; the limit is 2000)" in warning


def test_too_many_unreadable_texts_or_all_of_a_class_are_refused(tmp_path):
    members = two_classes() | {f"pos/bad{i}.txt": b"\x81\x8d\x8f" for i in range(6)}
    error = refusal(make_zip(tmp_path / "a.zip", members))
    assert error.type == "too-many-bad-texts"
    assert error.errors[0]["file"].startswith("pos/bad")
    error = refusal(make_zip(tmp_path / "b.zip", two_classes() | {"odd/1.txt": b"\x81\x8d"}))
    assert (error.type, "No text of odd" in error.detail) == ("too-many-bad-texts", True)


def test_texts_in_no_class_are_refused_with_what_to_do(tmp_path):
    flat = {f"{i}.txt": f"sentence {i}" for i in range(20)}
    error = refusal(make_zip(tmp_path / "a.zip", flat))
    assert error.type == "label-column-missing"
    assert "in no folders" in error.detail
    splits = {f"{'train' if i % 2 else 'test'}/{i}.txt": f"sentence {i}" for i in range(20)}
    error = refusal(make_zip(tmp_path / "b.zip", splits))
    assert "splits of the data, not classes" in error.detail


def test_another_level_of_folders_can_be_the_label(tmp_path):
    upload = make_zip(tmp_path / "a.zip", to_texts(CLASS_FOLDERS["breeds"]))
    report, _ = take_in(upload, tmp_path / "out", roles=ColumnRoles(label="folder_2"))
    assert report.class_names == ["beagle", "persian", "poodle", "siamese"]


def test_a_corrected_text_moves_and_those_left_out_shift_nothing(tmp_path):
    members = {"neg/0.txt": b"\x81\x8d\x8f"} | two_classes()  # the first row becomes no sample
    upload = make_zip(tmp_path / "a.zip", members)
    _, samples = take_in(upload, tmp_path / "out")
    place = samples["sample_id"].to_pylist().index("pos/4.txt")
    labels = {
        place: Correction("neg", "relabel", "ann"),
        place + 1: Correction(None, "exclude", "ann", excluded=True),
    }
    target = tmp_path / "corrected.zip"
    export("text", "textfolder", upload, tmp_path / "out" / "samples.parquet", labels, target)
    with zipfile.ZipFile(target) as archive:
        names = set(archive.namelist())
        assert archive.read("neg/4.txt") == b"sentence 4"
    assert names == set(members) - {"pos/4.txt", "neg/5.txt"} | {
        "neg/4.txt",
        ".labelaudit/corrections.jsonl",
    }


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.integers(0, BATCH_BYTES), min_size=1, max_size=50))
def test_batches_hold_every_text_once_and_fit_in_memory(sizes):
    members = [Member(f"a/{i}", 0, 0, n, STORED, None, None) for i, n in enumerate(sizes)]
    batches = [batch["file"].to_pylist() for batch in TextFolders(members).batches(["file"])]
    assert [name for batch in batches for name in batch] == [m.name for m in members]
    for batch in batches:
        assert 0 < len(batch) <= BATCH_ROWS
        assert sum(sizes[int(name[2:])] for name in batch) <= BATCH_BYTES


def test_names_of_documents_and_of_programs_are_no_texts(tmp_path):
    wanted = ["a/1.txt", "a/mail.eml", "a/0007.1999-12-14.farmer.ham.txt"]
    others = ["a/README", "a/readme.txt", "a/LICENSE.md", "a/vocab.txt", "a/main.py", "a/x.json"]
    members = [Member(name, 0, 0, 0, STORED, None, None) for name in (*wanted, *others)]
    archive = Archive(tmp_path / "none", {member.name: member for member in members})
    assert [member.name for member in find_texts(archive)] == wanted


TABLE = "note,label\n" + "".join(f"remark {i},{'ab'[i % 2]}\n" for i in range(20))


def test_texts_beside_a_table_are_not_passed_over_in_silence(tmp_path):
    upload = make_zip(tmp_path / "a.zip", two_classes() | {"reviews.csv": TABLE})
    report, _ = take_in(upload, tmp_path / "out")
    assert report.sample_count == 20
    [said] = [note for note in report.warnings if note.startswith("Only reviews.csv was read.")]
    assert "20 texts in 2 folders" in said
    assert "upload the archive again without the table" in said


def test_a_readme_beside_a_table_is_no_text_that_was_passed_over(tmp_path):
    files = {"reviews.csv": TABLE, "README.txt": "about", "notes/1.txt": "one"}
    report, _ = take_in(make_zip(tmp_path / "a.zip", files), tmp_path / "out")
    assert not [note for note in report.warnings if "was read." in note]
