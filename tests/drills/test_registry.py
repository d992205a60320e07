"""Every drill that is written can be run by its name."""

import re
from pathlib import Path

from tests.drills.every import DRILLS


def test_every_drill_is_registered():
    written = {
        name.replace("_", "-")
        for path in Path(__file__).parent.glob("*.py")
        for name in re.findall(r"^@drill\(.*\)\ndef (\w+)\(", path.read_text(), re.MULTILINE)
    }
    assert written
    assert written == set(DRILLS)
