"""The address of the local service: its URL and a token, in the data directory.

`labelaudit serve` writes `session.json`, readable by its owner only. The client and the command
line read it, so that no one has to copy a token on the same machine.
"""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = "session.json"


@dataclass(frozen=True)
class Address:
    url: str
    token: str = field(repr=False)

    @property
    def link(self) -> str:
        """For the browser. The fragment after # is never sent over the network."""
        return f"{self.url}/#token={self.token}"


def write_address(data_dir: Path, address: Address) -> Path:
    """Save the address for later commands, in a file that is private from its first byte."""
    path = data_dir / FILE
    descriptor, temporary = tempfile.mkstemp(dir=data_dir, prefix=f".{FILE}.")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(address), file)
    Path(temporary).replace(path)
    return path


def read_address(data_dir: Path) -> Address | None:
    """The address that a service wrote to this data directory, if any."""
    try:
        return Address(**json.loads((data_dir / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def delete_address(data_dir: Path) -> None:
    (data_dir / FILE).unlink(missing_ok=True)


def find_address(
    url: str | None = None, token: str | None = None, data_dir: Path | None = None
) -> Address | None:
    """The address given, else LABELAUDIT_URL and LABELAUDIT_TOKEN, else the data directory's.

    The token in the data directory is never sent to another URL than the one saved with it.
    """
    url = url or os.environ.get("LABELAUDIT_URL")
    token = token or os.environ.get("LABELAUDIT_TOKEN")
    saved = read_address(data_dir or default_data_dir())
    url = url.rstrip("/") if url else None
    if saved is not None and url in (None, saved.url):
        return Address(saved.url, token or saved.token)
    return Address(url, token) if url and token else None


def default_data_dir() -> Path:
    return Path(os.environ.get("LABELAUDIT_DATA_DIR", "labelaudit-data"))
