"""Signing in, uploading and watching an audit, in a real browser against the real application."""

import hashlib
import io
import json
import zipfile

import pytest
from PIL import Image
from sqlalchemy import select, update

from labelaudit.enums import JobStatus, Role
from service.accounts.api_keys import create_key
from service.audits import records as audits
from service.datasets import members
from service.db.tables import Dataset, Sample, Suspect
from tests.service.web.test_access import faults_in_both
from tests.support.factories import make_audit, make_dataset, start_audit

pytestmark = pytest.mark.browser


def test_the_key_in_the_link_signs_in_and_leaves_the_address_bar(served, visit):
    visitor = visit()
    assert visitor.page.url == f"{served.url}/"
    assert visitor.text(".me").startswith("Ann")
    assert visitor.page.evaluate("document.cookie") == ""


def test_a_key_that_is_not_valid_is_asked_for_again(served, visit):
    visitor = visit(token="la_wrong_key")
    visitor.expected.append("401")
    visitor.page.fill("#key", "la_wrong_again")
    visitor.page.keyboard.press("Enter")
    visitor.until("document.querySelector('#key-error').textContent === 'This key is not valid.'")
    visitor.page.fill("#key", served.key())
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_selector(".me")


def picture_folders():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(12):
            picture = io.BytesIO()
            Image.new("RGB", (8, 8), (number * 20, 90, 160)).save(picture, "PNG")
            archive.writestr(f"{'cat' if number % 2 else 'dog'}/{number}.png", picture.getvalue())
    return {"name": "pets.zip", "mimeType": "application/zip", "buffer": buffer.getvalue()}


def upload(visitor, served, file):
    """Upload through the page and let a worker read it; returns the dataset's id."""
    with visitor.page.expect_response(lambda answer: answer.request.method == "POST"):
        visitor.page.set_input_files("#file", file)
    served.work()
    visitor.page.wait_for_selector(".detected-columns, .dataset .notice.bad")
    with served.store.database.read() as session:
        return session.scalars(select(Dataset.id)).one()


def table(rows):
    text = "id,text,label\n" + "".join(
        f"{name},some words {name},{label}\n" for name, label in rows
    )
    return {"name": "words.csv", "mimeType": "text/csv", "buffer": text.encode()}


def test_an_upload_shows_how_its_columns_were_detected(served, visit):
    visitor = visit(role=Role.uploader)
    upload(visitor, served, table((number, "ab"[number % 2]) for number in range(40)))
    shown = visitor.text(".detected-columns")
    for words in (
        "texts in a CSV file",
        "Label\nlabel",
        "Sample ID\nid",
        "Text\ntext",
        "Classes\na\nb",
    ):
        assert words in shown
    visitor.page.click("text=Start audit")
    visitor.page.click("dialog [type=submit]")
    visitor.page.wait_for_selector("text=Waiting for a worker")


def test_a_large_upload_goes_on_where_it_stood_when_the_connection_is_cut(served, visit):
    visitor = visit(role=Role.uploader)
    visitor.expected += ["ERR_CONNECTION_RESET", "503"]
    words = "x" * 230
    rows = "".join(f"{number},{words},{'ab'[number % 2]}\n" for number in range(40_000))
    content = ("id,text,label\n" + rows).encode()
    assert len(content) > 9 * 2**20
    sent = []

    def hurt(route):
        request = route.request
        if request.method != "PATCH":
            return route.continue_()
        sent.append(int(request.headers["upload-offset"]))
        if len(sent) == 2:
            return route.abort("connectionreset")
        if len(sent) == 4:
            return route.fulfill(status=503, body="{}")
        return route.continue_()

    visitor.page.route("**/v1/uploads/*", hurt)
    file = {"name": "words ü.csv", "mimeType": "text/csv", "buffer": content}
    visitor.page.set_input_files("#file", file)
    visitor.page.wait_for_selector(".dataset", timeout=30_000)
    assert sent == [0, 4 << 20, 4 << 20, 8 << 20, 8 << 20]  # no piece that had arrived again
    with served.store.database.read() as session:
        dataset = session.scalars(select(Dataset)).one()
    assert dataset.sha256 == hashlib.sha256(content).hexdigest()
    assert dataset.filename == "words ü.csv"


def test_a_column_read_wrongly_is_corrected_without_sending_the_file_again(served, visit):
    visitor = visit(role=Role.uploader)
    words = ["good", "bad"]
    rows = "".join(f"{n},a text of its own {n},{words[n % 2]},{n % 3}\n" for n in range(40))
    content = f"id,text,mood,label\n{rows}".encode()
    file = {"name": "reviews.csv", "mimeType": "text/csv", "buffer": content}
    upload(visitor, served, file)
    assert "Label\nlabel" in visitor.text(".detected-columns")
    visitor.page.click("text=Edit the columns")
    assert faults_in_both(visitor.page) == []
    visitor.page.select_option("select[aria-label='Use mood as']", "label")
    assert visitor.page.input_value("select[aria-label='Use label as']") == ""
    visitor.page.select_option("select[aria-label='Use label as']", "ignored")
    with visitor.page.expect_request("**/columns") as asked:
        visitor.page.click("text=Apply")
    assert json.loads(asked.value.post_data)["ignored"] == ["label"]
    visitor.page.wait_for_selector(".working")
    served.work()
    visitor.page.wait_for_selector(".detected-columns")
    assert "Label\nmood" in visitor.text(".detected-columns")
    assert "Classes\nbad\ngood" in visitor.text(".detected-columns")


