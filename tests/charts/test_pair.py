"""The caption of a pair names its latents, and the rule where it is not the bundle's."""

import pytest

from analysis.bundle import UNITS, Bundle
from analysis.cooccurrence.pair import read_pair
from charts.pair import UNIT_WORDS, pair_caption


@pytest.mark.parametrize(
    ("threshold", "own"), [(0.0, {}), (2.5, {"pair_active_when": "activation > 2.5"})]
)
def test_the_rule_of_a_pair_is_stated_where_it_differs(
    tiny: Bundle, threshold: float, own: dict[str, str]
) -> None:
    pair = read_pair(tiny, 5, 13, threshold=threshold)
    caption = pair_caption(tiny, pair, "token", window=64)
    assert dict(caption.parameters) == {"a": 5, "b": 13, **own, "window": 64}
    assert caption.unit == "token"
    assert caption.active_rule == tiny.manifest.active_rule == "activation > 0"
    assert (caption.n_tokens, caption.n_documents) == (1_550, 12)


def test_every_unit_has_a_plural() -> None:
    assert {unit: f"{unit}s" for unit in UNITS} == UNIT_WORDS
