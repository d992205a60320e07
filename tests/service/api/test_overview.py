"""What the overview shows beside the summary."""

import io
import re
from xml.etree import ElementTree

import pytest
from PIL import Image
from sqlalchemy import update

from labelaudit.enums import Role
from labelaudit.schemas import SummaryRead
from service.audits import records as audits
from service.cli import show
from service.db.tables import ApiKey, Dataset, Suspect
from service.reports import findings
from service.reports.data_map import shown_ranks
from service.reports.plots import NAMES
from service.review import assignments, newest_ranking
from tests.support.factories import (
    find_groups,
    make_audit,
    make_dataset,
    sample_id,
    summarise,
)


def test_class_pairs_are_counted_with_the_fullest_first(annotator, store):
    audit = make_audit(store, make_dataset(store))
    decide(annotator, audit, {0: "keep"})
    pairs = annotator.get(f"/v1/audits/{audit}/class-pairs").json()["items"]
    assert pairs == [
        {"given_label": "dog", "predicted_label": "fox", "open": 7, "total": 7},
        {"given_label": "cat", "predicted_label": "dog", "open": 6, "total": 7},
        {"given_label": "fox", "predicted_label": "cat", "open": 6, "total": 6},
    ]
    query = {"tier": "obvious", "limit": 1}
    assert len(annotator.get(f"/v1/audits/{audit}/class-pairs", params=query).json()["items"]) == 1


def decide(client, audit, verdicts):
    for number, verdict in verdicts.items():
        body = {"corrections": [{"sample_id": sample_id(number), "verdict": verdict}]}
        assert client.post(f"/v1/audits/{audit}/corrections", json=body).status_code == 201


@pytest.fixture
def audit(store):
    audit_id = make_audit(store, make_dataset(store))
    summarise(store, audit_id)
    return audit_id


def test_findings_follow_the_decisions_in_their_order(annotator, audit):
    decide(annotator, audit, {0: "keep", 1: "accept_suggestion", 12: "exclude", 3: "skip"})
    found = annotator.get(f"/v1/audits/{audit}/findings").json()
    assert (found["reviewed"], found["errors"]) == (3, 2)
    assert [(p["reviewed"], p["errors"]) for p in found["curve"]] == [
        (0, 0),
        (1, 0),
        (2, 1),
        (3, 2),
    ]
    tiers = {tier["tier"]: tier for tier in found["tiers"]}
    assert (tiers["obvious"]["reviewed"], tiers["obvious"]["wrong"]) == (2, 1)
    share = tiers["obvious"]["share"]
    assert share["low"] < share["value"] == 0.5 < share["high"]
    assert share["basis"] == "counted"
    assert (tiers["none"]["reviewed"], tiers["none"]["share"]) == (0, None)
    assert [(p["reviewed"], p["errors"]) for p in found["people"]] == [(3, 2)]
    assert found["noise_rate"] == {"value": 0.08, "low": 0.04, "high": 0.2, "basis": "estimated"}


def test_a_sample_that_two_judge_is_looked_at_once_and_by_each(call_as, store, audit):
    with store.database.write() as session:
        assignments.update_review_settings(session, audit, opinions=2, adjudicators=[])
    for verdict in ("exclude", "keep"):
        decide(call_as(Role.annotator), audit, {0: verdict})
    found = call_as(Role.admin).get(f"/v1/audits/{audit}/findings").json()
    assert (found["reviewed"], found["errors"]) == (1, 0)
    assert sorted((p["reviewed"], p["errors"]) for p in found["people"]) == [(1, 0), (1, 1)]
    assert {p["name"] for p in found["people"]} == {"the annotator"}  # two of one name
    assert len({p["id"] for p in found["people"]}) == 2


def test_what_was_taken_back_was_never_found(annotator, audit):
    decide(annotator, audit, {0: "exclude"})
    corrections = annotator.get(f"/v1/audits/{audit}/corrections").json()["items"]
    annotator.post(f"/v1/audits/{audit}/reverts", json={"correction_id": corrections[0]["id"]})
    found = annotator.get(f"/v1/audits/{audit}/findings").json()
    assert (found["reviewed"], found["errors"], found["people"]) == (0, 0, [])


