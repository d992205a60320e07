"""What Label Studio asks of the model of a project, and what it is answered. The names are its own:
those of the protocol of its ML backends."""

from typing import Annotated, Any, Literal

from pydantic import Field

from labelaudit.schemas.base import Schema, ToolRequest

MAX_TASKS = 1_000
MAX_CONFIG = 1_000_000  # characters

LabelingConfig = Annotated[str, Field(max_length=MAX_CONFIG)]


class LabelStudioSetup(ToolRequest):
    # `schema` is a method of every model
    config: LabelingConfig | None = Field(
        default=None, alias="schema", description="The project's labeling configuration."
    )


class LabelStudioTask(ToolRequest):
    id: int | str | None = Field(default=None, description="The id of the task in Label Studio.")
    data: dict[str, Any] = Field(
        description="The fields of the task. `sample_id`, which our export writes, names the "
        "sample; without it the task's own id, its text or the name of its image does."
    )


class LabelStudioPredict(ToolRequest):
    tasks: list[LabelStudioTask] = Field(max_length=MAX_TASKS)
    label_config: LabelingConfig | None = Field(
        default=None,
        description="The project's labeling configuration, which names the control of the "
        "predictions. Without it the names are those of our own configuration.",
    )


class LabelStudioHealth(Schema):
    status: Literal["UP"]
    model_class: str


class LabelStudioVersion(Schema):
    model_version: str


class LabelStudioVersions(Schema):
    versions: list[str] = Field(description="Only the newest ranking answers.")


class LabelStudioChoices(Schema):
    choices: list[str]


class LabelStudioResult(Schema):
    from_name: str
    to_name: str
    type: Literal["choices"]
    value: LabelStudioChoices


class LabelStudioPrediction(Schema):
    result: list[LabelStudioResult] = Field(
        description="The label that the audit finds right; empty if the task is none of its ranked "
        "samples, or could be several."
    )
    score: float | None = Field(description="Probability of that label, 0 to 1; low = bad.")
    model_version: str


class LabelStudioPredictions(Schema):
    results: list[LabelStudioPrediction] = Field(description="One for each task, in their order.")
    model_version: str


class LabelStudioIgnored(Schema):
    status: Literal["ignored"]
    detail: str
