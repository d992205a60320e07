"""How a file is split into the parts of a multipart upload."""

from dataclasses import dataclass

from service.core.config import Settings
from service.core.errors import UploadTooLarge
from service.db.tables import Upload
from service.storage.upload_bucket import Part

MAX_PARTS = 10_000  # per object, a limit of the S3 protocol
MAX_PART_BYTES = 5 * 2**30
MIB = 2**20


@dataclass(frozen=True)
class PartLayout:
    """Parts of equal size, numbered from 1; the last one holds the remainder."""

    length: int
    part_bytes: int

    @classmethod
    def plan(cls, settings: Settings, length: int) -> "PartLayout":
        """Parts of the configured size, or larger if there would be too many.

        Raises UploadTooLarge if the file does not fit in the allowed number and size of parts.
        """
        minimum = -(-length // MAX_PARTS)
        part_bytes = max(settings.upload_part_bytes, -(-minimum // MIB) * MIB)
        if part_bytes > MAX_PART_BYTES:
            raise UploadTooLarge(
                f"The file has {length} bytes. A bucket takes at most {MAX_PARTS} parts of "
                f"{MAX_PART_BYTES} bytes each.",
                type="too-many-parts",
            )
        return cls(length, part_bytes)

    @classmethod
    def of(cls, upload: Upload) -> "PartLayout":
        assert upload.length is not None  # a multipart upload always has a length
        assert upload.part_bytes is not None
        return cls(upload.length, upload.part_bytes)

    @property
    def count(self) -> int:
        return -(-self.length // self.part_bytes)

    def size_of(self, number: int) -> int:
        return min(self.part_bytes, self.length - (number - 1) * self.part_bytes)

    def is_whole(self, part: Part | None) -> bool:
        return part is not None and part.bytes == self.size_of(part.number)
