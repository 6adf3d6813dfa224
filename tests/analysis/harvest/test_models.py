"""Loading language models, and refusing what is none."""

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from analysis.harvest.models import DEMO_MODEL, load_language_model
from analysis.runtime.cache_folder import cache_folder
from analysis.runtime.errors import InputError
from tests.analysis.harvest.model_families import LAYERS, VOCABULARY, D, model_of_family


def saved_model(folder: Path, family: str = "llama") -> Path:
    model_of_family(family).save_pretrained(folder)
    words = {"<bos>": 0, "<unk>": 1} | {f"w{i}": i for i in range(2, VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<bos>", unk_token="<unk>"
    ).save_pretrained(folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_folder_is_loaded_with_its_facts(tmp_path: Path, cache: Path) -> None:
    folder = saved_model(tmp_path / "tiny-llama")
    language_model = load_language_model(folder, torch.float32)
    assert (language_model.name, language_model.d_model, language_model.n_layers) == (
        "tiny-llama",
        D,
        LAYERS,
    )
    assert language_model.special_token_ids == {0, 1}
    again = load_language_model(folder)
    assert next(again.model.parameters()).dtype == torch.bfloat16
    assert again.content_hash == language_model.content_hash
    assert cache_folder() == cache


def test_content_hash_follows_the_weights(tmp_path: Path, cache: Path) -> None:
    folder = saved_model(tmp_path / "one")
    before = load_language_model(folder, torch.float32).content_hash
    other = model_of_family("llama")
    with torch.no_grad():
        next(other.parameters())[0, 0] += 1
    other.save_pretrained(folder)
    assert load_language_model(folder, torch.float32).content_hash != before
    copy = saved_model(tmp_path / "two")
    assert load_language_model(copy, torch.float32).content_hash == before


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "missing", "There is no model at"),
        (lambda folder: folder, "holds no config.json and 0 GGUF files"),
        (lambda folder: _written(folder / "weights.txt", b"x"), "is not a GGUF file"),
        (lambda folder: _written(folder / "bad.gguf", b"GGUF nonsense"), "cannot be opened"),
        (lambda folder: _written(folder / "config.json", b"{]").parent, "cannot be opened"),
    ],
)
def test_what_is_no_model_is_refused_in_one_sentence(
    tmp_path: Path, cache: Path, make: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message) as refused:
        load_language_model(make(tmp_path))
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_damaged_weights_are_refused(tmp_path: Path, cache: Path) -> None:
    folder = saved_model(tmp_path / "tiny")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be opened as a language model"):
        load_language_model(folder)


def test_the_error_for_a_missing_demo_model_has_the_command(cache: Path) -> None:
    with pytest.raises(InputError, match=r"python -m data\.recipes\.model"):
        load_language_model(DEMO_MODEL)


def test_a_hub_id_without_a_network_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="no model of that name could be downloaded"):
        load_language_model("nobody/nothing-of-that-name")


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
