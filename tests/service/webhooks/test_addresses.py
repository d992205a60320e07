"""Where webhooks may go."""

from collections.abc import Iterator

import httpx
import pytest
from pydantic import ValidationError

from labelaudit.enums import JobStatus
from service.core.config import Settings
from service.core.errors import BadInput, Conflict
from service.db.tables import WebhookDelivery
from service.webhooks.addresses import Refused, check_url, pinned
from tests.service.webhooks.receiver import Receiver, receiving, register, send_due
from tests.service.webhooks.test_sending import all_deliveries
from tests.support.awaiting import awaited
from tests.support.factories import Store, make_dataset

HOSTS = ["hooks.example.com", "*.partner.org:8443", "http://plain.example.com"]
PUBLIC = "93.184.215.14"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?b=c",
        "https://HOOKS.example.com./",
        "https://eu.partner.org:8443/",
        "http://plain.example.com/",
    ],
)
def test_allowed_hosts(url: str) -> None:
    assert check_url(url, HOSTS) == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://hooks.example.com/", "over http"),
        ("https://plain.example.com/", "plain.example.com"),
        ("https://other.example.com/", "other.example.com"),
        ("https://hooks.example.com.evil.org/", "evil.org"),
        ("https://hooks.example.com:8443/", "port 8443"),
        ("https://partner.org:8443/", "partner.org"),
        ("https://ann:secret@hooks.example.com/", "password"),
        ("https://hooks.example.com@evil.org/", "password"),
        ("https://hooks.example.com/#part", "fragment"),
        ("file:///etc/passwd", "https://"),
        ("https://169.254.169.254/", "169.254.169.254"),
        ("nonsense", "https://"),
        ("https://[", "https://"),
    ],
)
def test_others_are_refused(url: str, said: str) -> None:
    with pytest.raises(BadInput) as refusal:
        check_url(url, HOSTS)
    assert said in refusal.value.detail
    assert refusal.value.errors[0]["pointer"] == "/url"
    assert "secret" not in refusal.value.detail


def test_without_hosts_webhooks_are_off() -> None:
    with pytest.raises(Conflict, match="LABELAUDIT_WEBHOOK_HOSTS") as refusal:
        check_url("https://hooks.example.com/", [])
    assert refusal.value.type == "webhooks-off"


@pytest.mark.parametrize("host", ["", "a/b", "ftp://a", "https://", "ann:x@a", "a?b"])
def test_a_setting_that_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(ValidationError, match="is no host"):
        Settings(webhook_hosts=[host])


async def pin(url: str, hosts: list[str], *addresses: str) -> str:
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return str(await pinned(httpx.URL(url), hosts, resolve))


def run_pin(url: str, hosts: list[str], *addresses: str) -> str:
    return awaited(pin(url, hosts, *addresses))


PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "192.168.0.1",
    "100.64.0.1",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::1",
]
NEVER = ["169.254.169.254", "fe80::1%eth0", "::ffff:169.254.169.254", "0.0.0.0", "224.0.0.1"]


@pytest.mark.parametrize("address", [*PRIVATE, *NEVER])
def test_a_pattern_reaches_public_addresses_alone(address: str) -> None:
    url = "https://eu.partner.org:8443/x"
    assert run_pin(url, HOSTS, PUBLIC) == f"https://{PUBLIC}:8443/x"
    for addresses in ((address,), (PUBLIC, address)):
        with pytest.raises(Refused, match="not public"):
            run_pin(url, HOSTS, *addresses)


@pytest.mark.parametrize("address", PRIVATE)
def test_a_host_that_the_operator_names_may_be_private(address: str) -> None:
    assert run_pin("https://hooks.example.com/", HOSTS, address)


@pytest.mark.parametrize("address", NEVER)
def test_link_local_addresses_are_refused_even_then(address: str) -> None:
    with pytest.raises(Refused):
        run_pin("https://hooks.example.com/", HOSTS, address)


def test_a_host_that_resolves_differently_the_second_time_gains_nothing(
    store: Store, receiver: Receiver
) -> None:
    """The request goes to the address that was checked, with the name of the host."""
    url = f"http://hooks.invalid:{receiver.port}/hook"
    hosts = [f"http://hooks.invalid:{receiver.port}"]
    answers = [["127.0.0.1"], ["169.254.169.254"]]

    async def rebinding(host: str, port: int) -> list[str]:
        return answers.pop(0)

    register(store.database, url, hosts)
    make_dataset(store)
    send_due(store.database, hosts, resolve=rebinding)
    assert answers == [["169.254.169.254"]]  # it was asked once
    assert receiver.received[0].headers["host"] == f"hooks.invalid:{receiver.port}"
    make_dataset(store)
    send_due(store.database, hosts, resolve=rebinding)
    assert len(receiver.received) == 1
    assert "not public" in (all_deliveries(store.database)[1].error or "")


def test_hosts_are_checked_again_when_a_message_is_sent(store: Store, receiver: Receiver) -> None:
    register(store.database, receiver.url, receiver.hosts)
    make_dataset(store)
    send_due(store.database, ["hooks.example.com"])
    assert receiver.received == []
    delivery: WebhookDelivery
    (delivery,) = all_deliveries(store.database)
    assert (delivery.status, delivery.attempts) == (JobStatus.queued, 1)
    assert "LABELAUDIT_WEBHOOK_HOSTS" in (delivery.error or "")
