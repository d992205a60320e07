"""`annotators`: how good the people are whose votes came with a dataset."""

from labelaudit.schemas import EstimateRead
from service.cli import show
from service.cli.options import (
    AsJson,
    DataDir,
    DatasetId,
    Url,
    connect,
)


def annotators(
    dataset_id: DatasetId, as_json: AsJson = False, url: Url = None, data_dir: DataDir = None
) -> None:
    """Show how good the annotators of a dataset are, and how far they agree."""
    with connect(data_dir, url) as client:
        found = client.annotators(dataset_id)
    if as_json:
        show.as_json(found.model_dump(mode="json"))
        return
    show.out.print(
        f"{found.votes:,} votes by {found.annotator_count:,} annotators"
        f" on {found.samples:,} samples"
    )
    for name, estimate in (
        ("agreeing pairs", found.observed_agreement),
        ("Krippendorff's alpha", found.krippendorff_alpha),
        ("Fleiss' kappa", found.fleiss_kappa),
    ):
        show.out.print(f"  {name}: {_estimate(estimate)}")
    show.rows(
        ("annotator", "votes", "accuracy", "others agree", "most confused"),
        (
            (
                row.annotator,
                f"{row.votes:,}",
                f"{row.accuracy:.0%}",
                "-"
                if row.agreement is None
                else f"{row.agreement:.0%} ({row.agreement_low:.0%} to {row.agreement_high:.0%})",
                "-"
                if row.confused is None
                else f"{row.confused.true} as {row.confused.said} ({row.confused.rate:.0%})",
            )
            for row in found.annotators
        ),
    )


def _estimate(found: EstimateRead | None) -> str:
    return "-" if found is None else f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
