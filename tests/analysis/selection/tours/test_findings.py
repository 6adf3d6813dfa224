"""What a tour can show, as its file names it."""

import pytest
from pydantic import TypeAdapter, ValidationError

from analysis.selection.tours.findings import Finding, FiresOn, SharedTokens

READ = TypeAdapter[Finding](Finding)


def test_the_kind_names_the_finding() -> None:
    shared = READ.validate_python({"kind": "shared_tokens", "a": 1, "b": 8})
    assert isinstance(shared, SharedTokens) and (shared.a, shared.b) == (1, 8)
    fires = {"kind": "fires_on", "latents": list(range(50)), "column": "language", "value": "de"}
    assert isinstance(READ.validate_python(fires), FiresOn)


@pytest.mark.parametrize(
    "finding",
    [
        {"kind": "luck"},
        {"kind": "shared_tokens", "a": 1},
        {"kind": "shared_tokens", "a": 1, "b": 8, "c": 9},
        {"kind": "fires_on", "latents": [], "column": "language", "value": "de"},
        {"kind": "fires_on", "latents": list(range(51)), "column": "language", "value": "de"},
        {"kind": "beyond_chance", "space": "nowhere"},
    ],
)
def test_anything_else_is_refused(finding: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        READ.validate_python(finding)
