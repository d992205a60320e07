"""How a file is cut into the parts of a direct upload."""

from dataclasses import dataclass

from service.core.config import Settings
from service.core.errors import UploadTooLarge
from service.db.tables import Upload
from service.storage.upload_bucket import Part

MOST = 10_000  # of one object, by the protocol
LARGEST = 5 * 2**30
MIB = 2**20


@dataclass(frozen=True)
class Cut:
    """Parts of one size, numbered from 1, and a last one of what is left."""

    length: int
    part_bytes: int

    @classmethod
    def plan(cls, settings: Settings, length: int) -> "Cut":
        """Parts of the setting's size, or larger where there would be too many.

        Raises UploadTooLarge if no allowed number and size of parts holds the file.
        """
        least = -(-length // MOST)
        part_bytes = max(settings.upload_part_bytes, -(-least // MIB) * MIB)
        if part_bytes > LARGEST:
            raise UploadTooLarge(
                f"A bucket takes {MOST} parts of {LARGEST} bytes each; {length} bytes are more.",
                type="too-many-parts",
            )
        return cls(length, part_bytes)

    @classmethod
    def of(cls, upload: Upload) -> "Cut":
        assert upload.length is not None  # it was said when the direct upload was begun
        assert upload.part_bytes is not None
        return cls(upload.length, upload.part_bytes)

    @property
    def count(self) -> int:
        return -(-self.length // self.part_bytes)

    def size_of(self, number: int) -> int:
        return min(self.part_bytes, self.length - (number - 1) * self.part_bytes)

    def is_whole(self, part: Part | None) -> bool:
        return part is not None and part.bytes == self.size_of(part.number)
