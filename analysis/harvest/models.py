"""A language model in plain transformers, and the hook point at which an SAE reads it.

A hook point is written as TransformerLens writes it (`blocks.12.hook_resid_post`) or as the path
of a Hugging Face module (`model.layers.12`, with `:input` or `:output` where it matters). The
forward pass ends at the hook: the layers above it and the language-model head are not run.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Never

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError

DEMO_MODEL = "smollm2-135m"

Side = Literal["input", "output"]
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Architecture:
    """Where a family of models keeps the tensors that hook points name."""

    layers: str
    """Path of the list of layers."""
    mlp: str
    """The module in a layer whose output is what the MLP adds to the residual stream."""
    attention: str
    """The module in a layer whose output is what attention adds to the residual stream."""
    projection: str
    """The module in a layer that projects the heads' outputs; hook_z is its input."""
    mlp_norm: str
    """The module in a layer that normalises the residual stream for the MLP."""
    mlp_inner: str = "mlp"
    """The MLP itself; its input is what a transcoder reads."""


_LLAMA = Architecture(
    "model.layers", "mlp", "self_attn", "self_attn.o_proj", "post_attention_layernorm"
)
# Gemma 2 and 3 normalise what MLP and attention wrote before it is added to the residual stream.
_GEMMA = replace(
    _LLAMA,
    mlp="post_feedforward_layernorm",
    attention="post_attention_layernorm",
    mlp_norm="pre_feedforward_layernorm",
)

ARCHITECTURES = {
    "llama": _LLAMA,
    "gemma": _GEMMA,
    "gemma_vision": replace(_GEMMA, layers="model.language_model.layers"),
    "gpt2": Architecture("transformer.h", "mlp", "attn", "attn.c_proj", "ln_2"),
    "gpt_neox": Architecture(
        "gpt_neox.layers", "mlp", "attention", "attention.dense", "post_attention_layernorm"
    ),
}

# The spelling of a site after `blocks.N.`, in TransformerLens.
_SPELLINGS = {
    "resid_pre": "hook_resid_pre",
    "resid_post": "hook_resid_post",
    "resid_mid": "hook_resid_mid",
    "mlp_in": "mlp.hook_in",
    "mlp_out": "hook_mlp_out",
    "attn_out": "hook_attn_out",
    "attn_z": "attn.hook_z",
}
# Other spellings of the same tensors. TransformerLens takes `hook_mlp_in` before the norm. Its
# `ln2.hook_normalized` stands before an RMSNorm's weight, but the SAEs that name it (Gemma Scope's
# transcoders) were trained behind the weight, on what the MLP reads.
_ALIASES = {
    "hook_z": "attn_z",
    "attn.hook_result_pre": "attn_z",
    "ln2.hook_normalized": "mlp_in",
    "hook_mlp_in": "resid_mid",
}


@dataclass(frozen=True)
class HookPoint:
    """One tensor of one layer of a model."""

    layer: int
    """Counted from 0."""
    site: str
    """resid_pre, resid_mid, resid_post, mlp_in, mlp_out, attn_out or attn_z."""
    family: str = "llama"
    """The architecture that `module` is spelled for; `hook_in` sets it to a given model's."""

    @property
    def transformer_lens(self) -> str:
        """The hook point as TransformerLens spells it, "blocks.12.hook_resid_post"."""
        return f"blocks.{self.layer}.{_SPELLINGS[self.site]}"

    @property
    def module(self) -> str:
        """Path of the Hugging Face module that holds the tensor, "model.layers.12"."""
        architecture = ARCHITECTURES[self.family]
        inner = {
            "resid_mid": architecture.mlp_norm,
            "mlp_in": architecture.mlp_inner,
            "mlp_out": architecture.mlp,
            "attn_out": architecture.attention,
            "attn_z": architecture.projection,
        }.get(self.site)
        layer = f"{architecture.layers}.{self.layer}"
        return f"{layer}.{inner}" if inner else layer

    @property
    def side(self) -> Side:
        """Whether the tensor is the module's input or its output."""
        read_before = ("resid_pre", "resid_mid", "mlp_in", "attn_z")
        return "input" if self.site in read_before else "output"

    def __str__(self) -> str:
        return self.transformer_lens


