"""Labels of pictures in JSON, in lists and in files beside them are read as those of a table."""

import json
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.core.errors import BadInput
from service.exports.formats import Correction, export
from service.ingest.archives.archive import Member
from service.ingest.images.member_index import MemberIndex
from service.ingest.listings.json_labels import read_json
from service.ingest.listings.label_rows import NotRead, Pair, check_labels
from service.ingest.listings.lines import read_lines
from service.pictures.image_files import STORED
from tests.service.ingest.uploads import (
    CLASSES,
    folder_members,
    label_of,
    make_zip,
    picture,
    refusal,
    take_in,
    to_csv,
    to_tar,
    write,
)

NAMES = [f"img/{i:03d}.png" for i in range(30)]
PICTURES = {name: picture(i) for i, name in enumerate(NAMES)}
LABELS = {name: label_of(i) for i, name in enumerate(NAMES)}
CODES = {name: i % 3 for i, name in enumerate(NAMES)}


def lines(separator: str = " ", labels=LABELS) -> str:
    return "".join(f"{name}{separator}{label}\n" for name, label in labels.items())


def bare(name: str) -> str:
    return name.removeprefix("img/")


FILES: dict[str, dict[str, str]] = {
    "map": {"labels.json": json.dumps(LABELS)},
    "map of names alone": {"img/a.json": json.dumps({bare(n): x for n, x in LABELS.items()})},
    "map of objects": {"a.json": json.dumps({n: {"label": x, "n": 1} for n, x in LABELS.items()})},
    "map of lists of one": {"a.json": json.dumps({n: [x] for n, x in LABELS.items()})},
    "map of classes": {
        "a.json": json.dumps({c: [n for n in NAMES if LABELS[n] == c] for c in CLASSES})
    },
    "wrapped map": {"a.json": json.dumps({"version": 1, "labels": LABELS})},
    "wrapped rows": {
        "a.json": json.dumps({"images": [{"file": n, "label": x} for n, x in LABELS.items()]})
    },
    "list by blanks": {"train.txt": lines()},
    "list by tabs": {"labels.txt": lines("\t")},
    "list by commas": {"labels.txt": "file,label\n" + lines(",")},
    "list by semicolons": {"labels.lst": lines("; ")},
    "list with the label first": {
        "a.txt": "# made by hand\n\n" + "".join(f"{x} {n}\n" for n, x in LABELS.items())
    },
    "list without suffixes": {"a.txt": lines().replace(".png", "").replace("img/", "")},
    "lists of splits": {
        "train.txt": "".join(lines().splitlines(True)[:20]),
        "val.txt": "".join(lines().splitlines(True)[20:]),
        "trainval.txt": lines(),
        "test.txt": "img/001.png\nimg/002.png\n",
    },
    "text beside": {n.replace(".png", ".txt"): f"{x}\n" for n, x in LABELS.items()},
    "class beside": {n.replace(".png", ".cls"): x for n, x in LABELS.items()}
    | {n.replace(".png", ".txt"): f"caption of {n}" for n in NAMES},
    "JSON beside": {
        n.replace(".png", ".json"): json.dumps({"caption": f"of {n}", "label": x})
        for n, x in LABELS.items()
    },
}


@pytest.mark.parametrize("form", FILES)
def test_labels_are_found_wherever_they_stand(form, tmp_path):
    upload = make_zip(tmp_path / "a.zip", {**PICTURES, "README.txt": "hello", **FILES[form]})
    report, samples = take_in(upload, tmp_path / "out")
    assert (report.kind, report.format) == ("image", "image-manifest")
    assert report.class_counts == [10, 10, 10]
    found = dict(zip(samples["file"].to_pylist(), samples["given_label"].to_pylist(), strict=True))
    assert found == LABELS
    assert any(warning.startswith("The labels were read from") for warning in report.warnings)
    if form == "lists of splits":
        assert samples["prior_split"].to_pylist() == ["train"] * 20 + ["val"] * 10
        assert any("trainval.txt" in warning for warning in report.warnings)


CODED = {
    "dataset.json": json.dumps({"labels": list(CODES.items())}),
    "pairs.json": json.dumps({"labels": [[n, float(x)] for n, x in CODES.items()]}),
    "train.lst": "".join(f"{7 * i}\t{x}.000000\t{n}\n" for i, (n, x) in enumerate(CODES.items())),
    "numbers.txt": "".join(f"{x} {i:03d}\n" for i, x in enumerate(CODES.values())),
}


@pytest.mark.parametrize("name", CODED)
def test_numbers_are_classes_as_they_are_written(name, tmp_path):
    upload = make_zip(tmp_path / "a.zip", {**PICTURES, name: CODED[name]})
    report, samples = take_in(upload, tmp_path / "out")
    assert report.class_names == ["0", "1", "2"]
    assert samples["given_label"].to_pylist() == [str(code) for code in CODES.values()]


