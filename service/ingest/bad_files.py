"""Images and texts that cannot be read: which are left out, and when there are too many."""

from collections import Counter
from dataclasses import dataclass

from service.ingest.faults import Faults
from service.ingest.report import Limits


@dataclass
class BadFile:
    """An image or a text that cannot be decoded, or would cost too much."""

    row: int
    file: str
    reason: str
    label: str | None = None


class BadFiles:
    """The images or texts that are left out, and the limit of how many may be."""

    def __init__(
        self,
        limits: Limits,
        what: str = "images",
        type: str = "too-many-bad-images",
        hint: str = "Save them as JPEG or PNG.",
    ) -> None:
        self.limits, self.what, self.type, self.hint = limits, what, type, hint
        self.bad: list[BadFile] = []

    def refuse_many(self, total: int) -> None:
        """Raises BadDataset (`too-many-bad-images`, `too-many-bad-texts`)."""
        share = self.limits.bad_image_share
        if len(self.bad) <= max(self.limits.bad_images, share * total):
            return
        faults = Faults(
            self.type,
            f"At least {len(self.bad)} of {total} {self.what} cannot be read{self._by_class()}; at "
            f"most {share:.0%} may be bad.",
        )
        for bad in self.bad:
            faults.add(bad.reason, row=bad.row + 1, file=bad.file)
        faults.raise_if_any()

    def refuse_lost_classes(self, kept: Counter[str]) -> None:
        """Raises the same if a class has nothing left."""
        lost = sorted({b.label for b in self.bad if b.label is not None} - set(+kept))
        if lost:
            faults = Faults(
                self.type,
                f"No {self.what[:-1]} of {', '.join(lost[:5])} can be read. {self.hint}",
            )
            for bad in self.bad:
                if bad.label in lost:
                    faults.add(bad.reason, row=bad.row + 1, file=bad.file)
            faults.raise_if_any()

    def warnings(self) -> list[str]:
        """What was left out and why."""
        if not self.bad:
            return []
        shown = ", ".join(f"{bad.file} ({bad.reason.rstrip('.')})" for bad in self.bad[:10])
        more = f" and {len(self.bad) - 10} more" if len(self.bad) > 10 else ""
        count = f"{len(self.bad)} {self.what}" if len(self.bad) > 1 else f"One {self.what[:-1]}"
        were = "were" if len(self.bad) > 1 else "was"
        return [f"{count} cannot be read and {were} left out{self._by_class()}: {shown}{more}."]

    def _by_class(self) -> str:
        counts = Counter(bad.label or "unlabeled" for bad in self.bad)
        if not counts:
            return ""
        listed = ", ".join(f"{name}: {count}" for name, count in counts.most_common(10))
        return f" ({listed})"
