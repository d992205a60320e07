"""Where a running service can be found: its URL and a token, kept in the data directory.

`labelaudit serve` writes `session.json` there, readable by its owner alone; the client and the
command line read it, so that on one machine nobody has to copy a token.
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
        """For the browser; what follows # is never sent over the network."""
        return f"{self.url}/#token={self.token}"


def write_address(data_dir: Path, address: Address) -> Path:
    """Keep the address for later commands. The file is private from its first byte on."""
    path = data_dir / FILE
    descriptor, temporary = tempfile.mkstemp(dir=data_dir, prefix=f".{FILE}.")  # mode 0600
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(address), file)
    Path(temporary).replace(path)
    return path


def read_address(data_dir: Path) -> Address | None:
    """The address that a service on this data directory left, if one did."""
    try:
        return Address(**json.loads((data_dir / FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def forget_address(data_dir: Path) -> None:
    (data_dir / FILE).unlink(missing_ok=True)


def find_address(
    url: str | None = None, token: str | None = None, data_dir: Path | None = None
) -> Address | None:
    """What was given, else LABELAUDIT_URL and LABELAUDIT_TOKEN, else what a service left behind.

    A token goes only to the service it belongs to: the one left in the data directory is never sent
    to another URL.
    """
    url = url or os.environ.get("LABELAUDIT_URL")
    token = token or os.environ.get("LABELAUDIT_TOKEN")
    kept = read_address(data_dir or default_data_dir())
    url = url.rstrip("/") if url else None
    if kept is not None and url in (None, kept.url):
        return Address(kept.url, token or kept.token)
    return Address(url, token) if url and token else None


def default_data_dir() -> Path:
    return Path(os.environ.get("LABELAUDIT_DATA_DIR", "labelaudit-data"))