@pytest.mark.parametrize("suffix", ["cls", "txt", "json"])
def test_webdataset_is_read_with_the_splits_of_its_folders(suffix, tmp_path):
    members: dict[str, bytes] = {}
    for i in range(30):
        stem = f"{'train' if i % 5 else 'val'}/{i:06d}"
        label = json.dumps({"cls": i % 3}) if suffix == "json" else str(i % 3)
        members |= {f"{stem}.jpg": picture(i, format="JPEG"), f"{stem}.{suffix}": label.encode()}
    report, samples = take_in(write(tmp_path / "a.tar", to_tar(members)), tmp_path / "out")
    assert report.class_names == ["0", "1", "2"]
    for row in samples.to_pylist():
        split, _, stem = row["file"].partition("/")
        assert row["prior_split"] == split
        assert row["given_label"] == str(int(stem.removesuffix(".jpg")) % 3)
    assert not any("other files" in warning for warning in report.warnings)


def test_pictures_that_are_not_listed_have_no_label_and_those_that_lack_are_refused(tmp_path):
    some = dict(list(LABELS.items())[:20])
    upload = make_zip(tmp_path / "a.zip", {**PICTURES, "labels.json": json.dumps(some)})
    report, _ = take_in(upload, tmp_path / "out")
    assert (report.sample_count, report.labeled_count) == (30, 20)
    assert "10 images are not in labels.json; they have no label." in report.warnings
    more = {**LABELS, "img/999.png": "cat"}
    error = refusal(make_zip(tmp_path / "b.zip", {**PICTURES, "labels.json": json.dumps(more)}))
    assert (error.type, error.errors[0]["file"]) == ("manifest-mismatch", "img/999.png")


UNREAD = {
    "captions": ("a.json", json.dumps({n: f"of {n}" for n in NAMES}), "differ for nearly every"),
    "several": ("a.json", json.dumps({n: ["a", "b"] for n in NAMES}), "several labels"),
    "objects": ("a.json", json.dumps({n: {"w": 1, "h": 2} for n in NAMES}), "called label (w, h)"),
    "one class": ("a.json", json.dumps(dict.fromkeys(NAMES, "cat")), "all its labels are 'cat'"),
    "others": ("a.json", json.dumps({f"x{n}.gif": "a" for n in NAMES}), "none of the images"),
    "broken": ("a.json", '{"img/000.png": "cat"', "no JSON"),
    "surrogate": ("a.json", json.dumps(LABELS).replace("cat", "\\ud800"), "surrogate"),
    "deep": ("a.json", '{"labels":' * 900 + "1" + "}" * 900, "names none of the images"),
    "columns": ("list.txt", lines(" 1 2 "), "4 columns without names"),
    "no labels": ("list.txt", "\n".join(NAMES), "without labels"),
    "binary": ("list.txt", "\0" * 50, "no text"),
    "MATLAB": ("setid.mat", "MATLAB", "Not looked into: setid.mat"),
}


@pytest.mark.parametrize("kind", UNREAD)
@pytest.mark.parametrize("folder", ["img/", ""])
def test_a_file_that_gives_no_labels_is_named_with_the_reason(kind, folder, tmp_path):
    name, content, reason = UNREAD[kind]
    members = {n.replace("img/", folder): data for n, data in PICTURES.items()}
    error = refusal(make_zip(tmp_path / "a.zip", {**members, name: content}))
    assert error.type == ("too-few-classes" if folder else "label-column-missing")
    assert name in error.detail
    assert reason in error.detail


@pytest.mark.parametrize("pattern", ["{}.{}.jpg", "{}_{}.jpg", "{1}-{0}.jpg", "{} ({}).jpg"])
def test_classes_in_the_names_alone_are_refused_with_the_way_out(pattern, tmp_path):
    names = ["train/" + pattern.format(label_of(i), i) for i in range(30)]
    members = {name: picture(i, format="JPEG") for i, name in enumerate(names)}
    error = refusal(make_zip(tmp_path / "a.zip", members))
    assert error.type == "label-column-missing"
    assert "in the names of the files (cat, dog, fox)" in error.detail
    for name in names:
        (tmp_path / "d" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / name).touch()
    program = error.detail.partition("Python: ")[2]
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path / "d", check=True)
    table = {"labels.csv": (tmp_path / "d" / "labels.csv").read_bytes()}
    report, _ = take_in(make_zip(tmp_path / "b.zip", members | table), tmp_path / "out")
    assert report.class_counts == [10, 10, 10]


