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
    assert token in {person["id"] for person in uploader.get(f"{audit}/people").json()["items"]}
    return token


def test_two_opinions_a_dispute_and_its_end(call_as, uploader, audit):
    ann, ben, cat = (call_as(Role.annotator) for _ in range(3))
    settings = {"opinions": 2, "adjudicators": [me(cat, uploader, audit)]}
    told = {
        "opinions": 2,
        "adjudicators": [{"id": settings["adjudicators"][0], "name": "the annotator"}],
    }
    assert uploader.put(f"{audit}/review-settings", json=settings).json() == told
    assert ann.get(f"{audit}/review-settings").json() == told
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
    assert answer.json()["items"][0]["adjudication"] is True
    assert ann.get(f"{audit}/suspects/{sample_id(0)}").json()["verdict"] == "exclude"


def test_an_assignment_is_made_served_first_and_taken_back(annotator, uploader, audit):
    wanted = {"name": "Foxes", "people": [me(annotator, uploader, audit)], "given_label": "fox"}
    made = uploader.post(f"{audit}/assignments", json=wanted)
    assert made.status_code == 201
    assert made.json()["people"] == [{"id": wanted["people"][0], "name": "the annotator"}]
    assert annotator.get(f"{audit}/assignments").json()["items"] == [made.json()]
    assert annotator.get(made.headers["location"]).json() == made.json()
    [item] = annotator.post(f"{audit}/queue/next").json()["items"]
    assert item["given_label"] == "fox"
    gone = f"{audit}/assignments/{made.json()['id']}"
    assert annotator.delete(gone).status_code == 403
    assert [uploader.delete(gone).status_code for _ in range(2)] == [204, 404]
    assert annotator.get(f"{audit}/assignments").json()["items"] == []
    assert annotator.get(gone).status_code == 404
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
    lines = uploader.get(f"{audit}/team").json()["items"]
    assert [(line["name"], line["verdicts"]) for line in lines] == [
        ("the annotator", 3),
        ("the uploader", 1),
    ]
    assert len(annotator.get(f"{audit}/team").json()["items"]) == 1
    reverts, work = f"{audit}/reverts", {"person_id": lines[0]["id"]}
    undone = uploader.post(reverts, json={**work, "since": "2001-01-01T00:00:00Z"}).json()
    assert undone["reverted"] == 3
    again = annotator.post(reverts, json=work)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/nothing-to-revert")
    back = {"batch_id": undone["id"]}
    assert annotator.post(reverts, json=back).status_code == 403
    assert uploader.post(reverts, json=back).json()["reverted"] == 3
    assert uploader.post(reverts, json={"batch_id": "ba_no"}).status_code == 404
    assert uploader.post(reverts, json={"person_id": "nobody"}).status_code == 404


def test_agreement_is_told_with_what_it_rests_on(call_as, uploader, audit):
    uploader.put(f"{audit}/review-settings", json={"opinions": 2})
    ann, ben = call_as(Role.annotator), call_as(Role.annotator)
    for position, second in enumerate(["keep", "keep", "exclude"]):
        decide(ann, audit, position)
        decide(ben, audit, position, second)
    first = uploader.get(f"{audit}/team").json()["items"][0]
    assert first["agreement"]["n"] == 3
    assert first["agreement"]["value"] == pytest.approx(2 / 3)
    assert first["agreement"]["low"] < 2 / 3 < first["agreement"]["high"]
    assert first["upheld"]["value"] == 1
    assert {first[name]["basis"] for name in ("agreement", "upheld")} == {"counted"}


