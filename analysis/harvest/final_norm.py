"""The unembedding of a language model, with its final norm folded in, as far as it can be measured.

Which module is the final norm, and what it computes, is measured: its output is what the head
reads. With random vectors e, (norm(e) - norm(-e)) / 2 is e over its root mean square, or over its
standard deviation after centring, times one weight per coordinate.
"""

import copy
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from analysis.harvest.forward import probe_tokens
from analysis.harvest.models import LanguageModel
from analysis.harvest.probing import Reached, by_token, is_floating, main_output, run, stopping_at
from analysis.runtime.errors import InputError

PROBES = 64
TOLERANCE = 1e-3
"""Largest relative error with which the folded unembedding must give the model's logits."""


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a model, and its unembedding."""

    tokens: list[str]
    """Readable, in the order of the columns."""
    unembedding: torch.Tensor
    """[d_model, vocabulary], the final norm's weight folded in."""


class _Norm(NamedTuple):
    weight: torch.Tensor
    """[d_model], float32."""
    centres: bool
    """Whether it subtracts each vector's mean."""


def unembedding(language_model: LanguageModel) -> torch.Tensor:
    """The unembedding [d_model, vocabulary], float32, with the final norm's weight folded in.

    A direction of the residual stream times this matrix is its direct effect on the logits, up to
    the norm's scale, which differs between tokens. The centring of a LayerNorm is folded too. The
    head's bias and a cap or factor of the logits are not part of it. Raises InputError, with the
    reason, if the model's logits are not computed like this.
    """
    model = language_model.model
    head = model.get_output_embeddings()
    matrix = getattr(head, "weight", None)
    if matrix is None or not is_floating(matrix) or matrix.ndim != 2:
        raise _unknown(language_model, "it has no matrix from its last layer to the vocabulary")
    module, width = _before_the_head(language_model, head)
    if matrix.shape[1] != width:
        raise _unknown(language_model, f"its head reads {matrix.shape[1]} values, not {width}")
    weight = matrix.detach().float().cpu().T
    if module is None:
        return weight.clone()
    norm = _measured(language_model, copy.deepcopy(module).float().cpu(), width)
    folded = norm.weight[:, None] * weight
    if norm.centres:
        folded = folded - folded.mean(dim=0, keepdim=True)
    return folded


def _unknown(language_model: LanguageModel, reason: str) -> InputError:
    return InputError(f"Effects on the logits of {language_model.name} are unknown: {reason}.")


def _before_the_head(language_model: LanguageModel, head: Any) -> tuple[Any, int]:
    """The final norm, or None if the head reads the stream itself; and the stream's width."""
    model = language_model.model
    ids = probe_tokens(language_model)
    shape = (ids.shape[0], ids.shape[1])
    inputs: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    modules = {name: one for name, one in model.named_modules() if name and one is not head}
    with ExitStack() as hooks:
        for name, module in modules.items():

            def leave(_: Any, args: tuple[Any, ...], output: Any, name: str = name) -> None:
                inputs[name] = args[0] if args else None
                outputs.pop(name, None)  # the order is that of the last call
                outputs[name] = main_output(output)

            hooks.callback(module.register_forward_hook(leave).remove)
        with stopping_at(head, "input"):
            reached = run(model, ids, language_model.name)
    read = by_token(reached.value, *shape) if isinstance(reached, Reached) else None
    if read is None:
        raise _unknown(language_model, "its head does not read one vector per token")
    for name in reversed(outputs):
        written = by_token(outputs[name], *shape)
        if written is None or written.shape != read.shape or not torch.equal(written, read):
            continue
        inner = by_token(inputs[name], *shape)
        if any(other.startswith(f"{name}.") for other in modules):
            continue  # the model around its norm
        if inner is not None and inner.shape[-1] == language_model.d_model:
            return modules[name], language_model.d_model
    raise _unknown(language_model, "no module between its last layer and its head is a norm")


def _measured(language_model: LanguageModel, module: Any, width: int) -> _Norm:
    """What a norm computes, from its outputs for random vectors."""
    random = torch.Generator().manual_seed(0)
    e = torch.randn(PROBES, 1, width, generator=random)
    with torch.inference_mode():
        try:
            odd = (module(e) - module(-e))[:, 0].double() / 2
        except Exception as error:  # of a module of an unknown kind
            raise _unknown(language_model, f"its final norm fails on vectors ({error})") from error
    e = e[:, 0].double()
    for centres in (False, True):
        x = e - e.mean(dim=1, keepdim=True) if centres else e
        x = x / x.square().mean(dim=1, keepdim=True).sqrt()
        weight = (odd * x).sum(dim=0) / x.square().sum(dim=0)
        if (odd - x * weight).norm() <= TOLERANCE * odd.norm():
            return _Norm(_as_stored(module, weight.float()), centres)
    raise _unknown(language_model, "its last module before the head is no RMSNorm or LayerNorm")


def _as_stored(module: Any, measured: torch.Tensor) -> torch.Tensor:
    """The module's own weight, or 1 + weight, where the measured one equals it up to rounding."""
    stored = getattr(module, "weight", None)
    if stored is not None and is_floating(stored) and stored.shape == measured.shape:
        for exact in (stored.detach(), stored.detach() + 1):
            if (exact - measured).norm() <= TOLERANCE * measured.norm():
                return exact
    return measured
