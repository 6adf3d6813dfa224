"""The first tables: notes with their history, votes, and where notes of clusters were put.

Types are written out and not taken from `note_tables`, because a migration never changes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "readings",
        sa.Column("reading", sa.String(72), nullable=False),
        sa.Column("sae", sa.String(72), nullable=False),
        sa.PrimaryKeyConstraint("reading", name="pk_readings"),
    )
    op.create_table(
        "subjects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sae", sa.String(72), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("key", sa.String(72), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("origin_bundle", sa.String(72)),
        sa.Column("origin_cluster", sa.Integer()),
        sa.Column("origin_space", sa.String(16)),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("collection", sa.String(200)),
        sa.PrimaryKeyConstraint("id", name="pk_subjects"),
        sa.UniqueConstraint("sae", "kind", "key", name="uq_subjects_sae_kind_key"),
        sa.UniqueConstraint("sae", "collection", name="uq_subjects_sae_collection"),
    )
    _revisions()
    op.create_table(
        "votes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.Column("author", sa.String(320), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bundle", sa.String(72), nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_votes"),
        sa.ForeignKeyConstraint(["subject"], ["subjects.id"], name="fk_votes_subject"),
    )
    op.create_index("ix_votes_subject_author", "votes", ["subject", "author"])
    op.create_table(
        "placements",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.Column("bundle", sa.String(72), nullable=False),
        sa.Column("cluster", sa.Integer()),
        sa.Column("author", sa.String(320), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_placements"),
        sa.ForeignKeyConstraint(["subject"], ["subjects.id"], name="fk_placements_subject"),
    )
    op.create_index("ix_placements_bundle", "placements", ["bundle"])


def _revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("author", sa.String(320), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("bundle", sa.String(72), nullable=False),
        sa.Column("reading", sa.String(72), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_revisions"),
        sa.ForeignKeyConstraint(["subject"], ["subjects.id"], name="fk_revisions_subject"),
        sa.UniqueConstraint("subject", "version", name="uq_revisions_subject_version"),
    )


def downgrade() -> None:
    """Remove the tables with everything in them."""
    for table in ("placements", "votes", "revisions", "subjects", "readings"):
        op.drop_table(table)
