"""The shares of a text as a link holds them."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.text_colours import LONGEST, shares_of, shares_text
from pages.widgets.state import ViewState


def test_shares_are_read_back(tiny: Bundle) -> None:
    text = shares_text([(20, 1.0), (33, 0.254), (7, 12.0), (8, 1e9)])
    assert text == "20:1.00,33:0.25,7:12.00,8:9999.00"
    values = shares_of(tiny, text)
    assert np.flatnonzero(~np.isnan(values)).tolist() == [7, 8, 20, 33]
    assert values[[20, 33, 7, 8]].tolist() == [1, 0.25, 12, 9999]
    assert ViewState.from_query_params({"own_text": text}).own_text == text


@pytest.mark.parametrize(
    "text", ["", "20", "20:", ":1", "20:1,", "20:-1", "20:nan", "20:1e3", "20:1\n", "２0:1"]
)
def test_other_texts_are_refused(tiny: Bundle, text: str) -> None:
    with pytest.raises(InputError, match="own_text has latents with shares"):
        shares_of(tiny, text)
    assert ViewState.from_query_params({"own_text": text}).own_text == ""


def test_a_text_that_is_too_long_or_of_another_bundle_is_refused(tiny: Bundle) -> None:
    fits = "20:1" + ",20:1.00" * ((LONGEST - 4) // 8)
    assert len(fits) <= LONGEST and shares_of(tiny, fits)[20] == 1
    with pytest.raises(InputError, match="own_text has"):
        shares_of(tiny, fits + ",20:1.00")
    with pytest.raises(InputError, match="no latent 120"):
        shares_of(tiny, "120:1")