def parse_hook_point(text: str) -> HookPoint:
    """Read a hook point in TransformerLens or Hugging Face spelling.

    A Hugging Face path without `:input` or `:output` means the output, but for the projection of
    the attention heads, whose input is meant. InputError: no hook point is spelled so.
    """
    text = text.strip()
    if match := re.fullmatch(r"blocks\.(\d+)\.(.+)", text, flags=re.ASCII):
        sites = {spelling: site for site, spelling in _SPELLINGS.items()} | _ALIASES
        if site := sites.get(match[2]):
            return HookPoint(int(match[1]), site)
    path, _, side = text.partition(":")
    for family, architecture in ARCHITECTURES.items():
        pattern = rf"{re.escape(architecture.layers)}\.(\d+)(?:\.(.+))?"
        match = re.fullmatch(pattern, path, flags=re.ASCII)
        site = _module_site(architecture, match[2], side) if match else None
        if match and site:
            return HookPoint(int(match[1]), site, family)
    raise InputError(
        f"{text!r} is no hook point: write it like blocks.12.hook_resid_post (also hook_resid_pre, "
        "hook_resid_mid, mlp.hook_in, hook_mlp_out, hook_attn_out, attn.hook_z; no other of "
        "TransformerLens' hooks can be read) or like model.layers.12, with :input or :output."
    )


def spelled_hook_point(text: str) -> str:
    """A hook point in TransformerLens spelling; unchanged where it has none that is known."""
    try:
        return parse_hook_point(text).transformer_lens
    except InputError:
        return text


def family_called(model_name: str) -> str:
    """The architecture that a model's name tells, before the model is there; else llama's."""
    known = {
        r"gpt-?2": "gpt2",
        r"pythia|gpt-?neox": "gpt_neox",
        r"gemma-?[23]n?-": "gemma",
    }
    named = model_name.lower()
    return next((family for name, family in known.items() if re.search(name, named)), "llama")


def _module_site(architecture: Architecture, inner: str | None, side: str) -> str | None:
    norm = architecture.mlp_norm
    sites = {
        (None, "output"): "resid_post",
        (None, "input"): "resid_pre",
        (norm, "input"): "resid_mid",
        (norm, "output"): "mlp_in",
        (architecture.mlp_inner, "input"): "mlp_in",
        (architecture.mlp, "output"): "mlp_out",
        (architecture.attention, "output"): "attn_out",
        (architecture.projection, "input"): "attn_z",
    }
    # Llama has a norm of this name before the MLP, Gemma one behind attention.
    if inner == "post_attention_layernorm" and architecture.attention != inner:
        return None
    default = "input" if inner == architecture.projection else "output"
    return sites.get((inner, side or default))


@dataclass(frozen=True)
class LanguageModel:
    """A transformers model with what the analysis needs to know of it."""

    model: Any
    """The transformers model, in evaluation mode."""
    tokenizer: Any
    name: str
    """As given: a short name, a folder's name or a hub id."""
    content_hash: str
    """SHA-256 of the weights files, hexadecimal."""
    d_model: int
    n_layers: int
    special_token_ids: frozenset[int]


def cache_folder() -> Path:
    """The folder of what can be made again: $CLEARWATER_CACHE, or ~/.cache/clearwater."""
    given = os.environ.get("CLEARWATER_CACHE")
    return Path(given) if given else Path.home() / ".cache" / "clearwater"


def model_folder(short_name: str) -> Path:
    """Folder in the cache of a model that a recipe has converted."""
    return cache_folder() / "models" / short_name


