"""What is said in an example instead of what differs from walk to walk, or is secret."""

import base64
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from service.api import cursors

ID = re.compile(r"\b([a-z]{2})_[0-9a-f]{28}\b")
TOKEN = re.compile(r"\bla_([0-9a-f]{8})_[\w-]+")
SECRET = re.compile(r"\bwhsec_[\w+/=]+")
REQUEST = re.compile(r"\b[0-9a-f]{32}\b")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UNSIGNED = re.compile(r"&X-Amz-(?!Signature)\w+=[^&\s]+")
SIGNED = re.compile(r"(?<=[?&])(state|nonce|code_challenge|uploadId|X-Amz-Signature)=[^&\s]+")
TODAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
# Seconds after the first thing happened, by field; the rest happens a quarter of an hour later.
SECONDS = {"created_at": 0, "started_at": 2, "finished_at": 95}
LATER = 900
NOBODY = "6e6f626f"
WHOLE = timedelta(minutes=10)
FAR = timedelta(days=730)  # a moment beyond is one that was asked for
SHOWN_ITEMS = 2
DIGITS = 4


class Fakes:
    """The same fake for the same real thing throughout a walk."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._counts: dict[str, int] = defaultdict(int)
        self._replaced: dict[str, str] = {}
        self._began = datetime.now(UTC)

    def replace(self, real: str, fake: str) -> None:
        """From now on, say `fake` wherever `real` occurs."""
        self._replaced[real] = fake

    def key(self, key_id: str, name: str) -> None:
        """The id of a key is the name's first letters from now on."""
        self.replace(key_id, name.lower()[:4].encode().hex().ljust(8, "0"))

    def of(self, value: Any, field: str = "") -> Any:
        """The value as an example has it: nothing real, lists and numbers short."""
        match value:
            case dict():
                return {self._text(name, ""): self.of(one, name) for name, one in value.items()}
            case list():
                return [self.of(one, field) for one in value[:SHOWN_ITEMS]]
            case float():
                return float(f"{value:.{DIGITS}g}")
            case str() if field == "next_cursor":
                return self._cursor(value)
            case str():
                return self._text(value, field)
        return value

    def _text(self, text: str, field: str) -> str:
        for real, fake in self._replaced.items():
            text = text.replace(real, fake)
        text = TOKEN.sub(self._token, text)
        text = SECRET.sub("whsec_EXAMPLE-shown-only-once", text)
        text = ID.sub(lambda found: self._id(found[0], found[1]), text)
        text = REQUEST.sub("5c1f0a4e0000000000000000000000e1", text)
        text = UNSIGNED.sub("", text)
        text = SIGNED.sub(r"\1=EXAMPLE", text)
        return MOMENT.sub(lambda found: self._moment(found[0], field), text)

    def _token(self, found: re.Match[str]) -> str:
        key = found[1] if found[1] in self._replaced.values() else NOBODY
        return f"la_{key}_EXAMPLE-shown-only-once"

    def _id(self, real: str, kind: str) -> str:
        if real not in self._ids:
            self._counts[kind] += 1
            self._ids[real] = f"{kind}_019cad4f2a80{self._counts[kind]:016x}"
        return self._ids[real]

    def _moment(self, real: str, field: str) -> str:
        after = datetime.fromisoformat(real) - self._began
        if after > FAR:
            return real
        if after > timedelta(minutes=30):  # it expires, as long after
            moment = TODAY + round(after / WHOLE) * WHOLE
        else:
            moment = TODAY + timedelta(seconds=SECONDS.get(field, LATER))
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def _cursor(self, cursor: str) -> str:
        parts = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return cursors.encode(*(self.of(part) for part in parts))


MEASURED = re.compile(
    r"[a-z]{2}_[0-9a-f]{28}|(?<![0-9a-z])[0-9a-f]{8,64}(?![0-9a-z])|\d[\d.,]*|\b(?:cat|dog|ready|degraded)\b"
)

# Also free is what depends on how fast it went and on how the machine confines readers.
FREE = {"next_cursor", "reason", "last_used_at", "per_hour", "seconds_per_verdict", "reader"}
CSV = {"text/csv", "application/octet-stream"}  # whose rows say what was doubted, and who judged it


def shape(value: Any, field: str = "") -> Any:
    """What must stay as it is: the fields, the types and the words. What is measured may differ
    from machine to machine: numbers, and which class or which reason comes first."""
    if field in FREE:
        return ""
    match value:
        case {"media_type": media_type, "answer": str(answer)} if media_type in CSV:
            return shape({**value, "media_type": "csv", "answer": answer.partition("\n")[0]})
        case dict():
            return {name: shape(one, name) for name, one in value.items()}
        case list():
            return [shape(one, field) for one in value]
        case bool() | None:
            return value
        case int() | float():
            return 0
        case str():
            return MEASURED.sub("#", value)
    raise TypeError(value)
