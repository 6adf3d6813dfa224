"""The profile of a selection as figures: each is made from the mask alone."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.labels.corpus_terms import corpus_terms
from analysis.labels.selection_profile import selection_profile
from analysis.runtime.errors import InputError
from charts.core.names import with_names
from charts.profile_bars import common_profile, counted_in, profile_bars


def test_each_part_has_the_rows_of_the_profile(planted_bundle: Bundle) -> None:
    mask = np.arange(planted_bundle.latents.num_rows) < 20
    profile = selection_profile(planted_bundle, mask, corpus_terms(planted_bundle))
    for part, rows in (
        ("terms", profile.terms),
        ("label_words", profile.label_words),
        ("partners", with_names(planted_bundle, profile.partners, of="partner")),
        ("clusters", profile.clusters),
    ):
        figure = profile_bars(planted_bundle, mask, part)  # type: ignore[arg-type]
        assert figure.rows.equals(rows.slice(0, 12)), part
        assert figure.name == f"selection-{part.replace('_', '-')}"
    assert common_profile(planted_bundle, mask).density == profile.density
    live = sum(flag != "dead" for flag in planted_bundle.latents["flag"].to_pylist()[20:])
    assert counted_in(profile) == f"20 selected and {live} other active latents, 60 documents"


def test_an_unknown_part_is_refused(planted_bundle: Bundle) -> None:
    with pytest.raises(InputError, match="no part 'words'"):
        profile_bars(planted_bundle, np.ones(200, bool), "words")  # type: ignore[arg-type]


def test_a_sample_is_told_from_all_latents() -> None:
    sample = SimpleNamespace(selected=[1, 2], all_selected=2, rest=[3] * 1_000, all_rest=4_321)
    profile: Any = SimpleNamespace(sample=sample, documents=60)
    rest = "1,000 evenly spaced of 4,321"
    assert counted_in(profile) == f"2 selected and {rest} other active latents, 60 documents"
