from service.audits.suspect_row import SuspectRow
from service.db.tables import Suspect


def test_a_suspects_row_has_the_tables_columns_in_their_order():
    columns = [column.name for column in Suspect.__table__.columns]
    assert columns[: len(SuspectRow._fields) + 1] == ["ranking_id", *SuspectRow._fields]
