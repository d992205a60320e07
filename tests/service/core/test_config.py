"""Settings: a laptop needs none; a container hands over secrets as files."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from service.core.config import Settings
from service.db.engine import normalised


def test_with_nothing_set_everything_lives_in_one_folder(tmp_path):
    settings = Settings(data_dir=tmp_path)
    assert settings.embedded
    assert settings.resolved_database_url == f"sqlite:///{tmp_path / 'labelaudit.sqlite3'}"
    assert settings.resolved_storage_dir == tmp_path / "storage"
    assert settings.redis_url == ""
    assert settings.host == "127.0.0.1"


def test_variables_are_read_by_their_prefix(monkeypatch):
    monkeypatch.setenv("LABELAUDIT_DATABASE_URL", "postgresql://db/labelaudit")
    monkeypatch.setenv("LABELAUDIT_MAX_UPLOAD_BYTES", "1000")
    monkeypatch.setenv("LABELAUDIT_STORAGE_DIR", "/srv/files")
    settings = Settings()
    assert settings.database_url == "postgresql://db/labelaudit"
    assert not settings.embedded
    assert settings.max_upload_bytes == 1000
    assert settings.resolved_storage_dir == Path("/srv/files")


def test_a_secret_is_read_from_the_file_that_is_named(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("postgresql://user:secret@db/labelaudit\n")
    monkeypatch.setenv("LABELAUDIT_DATABASE_URL_FILE", str(secret))
    assert Settings().database_url == "postgresql://user:secret@db/labelaudit"


def test_a_variable_wins_over_a_file(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("from the file")
    monkeypatch.setenv("LABELAUDIT_REDIS_URL_FILE", str(secret))
    monkeypatch.setenv("LABELAUDIT_REDIS_URL", "redis://from-the-variable")
    assert Settings().redis_url == "redis://from-the-variable"


def test_no_address_with_a_password_is_shown():
    settings = Settings(
        database_url="postgresql://u:hidden-one@db/x", redis_url="redis://:hidden-two@r"
    )
    assert "hidden" not in repr(settings)
    assert "hidden" not in str(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_upload_bytes": 0},
        {"workers": -1},
        {"device": "tpu"},
        {"job_lease_seconds": 0},
        {"review_lease_seconds": -1},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        Settings(**wrong)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_addresses_as_platforms_hand_them_out_mean_the_installed_driver(scheme):
    assert normalised(f"{scheme}://u:p@db:5432/x") == "postgresql+psycopg://u:p@db:5432/x"


@pytest.mark.parametrize(
    ("named", "faults"),
    [
        ({"upload_endpoint": "http://s3.internal"}, 0),
        ({"upload_bucket": "uploads"}, 0),
        ({"upload_bucket": "uploads", "upload_endpoint": "http://127.0.0.1:9000"}, 0),
        ({"upload_bucket": "uploads", "upload_endpoint": "http://s3.internal"}, 1),
        (
            {
                "upload_bucket": "uploads",
                "upload_endpoint": "http://s3.internal",
                "upload_public_endpoint": "https://s3.example.org",
            },
            0,
        ),
    ],
)
def test_clients_are_sent_to_no_bucket_over_an_open_line(named, faults):
    assert len(Settings(**named).errors()) == faults


@pytest.mark.parametrize("prefix", ["", "/", "no-slash", "../up/"])
def test_a_prefix_that_would_take_in_others_objects_is_refused(prefix):
    with pytest.raises(ValidationError):
        Settings(upload_prefix=prefix)


def test_the_buckets_key_comes_from_a_file_and_is_not_shown(monkeypatch, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("very-secret\n")
    monkeypatch.setenv("LABELAUDIT_UPLOAD_SECRET_KEY_FILE", str(secret))
    settings = Settings()
    assert settings.upload_secret_key.get_secret_value() == "very-secret"
    assert "very-secret" not in repr(settings)
