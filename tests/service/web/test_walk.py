"""The whole way in one browser: sign in, upload, audit, review, correct many, undo, export."""

import csv
import re
import threading

import numpy as np
import pytest
from sqlalchemy import select

from labelaudit.enums import JobStatus, Role, Verdict
from service.db.tables import Audit, Correction
from worker.handlers.registry import HANDLERS
from worker.runtime.context import Worker
from worker.runtime.runner import run_one

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SAMPLES, CLASSES, WRONG = 240, ("ash", "birch", "cedar"), 60
WRITTEN = "!Object.keys(sessionStorage).some((name) => name.startsWith('labelaudit.outbox'))"
ANOTHER = """(shown) => {
    const id = document.querySelector(".sample-id");
    return id !== null && id.textContent !== shown;
}"""


def forest():
    """A table of three kinds of trees, plainly apart, every fourth given as the next kind."""
    rng = np.random.default_rng(0)
    true = np.arange(SAMPLES) % 3
    given = np.where(np.arange(SAMPLES) % 4 == 0, (true + 1) % 3, true)
    lines = ["sample_id,height,girth,leaf,label"]
    for number in range(SAMPLES):
        height, girth, leaf = rng.normal([6 * true[number], 3 - true[number], 2.0], 0.4)
        kind = CLASSES[given[number]]
        lines.append(f"t{number:03d},{height:.3f},{girth:.3f},{leaf:.3f},{kind}")
    content = ("\n".join(lines) + "\n").encode()
    truth = {f"t{number:03d}": CLASSES[true[number]] for number in range(SAMPLES)}
    return {"name": "forest.csv", "mimeType": "text/csv", "buffer": content}, truth


def work_until_completed(served):
    """Every job up to the ranking, as a worker would, while the page looks on."""
    worker = Worker(served.backends, {"cpu", "gpu"}, HANDLERS)
    while run_one(worker):
        with served.store.database.read() as session:
            if session.scalars(select(Audit.status)).first() is JobStatus.completed:
                return


def corrections(served):
    with served.store.database.read() as session:
        return session.scalars(select(Correction).order_by(Correction.seq)).all()


def test_from_a_key_to_the_corrected_dataset(served, visit):
    file, truth = forest()
    visitor = visit(token="la_none")
    visitor.expected.append("401")
    page = visitor.page

    page.fill("#key", served.key(Role.uploader, "Uma"))
    page.keyboard.press("Enter")
    page.wait_for_selector(".drop")
    page.set_input_files("#file", file)
    page.wait_for_selector(".working")
    served.work()
    page.wait_for_selector(".detected-columns")
    assert "Label\nlabel" in visitor.text(".detected-columns")
    page.click("text=Start audit")
    page.click("dialog summary")
    page.fill("#replicas", "4")  # enough for trees that plainly differ
    page.fill("#epochs", "40")
    page.click("dialog [type=submit]")
    page.wait_for_selector("text=Waiting for a worker")
    at_work = threading.Thread(target=work_until_completed, args=(served,))
    at_work.start()
    page.wait_for_selector(".audit.completed", timeout=120_000)
    at_work.join()

    page.click(".audit.completed >> text=Review")
    page.wait_for_selector(".decision")
    for _ in range(10):
        shown = visitor.text(".sample-id")
        page.keyboard.press("a")
        page.wait_for_function(ANOTHER, arg=shown)
    visitor.until(WRITTEN)
    assert [row.verdict for row in corrections(served)] == [Verdict.accept_suggestion] * 10
    page.keyboard.press("u")
    page.keyboard.press("k")
    visitor.until(WRITTEN)
    assert [row.verdict for row in corrections(served)][10:] == [None, Verdict.keep]

    page.click("text=Grid")
    page.wait_for_selector(".thumbnail:nth-child(20)")
    visitor.until("!document.querySelector('.grid-content[aria-busy]')")
    page.click(".thumbnail:nth-child(1)")
    page.click(".thumbnail:nth-child(20)", modifiers=["Shift"])
    with page.expect_request("**/corrections") as sent:
        page.keyboard.press("a")
    assert len(sent.value.post_data_json["corrections"]) == 20
    visitor.until(WRITTEN)
    page.keyboard.press("u")
    visitor.until(WRITTEN)
    assert len(corrections(served)) == 52  # all twenty are taken back
    page.keyboard.press("a")  # they are still selected
    visitor.until(WRITTEN)

    page.click("text=Overview")
    page.wait_for_selector(".plot.findings img")
    assert "29 errors found in 30 reviewed: 97 per 100" in visitor.text(".overview")
    assert re.search(r"\d+ of \d+, \d+% – ", visitor.text(".tiers"))

    page.click("text=Export the corrected dataset")
    page.check("dialog input[value=csv]")
    page.click("dialog [type=submit]")
    page.wait_for_selector(".export-state progress, .export-state p")
    served.work()
    with page.expect_download() as download:
        page.click("dialog >> text=Download")
    with download.value.path().open(newline="") as exported:
        rows = {row["sample_id"]: row for row in csv.DictReader(exported)}
    assert len(rows) == SAMPLES
    corrected = {row.sample_id for row in corrections(served) if row.verdict and not row.reverts}
    right = [rows[sample]["corrected_label"] == truth[sample] for sample in corrected]
    assert sum(right) >= len(right) - 1  # all but the one that was kept on purpose
