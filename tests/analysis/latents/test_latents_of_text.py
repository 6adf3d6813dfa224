"""The latents of a text against plain loops over the stored activations."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import Bundle
from analysis.harvest.own_text.encoded_text import EncodedText
from analysis.latents import latents_of_text as module
from analysis.latents.latents_of_text import latents_of_text


def encoded(pairs: list[tuple[int, int, float]], tokens: int) -> EncodedText:
    """A text from (token, latent, activation), in the order of tokens and latents."""
    active = np.bincount([token for token, _, _ in pairs], minlength=tokens)
    return EncodedText(
        tokens=tuple(f"t{i}" for i in range(tokens)),
        kept=(False, *[True] * (tokens - 1)),
        active=tuple(active.tolist()),
        latents=tuple(latent for _, latent, _ in pairs),
        activations=tuple(value for _, _, value in pairs),
        all_tokens=tokens,
    )


@pytest.fixture
def typed(planted_bundle: Bundle) -> EncodedText:
    """Four tokens; latent 8 fires on two of them, twice with its largest activation."""
    values = {latent: planted_bundle.activations.of_latent(latent)[1] for latent in (5, 8, 13)}
    middle = float(np.sort(values[8])[len(values[8]) // 2])
    return encoded(
        [
            (1, 5, float(values[5].max())),
            (1, 8, middle / 2),
            (2, 8, middle),
            (3, 8, middle),
            (3, 13, float(values[13].max()) * 2),
        ],
        4,
    )


def test_each_latent_has_its_largest_activation_and_its_rank(
    planted_bundle: Bundle, typed: EncodedText
) -> None:
    result = latents_of_text(planted_bundle, typed, shows_dense=True)
    assert result.latents.tolist() == [13, 5, 8]
    assert result.places.tolist() == [3, 1, 2], "the first of equal ones"
    assert result.active.tolist() == [1, 1, 3]
    assert (result.all_latents, result.hidden) == (3, 0)
    for i, latent in enumerate(result.latents.tolist()):
        _, values = planted_bundle.activations.of_latent(latent)
        assert result.totals[i] == len(values)
        assert result.ranks[i] == 1 + sum(value > result.activations[i] for value in values)
        largest = planted_bundle.latents["max"][latent].as_py()
        assert result.ratios[i] == pytest.approx(result.activations[i] / largest)
    assert result.ranks[0] == 1 and result.ratios[0] == pytest.approx(2)
    assert result.ranks[1] == 1, "equal to the largest is not larger"
    assert result.ranks[2] > 2


def flagged(bundle: Bundle, latent: int, flag: str) -> Bundle:
    """The bundle with another flag of one latent."""
    flags = bundle.latents["flag"].cast("string").to_pylist()
    flags[latent] = flag
    table = bundle.latents
    place = table.column_names.index("flag")
    changed = table.set_column(place, "flag", pa.array(flags).dictionary_encode())
    other = replace(bundle)
    vars(other)["latents"] = changed
    return other


def test_dense_latents_are_counted_and_hidden(planted_bundle: Bundle, typed: EncodedText) -> None:
    bundle = flagged(flagged(planted_bundle, 5, "dense"), 8, "ultralow")
    result = latents_of_text(bundle, typed)
    assert result.latents.tolist() == [13, 8]
    assert (result.hidden, result.all_latents) == (1, 2)
    shown = latents_of_text(bundle, typed, shows_dense=True)
    assert shown.latents.tolist() == [13, 5, 8] and shown.hidden == 0


def test_a_latent_that_is_dead_in_the_corpus_comes_first(planted_bundle: Bundle) -> None:
    dead = int(np.flatnonzero(planted_bundle.activations.latent_counts == 0)[0])
    result = latents_of_text(planted_bundle, encoded([(1, 5, 1.0), (1, dead, 0.5)], 2))
    assert result.latents.tolist()[0] == dead
    assert np.isnan(result.ratios[0])
    assert (result.ranks[0], result.totals[0]) == (1, 0)


def test_only_the_strongest_are_ranked(
    planted_bundle: Bundle, typed: EncodedText, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LATENTS", 2)
    result = latents_of_text(planted_bundle, typed, shows_dense=True)
    assert result.latents.tolist() == [13, 5] and result.all_latents == 3
    nothing = latents_of_text(planted_bundle, encoded([], 2))
    assert nothing.latents.tolist() == [] and nothing.all_latents == 0


def test_a_rare_latent_comes_before_a_frequent_one_that_is_a_little_stronger(
    planted_bundle: Bundle,
) -> None:
    counts = planted_bundle.activations.latent_counts
    rare, frequent = (int(np.argsort(counts)[place]) for place in (len(counts) // 2, -1))
    largest = planted_bundle.latents["max"].to_numpy(zero_copy_only=False)
    density = {i: counts[i] / planted_bundle.manifest.tokens for i in (rare, frequent)}
    equal = np.log(density[frequent]) / np.log(density[rare])
    assert equal < 0.95
    for share, first in ((equal + 0.02, rare), (equal - 0.02, frequent)):
        pairs = [(1, rare, float(share * largest[rare])), (1, frequent, float(largest[frequent]))]
        result = latents_of_text(planted_bundle, encoded(pairs, 2), shows_dense=True)
        assert result.latents.tolist()[0] == first


def test_latents_of_equal_weight_are_in_the_order_of_their_ids(planted_bundle: Bundle) -> None:
    counts = planted_bundle.activations.latent_counts
    dead = np.flatnonzero(counts == 0)[:3].tolist()
    alike = np.flatnonzero(counts == np.bincount(counts[counts > 0]).argmax())[:3].tolist()
    assert len(alike) >= 2, "latents with the same density"
    largest = {i: float(planted_bundle.activations.of_latent(i)[1].max()) for i in alike}
    pairs = [(2, i, largest[i]) for i in alike[::-1]] + [(2, i, 1.0) for i in dead[::-1]]
    result = latents_of_text(planted_bundle, encoded(pairs, 3), shows_dense=True)
    assert result.latents.tolist() == [*dead, *alike]
