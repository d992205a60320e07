"""`objectives` and `encoders`: what an audit can be trained with."""

from labelaudit.schemas import ObjectiveRead
from service.cli import show
from service.cli.options import AsJson, DataDir, Url, connect


def objectives(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the noise-robust training objectives."""
    with connect(data_dir, url) as client:
        found = client.objectives()
    show.listing(
        found,
        as_json,
        {
            "name": lambda objective: objective.name,
            "use when": lambda objective: objective.use_when,
            "options": _options,
        },
    )


def _options(objective: ObjectiveRead) -> str:
    return ", ".join(f"{option.name}={option.default}" for option in objective.options)


def encoders(as_json: AsJson = False, url: Url = None, data_dir: DataDir = None) -> None:
    """List the encoders and the kind of data that each reads."""
    with connect(data_dir, url) as client:
        found = client.encoders()
    show.listing(
        found,
        as_json,
        {
            "name": lambda encoder: encoder.name,
            "kind": lambda encoder: encoder.kind,
            "description": lambda encoder: encoder.description,
        },
    )
