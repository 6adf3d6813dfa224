"""docs/tours.md describes every kind of finding, and its example can be read."""

import re
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter

from analysis.selection.tours.findings import Finding
from analysis.selection.tours.tour import Tour

TEXT = (Path(__file__).parents[2] / "docs" / "tours.md").read_text(encoding="utf-8")


def test_the_example_is_a_tour() -> None:
    example = "".join(line for line in TEXT.splitlines() if line.startswith("    "))
    tours = TypeAdapter(list[Tour]).validate_json(example)
    assert [tour.finding.kind for tour in tours] == ["shared_tokens"]


def test_every_kind_of_finding_is_described_with_its_fields() -> None:
    kinds = get_args(get_args(Finding)[0])
    described = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", TEXT, flags=re.MULTILINE))
    assert described.pop("kind").strip() == "fields"
    assert len(described) == len(kinds) >= 5
    for kind in kinds:
        (name,) = get_args(kind.model_fields["kind"].annotation)
        fields = set(re.findall(r"`(\w+)`", described[name]))
        assert fields == set(kind.model_fields) - {"kind"}
