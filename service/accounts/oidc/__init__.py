"""Single sign-on by OpenID Connect: authorisation code flow with PKCE, state and nonce."""

from service.accounts.oidc.attempt import SignInAttempt
from service.accounts.oidc.people import sign_in_person
from service.accounts.oidc.provider import Provider

__all__ = ["Provider", "SignInAttempt", "sign_in_person"]
