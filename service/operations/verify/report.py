"""What a verification found."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Violation:
    """A broken invariant: the rule, the object, and a description."""

    rule: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}, {self.subject}: {self.detail}"


@dataclass
class Report:
    """`leftovers` are files that no row names. They are no violation; the cleanup deletes them."""

    violations: list[Violation] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    heads: dict[str, str] = field(default_factory=dict)  # dataset -> the last hash of its chain

    @property
    def whole(self) -> bool:
        return not self.violations
