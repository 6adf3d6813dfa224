"""Run a few tokens through a language model, and see which tensors its modules read and write."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Never

import torch

from analysis.harvest.hooks import Side
from analysis.runtime.errors import InputError

PROBE_ROWS, PROBE_TOKENS = 3, 11
"""Shape of the probe. Both are primes that are no usual number of heads."""
NATIVE_TOLERANCE = 0.02
"""Relative rounding of sums in half precision, where a layer cannot be copied to float32."""


class Reached(Exception):  # noqa: N818 - control flow, not an error
    """Ends a forward pass and carries the arguments of a module, or its output, out of it."""

    def __init__(self, value: Any, more: dict[str, Any] | None = None) -> None:
        self.value, self.more = value, more or {}


@dataclass(frozen=True)
class Seen:
    """A tensor that a module of a layer read or wrote."""

    path: str
    """Path inside the layer; empty for the layer itself."""
    side: Side
    step: int
    """Number of the event in the order of the computation."""
    value: torch.Tensor
    """[rows, tokens, width], float32."""
    mixes: bool = False
    """Whether it depends on other tokens than its own."""


def main_input(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The hidden states among the arguments of a module; None if there are none."""
    named = kwargs.get("hidden_states")
    tensors = [*args[:1], named, *kwargs.values()]
    return next((value for value in tensors if is_floating(value)), None)


def main_output(output: Any) -> Any:
    """The hidden states in what a module returns: a tensor, or the first entry of a tuple."""
    if isinstance(output, tuple | list) and output:
        return output[0]
    if isinstance(output, dict) and output:
        return next(iter(output.values()))
    return output


def is_floating(value: Any) -> bool:
    """Whether this is a tensor of floating-point numbers."""
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def by_token(value: Any, rows: int, tokens: int) -> torch.Tensor | None:
    """A tensor as [rows, tokens, width]; None if it has no such shape. Heads are concatenated."""
    if not is_floating(value) or value.ndim < 2 or value.numel() == 0:
        return None
    if tuple(value.shape[:2]) == (rows, tokens) and value.ndim > 2:
        return value.reshape(rows, tokens, -1)
    if value.shape[0] == rows * tokens:
        return value.reshape(rows, tokens, -1)
    return None


def probe_ids(model: Any, special_token_ids: frozenset[int], tokens: int, rows: int) -> Any:
    """Token ids [rows, tokens] of this vocabulary, no special ones, the same in each call."""
    size = model.config.get_text_config().vocab_size
    usual = torch.tensor(
        [i for i in range(min(size, 4096)) if i not in special_token_ids] or [0], dtype=torch.long
    )
    chosen = torch.randint(len(usual), (rows, tokens), generator=torch.Generator().manual_seed(0))
    return usual[chosen].to(model.device)


def run(model: Any, input_ids: Any, name: str) -> Any:
    """Run the model, and return what a hook raised as `Reached`, or else None.

    Raises InputError if the pass fails.
    """
    try:
        with torch.inference_mode():
            model(input_ids=input_ids, use_cache=False)
    except Reached as reached:
        return reached
    except Exception as error:  # what a model of an unknown family raises
        reason = next(iter(str(error).strip().splitlines()), "no reason")[:150]
        raise InputError(
            f"{name} cannot read {input_ids.shape[1]} tokens ({type(error).__name__}: {reason}); "
            "give fewer with --block-tokens, or another model."
        ) from error
    return None


