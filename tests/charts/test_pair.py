"""The caption of a pair names its latents, and the rule where it is not the bundle's."""

from dataclasses import replace

import pytest

from analysis.bundle import UNITS, Bundle
from analysis.cooccurrence.pair import read_pair
from charts.pair import UNIT_WORDS, decoder_cosine, pair_caption, pair_summary


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


def test_the_summary_has_the_count_of_independent_latents(tiny: Bundle) -> None:
    first, second = (set(tiny.activations.of_latent(latent)[0].tolist()) for latent in (5, 13))
    by_chance = len(first) * len(second) / tiny.manifest.tokens
    both = len(first & second)
    assert pair_summary(tiny, read_pair(tiny, 5, 13)).startswith(
        f"Both fire on {both} token{'' if both == 1 else 's'}; expected if independent: "
        f"{by_chance:.3g} (lift {both / by_chance:.3g}). Decoder cosine: "
    )


def with_graph(bundle: Bundle, graph: str) -> Bundle:
    quality = bundle.manifest.map.model_copy(update={"graph": graph})
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"map": quality}))


def test_the_decoder_cosine_is_that_of_the_neighbour_table_or_a_bound(tiny: Bundle) -> None:
    rows = tiny.neighbours.all().to_pylist()
    stored = {(row["latent"], row["neighbour"]): row["cosine"] for row in rows}
    (a, b), cosine = next(iter(stored.items()))
    expected = f"Decoder cosine: {cosine:.3g}."
    assert decoder_cosine(tiny, a, b) == decoder_cosine(tiny, b, a) == expected.replace("-", "−")
    latents = sorted({latent for latent, _ in stored})
    a, b = next(
        (a, b)
        for a in latents
        for b in latents
        if a < b and (a, b) not in stored and (b, a) not in stored
    )
    smallest = min(cosine for (latent, _), cosine in stored.items() if latent in (a, b))
    exact = decoder_cosine(with_graph(tiny, "exact"), a, b)
    assert exact.startswith(f"Decoder cosine: at most {smallest:.3g}, ".replace("-", "−"))
    assert "not stored" in decoder_cosine(with_graph(tiny, "approximate"), a, b)
