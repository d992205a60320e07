"""Anchors as files: what is signed, what is believed, and in which order they are read."""

import json
import stat

import pytest

from service.storage.anchors import Anchor, Anchors, BadKey, SigningKey, folder, make_key

HASH = "ab" * 32


@pytest.fixture
def key(tmp_path) -> SigningKey:
    make_key(tmp_path / "key.pem")
    return SigningKey.of_file(tmp_path / "key.pem")


@pytest.fixture
def anchors(storage, key) -> Anchors:
    return Anchors(storage, key)


def test_what_is_signed_never_changes_its_form():
    """A later version must still be able to check what an earlier one signed."""
    anchor = Anchor("ds_1", 7, HASH, "2026-11-23T12:30:00+00:00", signature="not part of it")
    assert anchor.content() == (
        b'{"at":"2026-11-23T12:30:00+00:00","dataset_id":"ds_1","hash":"' + HASH.encode()
        + b'","seq":7}'
    )  # fmt: skip


def test_a_signature_is_believed_for_its_content_and_key_alone(key, tmp_path):
    signature = key.sign(b"content")
    assert key.signed(b"content", signature) is True
    assert key.signed(b"other", signature) is False
    assert key.signed(b"content", "no base64!") is False
    make_key(tmp_path / "other.pem")
    assert SigningKey.of_file(tmp_path / "other.pem").signed(b"content", signature) is False


def test_a_key_is_made_once_for_its_owner_alone(tmp_path):
    path = tmp_path / "key.pem"
    make_key(path)
    made = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    make_key(path)
    assert path.read_bytes() == made
    assert [found.name for found in tmp_path.iterdir()] == ["key.pem"]


def test_a_key_that_is_none_is_refused_with_what_to_do(tmp_path):
    with pytest.raises(BadKey, match="cannot be read"):
        SigningKey.of_file(tmp_path / "missing.pem")
    with pytest.raises(BadKey, match="no PEM file"):
        SigningKey(b"nonsense").check()
    assert "nonsense" not in repr(SigningKey(b"nonsense"))


@pytest.mark.parametrize(
    ("first", "last", "due"),
    [(1, 99, False), (1, 100, True), (100, 100, True), (101, 199, False), (50, 350, True)],
)
def test_every_hundredth_correction_is_due(anchors, first, last, due):
    assert anchors.is_due(first, last) is due


def test_anchors_are_read_oldest_first_by_dataset(anchors, storage):
    for seq in (100, 20, 3):
        anchors.write("ds_b", seq, HASH)
    anchors.write("ds_a", 5, HASH)
    anchors.write("ds_a", 0, HASH)  # an empty log has no head
    storage.path("anchors/.hidden").mkdir()
    found = anchors.read()
    assert list(found) == ["ds_a", "ds_b"]
    assert [anchor.seq for anchor in found["ds_b"]] == [3, 20, 100]
    [anchor] = found["ds_a"]
    assert (anchor.dataset_id, anchor.seq, anchor.hash) == ("ds_a", 5, HASH)
    assert anchor.at.endswith("+00:00")


def test_an_anchor_is_written_once(anchors, storage):
    anchors.write("ds_a", 5, HASH)
    written = storage.path(f"{folder('ds_a')}/5.json").read_text()
    anchors.write("ds_a", 5, "cd" * 32)
    assert storage.path(f"{folder('ds_a')}/5.json").read_text() == written


def test_an_anchor_that_cannot_be_believed_says_why(anchors, storage):
    anchors.write("ds_a", 5, HASH)
    good = json.loads(storage.path("anchors/ds_a/5.json").read_text())
    changes = {
        "6": json.dumps(good),  # of another correction
        "7": json.dumps({**good, "seq": 7}),  # signed as 5
        "8": json.dumps({**good, "dataset_id": "ds_b", "seq": 8}),
        "9": "{",
        "10": json.dumps({**good, "more": 1}),
    }
    for name, content in changes.items():
        storage.path(f"anchors/ds_a/{name}.json").write_text(content)
    [believed, *told] = anchors.read()["ds_a"]
    assert believed.seq == 5
    assert told == [
        "the anchor 6 is of another dataset or correction",
        "the anchor 7 is not signed with this service's key",
        "the anchor 8 is of another dataset or correction",
        "the anchor 9 cannot be read",
        "the anchor 10 cannot be read",
    ]
