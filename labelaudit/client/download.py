"""Downloads a response body to a file that appears only once it is complete."""

from email.message import Message
from pathlib import Path

from labelaudit.client.transport import Transport


def download(transport: Transport, path: str, destination: Path) -> Path:
    """Download to `destination`, or into it under the service's file name if it is a folder."""
    with transport.stream("GET", path) as response:
        if destination.is_dir():
            destination /= _suggested_name(response.headers.get("Content-Disposition", ""))
        destination.parent.mkdir(parents=True, exist_ok=True)
        partial = destination.with_name(f".{destination.name}.part")
        try:
            with partial.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
            partial.replace(destination)
        finally:
            partial.unlink(missing_ok=True)
    return destination


def _suggested_name(disposition: str) -> str:
    """The file name in a Content-Disposition header, without any folder."""
    message = Message()
    message["Content-Disposition"] = disposition
    return Path(message.get_filename() or "").name or "download"
