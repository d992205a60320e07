"""Every supported form becomes the canonical samples."""

import io
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from service.ingest import ColumnRoles, ingest, read_origin
from service.pictures.image_files import read_media
from tests.service.ingest.uploads import (
    CLASSES,
    FORMS,
    READ_ONLY,
    folder_members,
    label_of,
    make_form,
    make_zip,
    picture,
    shared_data,
    take_in,
    text_rows,
    to_csv,
    to_jsonl,
    write,
    write_npz,
    write_parquet,
)


@pytest.mark.parametrize("form", FORMS | READ_ONLY)
def test_each_form_gives_its_kind_and_its_labels_in_order(form, tmp_path):
    report, samples = take_in(make_form(form, tmp_path), tmp_path / "out")
    kind, format = (FORMS | READ_ONLY)[form]
    names = list(CLASSES) if form != "parquet-integers" else ["0", "1", "2"]
    expected = [names[CLASSES.index(label_of(row))] for row in range(30)]
    assert (report.kind, report.format) == (kind, format)
    assert samples["given_label"].to_pylist() == expected
    assert report.class_names == names
    assert report.class_counts == [10, 10, 10]
    assert len(set(samples["sample_id"].to_pylist())) == 30


@pytest.mark.parametrize("form", FORMS)
def test_the_extension_of_the_name_does_not_matter(form, tmp_path):
    upload = make_form(form, tmp_path).rename(tmp_path / "upload")
    report, _ = take_in(upload, tmp_path / "out")
    assert (report.kind, report.format) == FORMS[form]


def test_row_groups_have_1024_rows(tmp_path):
    upload = write(tmp_path / "a.jsonl", to_jsonl(text_rows(2500)))
    ingest(upload, filename="a.jsonl", destination=tmp_path / "out")
    metadata = pq.read_metadata(tmp_path / "out" / "samples.parquet")
    assert [metadata.row_group(i).num_rows for i in range(3)] == [1024, 1024, 452]


def test_an_image_is_read_back_without_the_archives_directory(tmp_path):
    members = folder_members()
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        upload = make_zip(tmp_path / f"{method}.zip", members, method=method)
        _, samples = take_in(upload, tmp_path / f"out{method}")
        for row in samples.to_pylist():
            places = [row[f"media_{part}"] for part in ("offset", "compressed", "size", "method")]
            assert read_media(upload, *places) == members[row["file"]]


@pytest.mark.parametrize("prefix", ["", "pets/", "data/pets/", "train/", "pets/train/"])
def test_a_common_root_above_the_class_folders_is_stepped_over(prefix, tmp_path):
    upload = make_zip(tmp_path / "a.zip", folder_members(prefix=prefix))
    report, samples = take_in(upload, tmp_path / "out")
    assert report.class_names == list(CLASSES)
    assert samples["sample_id"][0].as_py() == "cat/0.png"


def test_train_and_test_folders_are_read_as_one_dataset(tmp_path):
    members = folder_members(prefix="train/") | folder_members(prefix="test/")
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert report.class_counts == [20, 20, 20]
    assert samples["sample_id"][0].as_py() == "train/cat/0.png"
    assert any("one dataset" in warning for warning in report.warnings)


def test_folders_below_the_class_folder_belong_to_the_class(tmp_path):
    members = {f"{CLASSES[i % 3]}/batch{i % 2}/{i}.png": picture(i) for i in range(30)}
    report, _ = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert report.class_names == list(CLASSES)


def test_what_operating_systems_leave_in_archives_is_passed_over(tmp_path):
    junk = {"__MACOSX/cat/._0.png": b"x", "cat/.DS_Store": b"x", "cat/Thumbs.db": b"x"}
    report, _ = take_in(make_zip(tmp_path / "a.zip", folder_members() | junk), tmp_path / "out")
    assert report.sample_count == 30
    assert not any("other files" in warning for warning in report.warnings)


def test_names_in_utf8_are_read_even_if_the_archive_does_not_say_so(tmp_path):
    members = {name.replace("cat", "cafe"): data for name, data in folder_members().items()}
    upload = make_zip(tmp_path / "a.zip", members)
    upload.write_bytes(upload.read_bytes().replace(b"cafe", "é".encode() + b"te"))
    report, _ = take_in(upload, tmp_path / "out")
    assert "éte" in report.class_names


def test_a_manifest_may_lie_beside_or_above_its_images(tmp_path):
    table = to_csv(("file", "label"), [(f"{i}.png", label_of(i)) for i in range(30)])
    for place in ("samples.csv", "pack/samples.csv", "pack/images/samples.csv"):
        members = {f"pack/images/{i}.png": picture(i) for i in range(30)} | {place: table}
        upload = make_zip(tmp_path / "a.zip", members)
        report, samples = take_in(upload, tmp_path / f"out{place.count('/')}")
        assert report.format == "image-manifest"
        assert samples["file"][3].as_py() == "pack/images/3.png"
        assert samples["sample_id"][3].as_py() == "3.png"


