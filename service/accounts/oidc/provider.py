"""The provider: where it is (discovery), which keys it signs with, and what its ID token says.

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

from service.accounts.oidc.attempt import Attempt, refused
from service.core.config import Settings
from service.core.errors import Unavailable

log = structlog.get_logger()

ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # signatures only: no `none`, no shared secrets
KEY_TYPES = ("RSA", "EC", "OKP")
LEEWAY_SECONDS = 60
KNOWN_SECONDS = 3600.0  # what was discovered is asked for again after so long
SILENT_SECONDS = 5.0  # a provider that does not answer is not asked again for so long
TIMEOUT = httpx.Timeout(5.0)


@dataclass(frozen=True)
class Known:
    """What the provider says of itself."""

    authorization_endpoint: str
    token_endpoint: str
    secret_in_header: bool  # how it wants to be shown the client's secret; else in the body
    keys: KeySet
    asked_at: float


class Provider:
    """The one provider of the settings. Safe to use from several threads."""

    def __init__(self, settings: Settings) -> None:
        self._issuer = settings.oidc_issuer
        self._client_id = settings.oidc_client_id
        self._secret = settings.oidc_client_secret.get_secret_value()
        self._scopes = settings.oidc_scopes
        self._redirect_uri = f"{settings.public_url.rstrip('/')}/sign-in"
        self._lock = threading.Lock()
        self._last_known: Known | None = None
        self._silent_until = 0.0

    def address_for(self, attempt: Attempt) -> str:
        """Where the browser signs in. Raises Unavailable."""
        endpoint = self._known().authorization_endpoint
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

    def claims(self, code: str, attempt: Attempt) -> dict[str, Any]:
        """What the provider vouches for, verified. Raises NotAuthenticated, Unavailable."""
        known = self._known()
        token = self._exchange(known, code, attempt)
        try:
            try:
                return self._verified(token, known.keys, attempt)
            except (InvalidKeyIdError, BadSignatureError):  # it may have changed its keys
                return self._verified(token, self._known(afresh=True).keys, attempt)
        except JoseError as error:
            raise refused(f"the provider's ID token does not hold ({error})") from error

    def _exchange(self, known: Known, code: str, attempt: Attempt) -> str:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "client_id": self._client_id,
            "code_verifier": attempt.verifier,
        }
        auth = None
        if known.secret_in_header:
            auth = quote(self._client_id, safe=""), quote(self._secret, safe="")  # RFC 6749, 2.3.1
        else:
            form["client_secret"] = self._secret
        status, answer = _ask("POST", known.token_endpoint, data=form, auth=auth)
        if status == 400 and answer.get("error") == "invalid_grant":
            raise refused("the provider does not accept the code: it is used, old or foreign")
        token = answer.get("id_token")
        if status >= 300 or not isinstance(token, str):
            # a wrong client secret, as a rule: for whoever runs this service to mend
            log.error("oidc_no_token", status=status, error=str(answer.get("error"))[:200])
            raise Unavailable("The sign-in provider gave no ID token. Tell whoever runs this.")
        return token

    def _verified(self, token: str, keys: KeySet, attempt: Attempt) -> dict[str, Any]:
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
            raise refused("the provider's ID token was made for another client")
        return claims

    def _known(self, *, afresh: bool = False) -> Known:
        with self._lock:
            known, moment = self._last_known, time.monotonic()
            if known is None or afresh or moment > known.asked_at + KNOWN_SECONDS:
                if moment < self._silent_until:
                    raise Unavailable("The sign-in provider does not answer. Try again.")
                try:
                    known = self._last_known = self._discovered(moment)
                except Unavailable:
                    self._silent_until = time.monotonic() + SILENT_SECONDS
                    raise
            return known

    def _discovered(self, moment: float) -> Known:
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        _, metadata = _ask("GET", address)
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        try:
            if metadata["issuer"] != self._issuer:
                raise ValueError(f"the issuer there is {metadata['issuer']!r}")
            _, jwks = _ask("GET", metadata["jwks_uri"])
            signing = [
                key
                for key in jwks["keys"]
                if key.get("kty") in KEY_TYPES and key.get("use", "sig") == "sig"
            ]
            return Known(
                authorization_endpoint=str(metadata["authorization_endpoint"]),
                token_endpoint=str(metadata["token_endpoint"]),
                secret_in_header="client_secret_basic" in ways,
                keys=KeySet.import_key_set({"keys": signing}),
                asked_at=moment,
            )
        except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
            log.error("oidc_provider_not_understood", address=address, error=str(error))
            raise Unavailable(
                "The sign-in provider says of itself what this service cannot use. Tell whoever "
                "runs this."
            ) from error


def _ask(method: str, address: str, **options: Any) -> tuple[int, dict[str, Any]]:
    """The status and the JSON object that a provider answers with. Raises Unavailable."""
    try:
        answer = httpx.request(method, address, timeout=TIMEOUT, **options)
        body = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        log.warning("oidc_provider_silent", address=address, error=type(error).__name__)
        raise Unavailable("The sign-in provider does not answer. Try again.") from error
    if answer.status_code >= 500 or not isinstance(body, dict):
        log.warning("oidc_provider_refuses", address=address, status=answer.status_code)
        raise Unavailable("The sign-in provider answers with an error. Try again.")
    return answer.status_code, body