def test_what_was_taken_back_and_brought_back_was_found(annotator, audit):
    decide(annotator, audit, {0: "exclude"})
    corrections = f"/v1/audits/{audit}/corrections"
    for _ in range(2):
        newest = annotator.get(corrections).json()["items"][-1]
        undo = {"correction_id": newest["id"]}
        assert annotator.post(f"/v1/audits/{audit}/reverts", json=undo).status_code == 201
    found = annotator.get(f"/v1/audits/{audit}/findings").json()
    assert (found["reviewed"], found["errors"]) == (1, 1)


def test_the_data_map_tells_where_each_point_lies(annotator, audit):
    found = annotator.get(f"/v1/audits/{audit}/data-map").json()
    assert found["total"] == 30
    assert found["sample_id"][0] == sample_id(0)
    assert found["tier"][0] == "obvious"
    assert found["confidence"] == sorted(found["confidence"])


def test_another_audit_of_the_dataset_shows_nothing_of_it(annotator, store, audit):
    with store.database.read() as session:
        dataset_id = audits.get_audit(session, audit).dataset_id
    decide(annotator, audit, {0: "keep", 1: "accept_suggestion"})
    before = annotator.get(f"/v1/audits/{audit}/data-map").json()
    other = make_audit(store, dataset_id)
    summarise(store, other)
    assert annotator.get(f"/v1/audits/{other}/findings").json()["reviewed"] == 0
    assert annotator.get(f"/v1/audits/{audit}/findings").json()["reviewed"] == 2
    after = annotator.get(f"/v1/audits/{audit}/data-map").json()
    assert after == before
    assert len(after["sample_id"]) == len(set(after["sample_id"])) == 30


@pytest.mark.parametrize("samples", [1, 7, findings.CURVE_POINTS, findings.CURVE_POINTS * 3 + 1])
def test_a_curve_has_few_points_and_ends_with_the_last_review(samples):
    wrong = [number % 3 == 0 for number in range(samples)]
    curve = findings._curve(wrong)
    assert curve[0] == (0, 0)
    assert curve[-1] == (samples, sum(wrong))
    assert len(curve) <= findings.CURVE_POINTS + 1
    assert all(errors == sum(wrong[:reviewed]) for reviewed, errors in curve)


def test_a_large_data_map_shows_the_worst_and_some_of_the_rest():
    ranks = shown_ranks(1_000_000)
    assert ranks[:800] == list(range(1, 801))
    assert (len(ranks), ranks[-1]) == (2000, 1_000_000)
    assert shown_ranks(5) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_every_picture_comes_as_svg_and_as_png(annotator, audit, name, theme):
    decide(annotator, audit, {0: "keep", 1: "accept_suggestion"})
    path = f"/v1/audits/{audit}/plots/{name}"
    svg = annotator.get(f"{path}.svg", params={"theme": theme})
    assert svg.headers["content-type"] == "image/svg+xml"
    assert ElementTree.fromstring(svg.content).tag == "{http://www.w3.org/2000/svg}svg"
    assert annotator.get(f"{path}.svg", params={"theme": theme}).content == svg.content
    png = annotator.get(f"{path}.png", params={"theme": theme}).content
    assert min(Image.open(io.BytesIO(png)).size) > 200


def test_class_names_in_a_picture_are_words_and_nothing_else(annotator, store):
    names = ["$\\frac{1}{0}$", "<script>alert(1)</script>", "猫"]
    audit = make_audit(store, make_dataset(store, classes=names))
    summarise(store, audit, names)
    for name in ("noise_matrix", "classes"):
        for format in ("svg", "png"):
            answer = annotator.get(f"/v1/audits/{audit}/plots/{name}.{format}")
            assert answer.status_code == 200
            assert b"<script" not in answer.content


