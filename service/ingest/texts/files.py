"""Reads the texts of an archive."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from service.core.errors import BadDataset
from service.ingest.archives.archive import Archive
from service.ingest.bad_files import BadFile, BadFiles
from service.ingest.columns.content import Text
from service.ingest.columns.convert import to_strings
from service.ingest.report import Limits
from service.ingest.texts.decoding import decode

TEXT = "text"


class TextFiles:
    """`text`, read from the file that each row names. `read` drops rows that cannot be read."""

    def __init__(
        self, archive: Archive, file: str, label: str, workspace: Path, limits: Limits
    ) -> None:
        self.archive, self.file, self.label = archive, file, label
        self.workspace, self.limits = workspace, limits
        self.bad = BadFiles(limits, "texts", "too-many-bad-texts", "Save them as UTF-8.")
        self.rows = 0
        self._text = Text(TEXT)
        self._guessed: list[str] = []

    def columns(self) -> list[str]:
        """The source columns it reads."""
        return [self.file, self.label]

    def read(self, batch: Any, first_row: int) -> dict[str, Any]:
        """Canonical columns of a batch, and `keep`: False where the text is bad."""
        labels = to_strings(batch[self.label]).to_pylist()
        files = batch[self.file].to_pylist()
        texts: list[str | None] = []
        for place, (name, label) in enumerate(zip(files, labels, strict=True)):
            text, reason = self._read_text(name)
            texts.append(text)
            if text is None:
                self.bad.bad.append(BadFile(first_row + place, name, reason, label))
        self.rows += len(texts)
        self.bad.refuse_many(max(self.rows, 100))
        column = pa.array(texts, pa.string())
        self._text.read({TEXT: column.drop_null()}, first_row)
        return {"keep": column.is_valid(), TEXT: column.fill_null("")}

    def _read_text(self, name: str) -> tuple[str | None, str]:
        """The text, or None and why it is bad."""
        member = self.archive.members[name]
        if member.size > self.limits.field:
            return None, f"it has {member.size} bytes; the limit is {self.limits.field}"
        data = self.archive.read(member)
        try:
            text, guessed = decode(data, self.workspace)
        except BadDataset as error:
            return None, error.detail
        if guessed:
            self._guessed.append(name)
        return text, ""

    def finish(self) -> list[str]:
        """Warnings of what was left out, and of what was guessed."""
        self.bad.refuse_many(self.rows)
        notes = self.bad.warnings() + self._text.finish()
        if self._guessed:
            more = " …" if len(self._guessed) > 3 else ""
            notes.append(
                f"{len(self._guessed)} texts are not UTF-8, so they were read as cp1252 "
                f"({', '.join(self._guessed[:3])}{more}). If characters look wrong, save them as "
                "UTF-8 and upload them again."
            )
        return notes
