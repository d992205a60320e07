"""An opened upload, and what is needed to open one."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from service.ingest.archives.archive import Archive, Member
from service.ingest.columns.label_column import Profiles
from service.ingest.columns.profile import profile_columns, seen_columns
from service.ingest.columns.roles import Plan
from service.ingest.report import ColumnRoles, Limits, SeenColumn
from service.ingest.source import RowSource
from service.ingest.votes import VoteColumns, VoteTable, find_vote_columns


@dataclass
class Pack:
    """An opened upload: its rows, the column roles, and the archive members they came from.

    `member_column` is the source's column that names pictures of the archive; `id_column` numbers
    samples that have no ids of their own. `media` is a file in the workspace that the pictures lie
    in, if that is not the upload itself. `tables` are the members that hold the rows, in the order
    of the rows.
    """

    format: str
    source: RowSource
    plan: Plan
    profiles: Profiles
    archive: Archive | None = None
    images: list[Member] = field(default_factory=list)
    member_column: str = ""
    id_column: str | None = None
    media: Path | None = None
    tables: list[str] = field(default_factory=list)
    arrays: str | None = None
    notes: list[str] = field(default_factory=list)
    votes: VoteTable | None = None
    vote_columns: VoteColumns = field(init=False)

    def __post_init__(self) -> None:
        self.vote_columns = find_vote_columns(self.profiles, self.plan)
        for name in self.vote_columns.names():
            self.plan.ignored.pop(name, None)


@dataclass(frozen=True)
class Opening:
    """How to open an upload. `workspace` is for members that must be seekable; `tell` gets the
    share that has been read."""

    filename: str
    roles: ColumnRoles
    limits: Limits
    workspace: Path
    tell: Callable[[float], None]
    on_columns: Callable[[list[SeenColumn]], None]

    def profile(self, source: RowSource) -> Profiles:
        """Profile the columns and report them to `on_columns`, even if they are rejected later."""
        profiles = profile_columns(source, self.tell)
        self.on_columns(seen_columns(source, profiles))
        return profiles
