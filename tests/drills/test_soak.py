"""What the soak says about growth."""

import numpy as np
import pytest

from tests.drills import soak


def growing(per_hour: float) -> list[soak.Sample]:
    """Half an hour of a process that first fills its caches, then grows steadily."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(600):
        hours = number * 3 / 3600
        mib = 250 + 60 * min(1.0, number / 150) + per_hour * hours + rng.normal(0, 2)
        found.append(soak.Sample(3.0 * number, 1, mib, 100, 40, 12))
    return found


@pytest.mark.parametrize(("per_hour", "told"), [(0.0, "level"), (60.0, "not level")])
def test_a_soak_tells_growth_from_noise(per_hour, told):
    memory, _, descriptors, _ = soak.trends(growing(per_hour)).split(": ", 1)[1].split("; ")
    assert memory.endswith(f", {told})")
    assert descriptors == "descriptors 40, +0.0 per hour (+0.0 to +0.0, level)"
