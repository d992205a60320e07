"""Where webhooks may go: the operator's hosts, and of each an address that is safe to connect to.

A host is resolved once for each request, and the request goes to the address that was checked, so
that a name that resolves differently a moment later gains nothing.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence

import httpx

from service.core.allowed_hosts import PORTS, AllowedHost, find_allowed, host_of
from service.core.errors import BadInput, Conflict

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[list[str]]]  # the addresses of a host
NAT64 = ipaddress.ip_network("64:ff9b::/96")
SETTING = "LABELAUDIT_WEBHOOK_HOSTS"


class Refused(Exception):
    """The request is not sent; the message says why."""


def check_url(text: str, hosts: Sequence[str]) -> str:
    """The URL, if webhooks may be sent to it. Raises Conflict where webhooks are off, BadInput."""
    if not hosts:
        raise Conflict(
            f"Webhooks are off. The operator of the service can set {SETTING} to the hosts that "
            'may receive them, such as ["hooks.example.com"].',
            type="webhooks-off",
        )
    try:
        allowed_host(parsed(text), hosts)
    except Refused as error:
        raise BadInput(
            str(error),
            type="webhook-address-refused",
            errors=[{"pointer": "/url", "detail": str(error)}],
        ) from None
    return text


def parsed(text: str) -> httpx.URL:
    """Raises Refused."""
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in PORTS or not url.host or "%" in url.host:
        raise Refused("Send a URL such as https://hooks.example.com/labelaudit.")
    if url.userinfo:
        raise Refused(
            "The URL must not contain a user or a password: the signature proves who sends."
        )
    if url.fragment:
        raise Refused("The URL must not have a fragment (`#…`): it would not be sent.")
    return url


def allowed_host(url: httpx.URL, hosts: Sequence[str]) -> AllowedHost:
    """The operator's entry for the URL's host. Raises Refused."""
    found = find_allowed(hosts, url)
    if found is None:
        port = url.port or PORTS[url.scheme]
        raise Refused(
            f"Webhooks may not go to {host_of(url)} over {url.scheme} at port {port}. Use a host "
            f"that the operator allows, or ask the operator to add it to {SETTING}."
        )
    return found


async def pinned(url: httpx.URL, hosts: Sequence[str], resolve: Resolve) -> httpx.URL:
    """The URL with an address instead of its host, which may be connected to. Raises Refused."""
    allowed = allowed_host(url, hosts)
    host = host_of(url)
    try:
        found = await resolve(host, url.port or PORTS[url.scheme])
    except OSError:
        raise Refused(f"The host {host} has no address.") from None
    addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
    refused = [one for one in addresses if not _may_connect(one, by_name=allowed.by_name)]
    if refused or not addresses:
        raise Refused(
            f"The host {host} resolves to an address that is not public. The operator can allow "
            f"a host of the own network by its full name in {SETTING}."
        )
    return url.copy_with(host=str(addresses[0]))


def _may_connect(address: Address, *, by_name: bool) -> bool:
    """Whether it is public, or of a private network if the operator named the host. Never where
    clouds keep their credentials (link-local), nor several machines at once."""
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_multicast or address.is_link_local or address.is_unspecified:
        return False
    return by_name or (address.is_global and not _tunnels(address))


def _tunnels(address: Address) -> bool:
    """Whether it stands for an IPv4 address, which may be a private one."""
    return isinstance(address, ipaddress.IPv6Address) and bool(
        address in NAT64 or address.sixtofour or address.teredo
    )


async def system_resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]
