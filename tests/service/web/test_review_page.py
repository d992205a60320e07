"""Reviewing in a real browser, against the real application."""

import json

import numpy as np
import pytest
from sqlalchemy import select, update

from labelaudit.enums import Role, Verdict
from service import review
from service.audits import records as audits
from service.db.tables import (
    Correction,
    Dataset,
    Lease,
    Sample,
)
from service.ranking.trajectory import EPOCH_ARRAYS
from tests.service.web.test_access import faults_in_both
from tests.support.factories import (
    CLASSES,
    give_votes,
    make_audit,
    make_dataset,
    person,
    sample_id,
)

pytestmark = pytest.mark.browser


def test_votes_of_the_upload_stand_beside_the_sample(served, visit, audit):
    with served.store.database.read() as session:
        dataset_id = audits.get_audit(session, audit).dataset_id
    give_votes(
        served.store,
        dataset_id,
        *((0, f"rater {n}", 1, 1.0) for n in range(9)),
        (0, "Noa", 0, 1.0),
    )
    visitor = visit()
    visitor.review(audit)
    assert "10 votes in the upload" in visitor.text(".votes")
    assert visitor.page.text_content(".vote.suggested").startswith("dog9 of 10 votes")
    assert visitor.text(".vote.suggested .vote-names").endswith("rater 5 and 3 more")
    assert visitor.text(".vote.given .vote-names") == "Noa"
    assert faults_in_both(visitor.page) == []
    visitor.press("k")
    visitor.page.wait_for_selector(".votes", state="detached")


MANY = [f"class {number:04d}" for number in range(3000)]
WRITTEN = "!Object.keys(sessionStorage).some((name) => name.startsWith('labelaudit.outbox'))"


def log_of(served):
    """(sample, verdict, corrected class index, is it a revert) of every correction, in order."""
    with served.store.database.read() as session:
        rows = session.scalars(select(Correction).order_by(Correction.seq)).all()
        return [
            (row.sample_id, row.verdict, row.corrected_label, bool(row.reverts)) for row in rows
        ]


def leased(served):
    with served.store.database.read() as session:
        query = select(Sample.sample_id).join(
            Lease,
            (Lease.dataset_id == Sample.dataset_id) & (Lease.position == Sample.position),
        )
        return set(session.scalars(query).all())


