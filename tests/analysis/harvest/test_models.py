"""Hook points against transformers' own hidden states; loading; the folded unembedding."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from analysis.harvest.models import (
    DEMO_MODEL,
    HookPoint,
    LanguageModel,
    cache_folder,
    hook_in,
    hooked_activations,
    load_language_model,
    model_folder,
    parse_hook_point,
    unembedding,
)
from analysis.runtime.errors import InputError

VOCABULARY, D, LAYERS = 50, 32, 4


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def tiny_model(family: str) -> Any:
    torch.manual_seed(0)
    shape = {"vocab_size": VOCABULARY, "max_position_embeddings": 64}
    wide = {
        "hidden_size": D,
        "intermediate_size": 48,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
    }
    if family == "gpt2":
        config = GPT2Config(
            vocab_size=VOCABULARY, n_positions=64, n_embd=D, n_layer=LAYERS, n_head=4
        )
        return GPT2LMHeadModel(config).eval()
    if family == "gpt_neox":
        return GPTNeoXForCausalLM(GPTNeoXConfig(**shape, **wide)).eval()
    if family == "gemma":
        config = Gemma2Config(**shape, **wide, num_key_value_heads=2, head_dim=8)
        return Gemma2ForCausalLM(config).eval()
    return LlamaForCausalLM(LlamaConfig(**shape, **wide, num_key_value_heads=2)).eval()


def wrapped(model: Any) -> LanguageModel:
    return LanguageModel(model, None, "tiny", "0" * 64, D, LAYERS, frozenset())


TOKENS = np.random.default_rng(0).integers(0, VOCABULARY, (3, 11))
FAMILIES = ["llama", "gpt2", "gpt_neox", "gemma"]


@pytest.mark.parametrize("family", FAMILIES)
def test_residual_stream_equals_hidden_states(family: str) -> None:
    model = tiny_model(family)
    with torch.inference_mode():
        states = model(torch.as_tensor(TOKENS), output_hidden_states=True).hidden_states
    language_model = wrapped(model)
    for layer in range(LAYERS):
        before = hooked_activations(language_model, HookPoint(layer, "resid_pre"), TOKENS)
        assert torch.equal(before, states[layer])
        after = hooked_activations(language_model, HookPoint(layer, "resid_post"), TOKENS)
        if layer < LAYERS - 1:  # the last hidden state has gone through the final norm
            assert torch.equal(after, states[layer + 1])
        else:
            assert after.shape == states[-1].shape
            assert not torch.allclose(after, states[-1])


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma"])
def test_what_a_layer_adds_is_attention_and_mlp(family: str) -> None:
    """mlp_out and attn_out are what is added to the stream, in Gemma after their own norms."""
    language_model = wrapped(tiny_model(family))
    at = {
        site: hooked_activations(language_model, HookPoint(2, site), TOKENS)
        for site in ("resid_pre", "attn_out", "mlp_out", "resid_post")
    }
    total = at["resid_pre"] + at["attn_out"] + at["mlp_out"]
    torch.testing.assert_close(total, at["resid_post"], atol=1e-5, rtol=0)
    assert at["attn_out"].abs().max() > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_a_transcoder_reads_what_the_mlp_reads(family: str) -> None:
    """mlp_in is the norm of resid_mid; the MLP (in Gemma, then a norm) makes it mlp_out."""
    model = tiny_model(family)
    mid, inside, out = (
        hooked_activations(wrapped(model), parse_hook_point(f"blocks.1.{name}"), TOKENS)
        for name in ("hook_mlp_in", "ln2.hook_normalized", "hook_mlp_out")
    )
    names = {"gpt2": ("transformer.h.1", "ln_2"), "gemma": (None, "pre_feedforward_layernorm")}
    names["gpt_neox"] = ("gpt_neox.layers.1", "post_attention_layernorm")
    path, norm = names.get(family, (None, "post_attention_layernorm"))
    layer = model.get_submodule(path or "model.layers.1")
    with torch.inference_mode():
        torch.testing.assert_close(layer.get_submodule(norm)(mid), inside)
        added = layer.mlp(inside)
        added = layer.post_feedforward_layernorm(added) if family == "gemma" else added
        torch.testing.assert_close(added, out)
    if family != "gpt_neox":  # whose MLP and attention read the same stream
        before, attention = (
            hooked_activations(wrapped(model), HookPoint(1, site), TOKENS)
            for site in ("resid_pre", "attn_out")
        )
        torch.testing.assert_close(before + attention, mid, atol=1e-5, rtol=0)


def test_attention_z_is_projected_to_attention_out() -> None:
    model = tiny_model("llama")
    z = hooked_activations(wrapped(model), parse_hook_point("blocks.1.attn.hook_z"), TOKENS)
    out = hooked_activations(wrapped(model), HookPoint(1, "attn_out"), TOKENS)
    with torch.inference_mode():
        projected = model.model.layers[1].self_attn.o_proj(z)
    torch.testing.assert_close(projected, out)


@pytest.mark.parametrize(
    ("site", "ran"), [("resid_pre", [0, 1]), ("attn_out", [0, 1]), ("resid_post", [0, 1, 2])]
)
def test_nothing_above_the_hook_is_run(site: str, ran: list[int]) -> None:
    model = tiny_model("llama")
    finished: list[int | str] = []
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: finished.append(number))
    model.lm_head.register_forward_hook(lambda *_: finished.append("head"))
    hooked_activations(wrapped(model), HookPoint(2, site), TOKENS)
    assert finished == ran
    # The hook is gone afterwards: a plain pass runs to its end.
    finished.clear()
    model(torch.as_tensor(TOKENS))
    assert finished == [0, 1, 2, 3, "head"]


def test_padding_changes_nothing_on_text() -> None:
    language_model = wrapped(tiny_model("llama"))
    padded = TOKENS.copy()
    padded[1, 6:] = 0
    x = hooked_activations(language_model, HookPoint(2, "resid_post"), padded)
    alone = hooked_activations(language_model, HookPoint(2, "resid_post"), TOKENS[1:2, :6])
    torch.testing.assert_close(x[1, :6], alone[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("text", "expected", "module", "side"),
    [
        ("blocks.12.hook_resid_post", HookPoint(12, "resid_post"), "model.layers.12", "output"),
        ("blocks.0.hook_resid_pre", HookPoint(0, "resid_pre"), "model.layers.0", "input"),
        ("blocks.3.hook_mlp_out", HookPoint(3, "mlp_out"), "model.layers.3.mlp", "output"),
        ("model.layers.12", HookPoint(12, "resid_post"), "model.layers.12", "output"),
        ("model.layers.12:input", HookPoint(12, "resid_pre"), "model.layers.12", "input"),
        (
            "blocks.7.attn.hook_z",
            HookPoint(7, "attn_z"),
            "model.layers.7.self_attn.o_proj",
            "input",
        ),
        ("transformer.h.5", HookPoint(5, "resid_post", "gpt2"), "transformer.h.5", "output"),
        (
            "model.layers.3.post_feedforward_layernorm",
            HookPoint(3, "mlp_out", "gemma"),
            "model.layers.3.post_feedforward_layernorm",
            "output",
        ),
        ("blocks.3.mlp.hook_in", HookPoint(3, "mlp_in"), "model.layers.3.mlp", "input"),
        ("blocks.3.ln2.hook_normalized", HookPoint(3, "mlp_in"), "model.layers.3.mlp", "input"),
        ("model.layers.3.mlp:input", HookPoint(3, "mlp_in"), "model.layers.3.mlp", "input"),
        ("transformer.h.3.ln_2", HookPoint(3, "mlp_in", "gpt2"), "transformer.h.3.mlp", "input"),
        (
            "model.layers.3.pre_feedforward_layernorm:input",
            HookPoint(3, "resid_mid", "gemma"),
            "model.layers.3.pre_feedforward_layernorm",
            "input",
        ),
        (
            "gpt_neox.layers.1.attention",
            HookPoint(1, "attn_out", "gpt_neox"),
            "gpt_neox.layers.1.attention",
            "output",
        ),
    ],
)
def test_spellings(text: str, expected: HookPoint, module: str, side: str) -> None:
    hook = parse_hook_point(text)
    assert hook == expected
    assert (hook.module, hook.side) == (module, side)
    assert parse_hook_point(hook.transformer_lens).transformer_lens == hook.transformer_lens
    assert parse_hook_point(f"{hook.module}:{hook.side}").site == hook.site


@pytest.mark.parametrize(
    "text",
    [
        "",
        "blocks.x.hook_resid_post",
        "blocks.1.hook_nothing",
        "model.layers",
        "model.layers.1:sideways",
        "blocks.1.mlp.hook_post",
        "model.layers.1.post_attention_layernorm:input",
        "blocks.١.hook_resid_post",
        "../../etc/passwd",
    ],
)
def test_a_bad_spelling_is_refused_with_a_good_one(text: str) -> None:
    with pytest.raises(InputError, match=r"blocks\.12\.hook_resid_post"):
        parse_hook_point(text)


def test_hook_is_spelled_for_the_model_and_its_layer_checked() -> None:
    language_model = wrapped(tiny_model("gpt2"))
    assert hook_in(language_model, HookPoint(3, "attn_z")).module == "transformer.h.3.attn.c_proj"
    with pytest.raises(InputError, match="4 layers, 0 to 3"):
        hooked_activations(language_model, HookPoint(4, "resid_post"), TOKENS)


@pytest.mark.parametrize("family", FAMILIES)
def test_unembedding_gives_the_models_logits(family: str) -> None:
    """Logits of a stream x are x / its norm's scale @ unembedding, softcap and bias aside."""
    model = tiny_model(family)
    norm_weights = [
        p for n, p in model.named_parameters() if n.endswith(("norm.weight", "ln_f.weight"))
    ]
    with torch.no_grad():
        for weight in norm_weights:
            weight.add_(torch.rand_like(weight))
    x = hooked_activations(wrapped(model), HookPoint(LAYERS - 1, "resid_post"), TOKENS)
    centred = x - x.mean(-1, keepdim=True) if family in ("gpt2", "gpt_neox") else x
    epsilon = {"gpt2": 1e-5, "gpt_neox": 1e-5, "llama": 1e-6, "gemma": 1e-6}[family]
    scale = (centred.square().mean(-1, keepdim=True) + epsilon).sqrt()
    logits = (x / scale) @ unembedding(wrapped(model))
    with torch.inference_mode():
        expected = model(torch.as_tensor(TOKENS)).logits
    if family == "gemma":
        cap = model.config.final_logit_softcapping
        logits = cap * torch.tanh(logits / cap)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


