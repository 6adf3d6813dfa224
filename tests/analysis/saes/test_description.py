"""The description of an SAE against its weights and settings."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.saes import load_sae
from analysis.saes.description import decoder_norm_quantiles, describe
from analysis.saes.sparse_autoencoder import SparseAutoencoder

ORACLE = Path(__file__).parents[2] / "oracles" / "saelens"


def of_norms(norms: torch.Tensor) -> SparseAutoencoder:
    """An SAE whose decoder vectors have these norms."""
    directions = torch.nn.functional.normalize(torch.randn(len(norms), 5, dtype=torch.float64))
    return SparseAutoencoder(
        format="test",
        architecture="topk",
        W_enc=torch.ones(5, len(norms), dtype=torch.float64),
        W_dec=directions * norms[:, None],
        b_enc=torch.zeros(len(norms), dtype=torch.float64),
        b_dec=torch.zeros(5, dtype=torch.float64),
        k=2,
    )


def test_it_contains_the_settings_of_the_folder() -> None:
    sae = load_sae(ORACLE / "topk_layer_norm")
    described = describe(sae, "tiny")
    assert (described.name, described.format, described.architecture) == ("tiny", "saelens", "topk")
    assert (described.d_in, described.d_sae, described.d_out) == (32, 64, 32)
    assert (described.k, described.advertised_l0) == (8, 8.0)
    assert described.normalisation == "layer_norm" and described.applies_b_dec_to_input
    assert described.hook_point == "blocks.3.hook_resid_post"
    assert (described.hook_module, described.hook_point_out) == (None, None)
    assert not described.has_skip and not described.centre_input
    assert described.content_hash == sae.content_hash
    assert described.decoder_hash == sae.decoder_hash
    assert described.notes == sae.notes


def test_a_given_hook_point_replaces_the_stored_one() -> None:
    sae = load_sae(ORACLE / "topk_layer_norm")
    described = describe(
        sae, "tiny", hook_point="blocks.4.hook_resid_pre", hook_module="model.layers.4:input"
    )
    assert described.hook_point == "blocks.4.hook_resid_pre"
    assert described.hook_module == "model.layers.4:input"


@pytest.mark.parametrize(
    ("stated", "known"),
    [
        ("gpt2-small/8-res-jb", "gpt2-small/8-res-jb"),
        (None, None),
        (7, None),
        ("gpt2-small", None),
        ("//evil.example/x", None),
        ("a/b?c", None),
    ],
)
def test_only_an_id_of_the_form_of_neuronpedia_is_kept(stated: object, known: str | None) -> None:
    sae = replace(of_norms(torch.ones(3)), metadata={"neuronpedia_id": stated})
    assert describe(sae, "tiny").neuronpedia_id == known


@pytest.mark.parametrize(
    ("metadata", "known"),
    [
        ({"dataset_path": "monology/pile-uncopyrighted"}, "monology/pile-uncopyrighted"),
        ({"dataset": "two\nlines", "dataset_path": "other"}, "two lines"),
        ({"dataset": " ", "dataset_path": "other"}, "other"),
        ({"dataset": ["a", "b"]}, None),
        ({}, None),
    ],
)
def test_the_training_text_is_taken_from_the_file(
    metadata: dict[str, object], known: str | None
) -> None:
    assert describe(replace(of_norms(torch.ones(3)), metadata=metadata), "tiny").trained_on == known


def test_a_long_training_text_is_cut() -> None:
    sae = replace(of_norms(torch.ones(3)), metadata={"dataset": "word " * 100})
    trained_on = describe(sae, "tiny").trained_on
    assert trained_on is not None
    assert trained_on.endswith("word …") and len(trained_on) <= 200


def test_norms_are_reported_at_their_quantiles() -> None:
    """101 shuffled norms 0.00 to 1.00: the q-quantile is q itself."""
    norms = torch.from_numpy(np.random.default_rng(1).permutation(101) / 100)
    quantiles = decoder_norm_quantiles(of_norms(norms))
    expected = {"min": 0, "p05": 0.05, "median": 0.5, "p95": 0.95, "max": 1}
    assert quantiles.keys() == expected.keys()
    for name, value in expected.items():
        assert abs(quantiles[name] - value) < 1e-6


def test_one_latent_has_one_norm() -> None:
    quantiles = decoder_norm_quantiles(of_norms(torch.tensor([2.0], dtype=torch.float64)))
    assert {round(value, 5) for value in quantiles.values()} == {2.0}


def test_a_quantile_is_the_nearest_norm() -> None:
    """Of nine norms the 95 % quantile is at place 7.6, so it is the last one."""
    quantiles = decoder_norm_quantiles(of_norms(torch.arange(9, dtype=torch.float64)))
    rounded = {name: round(value, 5) for name, value in quantiles.items()}
    assert rounded == {"min": 0, "p05": 0, "median": 4, "p95": 8, "max": 8}
