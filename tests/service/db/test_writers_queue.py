"""Many people at one queue over HTTP: on SQLite they wait for each other."""

import time
from collections import Counter

import httpx
import pytest
from sqlalchemy import select
from sqlalchemy.exc import TimeoutError as PoolTimeout

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.core.config import Settings
from service.db import engine as module
from service.db.engine import Database
from service.db.tables import Correction
from tests.support.factories import in_threads, make_audit, make_dataset
from tests.support.live import LiveService, free_port

PEOPLE, SAMPLES = 24, 48
TIERS = {"tier": ["obvious", "possible", "none"]}


def test_whoever_waits_too_long_for_a_turn_to_write_is_told(sqlite_url, monkeypatch):
    monkeypatch.setattr(module, "WRITER_QUEUE_SECONDS", 0.2)
    database = Database(sqlite_url)
    with database.write() as first:
        first.connection()
        with pytest.raises(PoolTimeout), database.write() as second:
            second.connection()
        with database.read() as reader:  # readers need no turn
            assert reader.scalar(select(1)) == 1
    database.dispose()


def _post(client, path, **options):
    """Waits are bounded: on a machine that is busy enough the service asks to come again."""
    while (answer := client.post(path, **options)).status_code == 503:
        assert answer.json()["type"] == "/problems/database-unavailable", _told(answer)
        time.sleep(float(answer.headers["Retry-After"]))
    return answer


def _told(answer):
    return answer.request.url.path, answer.status_code, dict(answer.headers), answer.text


def _decide_all(url, audit_id, token):
    """One annotator until nothing is left; each answer is sent twice."""
    statuses, acknowledged = Counter(), set()
    with httpx.Client(base_url=url, timeout=60) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        base = f"/v1/audits/{audit_id}"
        while True:
            answer = _post(client, f"{base}/queue/next", json=TIERS)
            statuses[answer.status_code] += 1
            assert answer.status_code == 200, _told(answer)
            items = answer.json()["items"]
            if not items:
                return statuses, acknowledged
            [item] = items
            decision = {
                "sample_id": item["sample_id"],
                "verdict": "keep",
                "lease_id": item["lease"]["lease_id"],
            }
            headers = {"Idempotency-Key": item["lease"]["lease_id"]}
            for _ in range(2):
                answer = _post(
                    client, f"{base}/corrections", json={"corrections": [decision]}, headers=headers
                )
                statuses[answer.status_code] += 1
                assert answer.status_code == 201, _told(answer)
                acknowledged.add(answer.json()["items"][0]["id"])


def test_many_people_at_once_lose_and_double_nothing(database, store, database_url, tmp_path):
    audit_id = make_audit(store, make_dataset(store, samples=SAMPLES))
    with database.write() as session:
        tokens = [create_key(session, name=f"p{n}", role=Role.annotator)[1] for n in range(PEOPLE)]
    settings = Settings(
        data_dir=tmp_path / "data",
        storage_dir=store.storage.root,
        database_url=database_url,
        workers=0,
        free_space_watermark_bytes=0,
    )
    service = LiveService(settings, free_port(), tokens[0])
    service.start()
    try:
        told = in_threads(PEOPLE, lambda n: _decide_all(service.url, audit_id, tokens[n]))
    finally:
        service.stop()
    statuses = sum((counts for counts, _ in told), Counter())
    acknowledged = set().union(*(names for _, names in told))
    with database.read() as session:
        rows = session.scalars(select(Correction)).all()
    assert set(statuses) == {200, 201}
    assert {row.id for row in rows} == acknowledged
    assert Counter(row.position for row in rows) == dict.fromkeys(range(SAMPLES), 1)
