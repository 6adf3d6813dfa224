"""Codes of main values against the profiles."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import Profiles
from charts import profile_colours
from charts.profile_colours import main_values, offered_profiles, profile_column
from tests.charts.conftest import with_tables


def test_the_first_column_is_shown_if_a_link_names_none(tiny: Bundle) -> None:
    assert offered_profiles(tiny) == ("language", "genre")
    assert profile_column(tiny, "genre") == "genre"
    assert profile_column(tiny, "") == profile_column(tiny, "class") == offered_profiles(tiny)[0]
    older = with_tables(tiny, latent_profiles=None)
    assert offered_profiles(older) == ()
    assert profile_column(older, "genre") == ""


def test_the_value_of_most_latents_has_the_first_code(
    tiny: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    latent = np.array([3, 5, 6, 6])
    known = Profiles(
        ("language",),
        ("en", "fr"),
        latent,
        np.zeros(4, np.int8),
        np.array([0, 1, 1, 0]),
        np.array([1.0, 1.0, 0.6, 0.4]),
        np.array([True, True, True, True]),
    )
    monkeypatch.setattr(profile_colours, "kept_profiles", lambda bundle: known)
    main = main_values(tiny, "language")
    assert main.values == ("fr", "en")
    assert {i: int(code) for i, code in enumerate(main.codes) if code} == {3: 2, 5: 1, 6: 1}
