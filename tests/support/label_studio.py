"""Label Studio as a client of an audit: the calls of its `ml/api_connector.py`."""

from typing import Any
from urllib.parse import urljoin

from starlette.testclient import TestClient

from labelaudit.enums import Role
from service.accounts.api_keys import create_key
from tests.support.factories import Store

CONFIG = """<View>
  <Header value="What is it about?"/>
  <Text name="sentence" value="$review"/>
  <Choices name="subject" toName="sentence" choice="single">
    <Choice value="cooking"/><Choice value="sailing"/>
  </Choices>
</View>"""


class LabelStudio:
    """A project that is connected to an audit."""

    def __init__(self, client: TestClient, url: str, user: str, password: str) -> None:
        self.client, self.url, self.auth = client, url, (user, password)

    def call(self, path: str, body: Any = None, **options: Any) -> Any:
        url = urljoin(self.url + "/", path)
        method = "GET" if body is None else "POST"
        return self.client.request(method, url, json=body, auth=self.auth, **options)

    def health(self) -> Any:
        return self.call("health")

    def setup(self, config: str = CONFIG) -> Any:
        return self.call(
            "setup",
            {
                "project": "7.1764000000",
                "schema": config,
                "hostname": "http://localhost:8080",
                "access_token": "not-ours",
                "extra_params": None,
            },
        )

    def predict(self, tasks: list[Any], config: str | None = CONFIG) -> Any:
        return self.call(
            "predict",
            {
                "tasks": tasks,
                "project": "7.1764000000",
                "label_config": config,
                "params": {"login": None, "password": None, "context": None},
            },
        )

    def start_training(self) -> Any:
        return self.call("webhook", {"action": "START_TRAINING", "project": {"id": 7}})


def key_of(store: Store, role: Role = Role.viewer, **options: Any) -> str:
    with store.database.write() as session:
        return create_key(session, name="Label Studio", role=role, **options)[1]


def task(number: int, **data: Any) -> dict[str, Any]:
    """As Label Studio's serializer writes one."""
    return {"id": number, "data": data, "meta": {}, "project": 7, "file_upload": None}


def choice(prediction: dict[str, Any]) -> str | None:
    if not prediction["result"]:
        return None
    [result] = prediction["result"]
    [label] = result["value"]["choices"]
    return label