def load_language_model(
    name_or_dir: str | Path, dtype: torch.dtype = torch.bfloat16, device: str = "cpu"
) -> LanguageModel:
    """Open a model: a folder, a GGUF file or a folder with one, "smollm2-135m", or a hub id.

    "smollm2-135m" is the demo's model as `python -m data.recipes.model` leaves it in the cache.
    A hub id is fetched through huggingface_hub, which keeps its own cache and works offline from
    it. InputError: there is no such model, or its files cannot be read.
    """
    path = _model_path(str(name_or_dir))
    source = _pretrained_source(path)
    # Its bar would break into the ones by which a build tells how far it is.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(**source, dtype=dtype)
        model = model.to(device)
        tokenizer = AutoTokenizer.from_pretrained(**source)
    except InputError:
        raise
    except Exception as error:  # transformers raises a dozen kinds for a broken folder
        raise InputError(
            f"{path} cannot be opened as a language model ({_first_line(error)}): it must hold a "
            "transformers model with its weights and tokenizer."
        ) from error
    config = model.config.get_text_config()
    return LanguageModel(
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        name=_display_name(str(name_or_dir)),
        content_hash=_weights_hash(path),
        d_model=config.hidden_size,
        n_layers=config.num_hidden_layers,
        special_token_ids=special_token_ids(tokenizer),
    )