def test_a_table_without_labels_beside_class_folders_does_not_hide_them(tmp_path):
    members = folder_members() | {"captions.csv": "file_name,caption\ncat/0.png,a cat\n"}
    report, _ = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert report.format == "imagefolder"
    assert any("captions.csv" in warning for warning in report.warnings)


def test_images_in_a_parquet_manifest_keep_their_sample_ids(tmp_path):
    rows = {"sample_id": [f"x{i}" for i in range(30)], "file": [f"{i}.png" for i in range(30)]}
    table = write_parquet(tmp_path / "t", rows | {"label": [label_of(i) for i in range(30)]})
    members = {f"{i}.png": picture(i) for i in range(30)} | {"samples.parquet": table.read_bytes()}
    _, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert samples["sample_id"].to_pylist() == rows["sample_id"]


def test_missing_labels_are_kept_as_null_and_reported(tmp_path):
    rows = text_rows()
    rows[3]["label"], rows[4]["label"] = None, ""
    report, samples = take_in(write(tmp_path / "a.jsonl", to_jsonl(rows)), tmp_path / "out")
    assert samples["given_label"].to_pylist()[3:5] == [None, None]
    assert (report.sample_count, report.labeled_count) == (30, 28)
    assert any("2 samples have no label" in warning for warning in report.warnings)


def test_negative_codes_in_an_npz_are_missing_labels(tmp_path):
    codes = np.array([-1, 0, 1] * 10)
    upload = write_npz(tmp_path / "a.npz", X=np.eye(30), y=codes, class_names=["no", "yes"])
    report, samples = take_in(upload, tmp_path / "out")
    assert samples["given_label"].to_pylist()[:3] == [None, "no", "yes"]
    assert report.labeled_count == 20


def test_minus_one_and_one_are_two_classes(tmp_path):
    upload = write_npz(tmp_path / "a.npz", X=np.eye(30), y=np.array([-1, 1] * 15))
    report, _ = take_in(upload, tmp_path / "out")
    assert report.class_names == ["-1", "1"]


def test_an_integer_column_with_gaps_names_its_classes_as_integers(tmp_path):
    label = [0.0, 1.0, 10.0, 2.0, None] * 8
    upload = write_parquet(tmp_path / "a", {"f_a": list(range(40)), "label": label})
    report, _ = take_in(upload, tmp_path / "out")
    assert report.class_names == ["0", "1", "2", "10"]


