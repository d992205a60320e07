"""Anchors of the chains of corrections: signed heads, outside the database.

`anchors/{dataset}/{seq}.json` says which hash a dataset's correction `seq` had at some moment. It
is signed with an Ed25519 key that the database does not hold, so whoever rewrites or shortens a
chain there cannot rewrite its anchors, and `labelaudit verify` tells the difference.
"""

import base64
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from service.storage.local import Storage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "anchors"
REMEDY = "Make one with `openssl genpkey -algorithm ed25519`."


class BadKey(ValueError):
    """There is no Ed25519 key where one should be; says what to do."""


@dataclass(frozen=True)
class Anchor:
    dataset_id: str
    seq: int
    hash: str
    at: str  # the moment, in ISO 8601
    signature: str = ""

    def content(self) -> bytes:
        """What is signed."""
        told = {name: value for name, value in asdict(self).items() if name != "signature"}
        return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 private key, as PEM."""

    pem: bytes = field(repr=False)

    @classmethod
    def of_file(cls, path: Path) -> "SigningKey":
        """Raises BadKey where the file cannot be read."""
        try:
            return cls(path.read_bytes())
        except OSError as error:
            raise BadKey(f"The signing key {path} cannot be read: {error}.") from error

    @cached_property
    def _key(self) -> "Ed25519PrivateKey":
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        try:
            key = load_pem_private_key(self.pem, password=None)
        except (ValueError, TypeError) as error:
            raise BadKey(f"The signing key is no PEM file: {error}. {REMEDY}") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey(f"The signing key is no Ed25519 key. {REMEDY}")
        return key

    def check(self) -> None:
        """Raises BadKey where it is none."""
        assert self._key

    def sign(self, content: bytes) -> str:
        return base64.b64encode(self._key.sign(content)).decode()

    def signed(self, content: bytes, signature: str) -> bool:
        from cryptography.exceptions import InvalidSignature

        try:
            self._key.public_key().verify(base64.b64decode(signature), content)
        except (InvalidSignature, ValueError):
            return False
        return True


def make_key(path: Path) -> None:
    """Make a key that its owner alone can read, unless there is one."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if path.exists():
        return
    made = Ed25519PrivateKey.generate()
    content = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    temporary = path.with_name(f".{path.name}.{uuid4().hex}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(temporary)
    except FileExistsError:
        pass  # another process was faster
    finally:
        temporary.unlink()


class Anchors:
    """Writes and reads the anchors of a storage; `every`: after how many corrections one is due."""

    def __init__(self, storage: Storage, key: SigningKey, *, every: int = 100) -> None:
        self._storage, self.key, self._every = storage, key, every

    def is_due(self, first: int, last: int) -> bool:
        """Whether one of the corrections `first` to `last` is to be anchored."""
        return last // self._every > (first - 1) // self._every

    def write(self, dataset_id: str, seq: int, hash: str) -> None:
        """Anchor a correction, unless it is."""
        key = f"{folder(dataset_id)}/{seq}.json"
        if seq == 0 or self._storage.exists(key):
            return
        anchor = Anchor(dataset_id, seq, hash, datetime.now(UTC).isoformat())
        signed = {**asdict(anchor), "signature": self.key.sign(anchor.content())}
        with self._storage.writing(key) as path:
            path.write_text(json.dumps(signed))

    def read(self) -> dict[str, list[Anchor | str]]:
        """By dataset its anchors, oldest first. In place of one that cannot be read or that this
        key did not sign, what is wrong with it."""
        found = {}
        for dataset in sorted(self._storage.path(FOLDER).glob("[!.]*")):
            found[dataset.name] = list(self._of_dataset(dataset))
        return found

    def _of_dataset(self, folder: Path) -> Iterator[Anchor | str]:
        paths = folder.glob("[!.]*.json")
        for path in sorted(paths, key=lambda path: (len(path.stem), path.stem)):
            try:
                told: dict[str, Any] = json.loads(path.read_text())
                anchor = Anchor(**told)
            except FileNotFoundError:
                continue  # deleted with its dataset
            except (ValueError, TypeError):
                yield f"the anchor {path.stem} cannot be read"
                continue
            if (anchor.dataset_id, str(anchor.seq)) != (folder.name, path.stem):
                yield f"the anchor {path.stem} is of another dataset or correction"
            elif not self.key.signed(anchor.content(), anchor.signature):
                yield f"the anchor {path.stem} is not signed with this service's key"
            else:
                yield anchor


def folder(dataset_id: str) -> str:
    return f"{FOLDER}/{dataset_id}"
