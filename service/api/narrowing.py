"""The filters of suspects that are no columns of the ranking: they become the ids of samples."""

from dataclasses import dataclass

from service.api.dependencies import Resources
from service.audits import records as audits
from service.audits.similar import similar_samples
from service.core.principal import Principal
from service.datasets.text_search import find_samples


@dataclass(frozen=True)
class Narrowing:
    """Words that the samples contain, and a sample that they resemble; None means any."""

    search: str | None = None
    similar_to: str | None = None

    def sample_ids(
        self, resources: Resources, caller: Principal, audit_id: str
    ) -> tuple[str, ...] | None:
        """The ids of all samples that fit; None if all do. Files are read while no transaction is
        open, and within the budget of the caller's organisation."""
        if self.search is None and self.similar_to is None:
            return None
        with resources.read(caller) as session:
            audit, dataset = audits.completed_with_dataset(session, audit_id)
            dataset_id, similar = dataset.id, None
            if self.similar_to is not None:
                similar = similar_samples(session, resources.storage, audit, self.similar_to)
        if self.search is None:
            return similar
        with resources.budget.spend(caller.tenant_id):
            found = find_samples(resources.storage, dataset_id, self.search)
        return found if similar is None else tuple(set(found) & set(similar))
