"""What may be amiss with a sample beside a wrong label: ambiguous, near duplicate, outlier.

Scores follow cleanlab's pattern: `<issue>_score` in [0, 1], low = bad, and `is_<issue>_issue`. Pure
numpy; memory stays a few numbers a sample whatever the vectors' size.
"""

from service.issues.ambiguity import ambiguous_scores
from service.issues.find import FLAGS, Issues, find_issues
from service.issues.geometry import Geometry, measure, project

__all__ = ["FLAGS", "Geometry", "Issues", "ambiguous_scores", "find_issues", "measure", "project"]