def test_groups_that_are_worse_are_in_the_summary_the_report_and_on_the_command_line(
    annotator, store, audit, capsys
):
    assert "The dataset as a whole" not in annotator.get(f"/v1/audits/{audit}/report.html").text
    find_groups(store, audit)
    summary = SummaryRead.model_validate(annotator.get(f"/v1/audits/{audit}/summary").json())
    [worse] = [check for check in summary.checks if check.found]
    assert worse.groups[0].name == "region = south"
    report = annotator.get(f"/v1/audits/{audit}/report.html").text
    for shown in ("The dataset as a whole", "region = south", "58%", "52% to 63%", "s001, s004"):
        assert shown in report
    show.summary(summary)
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Dataset: {worse.detail}" in shown
    assert "rarest class" not in shown


def test_the_report_is_one_file_without_a_script(annotator, store):
    audit = make_audit(store, make_dataset(store, classes=["<b>dog</b>", "cat", "fox"]))
    summarise(store, audit, ["<b>dog</b>", "cat", "fox"])
    report = annotator.get(f"/v1/audits/{audit}/report.html")
    assert report.headers["content-type"] == "text/html; charset=utf-8"
    assert "4.0% – 20%" in report.text
    assert "&lt;b&gt;dog" in report.text
    assert "<b>dog" not in report.text
    assert "<script" not in report.text
    references = re.findall(r'(?:src|href|srcset)="([^"]{0,20})', report.text)
    assert references
    assert {reference[:19] for reference in references} == {"data:image/svg+xml;"}


def test_the_report_escapes_everything_that_people_can_name(store, call_as):
    hostile = "<script>alert(1)</script>\"'&"
    names = [hostile, hostile + "2", hostile + "3"]  # given, suggested and confused with
    dataset_id = make_dataset(store, classes=names)
    audit = make_audit(store, dataset_id)
    summarise(store, audit, names)
    reviewer = call_as(Role.uploader)
    with store.database.write() as session:
        session.execute(update(ApiKey).values(name=hostile))
        session.get(Dataset, dataset_id).name = hostile
    decide(reviewer, audit, {0: "keep"})
    with store.database.write() as session:
        suspect = update(Suspect).where(Suspect.rank == 1)
        session.execute(suspect.values(sample_id=hostile, reason=hostile))
    report = reviewer.get(f"/v1/audits/{audit}/report.html").text
    assert "<script" not in report
    escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&#34;&#39;&amp;"
    for cell in (
        f"<title>Label audit of {escaped}</title>",  # the dataset
        f"<h1>{escaped}</h1>",
        f"<td>{escaped}</td>\n<td>{escaped}</td>",  # a suspect's sample id and given label
        f"%</td><td>{escaped}</td></tr>",  # its reason
        f'<tr><th scope="row">{escaped}</th><td>10</td>',  # a class
        f"to judge these classes: {escaped}3</li>",
        f'<th scope="row">{escaped}2</th>',
        f"<td>{escaped}2</td>",  # a suggestion
        f"</td>\n<td>{escaped}</td></tr>",  # what a class is confused with
        f'<tr><th scope="row">{escaped}</th><td>1</td>',  # the reviewer
    ):
        assert cell in report, cell


def test_a_picture_that_is_none_is_refused_by_name(annotator, audit):
    answer = annotator.get(f"/v1/audits/{audit}/plots/cats.svg")
    assert answer.status_code == 422
    assert "data_map" in answer.json()["detail"]


def test_what_was_not_estimated_is_said_in_the_picture(annotator, store):
    audit = make_audit(store, make_dataset(store))
    rate = {"estimate": 0.1, "low": 0.05, "high": 0.15}
    with store.database.write() as session:
        newest_ranking(session, audit).summary = {"noise_rate": rate, "basis": "estimated"}
    for name in NAMES:
        assert annotator.get(f"/v1/audits/{audit}/plots/{name}.svg").status_code == 200
    assert "Not estimated" in annotator.get(f"/v1/audits/{audit}/plots/noise_matrix.svg").text