def special_token_ids(tokenizer: Any) -> frozenset[int]:
    """Ids of all tokens that are no text: BOS, padding, and every added token marked special."""
    added = {place for place, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


def hook_in(language_model: LanguageModel, hook: HookPoint) -> HookPoint:
    """The hook point with its module spelled for this model.

    InputError: the model has no such layer, or is of no known architecture.
    """
    if hook.layer >= language_model.n_layers:
        raise InputError(
            f"The hook point {hook} lies in layer {hook.layer}, but {language_model.name} has "
            f"{language_model.n_layers} layers, 0 to {language_model.n_layers - 1}: "
            "choose another model or --hook."
        )
    return replace(hook, family=_family(language_model.model))


def hooked_activations(
    language_model: LanguageModel,
    hook: HookPoint,
    token_ids: torch.Tensor | Integers,
) -> torch.Tensor:
    """Activations [batch, seq, d] at a hook point, in the model's dtype.

    token_ids [batch, seq]. Padding stands on the right, where a causal model's text cannot see it,
    so no mask is needed; what is computed on padding means nothing. The pass ends at the hook.
    attn_z comes with its heads side by side, d = heads x head width. InputError: as in `hook_in`.
    """
    hook = hook_in(language_model, hook)
    model = language_model.model
    input_ids = torch.as_tensor(token_ids, dtype=torch.long, device=model.device)
    # A mask would rule out the causal kernel, and attention would cost eight times as much.
    with torch.inference_mode(), _stopping_at(model, hook):
        try:
            model(input_ids=input_ids, use_cache=False)
        except _HookReached as reached:
            return reached.tensor
    raise RuntimeError(f"The forward pass of {language_model.name} never reached {hook.module}.")


def unembedding(language_model: LanguageModel) -> torch.Tensor:
    """The unembedding [d_model, vocabulary], float32, with the final norm's weight folded in.

    A direction in the residual stream times this matrix is its direct effect on the logits, up to
    the norm's scale, which differs from token to token. A LayerNorm's centring is folded too.
    """
    model = language_model.model
    weight: torch.Tensor = model.get_output_embeddings().weight.detach().float().T
    norm = _final_norm(model)
    scale = norm.weight.detach().float()
    # Gemma's RMSNorm multiplies by 1 + weight.
    if "gemma" in type(norm).__name__.lower():
        scale = scale + 1
    folded = scale[:, None] * weight
    if isinstance(norm, torch.nn.LayerNorm):
        folded = folded - folded.mean(dim=0, keepdim=True)
    return folded


class _HookReached(Exception):  # noqa: N818 - it ends a forward pass, nothing went wrong
    """Carries the hooked tensor out of the forward pass."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


@contextmanager
def _stopping_at(model: Any, hook: HookPoint) -> Iterator[None]:
    module = model.get_submodule(hook.module)

    def leave_at_input(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Never:
        raise _HookReached(args[0] if args else kwargs["hidden_states"])

    def leave_at_output(_: Any, __: Any, output: Any) -> Never:
        raise _HookReached(output[0] if isinstance(output, tuple) else output)

    if hook.side == "input":
        handle = module.register_forward_pre_hook(leave_at_input, with_kwargs=True)
    else:
        handle = module.register_forward_hook(leave_at_output)
    try:
        yield
    finally:
        handle.remove()


def _family(model: Any) -> str:
    modules = dict(model.named_modules())
    for family in ("gpt2", "gpt_neox", "gemma_vision", "gemma", "llama"):
        architecture = ARCHITECTURES[family]
        if f"{architecture.layers}.0.{architecture.mlp}" in modules:
            return family
    known = ", ".join(sorted({a.layers for a in ARCHITECTURES.values()}))
    raise InputError(
        f"{type(model).__name__} is of no architecture that hook points are known for: "
        f"its layers should stand under one of {known}."
    )


def _final_norm(model: Any) -> Any:
    for path in (
        "model.norm",
        "transformer.ln_f",
        "gpt_neox.final_layer_norm",
        "model.language_model.norm",
    ):
        try:
            return model.get_submodule(path)
        except AttributeError:
            continue
    raise InputError(f"{type(model).__name__} has no final norm in a known place.")


def _model_path(name: str) -> Path:
    if name == DEMO_MODEL:
        folder = model_folder(DEMO_MODEL)
        if not (folder / "config.json").exists():
            raise InputError(
                f"The demo's model is not in {folder}: run `python -m data.recipes.model` first."
            )
        return folder
    path = Path(name).expanduser()
    if path.exists():
        return path
    if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name, flags=re.ASCII) and not name.startswith("."):
        return _hub_snapshot(name)
    raise InputError(f"There is no model at {name}: give a folder, a GGUF file or a hub id.")


def _hub_snapshot(name: str) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only a hub id needs it

    patterns = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # offline, unknown, gated: the hub has one class for each
        raise InputError(
            f"There is no folder {name}, and the hub did not give a model of that name "
            f"({_first_line(error)}): give a folder with a transformers model or a hub id."
        ) from error


def _pretrained_source(path: Path) -> dict[str, Any]:
    if path.is_file():
        if path.suffix != ".gguf":
            raise InputError(f"{path} is no GGUF file: give it or a folder with a model.")
        return {"pretrained_model_name_or_path": path.parent, "gguf_file": path.name}
    if (path / "config.json").exists():
        return {"pretrained_model_name_or_path": path}
    gguf = sorted(path.glob("*.gguf"))
    if len(gguf) != 1:
        raise InputError(
            f"{path} holds no config.json and {len(gguf)} GGUF files: give a folder with a "
            "transformers model or with exactly one GGUF file."
        )
    return {"pretrained_model_name_or_path": path, "gguf_file": gguf[0].name}


def _weights_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    for suffix in ("safetensors", "gguf", "bin"):
        if files := sorted(path.glob(f"*.{suffix}")):
            return files
    return []


def _weights_hash(path: Path) -> str:
    """SHA-256 over the weights files, kept in the cache under their sizes and times of change."""
    files = _weights_files(path)
    stats = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    key = hashlib.sha256(json.dumps(stats).encode()).hexdigest()
    remembered = cache_folder() / "hashes" / key
    if remembered.exists():
        return remembered.read_text()
    found = content_hash(files)
    remembered.parent.mkdir(parents=True, exist_ok=True)
    remembered.write_text(found)
    return found


def _display_name(name: str) -> str:
    path = Path(name)
    return path.name or name if path.exists() else name


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200].rstrip(".:") if text else type(error).__name__
