"""BOS and the length of blocks, as the SAE and the model state them."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from tokenizers.processors import TemplateProcessing

from analysis.harvest.conventions import (
    chosen_block_tokens,
    chosen_bos,
    model_positions,
    tokenizer_prepends_bos,
)
from analysis.runtime.errors import InputError
from analysis.saes import SparseAutoencoder
from tests.analysis.harvest.more_families import FAMILIES, opened
from tests.analysis.harvest.tiny_model import tiny_language_model


def sae_stating(**metadata: Any) -> SparseAutoencoder:
    return SparseAutoencoder(
        format="saelens",
        architecture="standard",
        W_enc=torch.eye(2),
        W_dec=torch.eye(2),
        b_enc=torch.zeros(2),
        b_dec=torch.zeros(2),
        metadata=metadata,
    )


def tokenizer_with_bos(prepends: bool) -> Any:
    tokenizer = tiny_language_model().tokenizer
    if prepends:
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 0)]
        )
    return tokenizer


def test_the_tokenizer_says_whether_texts_begin_with_bos() -> None:
    assert tokenizer_prepends_bos(tokenizer_with_bos(True))
    assert not tokenizer_prepends_bos(tokenizer_with_bos(False))
    without = tokenizer_with_bos(True)
    without.bos_token = None
    assert not tokenizer_prepends_bos(without)


@pytest.mark.parametrize(
    ("given", "stated", "prepends", "expected"),
    [
        (None, {}, True, True),
        (None, {}, False, False),
        (None, {"prepend_bos": False}, True, False),
        (None, {"prepend_bos": True}, False, True),
        (None, {"prepend_bos": None}, True, True),
        (False, {"prepend_bos": True}, True, False),
        (True, {"prepend_bos": False}, False, True),
    ],
)
def test_bos_is_as_given_else_as_trained_else_as_the_tokenizer(
    given: bool | None, stated: dict[str, Any], prepends: bool, expected: bool
) -> None:
    assert chosen_bos(given, sae_stating(**stated), tokenizer_with_bos(prepends)) is expected


def test_bos_that_the_tokenizer_lacks_is_refused() -> None:
    tokenizer = tokenizer_with_bos(False)
    tokenizer.bos_token = None
    with pytest.raises(InputError, match="no BOS token"):
        chosen_bos(True, sae_stating(), tokenizer)


@pytest.mark.parametrize(
    ("given", "default", "context", "expected"),
    [
        (None, 256, None, 64),
        (None, 32, None, 32),
        (None, 256, 48, 48),
        (None, 256, 128, 64),
        (None, 256, 1, 64),
        (None, 256, "long", 64),
        (64, 256, 48, 64),
        (2, 256, None, 2),
    ],
)
def test_blocks_fit_the_model_and_the_training(
    given: int | None, default: int, context: Any, expected: int
) -> None:
    """The tiny model has 64 positions."""
    sae = sae_stating() if context is None else sae_stating(context_size=context)
    assert chosen_block_tokens(given, default, sae, opened("llama")) == expected


@pytest.mark.parametrize("given", [1, 65])
def test_blocks_that_the_model_cannot_read_are_refused(given: int) -> None:
    with pytest.raises(InputError, match=f"--block-tokens {given}: .* reads 2 to 64 tokens"):
        chosen_block_tokens(given, 256, sae_stating(), opened("llama"))


def test_positions_are_those_of_the_configuration() -> None:
    model = FAMILIES["gpt2"].build()
    model.config.n_positions = 33
    assert model_positions(replace(opened("gpt2"), model=model)) == 33
    assert model_positions(opened("bloom")) == 64
    assert model_positions(opened("mamba")) == 64
