"""The protocol of readers: named columns, in batches that fit in memory."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

BATCH_ROWS = 1024
BATCH_BYTES = 16 << 20


class RowSource(Protocol):
    """Rows of an upload. Batches come in file order and can be asked for again and again."""

    format: str
    columns: tuple[str, ...]
    unsupported: dict[str, str]  # column name -> its type, for columns that no role can take
    class_names: dict[str, list[str]]  # the file's own, by label column, if it brings them
    notes: list[str]  # what a person should know of how the file was read

    @property
    def progress(self) -> float:
        """Share of the file that the running iteration has read, 0 to 1."""
        ...

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[Any]:
        """Arrow record batches of at most about BATCH_ROWS rows, with the columns asked for."""
        ...
