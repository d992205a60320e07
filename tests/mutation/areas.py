"""The areas of the code that are mutated, and the tests that are meant to protect each."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Area:
    sources: tuple[str, ...]
    tests: tuple[str, ...]
    slow: bool = False  # whether tests that are marked slow run, too

    @property
    def marks(self) -> str:
        return "not (browser or gpu)" if self.slow else "not (slow or browser or gpu)"


AREAS = {
    "review": Area(
        ("service/review",),
        (
            "tests/service/review",
            "tests/service/api/test_people.py",
            "tests/service/api/test_review.py",
        ),
    ),
    "accounts": Area(
        ("service/accounts",),
        (
            "tests/service/accounts",
            "tests/service/api/test_access.py",
            "tests/service/api/test_keys.py",
            "tests/service/api/test_tenant_sweep.py",
        ),
    ),
    "jobs": Area(
        ("service/jobs", "worker/runtime"), ("tests/service/jobs", "tests/worker/runtime")
    ),
    "uploads": Area(
        ("service/uploads",),
        (
            "tests/service/uploads",
            "tests/service/operations/test_cleanup.py",
            "tests/service/storage/test_atomic.py",
        ),
    ),
    "storage": Area(
        ("service/storage",),
        (
            "tests/service/storage",
            "tests/service/operations/test_anchors.py",
            "tests/service/uploads/test_multipart.py",
        ),
    ),
    "exports": Area(
        ("service/exports", "worker/handlers/export.py"),
        (
            "tests/service/exports",
            "tests/service/api/test_exports.py",
            "tests/service/operations/test_anchors.py",
        ),
    ),
    "ranking": Area(("service/ranking",), ("tests/service/ranking",)),
    "training": Area(
        ("worker/training", "worker/objectives"),
        (
            "tests/worker/training/test_checkpoint.py",
            "tests/worker/training/test_fine_tuned.py",
            "tests/worker/training/test_loop.py",
            "tests/worker/training/test_recorder.py",
            "tests/worker/training/test_shard.py",
            "tests/worker/objectives/test_co_teaching.py",
            "tests/worker/objectives/test_given_matrix.py",
            "tests/worker/objectives/test_golden.py",
            "tests/worker/objectives/test_joint_optimization.py",
            "tests/worker/objectives/test_learned_noise.py",
            "tests/worker/objectives/test_margins.py",
            "tests/worker/objectives/test_objectives.py",
            "tests/worker/objectives/test_registry.py",
            "tests/worker/objectives/test_warp.py",
        ),
        slow=True,
    ),
    "reports": Area(("service/reports",), ("tests/service/api/test_overview.py",)),
    "archives": Area(
        ("service/ingest/archives",),
        (
            "tests/service/ingest/test_bad_archives.py",
            "tests/service/ingest/test_containers.py",
            "tests/service/ingest/test_tars.py",
            "tests/service/ingest/test_unwrap.py",
        ),
    ),
}
