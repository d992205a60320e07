"""One organisation's expensive requests leave room for everybody else's."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from service.api.app import create_app
from service.api.budget import Budget
from service.core.errors import TooManyRequests
from tests.support.factories import make_audit, make_dataset, summarise


def test_more_than_the_budget_of_one_name_is_refused_and_other_names_are_not():
    budget = Budget(2, wait_seconds=0.01)
    with budget.spend("a"), budget.spend("a"):
        with pytest.raises(TooManyRequests) as refused, budget.spend("a"):
            pass
        assert refused.value.retry_after
        with budget.spend("b"):
            pass
    with budget.spend("a"):
        pass


def test_whoever_waits_gets_the_place_that_becomes_free():
    budget, began = Budget(1, wait_seconds=5), threading.Event()

    def run() -> bool:
        began.set()
        with budget.spend("a"):
            return True

    with ThreadPoolExecutor(1) as pool:
        with budget.spend("a"):
            waiting = pool.submit(run)
            began.wait()
        assert waiting.result(5)


def test_a_budget_lets_few_wait_so_that_waiting_takes_no_threads_from_others():
    budget, release = Budget(1, wait_seconds=5), threading.Event()

    def hold() -> bool:
        try:
            with budget.spend("a"):
                return release.wait(5)
        except TooManyRequests:
            release.set()
            return False

    with ThreadPoolExecutor(8) as pool:
        held = sorted(pool.map(lambda _: hold(), range(4)))
    assert held == [False, True, True, True]


def test_nothing_is_limited_without_a_limit():
    budget = Budget(0)
    with budget.spend("a"), budget.spend("a"):
        pass


def test_a_plot_beyond_the_organisations_budget_is_429_and_others_are_served(
    settings, store, database, monkeypatch
):
    audit = make_audit(store, make_dataset(store))
    summarise(store, audit)
    drawing, done = threading.Event(), threading.Event()

    def slowly(*_args, **_options) -> bytes:
        drawing.set()
        done.wait(10)
        return b"<svg/>"

    monkeypatch.setattr("service.reports.draw", slowly)
    app = create_app(settings.model_copy(update={"expensive_requests": 1}))
    with database.write() as session:
        token = create_key(session, name="Ann", role=Role.viewer)[1]
    headers = {"Authorization": f"Bearer {token}"}
    path = f"/v1/audits/{audit}/plots/tiers.svg"
    with (
        TestClient(app, base_url="http://127.0.0.1", headers=headers) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        app.state.resources.budget._wait_seconds = 0.05
        first = pool.submit(client.get, path)
        drawing.wait(10)
        refused = client.get(path)
        other = client.get(f"/v1/audits/{audit}/summary")
        done.set()
        assert first.result().status_code == 200
    assert refused.status_code == 429
    assert refused.json()["type"] == "/problems/too-many-at-once"
    assert int(refused.headers["retry-after"]) >= 1
    assert other.status_code == 200


def test_an_organisation_has_only_so_many_unfinished_exports(settings, store, database):
    dataset = make_dataset(store)
    app = create_app(settings.model_copy(update={"open_jobs": 2}))
    with database.write() as session:
        token = create_key(session, name="Ann", role=Role.uploader)[1]
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        answers = [client.post(f"/v1/datasets/{dataset}/exports") for _ in range(3)]
    assert [one.status_code for one in answers] == [202, 202, 429]
    assert answers[2].headers["retry-after"]
    assert "2 unfinished export jobs" in answers[2].json()["detail"]
