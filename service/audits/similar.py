"""The samples that resemble one, with that one."""

from sqlalchemy.orm import Session

from service.audits.ranking_files import read_neighbours, read_signals
from service.audits.suspects import get_suspect
from service.core.errors import Conflict
from service.datasets import records as datasets
from service.db.tables import Audit
from service.storage.local import Storage


def similar_samples(
    session: Session, storage: Storage, audit: Audit, sample_id: str
) -> tuple[str, ...]:
    """The ids of the sample and of those nearest to it. Raises Conflict if none were looked for."""
    suspect = get_suspect(session, audit.id, sample_id)
    row = read_signals(storage, audit.id, suspect.ranking_id, suspect.rank)["row"]
    positions = read_neighbours(storage, audit.id, row)
    if not positions:
        raise Conflict(
            "This audit kept no nearest samples: it trained on pixels or was given predictions. "
            "Ask without `similar_to`."
        )
    near = datasets.get_samples(session, audit.dataset_id, positions).values()
    return (sample_id, *(sample.sample_id for sample in near))
