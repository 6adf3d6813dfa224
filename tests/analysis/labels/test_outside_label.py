"""The share of activation outside the label, against sums over the rows."""

from pathlib import Path

import numpy as np
import pytest

from analysis.labels.outside_label import outside_label
from analysis.labels.terms import token_terms
from tests.analysis.labels.corpora import stored_activations, token_table

TEXT = [" the", " straw", "berry", " of", " the", " sea", "↵"] * 9


@pytest.mark.parametrize("memory_bytes", [1, 1 << 20])
def test_shares_equal_sums_over_the_rows(memory_bytes: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    tokens = token_table(TEXT[:31], TEXT[31:])
    terms = token_terms(tokens)
    values = (rng.random((len(TEXT), 5)) < 0.5) * rng.uniform(1, 2, (len(TEXT), 5))
    held_out = rng.random(len(TEXT)) < 0.6
    values[held_out, 4] = 0
    labels = [["strawberry"], ["the →", "sea"], ["…berry", "of the", "↵"], [], ["the"]]
    terms_of = [[i for i, t in enumerate(terms.shown) if t in label] for label in labels]
    share = outside_label(
        terms_of,
        stored_activations(tmp_path, values),
        terms,
        held_out=held_out,
        memory_bytes=memory_bytes,
    )
    for latent in range(3):
        inside = np.any([np.isin(kind, terms_of[latent]) for kind in terms.kinds], axis=0)
        own = values[:, latent] * held_out
        assert share[latent] == pytest.approx(own[~inside].sum() / own.sum(), rel=1e-5)
        assert 0 < share[latent] < 1
    assert np.isnan(share[3:]).all()