def test_a_refused_upload_names_its_rows(served, visit):
    visitor = visit(role=Role.uploader)
    rows = [(number, "ab"[number % 2]) for number in range(20)]
    visitor.page.click("text=Specify columns")
    visitor.page.fill("#sample_id_column", "id")
    upload(visitor, served, table([*rows, (3, "a"), (7, "b")]))
    assert "row 21, column id" in visitor.text(".error-list")
    assert "row 22, column id" in visitor.text(".error-list")


def test_an_annotator_is_not_offered_what_the_role_may_not_do(served, visit, audit):
    visitor = visit()
    visitor.go("/", ".dataset:not(.skeleton)")
    assert visitor.page.query_selector(".drop") is None
    assert visitor.page.query_selector("text=Audit again") is None


def test_progress_arrives_by_itself(served, visit):
    audit_id = start_audit(served.store, make_dataset(served.store))
    visitor = visit()
    visitor.page.wait_for_selector("text=Waiting for a worker")
    with served.store.database.write() as session:
        audits.begin(session, audit_id)
        audits.record_event(
            session, audit_id, {"status": "running", "job": "train", "progress": 0.5}
        )
    visitor.page.wait_for_selector("text=Training and tracking every sample")
    assert visitor.page.evaluate("document.querySelector('progress').value") == 0.5
    with served.store.database.write() as session:
        audits.get_audit(session, audit_id).status = JobStatus.completed
        audits.report_progress(session, audit_id)
    visitor.page.wait_for_selector(".audit.completed >> text=Review")
    visitor.until("document.querySelector('#announcer').textContent.includes('completed')")


@pytest.fixture
def pictured(served, visit):
    """A completed audit of twelve pictures of eight pixels a side."""
    dataset_id = upload(visit(role=Role.uploader), served, picture_folders())
    audit = make_audit(served.store, dataset_id)
    with served.store.database.write() as session:  # the factory's ids are not the upload's
        session.execute(update(Dataset).values(shared=True))
        for sample in session.scalars(select(Sample)):
            where = Suspect.position == sample.position
            session.execute(update(Suspect).where(where).values(sample_id=sample.sample_id))
    return audit


def test_a_tiny_image_is_enlarged_smoothly_or_pixel_by_pixel(visit, pictured):
    visitor = visit()
    visitor.review(pictured)
    visitor.page.wait_for_selector("img.tiny")
    look = """() => { const image = document.querySelector("img.tiny");
      return [image.src.split(":")[0], image.naturalWidth, image.clientWidth,
              getComputedStyle(image).imageRendering] }"""
    source, own, shown, rendering = visitor.page.evaluate(look)
    assert (source, own, rendering) == ("blob", 8, "auto")
    assert shown > 100
    assert shown % own == 0
    visitor.page.click(".adjust summary")
    visitor.page.click("text=Pixels")
    assert visitor.page.evaluate(look)[3] == "pixelated"


def style_of(visitor, name):
    return visitor.page.evaluate(
        "(name) => document.querySelector('.picture img').style.getPropertyValue(name)", name
    )


def test_a_picture_is_zoomed_moved_and_seen_in_another_light(visit, pictured):
    visitor = visit()
    visitor.review(pictured)
    visitor.page.wait_for_selector(".viewer-tools")
    visitor.page.click("[aria-label='Zoom in']")
    assert style_of(visitor, "transform") == "translate(0px, 0px) scale(1.5)"
    place = visitor.page.locator(".picture").bounding_box()
    visitor.page.mouse.move(place["x"] + 200, place["y"] + 200)
    visitor.page.mouse.down()
    visitor.page.mouse.move(place["x"] + 230, place["y"] + 190, steps=3)
    visitor.page.mouse.up()
    assert style_of(visitor, "transform") == "translate(30px, -10px) scale(1.5)"
    visitor.page.click(".adjust summary")
    visitor.page.click("text=Invert")
    assert faults_in_both(visitor.page) == []
    visitor.page.fill(".adjust label:first-child input", "2")
    assert style_of(visitor, "filter") == "invert(1) contrast(2)"
    visitor.press("k")  # the next sample is shown in the same light, as large as it is
    visitor.until("document.querySelector('.picture img')?.style.transform === 'none'")
    assert style_of(visitor, "filter") == "invert(1) contrast(2)"
    visitor.page.click(".adjust summary")
    visitor.page.click("text=Reset")
    assert style_of(visitor, "filter") == "none"


def test_an_uploader_chooses_who_sees_a_dataset(served, visit):
    dataset_id = make_dataset(served.store)
    with served.store.database.write() as session:
        members.share(session, dataset_id, False)
        ben, key = create_key(session, name="Ben", role=Role.annotator)
    visitor = visit(role=Role.admin)
    stranger = visit(token=key)
    stranger.page.wait_for_selector(".empty")
    visitor.page.click("text=People …")
    visitor.page.select_option("#new-member", ben.id)
    visitor.page.click("dialog >> text='Add'")
    visitor.page.wait_for_selector(".member-list")
    assert "Ben" in visitor.text(".member-list")
    stranger.go("/", ".dataset h2")
    visitor.page.click("[aria-label='Remove Ben']")
    visitor.page.wait_for_selector("text=Only admins can see it so far.")
    stranger.go("/", ".empty")
    visitor.page.check("#share-all")
    visitor.page.wait_for_selector("#new-member", state="detached")
    stranger.go("/", ".dataset h2")
