"""The OpenID provider: discovery, signing keys, code exchange and ID token validation.

OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636 (PKCE), RFC 9700 (current practice).
"""

import threading
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import structlog
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from service.accounts.oidc.attempt import SignInAttempt, refused
from service.core.config import Settings
from service.core.errors import Unavailable

log = structlog.get_logger()

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # asymmetric signatures only: no `none`, no HMAC
KEY_TYPES = ("RSA", "EC", "OKP")
LEEWAY_SECONDS = 60
METADATA_SECONDS = 3600.0  # how long discovered metadata is cached
RETRY_SECONDS = 5.0  # how long to wait before asking a provider that did not answer again
TIMEOUT = httpx.Timeout(5.0)


@dataclass(frozen=True)
class Metadata:
    """What the provider publishes about itself."""

    authorization_endpoint: str
    token_endpoint: str
    secret_in_header: bool  # how to send the client secret; otherwise in the body
    keys: KeySet
    fetched_at: float


class Provider:
    """The configured provider. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret.get_secret_value()
        self._scopes = settings.oidc_scopes
        self._redirect_uri = f"{settings.public_url.rstrip('/')}/sign-in"
        self._lock = threading.Lock()
        self._cached: Metadata | None = None
        self._retry_at = 0.0

    def authorization_url(self, attempt: SignInAttempt) -> str:
        """Where to send the browser. Raises Unavailable."""
        endpoint = self._metadata().authorization_endpoint
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def claims(self, code: str, attempt: SignInAttempt) -> dict[str, Any]:
        """The validated claims of the ID token. Raises NotAuthenticated, Unavailable."""
        metadata = self._metadata()
        token = self._exchange(metadata, code, attempt)
        try:
            try:
                return self._validate(token, metadata.keys, attempt)
            except (InvalidKeyIdError, BadSignatureError):  # the provider may have rotated its keys
                return self._validate(token, self._metadata(refresh=True).keys, attempt)
        except JoseError as error:
            raise refused(f"the provider's ID token is not valid ({error})") from error

    def _exchange(self, metadata: Metadata, code: str, attempt: SignInAttempt) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
            "code_verifier": attempt.verifier,
        }
        auth = None
        if metadata.secret_in_header:
            auth = quote(self._client_id, safe=""), quote(self._secret, safe="")  # RFC 6749, 2.3.1
        else:
            form["client_secret"] = self._secret
        status, answer = _request("POST", metadata.token_endpoint, data=form, auth=auth)
        if status == 400 and answer.get("error") == "invalid_grant":
            raise refused("the provider rejected the code: it was used, has expired or is not ours")
        token = answer.get("id_token")
        if status >= 300 or not isinstance(token, str):
            # usually a wrong client secret
            log.error("oidc_no_token", status=status, error=str(answer.get("error"))[:200])
            raise Unavailable("The sign-in provider returned no ID token. Contact an operator.")
        return token

    def _validate(self, token: str, keys: KeySet, attempt: SignInAttempt) -> dict[str, Any]:
        """Raises JoseError, NotAuthenticated."""
        claims = dict(jwt.decode(token, keys, algorithms=ALGORITHMS).claims)
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY_SECONDS,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        ).validate(claims)
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._client_id) != self._client_id:
            raise refused("the provider's ID token was issued to another client")
        return claims

    def _metadata(self, *, refresh: bool = False) -> Metadata:
        with self._lock:
            cached, moment = self._cached, time.monotonic()
            if cached is None or refresh or moment > cached.fetched_at + METADATA_SECONDS:
                if moment < self._retry_at:
                    raise Unavailable("The sign-in provider does not answer. Try again later.")
                try:
                    cached = self._cached = self._discover(moment)
                except Unavailable:
                    self._retry_at = time.monotonic() + RETRY_SECONDS
                    raise
            return cached

    def _discover(self, moment: float) -> Metadata:
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        _, metadata = _request("GET", address)
        auth_methods = metadata.get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        )
        try:
            if metadata["issuer"] != self._issuer:
                raise ValueError(f"the issuer there is {metadata['issuer']!r}")
            _, jwks = _request("GET", metadata["jwks_uri"])
            signing = [
                key
                for key in jwks["keys"]
                if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
            ]
            return Metadata(
                authorization_endpoint=str(metadata["authorization_endpoint"]),
                token_endpoint=str(metadata["token_endpoint"]),
                secret_in_header="client_secret_basic" in auth_methods,
                keys=KeySet.import_key_set({"keys": signing}),
                fetched_at=moment,
            )
        except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
            log.error("oidc_metadata_invalid", address=address, error=str(error))
            raise Unavailable(
                "The sign-in provider's metadata cannot be used. Contact an operator."
            ) from error


def _request(method: str, address: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the JSON object of the provider's response. Raises Unavailable."""
    try:
        answer = httpx.request(method, address, timeout=TIMEOUT, **options)
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        log.warning("oidc_provider_unreachable", address=address, error=type(error).__name__)
        raise Unavailable("The sign-in provider does not answer. Try again later.") from error
    if answer.status_code >= 500 or not isinstance(body, dict):
        log.warning("oidc_provider_error", address=address, status=answer.status_code)
        raise Unavailable("The sign-in provider returned an error. Try again later.")
    return answer.status_code, body
