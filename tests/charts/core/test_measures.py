"""Values of measures as text and as Vega formats."""

import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from charts.core.measures import format_of, is_bounded, measured, range_of, value_texts


@pytest.mark.parametrize(
    "measure, bounded, texts",
    [("phi", True, ["0.450", "−0.100", "0.000"]), ("lift", False, ["0.45", "−0.1", "0"]),
     ("activation_cosine", True, ["0.450", "−0.100", "0.000"])],
)  # fmt: skip
def test_bounded_measures_have_three_decimals(
    measure: str, bounded: bool, texts: list[str]
) -> None:
    assert is_bounded(measure) == bounded
    assert value_texts(pa.chunked_array([[0.45, -0.1, None]]), measure) == texts
    assert format_of(measure) == (".3f" if bounded else ",.3~r")


def test_the_range_is_open_without_a_bound() -> None:
    assert range_of("phi") == (-1, 1)
    assert range_of("jaccard") == (0, 1)
    assert range_of("lift")[1] is None


def test_each_end_of_the_range_is_open_or_closed_independently() -> None:
    assert range_of("phi_over_max") == (None, 1)
    assert range_of("joint") == (0, None)
    assert range_of("pmi") == (None, None)


def test_pairs_are_measured_over_all_kept_tokens(tiny: Bundle) -> None:
    pairs = tiny.partners.all().slice(0, 40)
    rows = measured(tiny, pairs, "lift")
    counts = [name for name in pairs.column_names if not name.startswith("activation_")]
    assert rows.column_names[: len(counts) + 1] == [*counts, "lift"]
    assert rows.column_names.count("lift") == 1
    assert rows.column_names[-2:] == ["activation_cosine", "activation_pearson"]
    n, active = tiny.manifest.tokens, tiny.latents["active_tokens"].to_pylist()
    for row in rows.to_pylist():
        n1, n2, both = active[row["latent"]], active[row["partner"]], row["joint_tokens"]
        assert row["lift"] == pytest.approx(n * both / (n1 * n2))
        assert row["jaccard"] == pytest.approx(both / (n1 + n2 - both))
        assert row["p_b_given_a"] == pytest.approx(both / n1)
