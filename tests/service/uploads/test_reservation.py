"""What is reserved counts against the quotas until it expires, is rejected or becomes a dataset."""

from datetime import timedelta
from typing import Any

import pytest

from labelaudit.enums import JobStatus, Role
from service.core.config import Settings
from service.core.errors import (
    Conflict,
    Gone,
    NotFound,
    NotPermitted,
    TooManyRequests,
    UploadTooLarge,
)
from service.core.principal import Principal
from service.db.tables import Dataset, Upload, now
from service.uploads import reservation
from service.uploads.parts import MAX_PART_BYTES, MAX_PARTS, MIB, PartLayout
from tests.support.factories import make_dataset, person

UMA, VIC = person("Uma", Role.uploader), person("Vic", Role.uploader)


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data_dir=tmp_path, open_uploads=2, max_upload_bytes=1000)


def reserve(database, settings, length: int | None = 10, who: Principal = UMA, **options: Any):
    wanted: dict[str, Any] = {"filename": "a.csv", "name": None, "columns": None, "sha256": None}
    with database.write() as session:
        made = reservation.reserve(
            session, settings, length=length, principal=who, **{**wanted, **options}
        )
        session.flush()
        return made.id


def change(database, upload_id: str, **values: Any) -> None:
    with database.write() as session:
        upload = session.get_one(Upload, upload_id)
        for name, value in values.items():
            setattr(upload, name, value)


def row(database, upload_id: str) -> Upload:
    with database.read() as session:
        return session.get_one(Upload, upload_id)


PAST = timedelta(seconds=-1)


def test_a_reservation_says_whose_it_is_and_until_when(database, settings):
    made = row(database, reserve(database, settings, sha256="ab", part_bytes=7, name="mine"))
    assert (made.name, made.filename, made.length, made.sha256) == ("mine", "a.csv", 10, "ab")
    assert (made.part_bytes, made.key_id, made.created_by_name) == (7, UMA.key_id, "Uma")
    left = made.expires_at - now()
    assert timedelta(0) < timedelta(hours=settings.upload_hours) - left < timedelta(minutes=1)
    assert row(database, reserve(database, settings)).name == "a.csv"


def test_a_file_of_exactly_the_limit_is_taken(database, settings):
    reserve(database, settings, 1000)
    with pytest.raises(UploadTooLarge, match="1001 bytes"):
        reserve(database, settings, 1001)


def test_a_key_for_one_dataset_reserves_nothing(database, settings):
    narrow = Principal(UMA.key_id, "Uma", Role.uploader, dataset_id="ds_1")
    with pytest.raises(NotPermitted):
        reserve(database, settings, who=narrow)


@pytest.mark.parametrize(
    "ended", [{"completed_at": now()}, {"problem": {}}, {"expires_at": now() + PAST}]
)
def test_each_person_has_so_many_open_uploads_at_once(database, settings, ended):
    first = reserve(database, settings)
    reserve(database, settings)
    with pytest.raises(TooManyRequests, match="2 open uploads"):
        reserve(database, settings)
    reserve(database, settings, who=VIC)
    change(database, first, **ended)
    reserve(database, settings)


def test_the_quota_of_bytes_can_be_used_to_the_last_one(database, settings, store):
    dataset_id = make_dataset(store)
    with database.read() as session:
        stored = session.get_one(Dataset, dataset_id).bytes
    settings.quota_bytes = stored + 100
    reserve(database, settings, 60)
    with pytest.raises(UploadTooLarge, match="only 40 of"):
        reserve(database, settings, 41)
    reserve(database, settings, 40)
    settings.open_uploads = 9
    with pytest.raises(UploadTooLarge, match="only 0 of"):
        reserve(database, settings, 1)
    with database.write() as session:
        session.get_one(Dataset, dataset_id).status = JobStatus.failed
    reserve(database, settings, stored)


def test_so_many_datasets_counting_those_that_are_coming(database, settings, store):
    make_dataset(store)
    settings.quota_datasets = 3
    first = reserve(database, settings)
    reserve(database, settings, None, who=VIC)
    with pytest.raises(UploadTooLarge, match="limit of datasets, 3, is reached: it has 1, and 2"):
        reserve(database, settings)
    with database.read() as session:  # one's own is not counted twice
        reservation.require_quota(session, settings, 1, excluding=first)


def test_an_upload_is_its_owners_until_it_expires(database, settings):
    upload_id = reserve(database, settings)

    def get(who: Principal, find=reservation.get_upload) -> str:
        with database.read() as session:
            return find(session, upload_id, principal=who).id

    assert get(UMA) == upload_id
    with pytest.raises(NotFound):
        get(VIC)
    with pytest.raises(Conflict, match="by tus"):
        get(UMA, reservation.get_multipart_upload)
    change(database, upload_id, part_bytes=5)
    assert get(UMA, reservation.get_multipart_upload) == upload_id
    change(database, upload_id, expires_at=now() + PAST)
    with pytest.raises(NotFound):
        get(UMA)
    with pytest.raises(Gone):
        get(UMA, reservation.get_multipart_upload)


def test_open_uploads_are_listed_for_their_owner(database, settings):
    settings.open_uploads = 9
    kept = sorted(reserve(database, settings) for _ in range(3))
    reserve(database, settings, None)  # its length is not known, so it cannot be resumed
    reserve(database, settings, who=VIC)
    change(database, reserve(database, settings), completed_at=now())
    with database.read() as session:
        listed = [one.id for one in reservation.list_open(session, principal=UMA)]
    assert listed == kept


def test_releasing_says_whether_the_bytes_may_go(database, settings):
    coming, done = reserve(database, settings), reserve(database, settings)
    change(database, done, completed_at=now())
    for upload_id, may_go in ((coming, True), (done, False), (coming, True)):
        with database.write() as session:
            assert reservation.release(session, upload_id) is may_go
    with database.read() as session:
        assert session.query(Upload).count() == 0


def test_parts_cover_the_file_and_the_last_one_is_the_rest():
    layout = PartLayout(length=25, part_bytes=10)
    assert layout.count == 3
    assert [layout.size_of(number) for number in (1, 2, 3)] == [10, 10, 5]
    assert PartLayout(20, 10).count == 2
    assert PartLayout(20, 10).size_of(2) == 10


def test_parts_are_as_configured_unless_there_would_be_too_many(settings):
    settings.upload_part_bytes = 8 * MIB
    assert PartLayout.plan(settings, 1).part_bytes == 8 * MIB
    most = 8 * MIB * MAX_PARTS
    assert PartLayout.plan(settings, most).part_bytes == 8 * MIB
    assert PartLayout.plan(settings, most + 1).part_bytes == 9 * MIB
    assert PartLayout.plan(settings, MAX_PART_BYTES * MAX_PARTS).part_bytes == MAX_PART_BYTES
    with pytest.raises(UploadTooLarge, match="10000 parts"):
        PartLayout.plan(settings, MAX_PART_BYTES * MAX_PARTS + 1)
