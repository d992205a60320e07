"""What a browser carries to the provider and back, in a cookie that no script can read."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from service.core.errors import NotAuthenticated


@dataclass(frozen=True)
class Attempt:
    """`state` ties the answer to this browser, `nonce` the ID token and `verifier` the code."""

    LASTS: ClassVar[timedelta] = timedelta(minutes=10)

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "Attempt":
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @classmethod
    def read(cls, cookie: str | None, *, state: str) -> "Attempt":
        """The attempt that an answer with `state` belongs to. Raises NotAuthenticated."""
        parts = (cookie or "").split(".")
        if len(parts) != 3:
            raise refused("it was not begun in this browser, or more than ten minutes ago")
        attempt = cls(*parts)
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise refused("the answer belongs to another sign-in than the one begun here")
        return attempt

    @property
    def cookie(self) -> str:
        return f"{self.state}.{self.nonce}.{self.verifier}"

    @property
    def challenge(self) -> str:
        """RFC 7636, S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def refused(reason: str) -> NotAuthenticated:
    return NotAuthenticated(
        f"The sign-in was refused: {reason}. Try again.", type="sign-in-refused"
    )
