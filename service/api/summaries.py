"""Stored summaries as the API shows them: every interval is an `Estimate`."""

from collections.abc import Mapping
from typing import Any

from labelaudit.enums import Basis, ReviewState, Tier
from service.db.tables import Audit, Ranking
from service.reports import TierFindings


def summary(
    row: Audit, ranking: Ranking, states: Mapping[Tier, Mapping[ReviewState, int]]
) -> dict[str, Any]:
    """What was stored of a ranking, as `SummaryRead` has it."""
    stored = ranking.summary or row.summary or {}
    return {
        **stored,
        "audit_id": row.id,
        "dataset_id": row.dataset_id,
        "dataset_version": row.dataset_version,
        "ranking_id": ranking.id,
        "ranking_number": ranking.number,
        "noise_rate": noise_rate(stored),
        "per_class": [_class_summary(one, stored["basis"]) for one in stored["per_class"]],
        "tiers": {name: _tier_summary(tier) for name, tier in stored["tiers"].items()},
        "votes": vote_summary(stored["votes"]) if stored.get("votes") else None,
        "review": states,
        "opinions": row.opinions,
    }


def noise_rate(stored: dict[str, Any]) -> dict[str, Any] | None:
    rate = stored.get("noise_rate")
    return None if rate is None else _estimate(rate, stored["basis"])


def _estimate(interval: dict[str, float], basis: str) -> dict[str, Any]:
    return {
        "value": interval["estimate"],
        "low": interval["low"],
        "high": interval["high"],
        "basis": basis,
    }


def _class_summary(stored: dict[str, Any], basis: str) -> dict[str, Any]:
    rate = _estimate(stored["noise_rate"], basis)
    return {**stored, "label": stored["class"], "noise_rate": rate}


def _tier_summary(stored: dict[str, Any]) -> dict[str, Any]:
    value = stored["expected_precision"]
    known = {"value": value, "low": stored["lower_bound"], "high": None, "basis": stored["basis"]}
    return {"count": stored["count"], "precision": None if value is None else known}


def tier_found(found: TierFindings) -> dict[str, Any]:
    share = None
    if found.reviewed:
        value = found.wrong / found.reviewed
        share = {"value": value, "low": found.low, "high": found.high, "basis": Basis.counted}
    return {
        "tier": found.tier,
        "reviewed": found.reviewed,
        "wrong": found.wrong,
        "share": share,
    }


def vote_summary(stored: dict[str, Any]) -> dict[str, Any]:
    """What the votes of an upload say, with every interval as an `Estimate`."""
    counted = {
        name: None if stored[name] is None else {**stored[name], "basis": Basis.counted}
        for name in ("observed_agreement", "krippendorff_alpha", "fleiss_kappa")
    }
    return {**stored, **counted, "annotators": [_annotator(one) for one in stored["annotators"]]}


def _annotator(stored: dict[str, Any]) -> dict[str, Any]:
    value = stored["agreement"]
    agreement = None
    if value is not None:
        low, high = stored["agreement_low"], stored["agreement_high"]
        agreement = {"value": value, "low": low, "high": high, "basis": Basis.counted}
    return {**stored, "agreement": agreement}