def saved_model(folder: Path, family: str = "llama") -> Path:
    tiny_model(family).save_pretrained(folder)
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
    other = tiny_model("llama")
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
        (lambda folder: _written(folder / "weights.txt", b"x"), "is no GGUF file"),
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


def test_the_demo_model_says_how_to_make_it(cache: Path) -> None:
    with pytest.raises(InputError, match=r"python -m data\.recipes\.model"):
        load_language_model(DEMO_MODEL)


def test_a_hub_id_without_a_network_is_refused(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(InputError, match="the hub did not give a model of that name"):
        load_language_model("nobody/nothing-of-that-name")


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.model
def test_the_demo_model_at_its_middle_layer() -> None:
    if not (model_folder(DEMO_MODEL) / "config.json").exists():
        pytest.skip("the demo's model is not converted on this machine")
    language_model = load_language_model(DEMO_MODEL)
    ids = language_model.tokenizer("The whale, the whale! Up helm, up helm!")["input_ids"]
    tokens = torch.tensor([ids])
    x = hooked_activations(language_model, parse_hook_point("blocks.12.hook_resid_post"), tokens)
    with torch.inference_mode():
        states = language_model.model(tokens, output_hidden_states=True).hidden_states
    assert torch.equal(x, states[13])
    norms = x[0].float().norm(dim=-1)
    assert norms[0] > 100 * norms[1:].median()  # the attention sink
