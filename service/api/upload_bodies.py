"""The body of an upload in one request: the file itself, or a form that holds it. Neither is ever
whole in memory."""

from collections.abc import AsyncIterator
from typing import Any, Protocol

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from labelaudit.schemas import UploadOptions
from service.api.negotiation import refuse_unknown_fields
from service.core.errors import BadInput, UnsupportedMediaType

FORM = "multipart/form-data"
FILE_FIELD = "file"
FIELDS = frozenset(UploadOptions.model_fields)
REPEATED = "feature_column"
MAX_ENVELOPE_BYTES = 256 * 2**10  # all of a form but its file
# What browsers and tools call bodies that are no dataset: an envelope, a page, something to watch.
NEVER_A_DATASET = ("application/x-www-form-urlencoded", "text/html", "application/pdf",
                   "multipart/", "message/", "image/", "audio/", "video/")  # fmt: skip


class UploadBody(Protocol):
    length: int | None  # bytes of the file, if they are known before it is read

    @property
    def options(self) -> UploadOptions:
        """What the caller said of the file; final once the file was read."""

    def file(self) -> AsyncIterator[bytes]:
        """The file's bytes as they arrive."""


async def open_body(request: Request, asked: UploadOptions) -> UploadBody:
    """The body, read up to the first byte of the file; `asked` are the options of the query.

    Raises UnsupportedMediaType, BadInput.
    """
    media_type, parameters = parse_options_header(request.headers.get("content-type"))
    if media_type != FORM.encode():
        refuse_envelopes(request)
        return _RawBody(request, asked)
    form = _FormBody(request, asked, parameters.get(b"boundary", b""))
    await form.open()
    return form


def refuse_envelopes(request: Request) -> None:
    """Raises UnsupportedMediaType for a body that is no dataset by its own account."""
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if said.startswith(NEVER_A_DATASET):
        address = request.url_for("upload_dataset")
        raise UnsupportedMediaType(
            f"{request.method} {request.url.path} does not take a body of type {said}. Upload a "
            f'file with: curl -H "Authorization: Bearer $KEY" -F file=@data.csv {address}'
        )


def _declared(request: Request) -> int | None:
    declared = request.headers.get("content-length")
    return None if declared is None else int(declared)


class _RawBody:
    def __init__(self, request: Request, options: UploadOptions) -> None:
        self.length, self.options = _declared(request), options
        self._chunks = request.stream()

    def file(self) -> AsyncIterator[bytes]:
        return self._chunks


class _FormBody:
    """A form of one file and small fields, in any order. A field counts for the parameter of its
    name, before the query's."""

    def __init__(self, request: Request, asked: UploadOptions, boundary: bytes) -> None:
        self.length: int | None = None
        self._declared = _declared(request)
        self._chunks = request.stream()
        self._asked = asked.model_dump(exclude_unset=True)
        self._fields: dict[str, list[str]] = {}
        self._closing = len(boundary) + 8  # CR LF -- boundary -- CR LF
        self._parts = _Parts(self._fields)
        self._arrived = 0
        try:
            self._parser = MultipartParser(boundary, self._parts.callbacks())  # type: ignore[arg-type]
        except FormParserError as error:
            raise _unreadable(error) from error
        if not boundary:
            raise _unreadable("its Content-Type names no boundary")

    async def open(self) -> None:
        """Read as far as the file. Raises BadInput if there is none."""
        while self._parts.file_name is None:
            if not await self._read():
                raise _one_file(f"The form has no field `{FILE_FIELD}` with a file.")
        if self._declared is not None:
            envelope = self._parts.file_starts_at + self._closing
            self.length = max(0, self._declared - envelope)
        _ = self.options  # what has come so far is refused before the file is read

    async def file(self) -> AsyncIterator[bytes]:
        while True:
            if arrived := self._parts.take():
                yield arrived
            if not await self._read():
                return

    @property
    def options(self) -> UploadOptions:
        refuse_unknown_fields(self._fields, FIELDS)
        given: dict[str, Any] = {"filename": self._parts.file_name, **self._asked}
        for name, values in self._fields.items():
            if name != REPEATED and len(values) > 1:
                raise BadInput(
                    f"The form has the field `{name}` {len(values)} times.",
                    errors=[{"pointer": f"/{name}", "detail": "given more than once"}],
                )
            given[name] = values if name == REPEATED else values[0]
        try:
            return UploadOptions.model_validate(given)
        except ValidationError as error:
            found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
            raise RequestValidationError(found) from error

    async def _read(self) -> bool:
        """Parse the next bytes of the body; False after the last."""
        chunk = await anext(self._chunks, None)
        if chunk is None:
            if not self._parts.have_ended:
                raise _unreadable("it breaks off before its last boundary")
            return False
        self._parts.chunk_starts_at = self._arrived
        self._arrived += len(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _unreadable(error) from error
        if self._arrived - self._parts.file_bytes > MAX_ENVELOPE_BYTES:
            raise _unreadable(f"it has more than {MAX_ENVELOPE_BYTES} bytes besides its file")
        return True


class _Parts:
    """What the parser found: fields, and the bytes of the file that nobody took yet."""

    def __init__(self, fields: dict[str, list[str]]) -> None:
        self.file_name: str | None = None
        self.file_bytes = self.file_starts_at = self.chunk_starts_at = 0
        self.have_ended = False
        self._fields = fields
        self._file = bytearray()

    def callbacks(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in dir(self) if name.startswith("on_")}

    def take(self) -> bytes:
        taken = bytes(self._file)
        self._file.clear()
        return taken

    def on_part_begin(self) -> None:
        self._headers: dict[str, str] = {}
        self._value = bytearray()
        self._in_file = False

    def on_header_begin(self) -> None:
        self._header, self._said = bytearray(), bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._said += data[start:end]
        self._value_ends_at = self.chunk_starts_at + end

    def on_header_end(self) -> None:
        # latin-1 is what the parser of options expects; names are UTF-8 within
        self._headers[self._header.decode("latin-1").lower()] = self._said.decode("latin-1")

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        file_name = options.get(b"filename", b"").decode("utf-8", "replace")
        encoding = self._headers.get("content-transfer-encoding", "binary").strip().lower()
        if encoding not in ("binary", "8bit", "7bit"):
            raise _unreadable(f"a part is encoded as {encoding}; send the bytes as they are")
        if self._name == FILE_FIELD and not file_name:
            raise _one_file(f"The field `{FILE_FIELD}` has no file.")
        if file_name and self._name != FILE_FIELD:
            raise _one_file(f"The form has a file in the field `{self._name}`.")
        if file_name and self.file_name is not None:
            raise _one_file("The form has more than one file.")
        if file_name:
            self.file_name, self._in_file = file_name, True
            self.file_starts_at = self._value_ends_at + len("\r\n\r\n")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.file_bytes += end - start
            self._file += data[start:end]
        else:
            self._value += data[start:end]

    def on_part_end(self) -> None:
        if not self._in_file:
            self._fields.setdefault(self._name, []).append(self._value.decode("utf-8", "replace"))

    def on_end(self) -> None:
        self.have_ended = True


def _unreadable(reason: object) -> BadInput:
    return BadInput(f"The form cannot be read: {reason}. Nothing was kept.", type="form-unreadable")


def _one_file(found: str) -> BadInput:
    return BadInput(
        f"{found} Send exactly one file, in the field `{FILE_FIELD}`: curl -F file=@data.csv …",
        type="form-needs-one-file",
    )
