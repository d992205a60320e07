"""Which column holds the labels, and why one that seems to does not."""

from collections.abc import Iterable

from service.core.errors import BadDataset
from service.ingest.columns.column_names import CORRECTED, LABELS, find_name
from service.ingest.columns.profile import ColumnProfile
from service.ingest.faults import refuse
from service.ingest.report import ColumnRoles
from service.ingest.source import RowSource

Profiles = dict[str, ColumnProfile]


def find_label(source: RowSource, profiles: Profiles, roles: ColumnRoles) -> str:
    """The column with the labels. Raises BadDataset where there is none, or one of lists."""
    if roles.label is not None:
        _refuse_lists(roles.label, source, profiles)
        return roles.label
    scalars = {n: p for n, p in profiles.items() if not (p.is_list or p.is_picture)}
    label = find_name(scalars, LABELS)
    corrected = find_name(scalars, (CORRECTED,))
    if corrected and label and scalars[label].missing:
        # An export of JSON has `given_label` and `corrected_label` in the corrected rows alone.
        whole = {n: p for n, p in scalars.items() if p.missing < scalars[label].missing}
        label = find_name(whole, LABELS) or label
    if corrected and (not label or scalars[corrected].missing <= scalars[label].missing):
        return corrected
    if label is None:
        label = _find_unnamed(source, scalars)
    if label is None:
        named = find_name(source.columns, (CORRECTED, *LABELS))
        if named is not None and named not in roles.ignored:
            _refuse_lists(named, source, profiles)
        raise missing_label(source.columns)
    return label


def _find_unnamed(source: RowSource, scalars: Profiles) -> str | None:
    """The label of a file without a header: its only column of few words."""
    if getattr(source, "header", ()) is not None:
        return None
    words = [
        name
        for name, profile in scalars.items()
        if not profile.reads_as_number and not profile.missing and profile.distinct_share <= 0.5
    ]
    return words[0] if len(words) == 1 else None


def _refuse_lists(label: str, source: RowSource, profiles: Profiles) -> None:
    """Refuse a label column of lists, or of a type that is no label, by what it is."""
    type = source.unsupported.get(label)
    profile = profiles.get(label)
    if type is None and (profile is None or not (profile.is_list or profile.is_picture)):
        return
    if type is not None and "list" not in type:
        detail = f"Column {label} has type {type}, which cannot be a label. Save it as text."
        raise refuse("column-type-unsupported", detail, column=label)
    example = f", for example {profile.examples[0]}" if profile and profile.examples else ""
    detail = (
        f"Column {label} holds lists{example}: several labels for a sample, or spans. One label "
        "for a sample is audited. Keep one, or upload a file for each label with yes or no."
    )
    raise refuse("multiple-labels", detail, column=label)


def missing_label(columns: Iterable[str]) -> BadDataset:
    """The refusal for rows without labels."""
    detail = (
        f"No column looks like a label. The columns are: {some(list(columns)) or 'none'}. Name "
        "one `label`, or set it in the column roles."
    )
    return refuse("label-column-missing", detail)


def some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
