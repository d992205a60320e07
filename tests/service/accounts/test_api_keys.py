"""API keys: what is stored, who gets in."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from labelaudit.enums import Role
from service.accounts import api_keys
from service.core.errors import NotAuthenticated, NotFound
from service.db.tables import ApiKey, now


def make(database, **options):
    with database.write() as session:
        key, token = api_keys.create_key(
            session, **{"name": "Ann", "role": Role.annotator, **options}
        )
        return key.id, token


def authenticate(database, token):
    with database.autocommit() as connection:
        return api_keys.authenticate(connection, token)


def test_a_new_keys_token_says_who_calls(database):
    key_id, token = make(database, name="Uma", role=Role.uploader)
    caller = authenticate(database, token)
    assert (caller.key_id, caller.name, caller.role) == (key_id, "Uma", Role.uploader)


def test_tokens_have_their_published_form_and_differ(database):
    tokens = {make(database)[1] for _ in range(20)}
    assert len(tokens) == 20
    for token in tokens:
        prefix, key_id, secret = token.split("_", 2)
        assert (prefix, len(key_id), len(secret)) == ("la", 8, 43)


def test_the_secret_is_not_stored(database):
    key_id, token = make(database)
    with database.read() as session:
        stored = vars(session.get_one(ApiKey, key_id))
    secret = token.split("_", 2)[2]
    assert not any(secret in str(value) for value in stored.values())


def test_unknown_wrong_expired_and_revoked_keys_get_one_and_the_same_answer(database):
    key_id, token = make(database)
    expired = make(database, expires_at=now() - timedelta(seconds=1))[1]
    revoked_id, revoked = make(database)
    with database.write() as session:
        api_keys.revoke_key(session, revoked_id)
    secret = token.split("_", 2)[2]
    refused = [
        "",
        "la",
        "la_",
        "_",
        f"xx_{key_id}_{secret}",
        f"la_00000000_{secret}",
        f"la_{key_id}_",
        f"la_{key_id}_{secret[:-1]}",
        token + "x",
        token.upper(),
        "la_é_ü",
        expired,
        revoked,
    ]
    answers = set()
    for wrong in refused:
        with pytest.raises(NotAuthenticated) as caught:
            authenticate(database, wrong)
        answers.add(caught.value.detail)
    assert len(answers) == 1


def test_a_key_that_expires_later_still_works(database):
    _, token = make(database, expires_at=now() + timedelta(hours=1))
    assert authenticate(database, token).name == "Ann"


@pytest.mark.parametrize("hours", [-8, 0, 9])
def test_an_expiry_given_in_another_time_zone_means_the_same_moment(database, hours):
    moment = datetime(2099, 1, 1, 12, tzinfo=timezone(timedelta(hours=hours)))
    key_id, _ = make(database, expires_at=moment)
    with database.read() as session:
        stored = session.get_one(ApiKey, key_id).expires_at
    assert stored == moment
    assert stored.tzinfo is UTC


def test_revoking_twice_keeps_the_first_moment(database):
    key_id, _ = make(database)
    moments = []
    for _ in range(2):
        with database.write() as session:
            moments.append(api_keys.revoke_key(session, key_id).revoked_at)
    assert moments[0] == moments[1]


def test_revoking_an_unknown_key_is_not_found(database):
    with pytest.raises(NotFound), database.write() as session:
        api_keys.revoke_key(session, "00000000")


def test_revoking_by_name_takes_every_key_of_that_name(database):
    tokens = [make(database, name="local")[1] for _ in range(2)]
    other = make(database, name="other")[1]
    with database.write() as session:
        api_keys.revoke_by_name(session, "local")
    for token in tokens:
        with pytest.raises(NotAuthenticated):
            authenticate(database, token)
    assert authenticate(database, other).name == "other"