def test_one_key_decides_one_sample(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    assert visitor.text(".given") == "cat"
    assert visitor.text(".suggested") == "dog"
    for key in "ak2xs":
        visitor.press(key)
    visitor.until(WRITTEN)
    assert log_of(served) == [
        (sample_id(0), Verdict.accept_suggestion, 1, False),
        (sample_id(1), Verdict.keep, 1, False),
        (sample_id(2), Verdict.relabel, 1, False),  # given fox, suggested cat, so 2 is dog
        (sample_id(3), Verdict.exclude, None, False),
        (sample_id(4), Verdict.skip, None, False),
    ]


def test_the_counters_follow_the_decisions(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    for key in "akxa":
        visitor.press(key)
    assert "4 decided, 6 left" in visitor.text(".count.obvious")
    assert "75 3 of 4" in visitor.text(".count.rate")
    visitor.until(WRITTEN)
    visitor.review(audit)  # counted from the log after a reload
    visitor.until("document.querySelector('#rate').textContent === '75'")


def test_undo_brings_the_sample_back_and_keeps_both_lines_of_the_log(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.press("x")
    visitor.until(WRITTEN)
    visitor.press("u")
    assert visitor.text(".sample-id") == sample_id(0)
    visitor.press("k")
    visitor.until(WRITTEN)
    assert log_of(served) == [
        (sample_id(0), Verdict.exclude, None, False),
        (sample_id(0), None, None, True),
        (sample_id(0), Verdict.keep, 0, False),
    ]
    for _ in range(6):  # it is not served a second time
        visitor.page.wait_for_selector(".decision")
        assert visitor.text(".sample-id") != sample_id(0)
        visitor.press("k")


def test_search_finds_one_of_thousands_of_classes(served, visit):
    dataset_id = make_dataset(served.store)
    with served.store.database.write() as session:
        session.get_one(Dataset, dataset_id).class_names = [*CLASSES, *MANY]
    visitor = visit()
    visitor.page.set_default_timeout(60_000)  # a busy machine takes long for so many classes
    visitor.review(make_audit(served.store, dataset_id))
    visitor.press("/")
    visitor.page.keyboard.type("2987")
    visitor.until("document.querySelectorAll('[role=option]').length === 1")
    visitor.page.keyboard.press("Enter")
    visitor.until(WRITTEN)
    assert log_of(served) == [(sample_id(0), Verdict.relabel, 2987 + len(CLASSES), False)]


def test_keys_do_nothing_while_a_class_is_typed(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.press("/")
    visitor.page.keyboard.type("1kxsu")
    visitor.page.keyboard.press("Escape")
    assert visitor.text(".sample-id") == sample_id(0)
    assert log_of(served) == []


def test_buttons_do_what_keys_do_and_keep_the_focus(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.page.focus(".verdict.accept")
    for _ in range(3):
        visitor.page.keyboard.press("Enter")
    visitor.until(WRITTEN)
    assert [verdict for _, verdict, _, _ in log_of(served)] == [Verdict.accept_suggestion] * 3
    assert visitor.page.evaluate("document.activeElement.dataset.key") == "a"


def test_single_keys_can_be_turned_off(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.press("?")
    visitor.page.click("dialog input[type=checkbox]")
    visitor.page.keyboard.press("Escape")
    visitor.press("x")
    assert visitor.text(".sample-id") == sample_id(0)
    assert log_of(served) == []


def test_every_decision_is_said_aloud(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    assert "Given cat; suggested dog, 90%" in visitor.said()
    visitor.press("a")
    visitor.until("document.querySelector('#announcer').textContent.startsWith('Changed to dog.')")
    assert "Rank 2, obvious" in visitor.said()


def test_the_end_of_the_queue_offers_the_corrected_dataset(served, visit):
    visitor = visit(role=Role.uploader)
    visitor.review(make_audit(served.store, make_dataset(served.store, samples=6)))
    for key in "aakx":  # the last two of the six are not suspected
        visitor.press(key)
    visitor.page.wait_for_selector(".end")
    assert "3 errors found in 4 reviewed" in visitor.text(".end")
    visitor.page.click(".end .button.primary")
    visitor.page.click("dialog [value=csv]")
    with visitor.page.expect_response("**/exports"):
        visitor.page.click("dialog [type=submit]")
    served.work()
    visitor.page.wait_for_selector(".export-state .button")
    ready = "Ready: 2 labels changed, 1 kept, 1 sample excluded (version 4)"
    assert ready in visitor.text(".export-state")
    with visitor.page.expect_download() as download:
        visitor.page.click(".export-state .button")
    assert b"dog" in download.value.path().read_bytes()


def test_decisions_outlive_a_lost_connection_and_a_reload(served, visit, audit):
    visitor = visit()
    visitor.expected += ["ERR_INTERNET_DISCONNECTED", "ERR_FAILED"]
    visitor.review(audit)
    visitor.page.route("**/corrections", lambda route: route.abort("internetdisconnected"))
    visitor.press("a")
    visitor.press("k")
    visitor.page.wait_for_selector(".notice.slow")
    assert "2 decisions not saved yet" in visitor.text(".notices")
    visitor.page.unroute("**/corrections")
    visitor.page.on("dialog", lambda dialog: dialog.accept())  # "leave this page?"
    visitor.review(audit)
    visitor.until(WRITTEN)
    # Sent side by side while the page was left, and once more after it came back: stored once.
    assert {line[:2] for line in log_of(served)} == {
        (sample_id(0), Verdict.accept_suggestion),
        (sample_id(1), Verdict.keep),
    }
    assert len(log_of(served)) == 2


def test_a_decision_that_meets_a_colleagues_is_shown_and_can_replace_it(served, visit, audit):
    ann = visit()
    ann.expected.append("409")
    ann.review(audit)
    decide_as_ben(served, audit, sample_id(0))
    ann.press("x")
    ann.page.wait_for_selector(".notice.bad")
    assert "decided by Ben (keep)" in ann.text(".notices")
    ann.page.click("text=Use my decision")
    ann.until(WRITTEN)
    assert [line[1] for line in log_of(served)] == [Verdict.keep, Verdict.exclude]
    assert ann.text(".notices") == ""


def decide_as_ben(served, audit, sample):
    """Ben keeps a sample that Ann has on her page, since her lease has run out."""
    with served.store.database.write() as session:
        session.execute(update(Lease).values(until=0.0))
        kept = review.NewCorrection(sample_id=sample, verdict=Verdict.keep)
        review.submit(session, audit, [kept], principal=person("Ben"))


def test_leaving_gives_the_samples_back(served, visit, audit):
    visitor = visit()
    visitor.review(audit)
    visitor.page.wait_for_timeout(300)
    assert sample_id(0) in leased(served)
    visitor.go("/", ".datasets")
    visitor.page.wait_for_timeout(500)
    assert leased(served) == set()


def test_two_reviewers_never_see_the_same_sample(served, visit, audit):
    ann, ben = visit(), visit(token=served.key(name="Ben"))
    ann.review(audit)
    ben.review(audit)
    assert ann.text(".sample-id") != ben.text(".sample-id")


def test_names_in_a_dataset_are_never_markup(served, visit):
    classes = ["</script><b>bold", "<img src=x onerror=alert(1)>", "{{7*7}}"]
    audit = make_audit(served.store, make_dataset(served.store, classes=classes))
    visitor = visit()
    visitor.review(audit)
    assert visitor.text(".given") == classes[0]
    assert visitor.text(".suggested") == classes[1]
    assert visitor.page.query_selector("#main b, #main img") is None


def test_a_filtered_queue_serves_only_its_pair(served, visit, audit):
    visitor = visit()
    visitor.review(audit, "?given_label=fox&predicted_label=cat&queue=possible")
    seen = []
    while visitor.page.query_selector(".end") is None:
        seen.append(visitor.text(".sample-id"))
        visitor.press("k")
        visitor.page.wait_for_function(
            "(last) => document.querySelector('.end') ||"
            " (document.querySelector('.sample-id')?.textContent ?? last) !== last",
            arg=seen[-1],
        )
    assert seen == [sample_id(11), sample_id(14), sample_id(17)]


def test_a_sample_is_shown_with_its_trajectory_and_its_neighbours(served, visit, audit):
    epochs, samples, replicas = 4, 30, 3
    folder = served.store.storage.path(audits.folder(audit))
    np.save(folder / "positions.npy", np.arange(samples))
    with served.store.storage.writing(audits.shard_key(audit, 0)) as shard:
        shard.mkdir()
        for name in EPOCH_ARRAYS:
            leading = {"p_predicted": 0.8, "p_given": 0.1, "margin": -2, "predicted": 1}
            kind = np.uint8 if name == "predicted" else np.float16
            values = np.full((epochs, samples, replicas), leading.get(name, 1.0), kind)
            np.save(shard / f"{name}.npy", values)
        np.save(shard / "in_bag.npy", np.ones((samples, replicas), np.uint8))
        for name in ("probs_in_bag", "probs_out_of_bag"):
            np.save(shard / f"{name}.npy", np.full((samples, 3), 1 / 3, np.float32))
        header = {"schema_version": 2, "epochs": epochs, "replicas": replicas}
        (shard / "trajectory.json").write_text(json.dumps(header))
    with served.store.storage.writing(audits.shard_key(audit, 1)) as shard:
        shard.mkdir()
        nearest = np.full((samples, 12), -1, np.int32)
        nearest[0, :2] = [7, 1]
        np.save(shard / "nearest.npy", nearest)
    visitor = visit()
    visitor.review(audit)
    chart = visitor.page.get_attribute(".chart svg", "aria-label")
    assert "the given label cat goes from 10% to 10%" in chart
    assert "the suggested label dog goes from 80% to 80%" in chart
    assert faults_in_both(visitor.page) == []
    visitor.page.wait_for_selector(".neighbours li")
    assert visitor.text(".neighbours").split("\n")[-4:] == [
        "text number 7",
        "dog",
        "text number 1",
        "dog",
    ]
    visitor.page.click(".neighbours >> text=text number 7")
    visitor.page.wait_for_selector(f".sample-id >> text={sample_id(7)}")


def test_a_sample_opens_by_its_address_and_the_queue_goes_on_behind_it(served, visit, audit):
    visitor = visit()
    visitor.review(audit, f"?sample={sample_id(25)}")
    assert visitor.text(".sample-id") == sample_id(25)
    visitor.press("k")
    visitor.until("document.querySelector('.sample-id')?.textContent === 'sample-00000'")
    visitor.until(WRITTEN)
    assert log_of(served) == [(sample_id(25), Verdict.keep, 1, False)]
    visitor.review(audit, f"?sample={sample_id(25)}")  # decided, and it can be decided anew
    assert "kept" in visitor.text(".current-verdict")
    visitor.press("x")
    visitor.until(WRITTEN)
    assert log_of(served)[1] == (sample_id(25), Verdict.exclude, None, False)
