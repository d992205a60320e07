"""Who is calling, what they may do, and which rows they may see."""

from collections.abc import Mapping
from dataclasses import dataclass

from labelaudit.enums import Role, Scope

DEFAULT_TENANT = "default"  # created by the migrations; enough for a service for one team
OPERATORS = "operators"  # the tenant of the operators' keys; no organisation has this id

REVIEWING = frozenset({Scope.review_read, Scope.review_write})
PREPARING = REVIEWING | {Scope.datasets_write, Scope.audits_run, Scope.export}
ROLE_SCOPES: Mapping[Role, frozenset[Scope]] = {
    Role.viewer: frozenset({Scope.review_read}),
    Role.annotator: REVIEWING,
    Role.uploader: PREPARING,
    Role.admin: PREPARING | {Scope.admin},  # of one organisation; metrics cover the whole service
    Role.operator: frozenset({Scope.tenants, Scope.metrics}),
}
OF_THE_SERVICE = ROLE_SCOPES[Role.operator]  # a key with one of these belongs to OPERATORS
# What reaches beyond a dataset: a key for one dataset has none of these.
BEYOND_A_DATASET = OF_THE_SERVICE | {Scope.admin}
SEES_ALL = frozenset({Scope.datasets_write, Scope.audits_run, Scope.admin})


@dataclass(frozen=True)
class Principal:
    """Who is calling. `address` and `request_id` are for the access log."""

    key_id: str
    name: str
    role: Role
    tenant_id: str = DEFAULT_TENANT
    dataset_id: str | None = None  # the only dataset that the key is for
    scopes: frozenset[Scope] | None = None  # None: the role's
    session_id: str | None = None
    address: str | None = None
    request_id: str | None = None

    def may(self, scope: Scope) -> bool:
        return scope in self.all_scopes

    @property
    def all_scopes(self) -> frozenset[Scope]:
        return ROLE_SCOPES[self.role] if self.scopes is None else self.scopes

    @property
    def manages_keys(self) -> bool:
        """Of their organisation, or those of the service."""
        return self.may(Scope.admin) or self.may(Scope.tenants)

    @property
    def sees_all(self) -> bool:
        """Whether the caller sees every dataset of the tenant, not only shared ones."""
        return self.dataset_id is None and bool(SEES_ALL & self.all_scopes)

    @property
    def leads(self) -> bool:
        """Whether the caller leads reviews: assigns, adjudicates, reverts others' work."""
        return self.may(Scope.audits_run)
