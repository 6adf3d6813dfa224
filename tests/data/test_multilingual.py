"""The test of agreement between languages: against permutations, planted latents and no latents."""

import itertools

import numpy as np
import pytest
import torch

from analysis.saes.sparse_autoencoder import SparseAutoencoder
from data.recipes.multilingual import (
    agreeing_languages,
    agreeing_pairs,
    agreement_z,
    firing,
    measured,
)
from tests.analysis.harvest.tiny_model import D_MODEL, tiny_language_model


def test_z_equals_permutations_within_groups() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat([0, 1, 2], [20, 30, 1])
    first = generator.random((51, 4)) < np.where(groups == 0, 0.6, 0.2)[:, None]
    second = first ^ (generator.random((51, 4)) < 0.3)
    z, joint = agreement_z(first, second, groups)
    assert joint.tolist() == [int((first[:, f] & second[:, f]).sum()) for f in range(4)]
    draws = []
    for _ in range(4000):
        order = np.concatenate(
            [generator.permutation(np.flatnonzero(groups == g)) for g in range(3)]
        )
        draws.append((first & second[order]).sum(axis=0))
    mean, spread = np.mean(draws, axis=0), np.std(draws, axis=0)
    np.testing.assert_allclose(z, (joint - mean - 0.5) / spread, atol=0.12)


def test_a_latent_that_always_or_never_fires_has_no_z() -> None:
    first = np.array([[True, False], [True, False], [True, False]])
    assert agreement_z(first, first, np.zeros(3, np.int64))[0].tolist() == [0, 0]


def test_languages_agree_if_all_their_pairs_do() -> None:
    pairs = list(itertools.combinations(range(4), 2))
    agreeing = [
        {(0, 1), (0, 2), (1, 2)},
        {(0, 1), (1, 2), (2, 3)},  # a chain is not a group
        set(pairs),
        set(),
    ]
    table = np.array([[pair in own for own in agreeing] for pair in pairs])
    assert agreeing_languages(table, 4).tolist() == [3, 2, 4, 0]


def planted_fires(seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """40 latents in 4 languages: 0-4 follow the passage in all, 5-9 in two, 10-39 its length."""
    generator = np.random.default_rng(seed)
    lengths = generator.integers(10, 60, 400)
    fires = np.zeros((4, 400, 40), np.bool_)
    topic = generator.random((400, 10)) < 0.2
    for language in range(4):
        noise = generator.random((400, 10)) < 0.1
        fires[language, :, :5] = topic[:, :5] ^ noise[:, :5]
        own = topic if language < 2 else generator.random((400, 10)) < 0.2
        fires[language, :, 5:10] = own[:, 5:] ^ noise[:, 5:]
        fires[language, :, 10:] = generator.random((400, 30)) < lengths[:, None] / 80
    return fires, lengths


def test_planted_multilingual_latents_are_the_ones_found() -> None:
    result = measured(*planted_fires(), languages=("en", "de", "fr", "es"))
    assert sorted(result.latents) == [0, 1, 2, 3, 4]
    assert result.agreeing == (4,) * 5
    assert (result.in_three, result.in_all) == (5, 5)
    assert result.by_chance == 0
    assert result.tested == 40
    assert result.passages == 400


def test_latents_that_hardly_fire_do_not_count_as_tests() -> None:
    generator = np.random.default_rng(3)
    fires = generator.random((3, 200, 30)) < 0.3
    fires[1:] |= fires[0] & (generator.random((2, 200, 30)) < 0.35)  # a weak agreement
    groups = np.zeros(200, np.int64)
    rare = np.zeros((3, 200, 4000), np.bool_)
    rare[:, :4] = True  # on four passages
    alone = agreeing_pairs(fires, groups)
    assert 10 < alone.sum() < 80
    together = agreeing_pairs(np.concatenate([fires, rare], axis=2), groups)
    assert (together[:, :30] == alone).all()
    assert not together[:, 30:].any()


def test_a_shuffled_pairing_gives_nothing() -> None:
    fires, lengths = planted_fires()
    generator = np.random.default_rng(2)
    for language in range(1, 4):
        fires[language] = fires[language][generator.permutation(400)]
    assert measured(fires, lengths, ("en", "de", "fr", "es")).in_three == 0


@pytest.mark.parametrize("latents", [24])
def test_firing_equals_the_dense_sae_on_counted_tokens(latents: int) -> None:
    model = tiny_language_model()
    torch.manual_seed(1)
    weights = torch.randn(latents, D_MODEL)
    sae = SparseAutoencoder(
        format="test",
        architecture="standard",
        W_enc=weights.T.contiguous(),
        W_dec=weights,
        b_enc=torch.full((latents,), -0.1),
        b_dec=torch.zeros(D_MODEL),
        applies_b_dec_to_input=False,
    )
    passages = [("word1 word2 word3", "word4 word2 word5"), ("word6", "word7 word7")]
    fires = firing(passages, model, sae, "blocks.1.hook_resid_post")
    assert fires.shape == (2, 2, latents)
    with torch.inference_mode():
        states: list[torch.Tensor] = []
        handle = model.model.model.layers[1].register_forward_hook(
            lambda _, __, out: states.append(out[0] if isinstance(out, tuple) else out)
        )
        model.model(torch.tensor([[6, 4, 7]]))  # word4 word2 word5
        handle.remove()
        x = states[0][0]
    # Position 0 is a sink, and word2 is shared: only word5 counts.
    expected = (x[2] @ weights.T - 0.1 > 0).numpy()
    assert fires[1, 0].tolist() == expected.tolist()
    assert not fires[0, 1].any()
