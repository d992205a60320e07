"""`LabelAudit`: an audit with the conventions of scikit-learn."""

from worker.estimator.label_audit import LabelAudit

__all__ = ["LabelAudit"]
