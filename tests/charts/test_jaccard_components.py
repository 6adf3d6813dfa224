"""Components, against independent counts."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.clusters.jaccard_components import Components, clarke_2024
from analysis.runtime.errors import InputError
from charts import jaccard_components as module
from charts.jaccard_components import component_sizes, shared_words
from charts.relations import relation_rows
from tests.charts.drawn import marks

EVERY = np.ones(120, dtype=bool)


LATENTS = 120


def test_an_unknown_relation_is_refused(tiny: Bundle) -> None:
    with pytest.raises(InputError, match="no relation 'friends'"):
        relation_rows(tiny, EVERY, "friends")


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


def components_of(sizes: list[int]) -> Components:
    """Components of these sizes from latent 0 on."""
    labels = np.full(LATENTS, -1, np.int32)
    labels[: sum(sizes)] = np.repeat(np.arange(len(sizes)), sizes)
    return Components(0.5, labels, np.array(sizes), edges=4, in_range=True)


@pytest.mark.parametrize(("components", "title"), [(30, "The 30 of"), (31, "The largest 30 of")])
def test_at_most_thirty_components_are_drawn_and_equal_ones_by_id(
    tiny: Bundle, components: int, title: str
) -> None:
    figure = component_sizes(tiny, components_of([3] * components))
    assert figure.rows["component"].to_pylist() == list(range(30))
    assert figure.title.startswith(title)


def test_the_selected_members_of_a_component_are_counted(tiny: Bundle) -> None:
    selected = np.arange(LATENTS) % 3 == 0
    rows = component_sizes(tiny, components_of([10, 7, 2]), selected).rows
    assert rows["latents"].to_pylist() == [10, 7, 2]
    assert rows["selected"].to_pylist() == [4, 2, 1]


def test_words_are_those_of_two_members_or_more_rarest_first_and_at_most_four() -> None:
    has = [list("abcdeg"), list("abcdeg"), list("b"), list("b"), list("bd"), []]
    words = sorted({word for one in has for word in one})
    pairs = [(i, words.index(word)) for i, one in enumerate(has) for word in one]
    latents, codes = np.array(pairs).T
    top = SimpleNamespace(words=pa.array(words), latents=latents, codes=codes)
    bundle = SimpleNamespace(top_words=top)
    group = np.array([0, 0, 1, 1, 2, 2])
    # The six words of group 0 have two members each: b is in 5 of the 6 latents, d in 3.
    assert shared_words(bundle, group, [0, 1, 2]) == ["a · c · e · g", "b", ""]  # type: ignore[arg-type]


def test_the_note_of_components_gives_their_threshold_and_whether_the_size_is_reached(
    tiny: Bundle,
) -> None:
    components = Components(
        labels=np.array([0] * 3 + [-1] * 117), sizes=np.array([3]), threshold=0.125, edges=4,
        in_range=True,
    )  # fmt: skip
    figure = component_sizes(tiny, components)
    assert "a Jaccard index of at least 0.125: the largest has 150 to 200" in str(figure.note)
    assert figure.caption.parameters["jaccard_threshold"] == "0.125"
    other = component_sizes(tiny, replace(components, in_range=False))
    assert "no threshold gives one of 150 to 200" in str(other.note)


def test_only_dense_latents_are_excluded(tiny: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    flags = tiny.latents["flag"].to_pylist()
    assert {"dense", "ultralow", "dead", "live"} == set(flags)
    passed: list[list[bool]] = []
    components = Components(0.5, np.zeros(120, np.int32), np.array([120]), edges=1, in_range=False)

    def noted(partners: Any, active: np.ndarray, *, eligible: np.ndarray) -> Components:
        passed.append(eligible.tolist())
        assert active.tolist() == tiny.latents["active_tokens"].to_pylist()
        return components

    monkeypatch.setattr(module, "clarke_2024", noted)
    assert module.components_of(tiny) is components
    assert passed == [[flag != "dense" for flag in flags]]


def test_the_selected_latents_of_a_component_are_dark(tiny: Bundle) -> None:
    assert marks(component_sizes(tiny, module.components_of(tiny), EVERY)) == [
        "bar: color accent light, stroke rule, x latents, y name",
        "bar: color accent, x selected, y name",
        "text: color quiet ink, x latents, y name, text latents",
    ]
