"""A small OpenID Connect provider: a process of its own on loopback, honest unless told not to be.

It keeps to the rules that a real one keeps to: registered addresses alone, S256, codes that work
once, for the client that shows its secret. `Provider.set` changes whom it vouches for, rotates its
keys, or makes it lie in one way.
"""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.servers import _die_with_parent

CLIENT_ID, CLIENT_SECRET = "label:audit", "a secret/with%odd+signs&more"
ANN = {
    "sub": "248289761001",
    "name": "Ann Example",
    "email": "ann@example.org",
    "email_verified": True,
    "groups": ["everybody", "label-admins"],
}


@dataclass(frozen=True)
class Provider:
    """A running provider, as the tests see it."""

    issuer: str

    def set(self, **changes: Any) -> None:
        httpx.post(f"{self.issuer}/control", json=changes).raise_for_status()

    def settings(self, public_url: str) -> dict[str, Any]:
        """What a service at `public_url` must be told, which is registered here."""
        self.set(redirect_uris=[f"{public_url}/sign-in"])
        return {
            "public_url": public_url,
            "oidc_issuer": self.issuer,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET,
            "oidc_title": "Sign in with Example",
            "oidc_roles": {"label-admins": "admin", "label-reviewers": "annotator"},
        }


@contextmanager
def running() -> Iterator[Provider]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.oidc_provider"],
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=_die_with_parent,
    )
    assert process.stdout is not None
    try:
        yield Provider(process.stdout.readline().strip())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class _State:
    def __init__(self) -> None:
        self.issuer = ""
        self.claims: dict[str, Any] = dict(ANN)
        self.redirect_uris: list[str] = []
        self.ways = ["client_secret_basic", "client_secret_post"]
        self.lie: str | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.key = _new_key()
        self.encrypting = {**_new_key().as_dict(private=False), "use": "enc"}

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": f"{self.issuer}/other" if self.lie == "other name" else self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=example",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "token_endpoint_auth_methods_supported": self.ways,
        }

    def jwks(self) -> dict[str, Any]:
        odd = {"kty": "XYZ", "kid": "odd"}
        return {"keys": [self.encrypting, odd, self.key.as_dict(private=False)]}

    def token(self, asked: dict[str, str]) -> str:
        moment = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "iat": moment,
            "exp": moment + 300,
            "nonce": asked["nonce"],
            **self.claims,
        }
        claims |= {  # type: ignore[call-overload]
            "wrong issuer": {"iss": "https://evil.example"},
            "wrong audience": {"aud": "another-client"},
            "made for another client": {"aud": [CLIENT_ID, "other"], "azp": "other"},
            "several audiences, no party": {"aud": [CLIENT_ID, "other"]},
            "wrong nonce": {"nonce": "of another sign-in"},
            "no nonce": {"nonce": None},
            "expired": {"iat": moment - 900, "exp": moment - 600},
            "odd expiry": {"exp": "tomorrow"},
        }.get(self.lie or "", {})
        claims = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": "RS256", "kid": self.key.kid}
        match self.lie:
            case "alg none":
                return f"{_part({'alg': 'none'})}.{_part(claims)}."
            case "alg HS256 with the public key":
                signed = f"{_part({**header, 'alg': 'HS256'})}.{_part(claims)}"
                shared = self.key.as_pem(private=False)
                return f"{signed}.{_text(hmac.digest(shared, signed.encode(), 'sha256'))}"
            case "wrong signature":
                return jwt.encode(header, claims, _new_key())
            case "changed after signing":
                first, _, last = jwt.encode(header, claims, self.key).split(".")
                return f"{first}.{_part({**claims, 'sub': 'somebody else'})}.{last}"
            case "unknown key":
                return jwt.encode({**header, "kid": "nobody's"}, claims, _new_key())
            case "no token at all":
                return "good morning"
        return jwt.encode(header, claims, self.key)

    def change(self, changes: dict[str, Any]) -> None:
        if changes.pop("rotate", False):
            self.key = _new_key()
        if "claims" in changes:
            changes["claims"] = {**ANN, **changes["claims"]}
        vars(self).update(changes)


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})


def _part(value: dict[str, Any]) -> str:
    return _text(json.dumps(value).encode())


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


STATE = _State() if __name__ == "__main__" else None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        match url.path:
            case "/.well-known/openid-configuration":
                self.answer(200, STATE.metadata())
            case "/jwks":
                self.answer(200, STATE.jwks())
            case "/authorize" if self.is_allowed(query):
                page = (
                    f'<link rel=icon href=data:,><a href="/approve?{url.query}">Continue as Ann</a>'
                )
                self.answer(200, page.replace("&", "&amp;"))
            case "/approve" if self.is_allowed(query):
                code = secrets.token_urlsafe(16)
                STATE.codes[code] = query
                back = {"code": code, "state": query["state"]}
                if STATE.lie == "access denied":
                    back = {"error": "access_denied", "state": query["state"]}
                self.answer(302, "", location=f"{query['redirect_uri']}?{urlencode(back)}")
            case _:
                self.answer(400, {"error": "invalid_request"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        if self.path == "/control":
            STATE.change(json.loads(body))
            return self.answer(200, {})
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if not self.shows_secret(form):
            return self.answer(401, {"error": "invalid_client"})
        asked = STATE.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if (
            asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or asked["code_challenge"] != _text(digest)
            or form["grant_type"] != "authorization_code"
        ):
            return self.answer(400, {"error": "invalid_grant"})
        self.answer(200, {"token_type": "Bearer", "id_token": STATE.token(asked)})

    def is_allowed(self, query: dict[str, str]) -> bool:
        return (
            query.get("client_id") == CLIENT_ID
            and query.get("redirect_uri") in STATE.redirect_uris
            and query.get("response_type") == "code"
            and query.get("code_challenge_method") == "S256"
            and query.get("tenant") == "example"
            and "openid" in query.get("scope", "").split()
        )

    def shows_secret(self, form: dict[str, str]) -> bool:
        scheme, _, shown = self.headers.get("authorization", "").partition(" ")
        if "client_secret_basic" in STATE.ways:
            pair = base64.b64decode(shown).decode() if scheme == "Basic" else ""
            given: tuple[str | None, ...] = tuple(unquote(part) for part in pair.split(":"))
        else:
            given = (form.get("client_id"), form.get("client_secret"))
        return given == (CLIENT_ID, CLIENT_SECRET)

    def answer(self, status: int, body: dict[str, Any] | str, **headers: str) -> None:
        is_page = isinstance(body, str)
        data = (body if is_page else json.dumps(body)).encode()
        self.send_response(status)
        headers["content-type"] = "text/html" if is_page else "application/json"
        headers["content-length"] = str(len(data))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """The tests' output is theirs."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    STATE.issuer = f"http://127.0.0.1:{server.server_port}"
    print(STATE.issuer, flush=True)  # noqa: T201 - how the tests learn it
    server.serve_forever()
