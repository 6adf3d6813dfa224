"""Communities and components, against independent counts."""

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.clusters.communities import clarke_2024
from analysis.runtime.errors import InputError
from charts.communities import community_sizes, component_sizes, shared_words
from charts.relations import relation_rows

EVERY = np.ones(120, dtype=bool)


LATENTS = 120


def test_an_unknown_relation_or_level_is_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no relation 'friends'"):
        relation_rows(tiny, EVERY, "friends")
    with pytest.raises(InputError, match="no communities of level 7"):
        community_sizes(tiny, 7)


@pytest.mark.parametrize("level", [0, 1])
def test_community_sizes_count_all_and_selected_members(tiny: Bundle, level: int) -> None:
    selected = np.arange(LATENTS) % 3 == 0
    rows = community_sizes(tiny, level, selected).rows.to_pandas().set_index("community")
    stored = tiny.communities.to_pandas().query("level == @level")
    whole = stored.groupby("community").size()
    part = stored[selected[stored["latent"]]].groupby("community").size()
    assert rows["latents"].to_dict() == whole.to_dict()
    assert rows["selected"].to_dict() == part.to_dict()
    assert rows["latents"].is_monotonic_decreasing


def test_components_are_sorted_by_size_and_the_note_lists_the_differences(tiny: Bundle) -> None:
    active = tiny.latents["active_tokens"].to_numpy()
    largest = clarke_2024(tiny.partners, active, eligible=EVERY, largest=(5, 20))
    figure = component_sizes(tiny, largest)
    assert figure.rows["latents"].to_pylist() == largest.sizes.tolist()[:30]
    assert f"{largest.threshold:.3f}" in str(figure.note)
    assert "stored partners" in str(figure.note)


def test_words_of_a_group_are_common_in_it_and_rare_elsewhere(tiny: Bundle) -> None:
    group = np.where(np.arange(LATENTS) % 10 == 3, 0, -1)  # its top tokens are all " Wort"
    assert shared_words(tiny, group, [0])[0].split(" · ")[0] == "Wort"