def test_class_names_of_the_datasets_library_are_used(tmp_path):
    import json

    features = {"label": {"_type": "ClassLabel", "names": ["neg", "pos"]}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    table = pa.table(
        {"text": [f"text {i}" for i in range(30)], "label": [i % 2 for i in range(30)]}
    )
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    report, _ = take_in(tmp_path / "a.parquet", tmp_path / "out")
    assert report.class_names == ["neg", "pos"]


def test_probabilities_keep_the_files_order_of_classes_even_for_absent_ones(tmp_path):
    codes = np.array([0, 2] * 15)
    probabilities = np.full((30, 3), 1 / 3)
    upload = write_npz(tmp_path / "a.npz", pred_probs=probabilities + np.eye(30, 3) * 1e-3, y=codes)
    report, _ = take_in(upload, tmp_path / "out")
    assert report.class_names == ["0", "1", "2"]
    assert report.class_counts == [15, 0, 15]


@pytest.mark.parametrize("dtype", [">f4", "<f8", "f2", "i4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_vectors_of_any_number_type_and_memory_order_are_read(dtype, order, tmp_path):
    vectors = np.asarray(np.arange(3000).reshape(1500, 2) % 512, dtype, order=order)
    labels = np.array(["a", "b"] * 750)
    upload = write_npz(tmp_path / "a.npz", X=vectors, y=labels)
    _, samples = take_in(upload, tmp_path / "out")
    assert samples.schema.field("embedding").type == pa.list_(pa.float32(), 2)
    assert np.array_equal(np.stack(samples["embedding"].to_numpy()), vectors.astype(np.float32))


def test_table_features_are_numbers_or_categories_with_gaps(tmp_path):
    rows = [
        (i, ["red", "green", ""][i % 3], "" if i == 0 else i / 2, label_of(i)) for i in range(30)
    ]
    upload = write(tmp_path / "a.csv", to_csv(("id", "color", "size", "label"), rows))
    report, samples = take_in(upload, tmp_path / "out")
    assert report.columns.features == {"color": "categorical", "size": "numeric"}
    assert samples["feature.color"].to_pylist()[:3] == ["red", "green", None]
    assert samples["feature.size"].to_pylist()[:3] == [None, 0.5, 1.0]


def test_quotes_line_breaks_and_a_byte_order_mark_in_csv_are_understood(tmp_path):
    lines = "".join(f'"say ""{i}"",\nplease",{label_of(i)}\r\n' for i in range(30))
    upload = write(tmp_path / "a.csv", "\ufefftext,label\r\n" + lines)
    _, samples = take_in(upload, tmp_path / "out")
    assert samples["text"][7].as_py() == 'say "7",\nplease'


def test_progress_rises_from_zero_to_one(tmp_path):
    told = []
    upload = make_form("jsonl", tmp_path, 5000)
    ingest(upload, filename="a", destination=tmp_path / "out", on_progress=told.append)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
    assert len(told) > 5


def test_the_report_is_plain_json(tmp_path):
    import json

    report, _ = take_in(make_form("csv", tmp_path), tmp_path / "out")
    assert json.loads(json.dumps(report.as_dict()))["columns"]["text"] == "text"


def test_images_that_cannot_be_decoded_are_left_out_if_few(tmp_path):
    members = folder_members(300)
    members["dog/5.png"] = members["dog/5.png"][:60]
    report, samples = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert (report.sample_count, report.labeled_count) == (299, 299)
    assert report.class_counts == [100, 99, 100]
    assert "dog/5.png" not in samples["file"].to_pylist()
    assert any("dog/5.png" in warning for warning in report.warnings)
    assert read_origin(tmp_path / "out" / "samples.parquet").skipped_rows == [16]


def test_unusual_but_sound_pictures_are_taken(tmp_path):
    members = folder_members()
    strip, deep = io.BytesIO(), io.BytesIO()
    Image.new("1", (1, 1_000_000)).save(strip, "PNG")
    Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000).save(deep, "PNG")
    members["cat/cmyk.jpg"] = _save(Image.new("CMYK", (9, 9), (10, 20, 30, 40)), "JPEG")
    members |= {"cat/strip.png": strip.getvalue(), "cat/deep.png": deep.getvalue()}
    members["dog/polyglot.png"] = picture(5) + b"<script>alert(1)</script>"
    report, _ = take_in(make_zip(tmp_path / "a.zip", members), tmp_path / "out")
    assert report.sample_count == 34


def _save(image: Image.Image, format: str) -> bytes:
    target = io.BytesIO()
    image.save(target, format)
    return target.getvalue()


PACKS = {
    "cifar10n/images.zip": ("image", 10_000, 10),
    "trec/samples.parquet": ("text", 5_943, 6),
    "banking77/samples.parquet": ("text", 13_083, 77),
    "hausa_newsclass/samples.parquet": ("text", 2_045, 5),
    "medical_relations_crowdtruth/samples.parquet": ("text", 7_968, 2),
    "sentiment_polarity_mturk/samples.parquet": ("text", 4_999, 2),
    "student_grades/samples.parquet": ("table", 941, 5),
    "tabular_letter/samples.parquet": ("table", 20_000, 26),
    "tabular_adult/samples.parquet": ("table", 32_561, 2),
    "cifar10n/embeddings.npz": ("vector", 50_000, 10),
    "confident_learning/noise0.2_sparsity0.6.npz": ("probabilities", 50_000, 10),
}


@pytest.mark.parametrize("name", PACKS)
def test_real_datasets_are_read_and_no_truth_leaks_into_them(name, tmp_path):
    report, samples = take_in(shared_data(name), tmp_path / "out")
    assert (report.kind, report.sample_count, len(report.class_names)) == PACKS[name]
    assert samples.num_rows == report.sample_count
    used = set(samples.column_names) | {c.removeprefix("feature.") for c in samples.column_names}
    assert not used & {"true_label", "is_label_error", "majority_label", "crowd_label", "split"}


@pytest.mark.parametrize(
    ("pack", "parts", "format", "kind"),
    [
        (
            "labelme_crowd_embeddings",
            ("features.npz", "samples.parquet"),
            "array-manifest",
            "vector",
        ),
        ("pneumoniamnist", ("images.zip", "samples.parquet"), "image-manifest", "image"),
    ],
)
def test_a_pack_of_media_and_a_table_is_read_from_one_zip(pack, parts, format, kind, tmp_path):
    members = {}
    for part in parts:
        path = shared_data(f"{pack}/{part}")
        if part == "images.zip":
            with zipfile.ZipFile(path) as images:
                members |= {f"images/{name}": images.read(name) for name in images.namelist()}
        else:
            members[part] = path.read_bytes()
    report, _ = take_in(make_zip(tmp_path / "pack.zip", members), tmp_path / "out")
    assert (report.format, report.kind) == (format, kind)


def test_given_roles_win_over_every_guess(tmp_path):
    header = ("key", "label", "verdict", "note", "a")
    rows = [(f"k{i}", i % 5, label_of(i), f"some words {i}", i) for i in range(30)]
    upload = write(tmp_path / "a.csv", to_csv(header, rows))
    roles = ColumnRoles(sample_id="key", label="verdict", text="note")
    report, samples = take_in(upload, tmp_path / "out", roles=roles)
    assert report.class_names == list(CLASSES)
    assert samples["sample_id"][4].as_py() == "k4"
    assert samples["text"][4].as_py() == "some words 4"
