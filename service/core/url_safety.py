"""Whether the URLs in settings are safe: the passwords in them, and what is sent there."""

from urllib.parse import urlsplit

MIN_PASSWORD_LENGTH = 12
LOOPBACK = ("localhost", "127.0.0.1", "::1")
WEAK_PASSWORDS = {"labelaudit", "postgres", "postgresql", "redis", "password", "passwort", "secret",
           "changeme", "change-me", "admin", "root", "test", "123456", "default"}  # fmt: skip


def password_error(url: str) -> str | None:
    """What is wrong with the password in a URL of another machine, if anything."""
    parts = urlsplit(url)
    if not parts.hostname or parts.hostname in LOOPBACK:
        return None
    if not parts.password:
        return "no password"
    if parts.password.lower() in WEAK_PASSWORDS or len(parts.password) < MIN_PASSWORD_LENGTH:
        return "a password that is easy to guess"
    return None


def is_secure(url: str) -> bool:
    """Whether nobody can read what is sent there in transit."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (parts.scheme == "https" or parts.hostname in LOOPBACK)
