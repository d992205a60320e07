"""Which samples of a dataset the tasks of a Label Studio project are.

A task is matched by the id that our export wrote into it; if it has none, by its own id, by its
text or by the name of its image. One that could be several samples, or whose content is another
than that of the sample of its id, is matched with none.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import select
from sqlalchemy.orm import Session

from labelaudit.enums import DatasetKind
from service.datasets import records as datasets
from service.db.tables import Dataset, Sample
from service.exports.formats.label_studio import shown_content
from service.storage.local import Storage
from service.storage.parquet_rows import read_rows_at

SEARCHED = {DatasetKind.text: "text", DatasetKind.image: "file"}  # the column of the content
BOUNDARY = re.compile(r"[/=]")  # where a name may begin in an address, such as `…/?d=pets/0.png`
MAX_ADDRESS = 2_000
MAX_LEVELS = 16


@dataclass(frozen=True)
class Task:
    """A task of a project, as Label Studio sends it."""

    id: Any
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Match:
    position: int
    sample_id: str


def match_tasks(
    session: Session, storage: Storage, dataset: Dataset, tasks: Sequence[Task], *, field: str
) -> list[Match | None]:
    """The sample of each task, whose content is in this field of its `data`."""
    path = storage.path(datasets.samples_key(dataset.id))
    kind, shown = str(dataset.kind), [_content(dataset, task, field) for task in tasks]
    named = _samples_named(session, dataset.id, {key for t in tasks if (key := _key(t))})
    rows = read_rows_at(path, (m.position for m in named.values()), row_group=datasets.ROW_GROUP)
    positions: list[int | None] = []
    searched: list[int] = []
    for number, task in enumerate(tasks):
        own, found = "sample_id" in task.data, named.get(_key(task) or "")
        known = None if found is None else shown_content(kind, rows[found.position])
        if found is not None and _agrees(dataset, known, shown[number], if_unknown=own):
            positions.append(found.position)
        else:
            positions.append(None)
            if not own:
                searched.append(number)
    contents = {number: shown[number] for number in searched if isinstance(shown[number], str)}
    for number, position in _search(path, dataset, contents).items():
        positions[number] = position
    return _matches(session, dataset.id, positions)


def _key(task: Task) -> str | None:
    """The id of the sample that the task may be."""
    given = task.data.get("sample_id", task.id)
    if isinstance(given, bool) or not isinstance(given, int | str):
        return None
    return text if _is_storable(text := str(given)) else None


def _is_storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _samples_named(session: Session, dataset_id: str, names: Iterable[str]) -> dict[str, Match]:
    query = select(Sample.sample_id, Sample.position).where(
        Sample.dataset_id == dataset_id, Sample.sample_id.in_(sorted(names))
    )
    return {name: Match(position, name) for name, position in session.execute(query)}


def _matches(
    session: Session, dataset_id: str, positions: Sequence[int | None]
) -> list[Match | None]:
    wanted = [position for position in positions if position is not None]
    samples = datasets.get_samples(session, dataset_id, wanted)
    return [None if p is None else Match(p, samples[p].sample_id) for p in positions]


def _content(dataset: Dataset, task: Task, field: str) -> Any:
    """What the task shows; None if it shows nothing that could be a sample of the dataset."""
    found = task.data.get(field)
    if dataset.kind is DatasetKind.table:
        return found if isinstance(found, dict) else dict(task.data)
    return found if isinstance(found, str) and _is_storable(found) else None


def _agrees(dataset: Dataset, known: Any, shown: Any, *, if_unknown: bool) -> bool:
    """Whether a task may show a sample of this content; `if_unknown` where it doesn't say."""
    if dataset.kind is DatasetKind.table:
        if not shown.keys() & known.keys():
            return if_unknown
        return all(shown.get(name) == value for name, value in known.items())
    if shown is None:
        return if_unknown
    if dataset.kind is DatasetKind.image:
        return known in _names(shown)
    return bool(shown == known)


def _names(address: str) -> list[str]:
    """The names that an image at this address may have in an upload, the longest first."""
    address = unquote(address[:MAX_ADDRESS])
    starts = [one.end() for one in BOUNDARY.finditer(address)][-MAX_LEVELS:]
    return [address, *(address[start:] for start in starts)]


def _search(path: Path, dataset: Dataset, contents: Mapping[int, str]) -> dict[int, int]:
    """Task number -> position of the only sample with its content."""
    column = SEARCHED.get(dataset.kind) if dataset.kind else None
    if column is None or not contents:
        return {}
    names = {
        number: _names(content) if dataset.kind is DatasetKind.image else [content]
        for number, content in contents.items()
    }
    places = _places(path, column, {name for some in names.values() for name in some})
    found = {}
    for number, some in names.items():
        whole = places[some[0]]
        fitting = whole or {place for name in some for place in places[name]}
        if len(fitting) == 1:
            found[number] = next(iter(fitting))
    # two addresses that end alike may be two images, one of which is not in the dataset
    told = Counter(found[number] for number in {names[n][0]: n for n in found}.values())
    return {number: position for number, position in found.items() if told[position] == 1}


def _places(path: Path, column: str, wanted: Iterable[str]) -> defaultdict[str, set[int]]:
    """Where each of these values is in a column."""
    found: defaultdict[str, set[int]] = defaultdict(set)
    values, first = sorted(wanted), 0
    with pq.ParquetFile(path, pre_buffer=False) as file:
        for batch in file.iter_batches(datasets.ROW_GROUP, columns=[column], use_threads=False):
            cells = batch.column(0)
            hits = pc.indices_nonzero(pc.is_in(cells, pa.array(values, cells.type)))
            for index in hits.to_pylist():
                found[cells[index].as_py()].add(first + index)
            first += len(cells)
    return found
