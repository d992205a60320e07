"""A client made from the OpenAPI document by a generator goes from upload to corrected file.

The generator has an environment of its own, because it needs another version of Typer than the
service does.
"""

import csv
import importlib
import io
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from tests.support.processes import Deployment, deployed

pytestmark = pytest.mark.slow

DOCUMENT = Path(__file__).parents[1] / "service" / "api" / "openapi.json"
GENERATOR = "openapi-python-client==0.29.1"
CONFIG = """
post_hooks: []
content_type_overrides:
  application/offset+octet-stream: application/octet-stream
  image/png: application/octet-stream
  image/svg+xml: application/octet-stream
"""
WORDS = {"cat": "purring whiskers on the sofa", "dog": "barking at the postman again"}
PATIENCE = 120.0
COMMAND = ("openapi-python-client", "generate", "--config", "config.yaml", "--meta", "none")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The folder that holds the package `generated`."""
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.yaml").write_text(CONFIG)
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    options = ("--path", str(DOCUMENT), "--output-path", "generated")
    done = subprocess.run(
        [uv, "tool", "run", "--python", sys.executable, "--from", GENERATOR, *COMMAND, *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if "generated" not in [path.name for path in folder.iterdir()]:
        pytest.skip(f"the generator cannot be installed here: {done.stderr[-300:]}")
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout, done.stdout
    return str(folder)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    with deployed(tmp_path_factory.mktemp("service"), device="cpu") as deployment:
        deployment.worker()
        deployment.api()
        yield deployment


def texts() -> bytes:
    lines = ["id,text,label"]
    for number in range(40):
        kind = "cat" if number % 2 else "dog"
        given = "cat" if number == 4 else kind
        lines.append(f"n{number},{WORDS[kind]} {number},{given}")
    return "\n".join(lines).encode()


def test_a_generated_client_goes_the_whole_road(
    generated: str,
    service: Deployment,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    monkeypatch.syspath_prepend(generated)

    def operation(name: str) -> Callable[..., Any]:
        found: Callable[..., Any] = importlib.import_module(f"generated.api.{name}").sync
        return found

    models = importlib.import_module("generated.models")
    client_class = importlib.import_module("generated.client").AuthenticatedClient
    file_class = importlib.import_module("generated.types").File
    with service.database() as database, database.write() as session:
        _, token = create_key(session, name="Uma", role=Role.admin)
    url = f"http://127.0.0.1:{service.port}"
    client = client_class(base_url=url, token=token, timeout=httpx.Timeout(60))
    request.addfinalizer(client.get_httpx_client().close)

    def finished(read: str, id: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while (found := operation(read)(id, client=client)).status in ("queued", "running"):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert found.status == "completed", found.problem
        return found

    body = file_class(payload=io.BytesIO(texts()))
    upload = operation("datasets.upload_dataset")
    dataset = upload(client=client, body=body, filename="texts.csv", label_column="label")
    dataset = finished("datasets.read_dataset", dataset.id)
    assert (dataset.sample_count, dataset.class_names) == (40, ["cat", "dog"])
    options = models.AuditCreate(replicas=2, epochs=3)
    audit = operation("datasets.start_audit")(dataset.id, client=client, body=options)
    finished("audits.read_audit", audit.id)
    suspects = operation("audits.list_suspects")(audit.id, client=client, limit=5)
    assert [one.rank for one in suspects.items] == [1, 2, 3, 4, 5]
    wanted = models.CorrectionCreate(
        sample_id="n4", verdict=models.Verdict("relabel"), corrected_label="dog"
    )
    batch = operation("review.submit_corrections")(
        audit.id, client=client, body=models.CorrectionsCreate(corrections=[wanted])
    )
    assert batch.dataset_version == 1
    export = operation("datasets.start_export")(
        dataset.id,
        client=client,
        body=models.ExportCreate(format_=models.ExportCreateFormat("csv")),
    )
    done = finished("exports.read_export", export.id)
    file = httpx.get(url + done.download_url, headers={"Authorization": f"Bearer {token}"})
    rows = {row["sample_id"]: row for row in csv.DictReader(io.StringIO(file.text))}
    assert (rows["n4"]["given_label"], rows["n4"]["corrected_label"]) == ("cat", "dog")
