"""Assigns roles to columns: as the caller says, or by name, or by content.

A column that looks like another label, a ground truth or a model's output is never used as an
input: the models would learn to copy it.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from service.ingest.columns.column_names import (
    EMBEDDINGS,
    FILES,
    IMAGE_SUFFIXES,
    LOOKS_LIKE_ID,
    PROBABILITIES,
    SAMPLE_IDS,
    SPLITS,
    TEXTS,
    UNNAMED,
    find_name,
    looks_like_label,
    prefixed_features,
)
from service.ingest.columns.label_column import Profiles, find_label, some
from service.ingest.columns.numbers import SHOWN, Style
from service.ingest.columns.profile import ColumnProfile
from service.ingest.faults import refuse
from service.ingest.report import (
    ColumnRoles,
    Columns,
    ContentKind,
    FeatureType,
)
from service.ingest.source import RowSource

BY_REQUEST = "the column roles say so"
LEAK = "other labels, truths and predictions are never inputs"
COUNTER = "row numbers say nothing about the class"
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
    split: str | None = None
    features: dict[str, FeatureType] = field(default_factory=dict)
    styles: dict[str, Style] = field(default_factory=dict)  # of numbers that are written as text
    words: dict[str, list[str]] = field(default_factory=dict)  # among numbers, read as missing
    ignored: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def columns(self) -> Columns:
        """The roles as reported."""
        single = (self.text, self.file, self.embedding, self.pred_probs, self.split)
        return Columns(self.sample_id, self.label, *single, self.features, list(self.ignored))

    def warnings(self) -> list[str]:
        """Notes, and one sentence for each reason to ignore columns."""
        by_reason: dict[str, list[str]] = {}
        for name, reason in self.ignored.items():
            by_reason.setdefault(reason, []).append(name)
        return self.notes + [f"Ignored {some(names)}: {why}." for why, names in by_reason.items()]


def plan_roles(
    source: RowSource, profiles: Profiles, roles: ColumnRoles, *, media: bool = False
) -> Plan:
    """Decide. `media`: the rows are a manifest of an archive of images.

    Raises BadDataset (`column-unknown`, `column-type-unsupported`, `label-column-missing`,
    `no-features`, `manifest-mismatch`).
    """
    _check_names(source, roles)
    open_ = {n: p for n, p in profiles.items() if n not in roles.ignored}
    label = find_label(source, open_, roles)
    free = {n: p for n, p in open_.items() if n != label}
    if media:
        plan = _plan_images(label, free, roles)
    else:
        plan = _plan_content(label, free, roles, getattr(source, "index_columns", ()))
    _find_sample_id(plan, free, roles)
    _find_split(plan, free)
    _note_styles(plan)
    _note_ignored(plan, source, roles)
    return plan


def _check_names(source: RowSource, roles: ColumnRoles) -> None:
    for name in roles.named():
        if name not in source.columns:
            detail = f"There is no column {name}. The columns are: {some(list(source.columns))}."
            raise refuse("column-unknown", detail, column=name)
        if name in source.unsupported and name not in (*roles.ignored, roles.label):
            detail = f"Column {name} has type {source.unsupported[name]}, which no role supports."
            raise refuse("column-type-unsupported", detail, column=name)


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


def _plan_content(
    label: str, free: Profiles, roles: ColumnRoles, index: Collection[str] = ()
) -> Plan:
    lists = {n: p for n, p in free.items() if p.is_list}
    if roles.features is not None:
        return _plan_table(label, free, roles, index)
    if roles.text is not None:
        return Plan("text", label, text=roles.text)
    if roles.embedding is not None:
        return Plan("vector", label, embedding=roles.embedding)
    if roles.pred_probs is not None:
        return Plan("probabilities", label, pred_probs=roles.pred_probs)
    if prefixed_features(free):
        return _plan_table(label, free, roles, index)
    text = _find_text({n: p for n, p in free.items() if n not in index or n.lower() in TEXTS})
    if (embedding := _find_embedding(lists, text)) is not None:
        return Plan("vector", label, embedding=embedding)
    if (probabilities := find_name(lists, PROBABILITIES)) is not None:
        return Plan("probabilities", label, pred_probs=probabilities)
    if (picture := _find_picture(free)) is not None:
        return Plan("image", label, file=picture)
    if text is not None:
        return Plan("text", label, text=text)
    _refuse_bare_manifest(free)
    return _plan_table(label, free, roles, index)


def _find_picture(free: Profiles) -> str | None:
    pictures = [name for name, profile in free.items() if profile.is_picture]
    return find_name(pictures, FILES) or (pictures[0] if len(pictures) == 1 else None)


def _find_embedding(lists: Profiles, text: str | None) -> str | None:
    """The column of vectors: all of one width; unnamed ones only where there is no text."""
    even = {n: p for n, p in lists.items() if len(p.widths) == 1 and not p.missing}
    named = find_name(even, EMBEDDINGS)
    if named is None and text is None:
        named = find_name(lists, EMBEDDINGS)  # and say what is wrong with it
    if named is not None or text is not None:
        return named
    others = [n for n, p in even.items() if p.floating_lists and not looks_like_label(n)]
    return others[0] if len(others) == 1 else None


def _find_text(free: Profiles) -> str | None:
    strings = {
        n: p for n, p in free.items() if p.is_string and not p.is_list and not looks_like_label(n)
    }
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


def _plan_table(
    label: str, free: Profiles, roles: ColumnRoles, index: Collection[str] = ()
) -> Plan:
    plan = Plan("table", label)
    asked = list(roles.features) if roles.features is not None else prefixed_features(free)
    taken = (roles.sample_id, roles.label)
    for name, profile in free.items():
        if name in taken or (asked and name not in asked):
            continue
        reason = _reason_to_ignore(profile, chosen=bool(asked), index=name in index)
        if reason is None:
            _add_feature(plan, profile)
        else:
            plan.ignored[name] = reason
    if not plan.features:  # a column that counts rows is used where there is no other
        for name in [n for n, reason in plan.ignored.items() if reason == COUNTER]:
            del plan.ignored[name]
            _add_feature(plan, free[name])
    if not plan.features:
        found = "; ".join(plan.warnings()) or "The file has no other columns."
        detail = f"No column can be used as a feature. {found}"
        raise refuse("no-features", detail)
    return plan


def _add_feature(plan: Plan, profile: ColumnProfile) -> None:
    style = profile.style
    if style is None:
        plan.features[profile.name] = "categorical"
        return
    plan.features[profile.name] = "numeric"
    plan.styles[profile.name] = style
    if profile.numbers.words:
        plan.words[profile.name] = list(profile.numbers.words)
        shown = ", ".join(f"{word!r} ({n})" for word, n in profile.numbers.words.most_common())
        plan.notes.append(f"Read as missing in {profile.name}, which holds numbers: {shown}.")


def _note_styles(plan: Plan) -> None:
    """Say how numbers were read that could be read in another way."""
    for style, shown in SHOWN.items():
        names = [name for name, found in plan.styles.items() if found == style]
        names = [name for name in names if name in plan.features]
        if names:
            plan.notes.append(f"Read the numbers of {some(names)} so that {shown}.")


def _reason_to_ignore(profile: ColumnProfile, *, chosen: bool, index: bool) -> str | None:
    if profile.is_list:
        return "lists cannot be features of a table"
    if profile.is_picture:
        return "images cannot be features of a table"
    if profile.present == 0:
        return "no row has a value"
    if len(profile.distinct) == 1 and profile.missing == 0:
        return "every row has the same value"
    if chosen:
        return None
    name = profile.name.lower()
    if index or UNNAMED.fullmatch(name):
        return "an index says nothing about the class"
    if profile.is_row_number:
        return COUNTER
    if looks_like_label(name):
        return LEAK
    if LOOKS_LIKE_ID.fullmatch(name) and profile.distinct_share > 0.9:
        return "identifiers say nothing about the class"
    if not profile.reads_as_number and _is_id_like(profile):
        return _say_words(profile) or "nearly every row has a different string"
    return None


def _say_words(profile: ColumnProfile) -> str | None:
    """Which values keep a column of mostly numbers from being one."""
    numbers, words = profile.numbers.kinds.total(), profile.numbers.words
    if profile.numbers.hopeless or numbers < words.total():
        return None
    shown = ", ".join(map(repr, list(words)[:5]))
    return f"some of its values are no numbers ({shown})" if shown else "it mixes forms of numbers"


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


def _find_split(plan: Plan, free: Profiles) -> None:
    """A column with the split that each sample was in: kept, never an input."""
    used = {plan.sample_id, plan.text, plan.file, *plan.features}
    candidates = [n for n, p in free.items() if n not in used and not p.is_list]
    plan.split = find_name(candidates, SPLITS)


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
    if name == plan.split:
        return "the split is kept with the samples, but is never an input"
    if looks_like_label(name):
        return LEAK
    if plan.kind == "table":
        return "not among the marked features"
    return f"only the {plan.kind} is audited"
