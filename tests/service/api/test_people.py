"""/v1/audits/{id}: settings, assignments, the team, undoing, stories and comments over HTTP."""

import pytest

from labelaudit.enums import Role
from tests.support.factories import make_audit, make_dataset, sample_id


@pytest.fixture
def audit(store):
    return f"/v1/audits/{make_audit(store, make_dataset(store))}"


def decide(client, audit, position, verdict="keep", **fields):
    given = {"sample_id": sample_id(position), "verdict": verdict, **fields}
    return client.post(f"{audit}/corrections", json={"corrections": [given]})


def me(client, uploader, audit):
    """The id of the client's key, as the list of people has it."""
    token = client.headers["Authorization"].split("_")[1]
    assert token in {person["id"] for person in uploader.get(f"{audit}/people").json()}
    return token


def test_two_opinions_a_dispute_and_its_end(call_as, uploader, audit):
    ann, ben, cat = (call_as(Role.annotator) for _ in range(3))
    settings = {"opinions": 2, "adjudicators": [me(cat, uploader, audit)]}
    assert uploader.put(f"{audit}/review-settings", json=settings).json() == settings
    assert ann.get(f"{audit}/review-settings").json() == settings
    assert ann.put(f"{audit}/review-settings", json=settings).status_code == 403
    decide(ann, audit, 0)
    [item] = ben.post(f"{audit}/queue/next").json()["items"]
    assert (item["sample_id"], item["verdict"], item["opinions"]) == (sample_id(0), None, [])
    assert decide(ben, audit, 0, "exclude").status_code == 201
    body = {"purpose": "adjudicate"}
    assert ann.post(f"{audit}/queue/next", json=body).status_code == 403
    [item] = cat.post(f"{audit}/queue/next", json=body).json()["items"]
    assert [opinion["verdict"] for opinion in item["opinions"]] == ["keep", "exclude"]
    answer = decide(cat, audit, 0, "exclude", lease_id=item["lease"]["lease_id"])
    assert answer.json()["corrections"][0]["adjudication"] is True
    assert ann.get(f"{audit}/suspects/{sample_id(0)}").json()["verdict"] == "exclude"


def test_an_assignment_is_made_served_first_and_taken_back(annotator, uploader, audit):
    wanted = {"name": "Foxes", "people": [me(annotator, uploader, audit)], "given_label": "fox"}
    made = uploader.post(f"{audit}/assignments", json=wanted)
    assert made.status_code == 201
    assert made.json()["people"] == [{"id": wanted["people"][0], "name": "the annotator"}]
    assert annotator.get(f"{audit}/assignments").json() == [made.json()]
    [item] = annotator.post(f"{audit}/queue/next").json()["items"]
    assert item["given_label"] == "fox"
    gone = f"{audit}/assignments/{made.json()['id']}"
    assert annotator.delete(gone).status_code == 403
    assert [uploader.delete(gone).status_code for _ in range(2)] == [204, 404]
    [item] = annotator.post(f"{audit}/queue/next").json()["items"]
    assert item["sample_id"] == sample_id(0)


def test_an_assignment_to_nobody_known_says_so(uploader, audit):
    answer = uploader.post(f"{audit}/assignments", json={"name": "x", "people": ["nobody"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/people"


def test_the_team_is_counted_and_ones_work_undone_and_redone(annotator, uploader, audit):
    for position in range(3):
        decide(annotator, audit, position)
    decide(uploader, audit, 3)
    lines = uploader.get(f"{audit}/team").json()["members"]
    assert [(line["name"], line["verdicts"]) for line in lines] == [
        ("the annotator", 3),
        ("the uploader", 1),
    ]
    assert len(annotator.get(f"{audit}/team").json()["members"]) == 1
    undo = f"{audit}/team/{lines[0]['id']}/revert"
    undone = uploader.post(undo, json={"since": "2001-01-01T00:00:00Z"}).json()
    assert undone["reverted"] == 3
    assert annotator.post(undo).json()["reverted"] == 0
    back = f"{audit}/batches/{undone['batch_id']}/revert"
    assert annotator.post(back).status_code == 403
    assert uploader.post(back).json()["reverted"] == 3
    assert uploader.post(f"{audit}/batches/ba_no/revert").status_code == 404


def test_agreement_is_told_with_what_it_rests_on(call_as, uploader, audit):
    uploader.put(f"{audit}/review-settings", json={"opinions": 2})
    ann, ben = call_as(Role.annotator), call_as(Role.annotator)
    for position, second in enumerate(["keep", "keep", "exclude"]):
        decide(ann, audit, position)
        decide(ben, audit, position, second)
    first = uploader.get(f"{audit}/team").json()["members"][0]
    assert first["agreement"]["n"] == 3
    assert first["agreement"]["estimate"] == pytest.approx(2 / 3)
    assert first["agreement"]["low"] < 2 / 3 < first["agreement"]["high"]
    assert first["upheld"]["estimate"] == 1


def test_a_story_tells_everything_to_whom_it_may(call_as, uploader, audit):
    uploader.put(f"{audit}/review-settings", json={"opinions": 2})
    ann, ben = call_as(Role.annotator), call_as(Role.annotator)
    decide(ann, audit, 0, note="blurred")
    said = {"sample_id": sample_id(0), "text": "Is this a fox?"}
    assert ann.post(f"{audit}/comments", json=said).status_code == 201

    def story(client):
        return client.get(f"{audit}/history", params={"sample_id": sample_id(0)}).json()

    assert (story(ben)["corrections"], story(ben)["comments"]) == ([], [])
    assert story(ben)["hidden"] is True
    assert story(ann)["comments"][0]["text"] == "Is this a fox?"
    decide(ben, audit, 0)
    told = story(ben)
    assert [row["note"] for row in told["corrections"]] == ["blurred", None]
    assert (told["state"], told["verdict"], told["hidden"]) == ("decided", "keep", False)
    assert [rank["rank"] for rank in told["ranks"]] == [1]
    unknown = ben.get(f"{audit}/history", params={"sample_id": "none"})
    assert unknown.status_code == 404
