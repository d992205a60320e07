"""Sends what is due, several messages at once, each within a time limit.

Of an answer only the status is looked at: its body is never read, and redirects are not followed.
"""

import asyncio
import time
from collections.abc import Sequence

import httpx

from service.db.engine import Database
from service.webhooks import deliveries
from service.webhooks.addresses import Refused, Resolve, parsed, pinned, system_resolve
from service.webhooks.deliveries import Message, Outcome
from service.webhooks.signatures import signed_headers

AT_ONCE = 8
# Hosts may share an address, and each connection is checked for one host only.
NO_REUSE = httpx.Limits(max_keepalive_connections=0)
TIMEOUT_SECONDS = 10.0  # of a whole request, from the name's resolution to the answer's status


def send_due(database: Database, hosts: Sequence[str], *, resolve: Resolve = system_resolve) -> int:
    """Send the messages that are due; how many that were."""
    sent = 0
    while True:
        with database.write() as session:
            messages = deliveries.claim(session, count=AT_ONCE)
        outcomes = asyncio.run(_send_all(messages, hosts, resolve)) if messages else []
        for message, outcome in zip(messages, outcomes, strict=True):
            with database.write() as session:
                deliveries.record(session, message, outcome)
        sent += len(messages)
        if len(messages) < AT_ONCE:
            return sent


async def _send_all(
    messages: Sequence[Message], hosts: Sequence[str], resolve: Resolve
) -> list[Outcome]:
    async with httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        timeout=TIMEOUT_SECONDS,
        limits=NO_REUSE,
    ) as client:
        return await asyncio.gather(
            *(_send(client, message, hosts, resolve) for message in messages)
        )


async def _send(
    client: httpx.AsyncClient, message: Message, hosts: Sequence[str], resolve: Resolve
) -> Outcome:
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            return await _post(client, message, hosts, resolve)
    except Refused as error:
        return Outcome(error=str(error))
    except (TimeoutError, httpx.TimeoutException):
        return Outcome(error=f"No answer within {TIMEOUT_SECONDS:.0f} seconds.")
    except (httpx.HTTPError, OSError) as error:
        return Outcome(error=f"The connection failed: {type(error).__name__}.")


async def _post(
    client: httpx.AsyncClient, message: Message, hosts: Sequence[str], resolve: Resolve
) -> Outcome:
    url = parsed(message.url)
    request = client.build_request(
        "POST",
        await pinned(url, hosts, resolve),
        content=message.body,
        headers={
            "Host": url.netloc.decode("ascii"),
            "Content-Type": "application/json",
            "User-Agent": "labelaudit-webhooks",
            **signed_headers(message.secrets, message.id, int(time.time()), message.body),
        },
        # the certificate must be of the host's name, although we connect to its address
        extensions={"sni_hostname": url.raw_host.decode("ascii")},
    )
    answer = await client.send(request, stream=True)
    await answer.aclose()
    if answer.is_redirect:
        return Outcome(answer.status_code, "The endpoint redirects; redirects are not followed.")
    return Outcome(answer.status_code)
