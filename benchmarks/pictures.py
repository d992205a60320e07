"""What a storm of huge pictures costs the API, and everybody else.

    python -m benchmarks.pictures [--shape production] [--callers 64] [--edge 7000]

The whole service runs as it is deployed, on this machine, beside the clients. Callers of one
organisation ask at once for as many thumbnails, each of a picture of its own (PNG and JPEG by
turns), and ask again when told to. Meanwhile people of another organisation read pages of suspects.
Printed are their latencies before and during the storm, and the memory of the API process: by
itself, and together with the processes that decode for it.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import numpy as np

from service.accounts.tenants import create_tenant
from tests.drills.stack import SHAPES, Stack, running
from tests.support import picture_storm, road

SAMPLES = 2_000
CLASSES = 10
PEOPLE = 4


def main() -> None:
    assert __doc__
    parser = argparse.ArgumentParser("benchmarks.pictures", description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, default="production")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--edge", type=int, default=7000, help="pixels")
    parser.add_argument("--calm", type=float, default=20.0, help="seconds before the storm")
    options = parser.parse_args()
    with running(options.shape, rate_limit="60000/minute", job_lease_seconds=60) as stack:
        page = _page(stack)
        archive = picture_storm.huge_pictures(options.callers, edge=options.edge)
        names = picture_storm.names_in(archive)
        print(f"{len(names)} pictures of {options.edge} x {options.edge}, {len(archive):,} bytes")
        with stack.deployment.client() as client:
            wait = lambda: time.sleep(0.5)  # noqa: E731
            upload = road.Upload(archive, "huge.zip", "image", frozenset())
            dataset = road.send(client, upload, wait, seconds=600)
            token = client.headers["authorization"].removeprefix("Bearer ")
        paths = picture_storm.media_paths(dataset["id"], names)
        for times in ("first", "second"):
            with picture_storm.watching(stack.service.pid) as peak:
                found = asyncio.run(
                    picture_storm.storm(
                        stack.url,
                        asking=token,
                        pictures=paths,
                        working=page[0],
                        page=page[1],
                        people=PEOPLE,
                        calm_seconds=options.calm,
                    )
                )
            print(f"\nthe {times} time, {options.shape}")
            for name, value in picture_storm.described(found, peak).items():
                print(f"{name}: {value}")


def _page(stack: Stack) -> tuple[str, str]:
    """The token of another organisation, and the path of a page of its suspects."""
    with stack.deployment.database() as database, database.write() as session:
        _, token = create_tenant(session, name="the others", admin="Ann")
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.full(CLASSES, 0.2), SAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "given.npz"
        np.savez(path, pred_probs=shares.astype(np.float32), labels=np.arange(SAMPLES) % CLASSES)
        upload = road.Upload(path.read_bytes(), "given.npz", "probabilities", frozenset())
    with stack.deployment.client() as client:
        client.headers["authorization"] = f"Bearer {token}"
        wait = lambda: time.sleep(0.2)  # noqa: E731
        audit = road.start(client, road.send(client, upload, wait), {})
        done = road.finished(client, audit, wait)
        assert done["status"] == "completed", done["problem"]
    return token, f"{audit}/suspects?limit=50"


if __name__ == "__main__":
    main()
