"""The state of a sign-in, kept in an `HttpOnly` cookie while the browser visits the provider."""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from service.core.errors import NotAuthenticated


@dataclass(frozen=True)
class SignInAttempt:
    """`state` binds the response to this browser, `nonce` the ID token, `verifier` the code."""

    LIFETIME: ClassVar[timedelta] = timedelta(minutes=10)

    state: str
    nonce: str
    verifier: str

    @classmethod
    def new(cls) -> "SignInAttempt":
        return cls(*(secrets.token_urlsafe(32) for _ in range(3)))

    @classmethod
    def read(cls, cookie: str | None, *, state: str) -> "SignInAttempt":
        """The attempt in the cookie, if `state` matches. Raises NotAuthenticated."""
        parts = (cookie or "").split(".")
        if len(parts) != 3:
            raise refused("it was not started in this browser, or more than ten minutes ago")
        attempt = cls(*parts)
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise refused("the response belongs to another sign-in than the one started here")
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
