"""Every column is declared with a unit and a meaning."""

from analysis.bundle import TABLES


def test_every_column_describes_its_unit_and_meaning() -> None:
    for schema in TABLES.values():
        for entry in schema:
            assert entry.metadata[b"unit"]
            assert entry.metadata[b"meaning"]
