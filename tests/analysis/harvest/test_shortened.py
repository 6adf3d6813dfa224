"""Models whose layers above the hook point are never loaded."""

from pathlib import Path

import pytest
import torch

from analysis.harvest.final_norm import unembedding
from analysis.harvest.forward import hooked_activations
from analysis.harvest.hooks import HookPoint
from analysis.harvest.models import LanguageModel, load_language_model
from analysis.harvest.shortened import empty_model, without_layers_above
from analysis.runtime.errors import InputError
from tests.analysis.harvest.model_families import LAYERS, TOKENS, model_of_family, wrapped
from tests.analysis.harvest.more_families import FAMILIES, VOCABULARY, D
from tests.analysis.harvest.more_families import LAYERS as FEW
from tests.analysis.harvest.test_models import saved_model


@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox", "gemma"])
def test_only_the_layers_up_to_the_hook_are_in_memory(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path / "cache"))
    folder = saved_model(tmp_path / "model", family)
    short = load_language_model(folder, torch.float32, deepest=1)
    whole = wrapped(model_of_family(family))
    assert (short.n_layers, short.layers_loaded) == (LAYERS, 2)
    assert type(short.model).__name__ == type(whole.model).__name__
    numbers = {
        int(part)
        for name, _ in short.model.named_parameters()
        for part in name.split(".")
        if part.isdigit()
    }
    assert numbers == {0, 1}
    assert not any(parameter.is_meta for parameter in short.model.parameters())
    for site in ("resid_pre", "resid_post", "mlp_out"):
        read = hooked_activations(short, HookPoint(1, site), TOKENS)
        assert torch.equal(read, hooked_activations(whole, HookPoint(1, site), TOKENS))
    assert torch.equal(unembedding(short), unembedding(whole))
    with pytest.raises(InputError, match="has 4 layers, 0 to 3"):
        hooked_activations(short, HookPoint(LAYERS, "resid_post"), TOKENS)


def test_a_hook_in_the_last_layer_or_beyond_needs_all_layers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARWATER_CACHE", str(tmp_path / "cache"))
    folder = saved_model(tmp_path / "model")
    for deepest in (None, LAYERS - 1, LAYERS + 3):
        loaded = load_language_model(folder, torch.float32, deepest=deepest)
        assert loaded.layers_loaded is None
        assert len(loaded.model.model.layers) == LAYERS


@pytest.mark.parametrize("name", [n for n, f in FAMILIES.items() if not f.refused])
def test_a_shortened_model_of_any_family_has_the_same_logit_effects(
    name: str, tmp_path: Path
) -> None:
    whole = FAMILIES[name].build()
    whole.save_pretrained(tmp_path)
    shortened = without_layers_above(empty_model(whole.config), 0)
    assert shortened is not None
    model = shortened.from_pretrained(tmp_path, dtype=torch.float32).eval()
    assert len(model.get_submodule(FAMILIES[name].layers)) == 1
    special = frozenset({0, 1})
    short = LanguageModel(model, None, name, "0" * 64, D, FEW, special, layers_loaded=1)
    full = LanguageModel(whole, None, name, "0" * 64, D, FEW, special)
    assert torch.equal(unembedding(short), unembedding(full))
    ids = torch.arange(2, 20).reshape(2, 9) % VOCABULARY
    hook = HookPoint(0, "resid_post")
    assert torch.equal(hooked_activations(short, hook, ids), hooked_activations(full, hook, ids))
