"""`columns` shows what the columns were taken for, and has them read otherwise."""

import json
from pathlib import Path

from tests.service.cli.conftest import Run


def test_columns_are_shown_and_read_again_under_other_roles(run: Run, tmp_path: Path) -> None:
    rows = [f"{'ab'[n % 2]},{'xy'[n % 3 == 0]},{n * 0.5},{n * n}" for n in range(40)]
    (tmp_path / "table.csv").write_text("\n".join(["label,other,width,height", *rows]))
    dataset = json.loads(run("audit", "table.csv", "--set", "epochs=zero").out or "null")
    assert dataset is None  # the audit was refused; the upload stands
    listed = json.loads(run("datasets", "--json").out)  # other tests' may be there too
    [uploaded] = [one for one in listed if one["filename"] == "table.csv"]
    assert "label" in run("columns", uploaded["id"]).out
    shown = run("columns", uploaded["id"], "--label-column", "other", "--json")
    assert shown.code == 0, shown.err
    roles = {column["name"]: column["role"] for column in json.loads(shown.out)}
    assert roles["other"] == "label"
    assert roles["width"] == roles["height"] == "feature"
