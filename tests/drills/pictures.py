"""A drill of callers who ask for more pictures than can be decoded."""

import asyncio
import time

from service.accounts.tenants import create_tenant
from tests.drills.arena import Arena
from tests.drills.ledger import Caller
from tests.drills.registry import drill
from tests.support import picture_storm as storms
from tests.support import road

PICTURES, EDGE = 16, 7000
PEOPLE = 3
MOST_MEBIBYTES = 700  # of the API process and its decoders together
SLOWEST_MS = 2_000  # of a page of somebody else, at 99 %, on a busy machine


@drill()
def picture_storm(arena: Arena) -> None:
    """Everybody of one organisation asks for another huge picture at the same moment: each is shown
    in the end, the memory stays bounded, and another organisation works on as before."""
    archive = storms.huge_pictures(PICTURES, edge=EDGE)
    dataset = arena.upload(road.Upload(archive, "huge.zip", "image", frozenset()))
    token, page = _others(arena)
    since = time.monotonic()
    with storms.watching(arena.stack.service.pid) as peak:
        found = asyncio.run(
            storms.storm(
                arena.stack.url,
                asking=arena.client.token,
                pictures=storms.media_paths(dataset["id"], storms.names_in(archive)),
                working=token,
                page=page,
                people=PEOPLE,
                calm_seconds=3.0,
            )
        )
    arena.ledger.recovered(since)
    arena.notes.append(str(storms.described(found, peak)))
    assert found.answers[200] == PICTURES, found.answers
    assert set(found.answers) <= {200, 429, 503}, found.answers
    assert not found.page_failures, found.page_failures
    assert found.percentile(found.during, 99) < SLOWEST_MS, storms.described(found, peak)
    assert peak.together < MOST_MEBIBYTES, peak


def _others(arena: Arena) -> tuple[str, str]:
    """The token of another organisation's admin, and a page of its suspects."""
    name = f"the others {time.monotonic_ns()}"
    with arena.stack.deployment.database() as database, database.write() as session:
        _, token = create_tenant(session, name=name, admin="Ann")
    client = Caller(arena.stack.url, arena.ledger, token)
    dataset = road.send(client, road.probabilities(), _wait)
    audit = road.start(client, dataset, {})
    done = road.finished(client, audit, _wait)
    client.http.close()
    assert done["status"] == "completed", done["problem"]
    return token, f"{audit}/suspects?limit=50"


def _wait() -> None:
    time.sleep(0.2)
