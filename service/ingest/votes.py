"""Several annotators' labels in an upload -> `votes.parquet`: position, annotator, label, count.

They come as a table of their own in the zip (`votes.*` or `annotations.*`: sample, annotator,
label), as a column for each annotator, or as a list of counts for each class.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from service.ingest.columns.column_names import FILES, LABELS, SAMPLE_IDS, find_name
from service.ingest.columns.convert import to_labels, to_strings
from service.ingest.columns.label_column import Profiles
from service.ingest.columns.roles import BY_REQUEST, Plan
from service.ingest.columns.sample_ids import normalize
from service.ingest.faults import Faults, refuse
from service.ingest.source import RowSource
from service.storage.atomic import publish

VOTES = "votes.parquet"
TABLE_STEMS = ("votes", "annotations")
ITEMS = (*SAMPLE_IDS, *FILES, "task", "item", "item_id", "task_id")
ANNOTATORS = (
    *("annotator", "annotator_id", "worker", "worker_id", "rater", "rater_id", "user", "user_id"),
    *("labeler", "labeller", "completed_by", "performer"),
)
VOTE_LABELS = (*LABELS, "vote", "annotation", "answer")
COUNTS = ("vote_counts", "votes", "human_counts", "label_counts", "annotation_counts")
BY_ANNOTATOR = re.compile(r"(annotator|rater|worker|labell?er)[_. -]?\d+|votes?[_.](?!counts?$).+")
GROUP = 16_384  # rows that are read for one sample
EVERYONE = "everyone"  # the annotator of votes that came as counts
MAX_ANNOTATORS = 10_000
SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("annotator", pa.string()),
        ("label", pa.int32()),
        ("count", pa.float32()),
    ]
)


@dataclass(frozen=True)
class VoteColumns:
    """Columns beside the samples that hold votes."""

    by_annotator: tuple[str, ...] = ()
    counts: str | None = None

    def names(self) -> list[str]:
        """All of them."""
        return [*self.by_annotator, *([self.counts] if self.counts else [])]


@dataclass(frozen=True)
class VoteTable:
    """A table of votes beside the samples."""

    name: str
    source: RowSource
    item: str
    annotator: str
    label: str


def find_vote_columns(profiles: Profiles, plan: Plan) -> VoteColumns:
    """Columns with votes, by their names; those with another role, or none by request, are not."""
    used = {plan.label, plan.sample_id, plan.text, plan.file, plan.embedding, plan.pred_probs}
    used |= plan.features.keys()
    used |= {name for name, reason in plan.ignored.items() if reason == BY_REQUEST}
    free = {name: profile for name, profile in profiles.items() if name not in used}
    lists = [n for n, p in free.items() if p.is_list]
    people = [n for n, p in free.items() if not p.is_list and BY_ANNOTATOR.fullmatch(n.lower())]
    return VoteColumns(tuple(people) if len(people) > 1 else (), find_name(lists, COUNTS))


def as_vote_table(name: str, source: RowSource) -> VoteTable | None:
    """The table as one of votes, if it has a column each for the sample, the person, the label."""
    item, person = find_name(source.columns, ITEMS), find_name(source.columns, ANNOTATORS)
    label = find_name(source.columns, VOTE_LABELS)
    if Path(name).stem.lower() not in TABLE_STEMS or None in (item, person, label):
        return None
    return VoteTable(name, source, str(item), str(person), str(label))


@dataclass
class VoteReader:
    """Collects votes in a file while rows are read, and maps them to classes at the end."""

    folder: Path
    columns: VoteColumns
    table: VoteTable | None
    names: list[str] | None  # what the codes of the label column stand for
    rows: int = 0  # samples so far
    ids: dict[str, int] = field(default_factory=dict)
    _writer: Any = None

    def __post_init__(self) -> None:
        self._file = self.folder / "votes.part"

    @property
    def wanted(self) -> bool:
        """Whether the upload contains votes."""
        return bool(self.table or self.columns.names())

    def read(self, batch: Mapping[str, Any], ids: Any) -> None:
        """The votes in the columns of kept rows, and their ids for a table of votes."""
        positions = np.arange(self.rows, self.rows + len(ids))
        if self.table is not None:
            self.ids.update(zip(map(normalize, ids.to_pylist()), positions.tolist(), strict=True))
        for name in self.columns.by_annotator:
            self._add(positions, pa.repeat(name, len(positions)), self._labels(batch[name]))
        if self.columns.counts is not None:
            self._read_counts(positions, batch[self.columns.counts])
        self.rows += len(ids)

    def finish(self, destination: Path, class_names: list[str]) -> list[str]:
        """Write `votes.parquet` if there are votes; returns notes. Raises BadDataset."""
        target = destination / VOTES
        unmatched = self._read_table() if self.table is not None else 0
        if self._writer is None:
            target.unlink(missing_ok=True)
            return []
        self._writer.close()
        part = self.folder / "votes.out"
        votes, unknown, people, samples = self._write(part, class_names)
        publish(part, target)
        crowd = f"{people} annotators" if people > 1 else "unnamed annotators"
        words = [f"Read {votes:g} votes by {crowd} on {samples} samples."]
        if unmatched:
            words.append(f"{unmatched} votes name unknown samples and were left out.")
        if unknown:
            words.append(f"{unknown:g} votes name unknown classes and were left out.")
        return words

    def _labels(self, column: Any) -> Any:
        if self.names is not None and not pa.types.is_string(column.type):
            codes = pc.cast(column, pa.int64(), safe=False)
            inside = pc.and_(pc.greater_equal(codes, 0), pc.less(codes, len(self.names)))
            return pa.array(self.names, pa.string()).take(pc.if_else(inside, codes, None))
        return to_labels(column)

    def _read_counts(self, positions: Any, column: Any) -> None:
        """Each count as a row whose label is `#` and the class's number."""
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
        values = pc.fill_null(column.flatten(), 0).to_numpy(zero_copy_only=False)
        if len(values) and values.min() < 0:
            detail = f"Column {self.columns.counts} has a count below 0."
            raise refuse("votes-invalid", detail, column=self.columns.counts)
        place = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        some = np.flatnonzero(values > 0)
        labels = pc.binary_join_element_wise("#", pa.array(place[some]).cast(pa.string()), "")
        people = pa.repeat(EVERYONE, len(some))
        self._add(np.repeat(positions, lengths)[some], people, labels, values[some])

    def _read_table(self) -> int:
        """Read the table; returns how many votes match no sample. Raises BadDataset if all."""
        assert self.table is not None
        table, unmatched, read = self.table, 0, 0
        faults = Faults(
            "votes-unmatched",
            f"No row of {table.name} matches a sample: no {table.item} is a sample id.",
        )
        for batch in table.source.batches([table.item, table.annotator, table.label]):
            items = to_strings(batch[table.item]).to_pylist()
            found = [-1 if i is None else self.ids.get(normalize(i), -1) for i in items]
            positions = np.array(found, np.int64)
            for place in np.flatnonzero(positions < 0)[:20].tolist() if not faults.full else ():
                faults.add(f"no sample {items[place]!r}", row=read + place + 1, file=table.name)
            unmatched += int((positions < 0).sum())
            read += batch.num_rows
            kept = pa.array(positions >= 0)
            self._add(
                positions[positions >= 0],
                to_strings(batch[table.annotator]).filter(kept),
                self._labels(batch[table.label]).filter(kept),
            )
        if read and unmatched == read:
            faults.raise_if_any()
        return unmatched

    def _add(self, positions: Any, people: Any, labels: Any, counts: Any = None) -> None:
        """Rows without a label or a name are no votes."""
        counts = np.ones(len(positions)) if counts is None else counts
        columns = [
            pa.array(positions, pa.int64()),
            people,
            labels,
            pa.array(counts, pa.float32()),
        ]
        batch = pa.RecordBatch.from_arrays(columns, names=[f.name for f in SCHEMA])
        batch = batch.filter(pc.and_(pc.is_valid(people), pc.is_valid(labels)))
        if self._writer is None:
            schema = SCHEMA.set(2, pa.field("label", pa.string()))
            self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")
        self._writer.write_batch(batch)

    def _by_position(self) -> Iterator[Any]:
        """In the order of samples, so that one sample's votes are found without reading all. Those
        in columns of the samples come so; those of a table of their own come in any order."""
        if self.table is None:
            yield from _batches(self._file)
            return
        yield from pq.read_table(self._file).sort_by("position").to_batches(GROUP)

    def _write(self, target: Path, class_names: list[str]) -> tuple[float, float, int, int]:
        """Labels as class indices; (votes, votes for no class, annotators, samples)."""
        votes = unknown = 0.0
        people: set[str] = set()
        voted = np.zeros(self.rows, np.bool_)
        numbered = [f"#{k}" for k in range(len(class_names))]
        known = pa.array([*class_names, *(numbered if self.columns.counts else [])], pa.string())
        with pq.ParquetWriter(target, SCHEMA, compression="zstd") as writer:
            for batch in self._by_position():
                index = pc.index_in(batch["label"], value_set=known).to_numpy(zero_copy_only=False)
                missing = np.isnan(index)
                counts = batch["count"].to_numpy()
                unknown += float(counts[missing].sum())
                votes += float(counts[~missing].sum())
                kept = batch.filter(pa.array(~missing))
                classes = (index[~missing] % len(class_names)).astype(np.int32)
                people.update(pc.unique(kept["annotator"]).to_pylist())
                if len(people) > MAX_ANNOTATORS:
                    detail = f"The votes have more than {MAX_ANNOTATORS} annotators."
                    raise refuse("votes-invalid", f"{detail} Is that column really the annotator?")
                voted[kept["position"].to_numpy()] = True
                writer.write_batch(kept.set_column(2, SCHEMA.field(2), pa.array(classes)))
        return votes, unknown, len(people), int(voted.sum())


def _batches(path: Path) -> Iterator[Any]:
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(GROUP)
