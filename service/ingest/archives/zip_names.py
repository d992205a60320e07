"""Names in a zip that do not say how they are encoded, or use backslashes as separators."""

import unicodedata
import zipfile

UTF8_FLAG = 0x800
BY_SPECIFICATION, BY_WINDOWS = "cp437", "cp1252"


class ZipNames:
    """Decodes the names of one zip. `unmarked` are its entries without the flag for UTF-8.

    Many tools write UTF-8 or their system's code page without a word; `zipfile` reads both as
    cp437. All names of a zip are taken to be in one encoding: the one that gives Latin letters.
    """

    def __init__(self, unmarked: list[zipfile.ZipInfo]) -> None:
        names = [i.filename.encode("cp437") for i in unmarked if not i.filename.isascii()]
        self.foreign = [name for name in names if _decode(name, "utf-8") is None]
        scores = {
            encoding: sum(_is_latin(_decode(name, encoding)) for name in self.foreign)
            for encoding in (BY_SPECIFICATION, BY_WINDOWS)
        }
        self.encoding = max(scores, key=lambda encoding: scores[encoding])

    def true_name(self, info: zipfile.ZipInfo) -> str:
        """The name as it was meant, with forward slashes."""
        name = info.filename
        if not info.flag_bits & UTF8_FLAG:
            data = name.encode("cp437")
            name = _decode(data, "utf-8") or _decode(data, self.encoding) or name
        return name.replace("\\", "/")

    def notes(self, infos: list[zipfile.ZipInfo]) -> list[str]:
        """What was assumed."""
        notes = []
        if self.foreign:
            example = _decode(self.foreign[0], self.encoding) or self.foreign[0].decode("cp437")
            notes.append(
                f"{len(self.foreign)} names in the zip do not say how they are encoded. They were "
                f"read as {self.encoding}, for example {example!r}."
            )
        if any("\\" in info.filename for info in infos):
            notes.append("Backslashes in the names of the zip were read as folders.")
        return notes


def _decode(name: bytes, encoding: str) -> str | None:
    try:
        return name.decode(encoding)
    except UnicodeDecodeError:
        return None


def _is_latin(name: str | None) -> bool:
    if name is None:
        return False
    others = [character for character in name if not character.isascii()]
    return all(
        unicodedata.category(character) in ("Ll", "Lu")
        and unicodedata.name(character, "").startswith("LATIN")
        for character in others
    )
