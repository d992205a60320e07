"""Run once before the first mutant, so that the databases' templates exist. It tests nothing."""

from service.db.engine import Database


def test_the_database_is_made(database: Database) -> None:
    assert database.engines
