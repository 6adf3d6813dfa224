"""docs/urls.md names everything that the dashboard reads from a link."""

import re
from pathlib import Path

from analysis.selection import FLAGS, NUMERIC_COLUMNS, parse
from pages.widgets.state import OLD_NAMES, ViewState

TEXT = (Path(__file__).parents[2] / "docs" / "urls.md").read_text(encoding="utf-8")
QUOTED = set(re.findall(r"`([^`]+)`", TEXT))


def test_every_parameter_is_described() -> None:
    described = re.findall(r"^\| (`[a-z_`, ]+) \|", TEXT, flags=re.MULTILINE)
    names = [name for row in described for name in re.findall(r"[a-z_]+", row)]
    assert set(ViewState.model_fields) <= set(names)
    assert set(OLD_NAMES) <= QUOTED


def test_every_column_and_flag_is_listed() -> None:
    assert set(NUMERIC_COLUMNS) <= QUOTED
    assert set(FLAGS) - {"dead"} <= QUOTED


def test_the_examples_are_selections() -> None:
    examples = [line.strip() for line in TEXT.splitlines() if line.startswith("    ")]
    assert len(examples) == 3
    for text in examples:
        assert str(parse(text)) == text
