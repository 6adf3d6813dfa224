"""Partners in a range of activation, against sets of tokens."""

import numpy as np
import pytest
from scipy import stats

from analysis.bundle import Bundle
from analysis.cooccurrence.document_null import strata_of
from analysis.cooccurrence.ranking import ranked_partners
from analysis.cooccurrence.regime_partners import regime_partners

LATENT = 8


def _ends(bundle: Bundle) -> tuple[float, float]:
    values = np.sort(bundle.activations.of_latent(LATENT)[1])
    return float(values[len(values) // 2]), float(values[-1])


def test_counts_and_shares_are_those_of_the_tokens_in_the_range(planted_bundle: Bundle) -> None:
    low, high = _ends(planted_bundle)
    rows, values = planted_bundle.activations.of_latent(LATENT)
    inside = {int(row) for row, v in zip(rows, values, strict=True) if low <= v <= high}
    outside = set(rows.tolist()) - inside
    partners = regime_partners(planted_bundle, LATENT, low, high, "jaccard").to_pylist()
    assert len(partners) > 3
    for row in partners:
        own = set(planted_bundle.activations.of_latent(row["partner"])[0].tolist())
        assert row["joint_tokens"] == len(own & inside) > 0
        assert row["share"] == pytest.approx(len(own & inside) / len(inside))
        assert row["share_outside"] == pytest.approx(len(own & outside) / len(outside))
        assert row["jaccard"] == pytest.approx(len(own & inside) / len(own | inside))
    strength = [row["jaccard"] for row in partners]
    assert strength == sorted(strength, reverse=True)


def test_the_whole_range_gives_the_partners_of_the_latent(planted_bundle: Bundle) -> None:
    whole = regime_partners(planted_bundle, LATENT, 0.0, 1e9, "phi")
    ranked = ranked_partners(planted_bundle, LATENT, "phi", minimum_joint=0)
    for name in ("partner", "joint_tokens", "joint_documents"):
        assert whole[name].to_pylist() == ranked[name].to_pylist()
    assert np.allclose(whole["phi"], ranked["phi"])
    assert set(whole["share_outside"].to_pylist()) == {0.0}


def test_the_documents_are_tested_like_any_pair(planted_bundle: Bundle) -> None:
    """The mean of the Cochran, Mantel and Haenszel test is a sum over the strata."""
    low, high = _ends(planted_bundle)
    kept = planted_bundle.kept_tokens
    strata = strata_of(kept)
    rows, values = planted_bundle.activations.of_latent(LATENT)
    inside = rows[(values >= low) & (values <= high)]
    row = regime_partners(planted_bundle, LATENT, low, high).to_pylist()[0]
    a = np.unique(kept.documents_of(inside))
    b = np.unique(kept.documents_of(planted_bundle.activations.of_latent(row["partner"])[0]))
    assert row["joint_documents"] == len(np.intersect1d(a, b))
    mean = 0.0
    for stratum in range(strata.max() + 1):
        size = int((strata == stratum).sum())
        with_a, with_b = (int((strata[d] == stratum).sum()) for d in (a, b))
        mean += stats.hypergeom.mean(size, with_a, with_b)
    assert row["expected_documents"] == pytest.approx(mean)
    assert 0 < row["q_value"] <= 1


def test_nothing_fires_in_an_empty_range(planted_bundle: Bundle) -> None:
    assert regime_partners(planted_bundle, LATENT, 1e6, 1e7).num_rows == 0
    assert regime_partners(planted_bundle, 190, 0.0, 1.0).num_rows == 0  # dead