@contextmanager
def stopping_at(module: Any, side: Side) -> Iterator[None]:
    """Raise `Reached` with the hidden states that this module reads or writes."""

    def leave_at_input(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Never:
        raise Reached(main_input(args, kwargs), {"args": args, "kwargs": kwargs})

    def leave_at_output(_: Any, __: Any, output: Any) -> Never:
        raise Reached(main_output(output))

    if side == "input":
        handle = module.register_forward_pre_hook(leave_at_input, with_kwargs=True)
    else:
        handle = module.register_forward_hook(leave_at_output)
    try:
        yield
    finally:
        handle.remove()


@dataclass(frozen=True)
class LayerProbe:
    """What the modules of one layer read and wrote in a probe."""

    seen: tuple[Seen, ...]
    """In the order of the computation; the first is the input of the layer, the last its output."""
    matrices: frozenset[str]
    """Paths of the modules in the layer that multiply by a matrix."""
    tolerance: float
    """Relative error up to which two tensors count as equal."""

    def at(self, path: str, side: Side) -> Seen | None:
        """The tensor of a module, if it has the shape of hidden states."""
        return next((one for one in self.seen if (one.path, one.side) == (path, side)), None)


def probe_layer(model: Any, layer: Any, input_ids: Any, name: str) -> LayerProbe:
    """Run one layer on random hidden states, in float32, with the arguments that the model gives.

    Only one layer is copied. Raises InputError if the layer is never reached.
    """
    with stopping_at(layer, "input"):
        reached = run(model, input_ids, name)
    if reached is None:
        raise InputError(f"{name} does not run its layers one after the other.")
    args, kwargs, hidden = reached.more["args"], reached.more["kwargs"], reached.value
    exact = not hasattr(layer, "_hf_hook")  # accelerate's hooks are not copied
    copied = copy.deepcopy(layer).float() if exact else layer
    random = torch.Generator().manual_seed(1)
    first = torch.randn(hidden.shape, generator=random)
    # The last token stays the same: what changes there has come from the others.
    second = torch.randn(hidden.shape, generator=random)
    second[..., -1, :] = first[..., -1, :]
    both = [
        _seen(copied, args, kwargs, hidden, x.to(hidden.device), tuple(input_ids.shape), exact)
        for x in (first, second)
    ]
    other = {(one.path, one.side): one.value for one in both[1]}
    seen = []
    for one in both[0]:
        changed = other.get((one.path, one.side))
        if changed is None or changed.shape != one.value.shape:
            continue
        apart = (changed[:, -1] - one.value[:, -1]).abs().max()
        mixes = bool(apart > 1e-6 * one.value[:, -1].abs().max())
        seen.append(Seen(one.path, one.side, one.step, one.value, mixes))
    matrices = frozenset(
        path
        for path, module in layer.named_modules()
        if any(weight.ndim == 2 for weight in module.parameters(recurse=False))
    )
    return LayerProbe(tuple(seen), matrices, 1e-4 if exact else NATIVE_TOLERANCE)


def _seen(
    layer: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    hidden: torch.Tensor,
    x: torch.Tensor,
    shape: tuple[int, int],
    exact: bool,
) -> list[Seen]:
    """Run the layer with `x` in the place of `hidden`, and record what its modules read, wrote."""
    events: dict[tuple[str, Side], Seen] = {}

    def record(path: str, side: Side, value: Any) -> None:
        rows = by_token(value, *shape)
        if rows is not None:
            # Some modules add to their inputs in place later.
            events[path, side] = Seen(path, side, len(events), rows.detach().float().cpu().clone())

    handles = []
    for path, module in layer.named_modules():

        def enter(_: Any, a: tuple[Any, ...], k: dict[str, Any], path: str = path) -> None:
            record(path, "input", main_input(a, k))

        def leave(_: Any, __: Any, output: Any, path: str = path) -> None:
            record(path, "output", main_output(output))

        handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        handles.append(module.register_forward_hook(leave))

    def replaced(value: Any) -> Any:
        if value is hidden:
            return x if exact else x.to(hidden.dtype)
        if isinstance(value, tuple):
            return tuple(replaced(entry) for entry in value)
        return value.float() if exact and is_floating(value) else value

    try:
        with torch.inference_mode():
            layer(*replaced(args), **{key: replaced(value) for key, value in kwargs.items()})
    finally:
        for handle in handles:
            handle.remove()
    return sorted(events.values(), key=lambda one: one.step)
