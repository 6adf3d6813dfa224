"""Activations of a language model at a hook point, and its unembedding.

The forward pass ends at the hook: the layers above it and the language-model head are not run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Never

import numpy as np
import numpy.typing as npt
import torch

from analysis.harvest.hooks import ARCHITECTURES, HookPoint
from analysis.harvest.models import LanguageModel
from analysis.runtime.errors import InputError


def hook_in(language_model: LanguageModel, hook: HookPoint) -> HookPoint:
    """Return the hook point with the module path of this model.

    Raises InputError if the model has no such layer, or its architecture is unknown.
    """
    if hook.layer >= language_model.n_layers:
        raise InputError(
            f"The hook point {hook} is in layer {hook.layer}, but {language_model.name} has "
            f"{language_model.n_layers} layers, 0 to {language_model.n_layers - 1}: "
            "choose another model or --hook."
        )
    return replace(hook, family=_family(language_model.model))


TokenIds = torch.Tensor | npt.NDArray[np.integer[Any]]


def hooked_activations(
    language_model: LanguageModel, hook: HookPoint, token_ids: TokenIds
) -> torch.Tensor:
    """Activations [batch, seq, d] at a hook point, in the model's dtype.

    token_ids [batch, seq]. Padding must be on the right: text of a causal model does not attend to
    it there, so no attention mask is needed. Activations on padding have no meaning. The heads
    of attn_z are concatenated, d = heads x head width. Raises InputError as `hook_in` does.
    """
    with hooked(language_model, hook) as activations:
        return activations(token_ids)


@contextmanager
def hooked(
    language_model: LanguageModel, hook: HookPoint
) -> Iterator[Callable[[TokenIds], torch.Tensor]]:
    """`hooked_activations` of this model and hook, as a function that several threads may call.

    Raises InputError as `hook_in` does.
    """
    hook = hook_in(language_model, hook)
    model = language_model.model

    def activations(token_ids: TokenIds) -> torch.Tensor:
        input_ids = torch.as_tensor(token_ids, dtype=torch.long, device=model.device)
        # With a mask, torch cannot use its causal kernel and attention takes eight times as long.
        with torch.inference_mode():
            try:
                model(input_ids=input_ids, use_cache=False)
            except _HookReached as reached:
                return reached.tensor
        raise RuntimeError(
            f"The forward pass of {language_model.name} never reached {hook.module}."
        )

    with _stopping_at(model, hook):
        yield activations


def unembedding(language_model: LanguageModel) -> torch.Tensor:
    """The unembedding [d_model, vocabulary], float32, with the final norm's weight folded in.

    A direction of the residual stream times this matrix is its direct effect on the logits, up to
    the norm's scale, which differs between tokens. The centring of a LayerNorm is folded too.
    Raises InputError if the final norm has no known path.
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


class _HookReached(Exception):  # noqa: N818 - control flow, not an error
    """Ends the forward pass and carries the hooked tensor out of it."""

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
    layers = ", ".join(sorted({a.layers for a in ARCHITECTURES.values()}))
    raise InputError(
        f"{type(model).__name__} has an unknown architecture: choose a model whose layers are at "
        f"one of {layers}."
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
    raise InputError(
        f"{type(model).__name__} has no final norm at a known path, so its effects on the logits "
        "are unknown: choose a Llama, Gemma, GPT-2 or GPT-NeoX model."
    )
