"""The tables of the notes database. `migrations/` makes them and changes them; a test compares.

- `readings`: which decoder matrix a reading of an SAE has
- `subjects`: what a note is about, and the version of its note
- `revisions`: every version of every note; rows are only added
- `votes`: every vote of a reader on a label; rows are only added, and the last one counts
- `placements`: which cluster of a bundle a note of an earlier cluster was put on; rows are only
  added, and the last one counts
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

LONGEST_KEY = 72
"""Characters of the key of an SAE or of a subject."""
LONGEST_AUTHOR = 320
"""Characters: the longest mail address."""


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC, to the microsecond. SQLite stores no zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The time as it is stored."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The time as it was given."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

readings = Table(
    "readings",
    metadata,
    Column("reading", String(LONGEST_KEY), primary_key=True),
    Column("sae", String(LONGEST_KEY), nullable=False),
)

subjects = Table(
    "subjects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sae", String(LONGEST_KEY), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("key", String(LONGEST_KEY), nullable=False),
    Column("members", JSON, nullable=False),
    Column("origin_bundle", String(LONGEST_KEY)),
    Column("origin_cluster", Integer),
    Column("origin_space", String(16)),
    Column("version", Integer, nullable=False),
    Column("collection", String(200)),
    UniqueConstraint("sae", "kind", "key"),
    UniqueConstraint("sae", "collection"),
)

revisions = Table(
    "revisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", ForeignKey("subjects.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("action", String(16), nullable=False),
    Column("author", String(LONGEST_AUTHOR), nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("bundle", String(LONGEST_KEY), nullable=False),
    Column("reading", String(LONGEST_KEY), nullable=False),
    Column("name", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("text", Text, nullable=False),
    Column("status", String(16), nullable=False),
    UniqueConstraint("subject", "version"),
)

votes = Table(
    "votes",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", ForeignKey("subjects.id"), nullable=False),
    Column("author", String(LONGEST_AUTHOR), nullable=False),
    Column("time", UtcTime, nullable=False),
    Column("bundle", String(LONGEST_KEY), nullable=False),
    Column("value", SmallInteger, nullable=False),
    Column("label", Text, nullable=False),
    Index(None, "subject", "author"),
)

placements = Table(
    "placements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("subject", ForeignKey("subjects.id"), nullable=False),
    Column("bundle", String(LONGEST_KEY), nullable=False),
    Column("cluster", Integer),
    Column("author", String(LONGEST_AUTHOR), nullable=False),
    Column("time", UtcTime, nullable=False),
    Index(None, "bundle"),
)
