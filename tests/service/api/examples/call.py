"""One request of the walk."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Known = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """A request to an operation, such as `GET /v1/datasets/{dataset_id}`.

    `{name}` in the path, the query, the headers and the body stands for what an earlier call saved
    under this name, or for what `where` says. A body is JSON, or else bytes of `media_type`.
    """

    operation: str
    by: str = "Ann"
    where: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    content: bytes | None = None
    media_type: str = "application/octet-stream"
    saves: Mapping[str, str] = field(default_factory=dict)  # name: `items.0.id`, in the answer
    shown: bool = True  # False: it only prepares for others
    lines: int = 4  # of a text that is sent or answered, as many are shown,
    begins: str = ""  # from the first one that begins so

    @property
    def method(self) -> str:
        return self.operation.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.operation.partition(" ")[2]

    @property
    def csrf(self) -> bool:
        """Whether it is a browser that calls, whose cookie needs a header."""
        return self.by in ("browser", "visitor")

    def filled(self, known: Known) -> "Filled":
        where = {**known, **fill(self.where, known)}
        return Filled(
            path_values={name: where[name] for name in names_in(self.path)},
            url=self.path.format(**where),
            query=fill(self.query, known),
            headers=fill(self.headers, known),
            json=fill(self.json, known),
        )


@dataclass(frozen=True)
class Filled:
    """What a call sends, once its names are known."""

    path_values: Known
    url: str
    query: Known
    headers: Known
    json: Any

    @property
    def parameters(self) -> Known:
        headers = {name.lower(): value for name, value in self.headers.items()}
        return {**self.path_values, **self.query, **headers}


def names_in(path: str) -> list[str]:
    return [part.partition("}")[0] for part in path.split("{")[1:]]


def fill(value: Any, known: Known) -> Any:
    """The value with each string `{name}` replaced."""
    match value:
        case str() if value.startswith("{") and value.endswith("}"):
            return known[value[1:-1]]
        case Mapping():
            return {name: fill(one, known) for name, one in value.items()}
        case list():
            return [fill(one, known) for one in value]
    return value


def find(answer: Any, place: str) -> Any:
    """What lies at a place such as `items.0.id`."""
    for step in place.split("."):
        answer = answer[int(step) if step.isdigit() else step]
    return answer
