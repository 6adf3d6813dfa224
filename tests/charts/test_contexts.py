"""Contexts of a latent, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.contexts import context_strips


@pytest.mark.parametrize("kind", ["top", "interval", "random"])
def test_context_rows_are_the_stored_windows(tiny: Bundle, kind: str) -> None:
    stored = tiny.contexts.of(20).to_pandas()
    stored = stored[stored["kind"] == kind]
    rows = context_strips(tiny, 20, kind).rows.to_pandas()  # type: ignore[arg-type]
    assert rows["context"].nunique() == len(stored) > 0
    assert len(rows) == stored["tokens"].map(len).sum()
    best = stored["activation"].max()
    first = rows[rows["context"] == 0]
    assert first["picked_activation"].iloc[0] == best
    picked = rows[rows["is_picked"]]
    assert np.array_equal(picked["activation"], picked["picked_activation"])
    largest = tiny.latents["max"][20].as_py()
    assert np.allclose(rows["ratio"], rows["activation"] / largest)
    assert rows["ratio"].max() <= 1


def test_contexts_of_an_unknown_kind_are_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no kind 'best'"):
        context_strips(tiny, 20, "best")  # type: ignore[arg-type]
