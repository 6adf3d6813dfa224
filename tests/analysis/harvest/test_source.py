"""A text source as another machine opens it: by full paths and by what they hold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from analysis.bundle import Parameters
from analysis.harvest.mask import MaskCounts, MaskPolicy
from analysis.harvest.source import OpenReading, TextAddress, TextSource, _mask_summary
from analysis.runtime.errors import InputError
from analysis.saes.saelens import save_saelens
from analysis.saes.sparse_autoencoder import SparseAutoencoder
from tests.analysis.harvest.tiny_model import D_MODEL, WORDS, tiny_language_model


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TextSource:
    folder = tmp_path_factory.mktemp("parts")
    decoder = torch.nn.functional.normalize(torch.randn(8, D_MODEL), dim=1)
    sae = SparseAutoencoder(
        format="test",
        architecture="topk",
        W_enc=decoder.T.contiguous(),
        W_dec=decoder,
        b_enc=torch.zeros(8),
        b_dec=torch.zeros(D_MODEL),
        k=2,
    )
    save_saelens(sae, folder / "sae")
    language_model = tiny_language_model()
    language_model.model.save_pretrained(folder / "model")
    language_model.tokenizer.save_pretrained(folder / "model")
    corpus = folder / "corpus.txt"
    corpus.write_text(" ".join(WORDS))
    address = TextAddress(
        str(folder / "sae"),
        None,
        str(folder / "model"),
        corpus,
        "blocks.0.hook_resid_post",
        Parameters(block_tokens=16, dtype="float32"),
    )
    return address.open()


def test_it_is_opened_once_in_a_process(source: TextSource) -> None:
    open_reading = OpenReading(source.address, source.contents())
    reading = open_reading()
    assert open_reading() is reading is OpenReading(source.address, source.contents())()
    assert [len(block) for block in reading.blocks()] == [16, 16, 8]
    assert torch.equal(reading.sae.W_dec, source.sae.W_dec)
    mine = source.reading()
    with open_reading.using(mine):
        assert open_reading() is mine
    assert open_reading() is not mine


def test_another_content_under_the_same_path_is_refused(source: TextSource, tmp_path: Path) -> None:
    other = tmp_path / "corpus.txt"
    other.write_text("word1 word2")
    address = replace(source.address, corpus=other)
    with pytest.raises(InputError, match="has another SAE, model or corpus under the same path"):
        OpenReading(address, source.contents())()


def changed(source: TextSource, hook: str | None = None, **settings: Any) -> TextSource:
    """The source with other parameters; nothing that it has loaded is loaded again."""
    parameters = source.parameters.model_copy(update=settings)
    address = replace(source.address, parameters=parameters, hook=hook or source.address.hook)
    other = replace(source, address=address)
    other.__dict__["language_model"] = source.language_model
    return other


def test_the_parameters_decide_what_is_read_and_what_is_active(source: TextSource) -> None:
    kept = [len(block) - 1 for block in changed(source, max_tokens=20).blocks()]
    assert sum(kept) == 20  # the first token of each block is a sink
    with_bos = list(changed(source, prepend_bos=True).blocks())
    assert [block.token_ids[0] for block in with_bos] == [0] * len(with_bos)
    assert changed(source, active_threshold=0.25).reading().active_threshold == 0.25


def test_a_given_hook_point_replaces_that_of_the_sae(source: TextSource) -> None:
    named = replace(source, sae=replace(source.sae, hook_point="blocks.0.hook_resid_pre"))
    assert str(named.hook) == "blocks.0.hook_resid_post"
    unnamed = replace(named, address=replace(named.address, hook=None))
    assert str(unnamed.hook) == "blocks.0.hook_resid_pre"


def test_the_norm_of_sinks_is_a_setting(source: TextSource) -> None:
    assert source.policy.sink_norm_ratio == 100
    assert changed(source, sink_norm_ratio=10.0).policy.sink_norm_ratio == 10


def test_sinks_by_position_and_by_norm_are_summed() -> None:
    counts = MaskCounts(kept=7, special=3, sink_position=20, sink_norm=100)
    summary = _mask_summary(MaskPolicy(special_token_ids=(1, 2)), counts)
    assert (summary.special_tokens, summary.sink_tokens) == (3, 120)
    assert summary.special_token_ids == [1, 2]
    for words in ("any position (3)", "each block (20)", "exceeds 100 times the median (100)"):
        assert words in summary.policy


def test_bos_is_part_of_the_sentence_about_the_mask() -> None:
    policy, counts = MaskPolicy(special_token_ids=()), MaskCounts(kept=1)
    assert _mask_summary(policy, counts, bos=True).policy.startswith("Each block begins with BOS.")
    assert "BOS" not in _mask_summary(policy, counts).policy
