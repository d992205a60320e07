"""Assigns roles to columns: as the caller says, or by name, or by content.

A column that looks like another label, a ground truth or a model's output is never used as an
input: the models would learn to copy it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from service.core.errors import BadDataset
from service.ingest.column_names import (
    CORRECTED,
    EMBEDDINGS,
    FILES,
    IMAGE_SUFFIXES,
    LABELS,
    LOOKS_LIKE_ID,
    PROBABILITIES,
    SAMPLE_IDS,
    TEXTS,
    find_name,
    looks_like_label,
    prefixed_features,
)
from service.ingest.faults import refuse
from service.ingest.profile import ColumnProfile
from service.ingest.report import (
    ColumnRoles,
    Columns,
    ContentKind,
    FeatureType,
)
from service.ingest.source import RowSource

Profiles = dict[str, ColumnProfile]

BY_REQUEST = "the column roles say so"
LEAK = "other labels, truths and predictions are never inputs"
CATEGORY_LIMIT = 1000
FEW = 40


@dataclass
class Plan:
    """The assigned roles. `ignored` maps each unused column to the reason."""

    kind: ContentKind
    label: str
    sample_id: str | None = None
    text: str | None = None
    file: str | None = None
    embedding: str | None = None
    pred_probs: str | None = None
    features: dict[str, FeatureType] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def columns(self) -> Columns:
        """The roles as reported."""
        single = (self.text, self.file, self.embedding, self.pred_probs)
        return Columns(self.sample_id, self.label, *single, self.features, list(self.ignored))

    def warnings(self) -> list[str]:
        """Notes, and one sentence for each reason to ignore columns."""
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.ignored.items():
            by_reason.setdefault(reason, []).append(name)
        return self.notes + [f"Ignored {_list(names)}: {why}." for why, names in by_reason.items()]


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"


def plan_roles(
    source: RowSource, profiles: Profiles, roles: ColumnRoles, *, media: bool = False
) -> Plan:
    """Decide. `media`: the rows are a manifest of an archive of images.

    Raises BadDataset (`column-unknown`, `column-type-unsupported`, `label-column-missing`,
    `no-features`, `manifest-mismatch`).
    """
    _check_names(source, roles)
    open_ = {n: p for n, p in profiles.items() if n not in roles.ignored}
    label = _find_label(source, open_, roles)
    free = {n: p for n, p in open_.items() if n != label}
    decide = _plan_images if media else _plan_content
    plan = decide(label, free, roles)
    _find_sample_id(plan, free, roles)
    _note_ignored(plan, source, roles)
    return plan


def _check_names(source: RowSource, roles: ColumnRoles) -> None:
    for name in roles.named():
        if name not in source.columns:
            detail = f"There is no column {name}. The columns are: {_list(list(source.columns))}."
            raise refuse("column-unknown", detail, column=name)
        if name in source.unsupported and name not in roles.ignored:
            detail = f"Column {name} has type {source.unsupported[name]}, which no role supports."
            raise refuse("column-type-unsupported", detail, column=name)


def _find_label(source: RowSource, profiles: Profiles, roles: ColumnRoles) -> str:
    if roles.label is not None:
        return roles.label
    scalars = {n: p for n, p in profiles.items() if not p.is_list}
    label = find_name(scalars, LABELS)
    corrected = find_name(scalars, (CORRECTED,))
    if corrected and (not label or scalars[corrected].missing <= scalars[label].missing):
        return corrected
    if label is None:
        raise missing_label(source.columns)
    return label


def missing_label(columns: Iterable[str]) -> BadDataset:
    """The refusal for rows without labels."""
    detail = (
        f"No column looks like a label. The columns are: {_list(list(columns)) or 'none'}. Name "
        "one `label`, or set it in the column roles."
    )
    return refuse("label-column-missing", detail)


def _plan_images(label: str, free: Profiles, roles: ColumnRoles) -> Plan:
    file = roles.file or find_name(free, FILES) or _find_file_by_content(free)
    if file is None:
        detail = "No column of the manifest has the names of the image files. Name it `file`."
        raise refuse("manifest-mismatch", detail)
    return Plan("image", label, file=file)


def _find_file_by_content(free: Profiles) -> str | None:
    return next((name for name, profile in free.items() if names_images(profile)), None)


def names_images(profile: ColumnProfile) -> bool:
    """True if the first values all end as image files do."""
    return bool(profile.samples) and all(
        value.lower().endswith(IMAGE_SUFFIXES) for value in profile.samples
    )


def _plan_content(label: str, free: Profiles, roles: ColumnRoles) -> Plan:
    lists = {n: p for n, p in free.items() if p.is_list}
    if roles.features is not None:
        return _plan_table(label, free, roles)
    if roles.text is not None:
        return Plan("text", label, text=roles.text)
    if roles.embedding is not None:
        return Plan("vector", label, embedding=roles.embedding)
    if roles.pred_probs is not None:
        return Plan("probabilities", label, pred_probs=roles.pred_probs)
    if prefixed_features(free):
        return _plan_table(label, free, roles)
    if (embedding := _find_embedding(lists)) is not None:
        return Plan("vector", label, embedding=embedding)
    if (probabilities := find_name(lists, PROBABILITIES)) is not None:
        return Plan("probabilities", label, pred_probs=probabilities)
    if (text := _find_text(free)) is not None:
        return Plan("text", label, text=text)
    _refuse_bare_manifest(free)
    return _plan_table(label, free, roles)


def _find_embedding(lists: Profiles) -> str | None:
    named = find_name(lists, EMBEDDINGS)
    if named is not None:
        return named
    others = [n for n, p in lists.items() if p.floating_lists and not looks_like_label(n)]
    return others[0] if len(others) == 1 else None


def _find_text(free: Profiles) -> str | None:
    strings = {n: p for n, p in free.items() if p.is_string and not looks_like_label(n)}
    # A column of that name that holds short codes or numbers is a feature, not a text.
    worded = {n: p for n, p in strings.items() if not p.reads_as_number}
    named = find_name(worded, TEXTS)
    if named is not None and (named.lower() == "text" or worded[named].distinct_share > 0.2):
        return named
    numeric = [n for n, p in free.items() if p.reads_as_number and not looks_like_label(n)]
    prose = [n for n, p in strings.items() if p.is_prose]
    inputs = [n for n in numeric if not LOOKS_LIKE_ID.fullmatch(n.lower())]
    if not prose or len(inputs) >= 2:
        return None
    return max(prose, key=lambda name: strings[name].mean_length)


def _refuse_bare_manifest(free: Profiles) -> None:
    file = find_name((n for n, p in free.items() if names_images(p)), FILES)
    if file is not None:
        detail = (
            f"Column {file} names images that were not uploaded. Zip them together with this file."
        )
        raise refuse("manifest-mismatch", detail, column=file)


def _plan_table(label: str, free: Profiles, roles: ColumnRoles) -> Plan:
    plan = Plan("table", label)
    asked = list(roles.features) if roles.features is not None else prefixed_features(free)
    taken = (roles.sample_id, roles.label)
    for name, profile in free.items():
        if name in taken or (asked and name not in asked):
            continue
        reason = _reason_to_ignore(profile, chosen=bool(asked))
        if reason is None:
            plan.features[name] = "numeric" if profile.reads_as_number else "categorical"
        else:
            plan.ignored[name] = reason
    if not plan.features:
        found = "; ".join(plan.warnings()) or "The file has no other columns."
        detail = f"No column can be used as a feature. {found}"
        raise refuse("no-features", detail)
    return plan


def _reason_to_ignore(profile: ColumnProfile, *, chosen: bool) -> str | None:
    if profile.is_list:
        return "lists cannot be features of a table"
    if profile.present == 0:
        return "no row has a value"
    if len(profile.distinct) == 1 and profile.missing == 0:
        return "every row has the same value"
    if chosen:
        return None
    name = profile.name.lower()
    if looks_like_label(name):
        return LEAK
    if LOOKS_LIKE_ID.fullmatch(name) and profile.distinct_share > 0.9:
        return "identifiers say nothing about the class"
    if not profile.reads_as_number and _is_id_like(profile):
        return "nearly every row has a different string"
    return None


def _is_id_like(profile: ColumnProfile) -> bool:
    many = len(profile.distinct) > CATEGORY_LIMIT
    return many or (profile.distinct_share > 0.5 and len(profile.distinct) > FEW)


def _find_sample_id(plan: Plan, free: Profiles, roles: ColumnRoles) -> None:
    used = {plan.text, plan.file, plan.embedding, plan.pred_probs, *(roles.features or ())}
    candidates = [n for n, p in free.items() if n not in used and not p.is_list]
    plan.sample_id = roles.sample_id or find_name(candidates, SAMPLE_IDS)
    if roles.sample_id is None and plan.sample_id not in (None, *SAMPLE_IDS[:2]):
        profile = free[plan.sample_id]
        if profile.missing or profile.distinct_share < 1:
            plan.notes.append(
                f"{plan.sample_id} is not unique, so it is not used as the sample id."
            )
            plan.sample_id = None
    if plan.sample_id is not None:
        plan.features.pop(plan.sample_id, None)
        plan.ignored.pop(plan.sample_id, None)


def _note_ignored(plan: Plan, source: RowSource, roles: ColumnRoles) -> None:
    single = (plan.label, plan.sample_id, plan.text, plan.file, plan.embedding, plan.pred_probs)
    for name in source.columns:
        if name in single or name in plan.features or name in plan.ignored:
            continue
        plan.ignored[name] = _reason_unused(name, plan, source, roles)


def _reason_unused(name: str, plan: Plan, source: RowSource, roles: ColumnRoles) -> str:
    if name in roles.ignored:
        return BY_REQUEST
    if name in source.unsupported:
        return "no role supports that type"
    if looks_like_label(name):
        return LEAK
    if plan.kind == "table":
        return "not among the marked features"
    return f"only the {plan.kind} is audited"