def test_numbers_and_cameras_are_no_classes(tmp_path):
    members = {f"train/IMG_{i}.png": picture(i) for i in range(30)}
    error = refusal(make_zip(tmp_path / "a.zip", members))
    assert "names of the files" not in error.detail


def test_lists_do_not_hide_class_folders_unless_they_say_more(tmp_path):
    members = folder_members()
    same = {name: f"n{name[:3]}" for name in members}
    few = dict(list({name: label_of(i + 1) for i, name in enumerate(members)}.items())[:14])
    for place, labels in enumerate((same, few)):
        upload = make_zip(tmp_path / f"{place}.zip", {**members, "train.txt": lines(labels=labels)})
        report, _ = take_in(upload, tmp_path / f"out{place}")
        assert (report.format, report.class_names) == ("imagefolder", list(CLASSES))
        assert any("train.txt lists images, but was not used" in w for w in report.warnings)
    other = {name: f"n{i % 2}" for i, name in enumerate(members)}
    upload = make_zip(tmp_path / "a.zip", {**members, "train.txt": lines(labels=other)})
    report, _ = take_in(upload, tmp_path / "out")
    assert (report.format, report.class_names) == ("image-manifest", ["n0", "n1"])


@pytest.mark.parametrize("line", ["{file} {label}\n", "{label} {file}\n"])
@pytest.mark.parametrize("name", ["img/IMG {}.png", "my cats/IMG_{}.png", "my cats/IMG {} b.png"])
def test_names_may_have_blanks_all_at_the_same_place(tmp_path, name, line):
    labels = {name.format(100 + i): label_of(i) for i in range(30)}
    members: dict[str, bytes | str] = {file: picture(i) for i, file in enumerate(labels)}
    members["labels.txt"] = "".join(line.format(file=f, label=x) for f, x in labels.items())
    _, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert samples["given_label"].to_pylist() == list(labels.values())


def test_lists_that_contradict_each_other_are_not_read(tmp_path):
    lists = {
        f"Main/{name}_train.txt": "".join(
            f"{n} {1 if x == name else -1}\n" for n, x in LABELS.items()
        )
        for name in ("cat", "dog")
    }
    error = refusal(make_zip(tmp_path / "a.zip", {**PICTURES, **lists}))
    assert error.type == "too-few-classes"
    assert "Main/cat_train.txt labels the same images differently; keep one" in error.detail


def test_a_table_comes_before_other_files(tmp_path):
    table = to_csv(("file", "label"), LABELS.items())
    other = json.dumps({name: f"x{i % 2}" for i, name in enumerate(NAMES)})
    upload = make_zip(tmp_path / "a.zip", {**PICTURES, "labels.csv": table, "labels.json": other})
    report, _ = take_in(upload, tmp_path / "out")
    assert report.class_names == list(CLASSES)
    assert any("labels.json" in warning for warning in report.warnings)


def test_corrections_are_not_written_into_other_files_than_tables(tmp_path):
    upload = make_zip(tmp_path / "a.zip", {**PICTURES, "labels.json": json.dumps(LABELS)})
    take_in(upload, tmp_path / "out")
    samples, target = tmp_path / "out" / "samples.parquet", tmp_path / "corrected"
    with pytest.raises(BadInput) as caught:
        export(
            "image", "image-manifest", upload, samples, {0: Correction("dog", "relabel")}, target
        )
    assert caught.value.type == "original-not-written"
    export("image", "image-manifest", upload, samples, {}, target)
    assert target.read_bytes() == upload.read_bytes()


names = st.lists(
    st.tuples(st.sampled_from(["a", "b", "a/b c"]), st.integers(0, 99)), min_size=4, unique=True
)


@settings(max_examples=200, deadline=None)
@given(names=names, separator=st.sampled_from([" ", "\t", ",", ";", ", "]), first=st.booleans())
def test_a_list_gives_back_what_was_written(names, separator, first):
    files = [f"{folder}/{number}.png" for folder, number in names]
    pairs = [Pair(file, f"c{place % 2}") for place, file in enumerate(files)]
    if separator == " " and first:  # nobody could tell where the name begins
        pairs = [pair._replace(file=pair.file.replace(" ", "")) for pair in pairs]
    text = "".join(
        separator.join((pair.label, pair.file) if first else (pair.file, pair.label)) + "\n"
        for pair in pairs
    )
    index = MemberIndex(Member(pair.file, 0, 0, 0, STORED, None, None) for pair in pairs)
    assert read_lines(text, index, "") == pairs


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("labels"), inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(values)
def test_any_document_gives_pairs_of_strings_or_a_reason(document):
    try:
        pairs = check_labels(read_json(json.dumps(document)))
    except NotRead:
        return
    assert all(isinstance(pair.file, str) and (pair.label is None or pair.label) for pair in pairs)