def test_a_story_tells_everything_to_whom_it_may(call_as, uploader, audit):
    uploader.put(f"{audit}/review-settings", json={"opinions": 2})
    ann, ben = call_as(Role.annotator), call_as(Role.annotator)
    decide(ann, audit, 0, note="blurred")
    samples = f"/v1/datasets/{ann.get(audit).json()['dataset_id']}/samples"
    sample = f"{samples}/{sample_id(0)}"
    said = ann.post(f"{sample}/comments", json={"text": "Is this a fox?"})
    assert (said.status_code, said.headers["location"]) == (201, f"{sample}/comments")
    assert said.json()["author"] == {"id": me(ann, uploader, audit), "name": "the annotator"}

    def story(client):
        return client.get(f"{sample}/history").json()

    assert (story(ben)["corrections"], story(ben)["comments"]) == ([], [])
    assert story(ben)["hidden"] is True
    assert story(ann)["comments"] == [said.json()]
    decide(ben, audit, 0)
    told = story(ben)
    assert [row["note"] for row in told["corrections"]] == ["blurred", None]
    assert (told["state"], told["verdict"], told["hidden"]) == ("decided", "keep", False)
    assert [rank["rank"] for rank in told["ranks"]] == [1]
    assert ben.get(f"{samples}/none/history").status_code == 404
    assert ben.post(f"{samples}/none/comments", json={"text": "?"}).status_code == 404


def test_reverts_are_listed_newest_first_and_each_is_read_alone(annotator, uploader, audit):
    for position in range(3):
        decide(annotator, audit, position)
    [first, second, _] = annotator.get(f"{audit}/corrections").json()["items"]
    reverts = f"{audit}/reverts"
    assert annotator.get(reverts).json() == {"items": [], "next_cursor": None}
    one = annotator.post(reverts, json={"correction_id": first["id"]})
    two = annotator.post(reverts, json={"batch_id": second["batch_id"]})
    all_of_it = uploader.post(reverts, json={"person_id": first["annotator"]["id"]})
    made = [answer.json() for answer in (all_of_it, two, one)]
    assert [answer["reverted"] for answer in made] == [1, 1, 1]
    assert [answer["dataset_version"] for answer in made] == [6, 5, 4]
    assert made[0]["created_by"]["name"] == "the uploader"
    assert made[2]["created_by"] == first["annotator"]
    assert uploader.get(reverts).json()["items"] == made
    assert uploader.get(two.headers["location"]).json() == made[1]
    page = uploader.get(reverts, params={"limit": 2}).json()
    rest = uploader.get(reverts, params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert (page["items"] + rest["items"], rest["next_cursor"]) == (made, None)
    # annotators see their own
    assert annotator.get(reverts).json()["items"] == made[1:]
    assert annotator.get(all_of_it.headers["location"]).status_code == 404
    assert annotator.get(f"{reverts}/{first['batch_id']}").status_code == 404  # no revert


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"correction_id": "co_1", "batch_id": "ba_1"},
        {"batch_id": "ba_1", "since": "2026-01-01T00:00:00Z"},
        {"person_id": "p", "since": "2026-01-01T00:00:00"},
        {"person_id": "p", "since": 3},
        {"person_id": None},
        {"person": "p"},
    ],
)
def test_a_revert_names_exactly_one_thing(annotator, audit, body):
    answer = annotator.post(f"{audit}/reverts", json=body)
    assert answer.status_code == 422, answer.text
    assert annotator.get(f"{audit}/reverts").json()["items"] == []


def test_one_correction_is_as_hidden_as_it_is_in_the_list(call_as, uploader, audit):
    uploader.put(f"{audit}/review-settings", json={"opinions": 2})
    ann, ben = call_as(Role.annotator), call_as(Role.annotator)
    said = decide(ann, audit, 0).json()
    path = f"{audit}/corrections/{said['items'][0]['id']}"
    by_batch = {"batch_id": said["batch_id"]}
    assert ann.get(path).json() == said["items"][0]
    assert uploader.get(path).status_code == ben.get(path).status_code == 404
    assert ben.get(f"{audit}/corrections", params=by_batch).json()["items"] == []
    decide(ben, audit, 0)
    assert ben.get(path).json() == said["items"][0]
    assert ben.get(f"{audit}/corrections", params=by_batch).json()["items"] == said["items"]
    assert ann.get(f"{audit}/corrections/co_none").status_code == 404
    assert ann.get(f"{audit}/corrections", params={"batch_id": "ba_none"}).json()["items"] == []
