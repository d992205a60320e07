"""Where an operator lets the service send requests to: host patterns, and what matches them."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import httpx

PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class AllowedHost:
    """A host, or with `*` several, reached by one scheme at one port."""

    scheme: str
    pattern: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "AllowedHost":
        """`hooks.example.com`, `*.example.com:8443` or `http://receiver.internal`: https unless
        it says http. Raises ValueError."""
        scheme, _, rest = text.rpartition("://")
        wanted = f"{scheme or 'https'}://{rest}"
        try:
            url = httpx.URL(wanted.replace("*", "wildcard"))
        except httpx.InvalidURL:
            url = httpx.URL()
        plain = url.path in ("", "/") and not (url.userinfo or url.query or url.fragment)
        if url.scheme not in PORTS or not url.host or not plain or "/" in rest:
            raise ValueError(f"{text!r} is no host such as hooks.example.com or *.example.com.")
        pattern = host_of(url).replace("wildcard", "*")
        return cls(url.scheme, pattern, url.port or PORTS[url.scheme])

    @property
    def by_name(self) -> bool:
        """Whether it names a single host."""
        return "*" not in self.pattern

    def matches(self, url: httpx.URL) -> bool:
        port = url.port or PORTS.get(url.scheme)
        return (self.scheme, self.port) == (url.scheme, port) and fnmatchcase(
            host_of(url), self.pattern
        )


def host_of(url: httpx.URL) -> str:
    """The host as DNS takes it: in ASCII, lower case, without the dot of the root."""
    return url.raw_host.decode("ascii").lower().rstrip(".")


def find_allowed(hosts: Iterable[str], url: httpx.URL) -> AllowedHost | None:
    """The entry that allows the URL; one that names its host goes before a pattern."""
    matching = [host for host in map(AllowedHost.parse, hosts) if host.matches(url)]
    return next((host for host in matching if host.by_name), next(iter(matching), None))


def checked_host(text: str) -> str:
    """The entry, if it can be read. Raises ValueError."""
    AllowedHost.parse(text)
    return text
