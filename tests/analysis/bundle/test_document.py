"""`docs/bundle.md` is what the declarations say."""

from pathlib import Path

from analysis.bundle.document import document
from analysis.bundle.manifest import Manifest
from analysis.bundle.schema import TABLE_TITLES, TABLES

ROOT = Path(__file__).parents[3]


def test_the_page_is_up_to_date() -> None:
    stored = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
    assert stored == document(), "docs/bundle.md is stale: run `make docs`"


def test_every_table_has_a_title_and_every_column_a_row() -> None:
    text = document()
    assert TABLE_TITLES.keys() == TABLES.keys()
    for name, schema in TABLES.items():
        section = text.split(f"\n### {name}\n")[1].split("\n#")[0]
        assert TABLE_TITLES[name] in section
        rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
        assert [row[0] for row in rows] == [f"| `{column.name}`" for column in schema]
        for row, column in zip(rows, schema, strict=True):
            assert row[3].encode() == column.metadata[b"unit"]
            assert row[4].encode() == column.metadata[b"range"]
            assert row[5].removesuffix(" |").encode() == column.metadata[b"meaning"]
            assert row[2] == ("yes" if column.nullable else "")


def test_every_manifest_field_has_a_row() -> None:
    text = document()
    section = text.split("\n### Manifest\n")[1].split("\n#")[0]
    assert [f"| `{name}` | " in section for name in Manifest.model_fields] == [True] * len(
        Manifest.model_fields
    )
    assert "| `model` | ModelSource or null |" in section
    assert '| `kind` | "corpus" or "activations" |' in text
    assert "| `decoder_norms` | dict of str, float |" in text
    assert "| `flag` | string (dictionary) |" in text
