"""A text source as another machine opens it: by full paths and by what they hold."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from analysis.bundle import Parameters
from analysis.harvest.source import OpenReading, TextAddress, TextSource
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
