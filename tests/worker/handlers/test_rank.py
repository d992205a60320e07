"""What the job that ranks reads from the log and writes to the table of suspects."""

import numpy as np
import pytest

from labelaudit.enums import Tier, Verdict
from service import review
from service.audits import records as audits
from service.datasets import records as datasets
from service.issues import find_issues
from service.ranking import Evidence, rank_suspects
from service.review import NewCorrection, controls
from tests.service.ranking.hand_made import directional
from tests.support.factories import make_audit, make_dataset, person, sample_id
from worker.handlers import rank

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SAMPLES = 300


@pytest.fixture
def dataset_id(store):
    """Positions 5 and 7 are unlabeled, so rows of the arrays are not positions."""
    return make_dataset(store, samples=SAMPLES, unlabeled=[5, 7])


def load(store, dataset_id):
    with store.database.read() as session:
        audit_id = make_audit(store, dataset_id)
        return audits.get_audit(session, audit_id), datasets.get_dataset(session, dataset_id)


def test_verdicts_are_those_on_labels_and_say_which_were_controls(store, worker, dataset_id):
    audit, _ = load(store, dataset_id)
    ann = person()
    with store.database.write() as session:
        drawn = controls.lease_controls(
            session, audit.id, principal=ann, tiers=[Tier.none], count=2, lease_seconds=60
        )
    blind = sorted(one.suspect.position for one in drawn)
    decisions = {
        4: NewCorrection(sample_id(4), Verdict.keep),
        6: NewCorrection(sample_id(6), Verdict.relabel, corrected_label=1),  # was 0
        9: NewCorrection(sample_id(9), Verdict.exclude),
        10: NewCorrection(sample_id(10), Verdict.skip),
        blind[0]: NewCorrection(sample_id(blind[0]), Verdict.keep),
    }
    with store.database.write() as session:
        review.submit(session, audit.id, list(decisions.values()), principal=ann)
    positions = np.array([p for p in range(SAMPLES) if p not in (5, 7)])
    found = rank._verdicts(worker, audit, positions % 3, positions)
    assert positions[found.rows].tolist() == [4, 6, blind[0]]
    assert found.wrong.tolist() == [False, True, False]
    assert found.is_control.tolist() == [False, False, True]


def test_a_suspects_row_is_what_the_ranking_found(store, worker, dataset_id):
    audit, dataset = load(store, dataset_id)
    positions = np.array([p for p in range(SAMPLES) if p not in (5, 7)])
    given, _, noisy = directional(len(positions))
    evidence = Evidence(given, 3, [], {"pred_probs": noisy})
    ranking = rank_suspects(evidence)
    issues = find_issues(evidence.probabilities, given, None, None)
    rows = list(rank._suspect_rows(worker, audit, dataset, ranking, positions, issues))
    assert [row.rank for row in rows] == list(range(1, len(positions) + 1))
    assert [row.position for row in rows] == positions[ranking.order].tolist()
    assert all(row.sample_id == sample_id(row.position) for row in rows)
    suggested = ranking.suggested_label[ranking.order]
    assert set(suggested.tolist()) == {-1, 0, 1, 2}
    assert [row.suggested_label for row in rows] == [s if s >= 0 else None for s in suggested]
    for row in rows:
        assert (row.suggested_label_confidence is None) == (row.suggested_label is None)
    worst = int(ranking.order[0])
    assert (rows[0].p_wrong_low, rows[0].p_wrong, rows[0].p_wrong_high) == (
        ranking.p_wrong_low[worst],
        ranking.p_wrong[worst],
        ranking.p_wrong_high[worst],
    )
    assert (rows[0].given_label, rows[0].predicted_label) == (
        given[worst],
        ranking.predicted_label[worst],
    )
