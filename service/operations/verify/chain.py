"""Is the log of corrections what was written?"""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.db.tables import Correction, Dataset
from service.operations.verify.report import Violation
from service.review.hash_chain import GENESIS, digest
from service.storage.anchors import Anchor

RULE = "corrections"
CHUNK = 500  # anchors in one query


def broken_links(session: Session) -> Iterator[Violation]:
    """Every place where a dataset's chain of corrections is not whole."""
    versions = session.execute(select(Dataset.id, Dataset.version).order_by(Dataset.id)).all()
    for dataset_id, version in versions:
        yield from _broken(session, dataset_id, version)


def _broken(session: Session, dataset_id: str, version: int) -> Iterator[Violation]:
    expected, previous = 1, GENESIS
    rows = session.scalars(
        select(Correction)
        .where(Correction.dataset_id == dataset_id)
        .order_by(Correction.seq)
        .execution_options(yield_per=1000)
    )
    for row in rows:
        if row.seq != expected:
            gap = expected if row.seq == expected + 1 else f"{expected} to {row.seq - 1}"
            yield Violation(RULE, dataset_id, f"correction {gap} is missing")
        elif row.prev_hash != previous:
            detail = f"correction {row.seq} does not follow the one before it"
            yield Violation(RULE, dataset_id, detail)
        if row.hash != digest(row.to_dict(), row.prev_hash):
            detail = f"correction {row.seq} was changed after it was written"
            yield Violation(RULE, dataset_id, detail)
        expected, previous = row.seq + 1, row.hash
    if expected <= version:
        detail = f"corrections {expected} to {version} are missing"
        yield Violation(RULE, dataset_id, detail)
    elif expected > version + 1:
        detail = f"it has {expected - 1} corrections but is at version {version}"
        yield Violation(RULE, dataset_id, detail)


def heads(session: Session) -> dict[str, str]:
    """The last hash of each dataset's chain: kept elsewhere, it proves the whole chain later."""
    rows = session.execute(
        select(Correction.dataset_id, Correction.hash)
        .join(Dataset, (Dataset.id == Correction.dataset_id) & (Dataset.version == Correction.seq))
        .order_by(Correction.dataset_id)
    )
    return {row.dataset_id: row.hash for row in rows}


def off_anchor(
    session: Session, anchored: Mapping[str, Sequence[Anchor | str]]
) -> Iterator[Violation]:
    """Every anchor that the chain of its dataset does not pass through."""
    versions = session.execute(select(Dataset.id, Dataset.version).order_by(Dataset.id)).all()
    for dataset_id, version in versions:
        anchors = anchored.get(dataset_id, ())
        sequences = [one.seq for one in anchors if isinstance(one, Anchor)]
        hashes = _hashes(session, dataset_id, sequences)
        for anchor in anchors:
            if isinstance(anchor, str):
                yield Violation(RULE, dataset_id, anchor)
            elif anchor.seq not in hashes:
                detail = (
                    f"it had {anchor.seq} corrections at {anchor.at} and is at version {version}: "
                    "its chain was shortened"
                )
                yield Violation(RULE, dataset_id, detail)
            elif hashes[anchor.seq] != anchor.hash:
                detail = (
                    f"correction {anchor.seq} is not the one that was there at {anchor.at}: "
                    "its chain was rewritten"
                )
                yield Violation(RULE, dataset_id, detail)


def _hashes(session: Session, dataset_id: str, sequences: Sequence[int]) -> dict[int, str]:
    found: dict[int, str] = {}
    for start in range(0, len(sequences), CHUNK):
        some = sequences[start : start + CHUNK]
        rows = session.execute(
            select(Correction.seq, Correction.hash).where(
                Correction.dataset_id == dataset_id, Correction.seq.in_(some)
            )
        )
        found |= {row.seq: row.hash for row in rows}
    return found
