"""Activations of a language model at a hook point.

The forward pass ends at the hook: the layers above it and the language-model head are not run.
"""

import difflib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from analysis.harvest.hooks import ANY_MODULE, HookPoint, Place
from analysis.harvest.layout import measure_layout
from analysis.harvest.models import LanguageModel
from analysis.harvest.probing import (
    PROBE_ROWS,
    PROBE_TOKENS,
    Reached,
    by_token,
    probe_ids,
    probe_layer,
    run,
    stopping_at,
)
from analysis.runtime.errors import InputError

NEAREST_MODULES = 6
"""Modules of a layer that an error message lists."""


def hook_in(language_model: LanguageModel, hook: HookPoint) -> HookPoint:
    """Return the hook point with the place where this model holds its tensor.

    A few tokens are run through the model to measure it. Raises InputError, with the hook points
    that the model has, if it has no such layer, module or tensor.
    """
    if hook.place is not None:
        return hook
    if hook.site != ANY_MODULE and hook.layer >= language_model.n_layers:
        raise InputError(
            f"The hook point {hook} is in layer {hook.layer}, but {language_model.name} has "
            f"{language_model.n_layers} layers, 0 to {language_model.n_layers - 1}: "
            "choose another model or --hook."
        )
    if hook.named is not None:
        return _at_module(language_model, hook, hook.named)
    blocks = _blocks(language_model, hook)
    layer = f"{blocks}.{hook.layer}"
    sides: dict[str, Place] = {
        "resid_pre": Place(layer, "input"),
        "resid_post": Place(layer, "output"),
    }
    if hook.site in sides:
        placed = replace(hook, place=sides[hook.site])
        _read_probe(language_model, placed, f"{language_model.name} has no {hook}")
        return placed
    probe = probe_layer(
        language_model.model,
        language_model.model.get_submodule(layer),
        probe_tokens(language_model),
        language_model.name,
    )
    layout = measure_layout(probe)
    inner = layout.places.get(hook.site)
    if inner is None:
        raise InputError(
            f"{language_model.name} has no {hook}: {layout.reason}; it has "
            f"{_offered(hook, layer, layout.places, language_model)}."
        )
    placed = replace(hook, place=replace(inner, module=f"{layer}.{inner.module}"))
    _read_probe(language_model, placed, f"{language_model.name} has no {hook}")
    return placed


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
    reader = _Reader(language_model, hook)
    with stopping_at(language_model.model.get_submodule(hook.module), hook.side):
        yield reader


@dataclass(frozen=True)
class _Reader:
    """Reads the activations at a place whose hook is set."""

    language_model: LanguageModel
    hook: HookPoint

    def __call__(self, token_ids: TokenIds) -> torch.Tensor:
        model = self.language_model.model
        input_ids = torch.as_tensor(token_ids, dtype=torch.long, device=model.device)
        # With a mask, torch cannot use its causal kernel and attention takes eight times as long.
        with torch.inference_mode():
            try:
                model(input_ids=input_ids, use_cache=False)
            except Reached as reached:
                return self._rows(reached.value, *input_ids.shape)
        raise RuntimeError(
            f"The forward pass of {self.language_model.name} never reached {self.hook.module}."
        )

    def _rows(self, value: Any, batch: int, tokens: int) -> torch.Tensor:
        rows = by_token(value, batch, tokens)
        if rows is None:
            raise InputError(f"{self.hook} of {self.language_model.name} has no rows by token.")
        scale = self.hook.place.scale if self.hook.place else 1.0
        return rows if scale == 1.0 else rows * scale


def probe_tokens(
    language_model: LanguageModel, tokens: int = PROBE_TOKENS, rows: int = PROBE_ROWS
) -> torch.Tensor:
    """The token ids [rows, tokens] of a probe."""
    return probe_ids(language_model.model, language_model.special_token_ids, tokens, rows)


def check_positions(language_model: LanguageModel, hook: HookPoint, tokens: int) -> int:
    """Read a whole block of this many tokens at the hook; returns the width there.

    Raises InputError if the model cannot.
    """
    ids = probe_tokens(language_model, tokens, 1)
    failure = f"{language_model.name} has no {hook}"
    return _read_at(language_model, hook, ids, failure).shape[-1]


def _read_probe(language_model: LanguageModel, hook: HookPoint, failure: str) -> torch.Tensor:
    return _read_at(language_model, hook, probe_tokens(language_model), failure)


def _read_at(
    language_model: LanguageModel, hook: HookPoint, ids: torch.Tensor, failure: str
) -> torch.Tensor:
    module = language_model.model.get_submodule(hook.module)
    with stopping_at(module, hook.side):
        reached = run(language_model.model, ids, language_model.name)
    if reached is None:
        raise InputError(f"{failure}: a pass over text does not run {hook.module}.")
    rows = by_token(reached.value, *ids.shape)
    if rows is None:
        shape = list(getattr(reached.value, "shape", ()))
        raise InputError(
            f"{failure}: the {hook.side} of {hook.module} is no vector per token"
            f"{f' but has the shape {shape}' if shape else ''}; {_ANY_MODULE}."
        )
    return rows


_ANY_MODULE = "give any module with one vector per token, as in --hook PATH:output"


def _blocks(language_model: LanguageModel, hook: HookPoint) -> str:
    """Path of the list of layers that a pass over text runs."""
    model = language_model.model
    lists: list[str] = []
    for path, module in model.named_modules():
        inside = any(path.startswith(f"{outer}.") for outer in lists)
        if isinstance(module, torch.nn.ModuleList) and len(module) and not inside:
            lists.append(path)
    count = language_model.layers_loaded or language_model.n_layers
    lists = [path for path in lists if len(model.get_submodule(path)) == count]
    for path in lists:
        if len(lists) == 1:
            return path
        with stopping_at(model.get_submodule(f"{path}.0"), "input"):
            if run(model, probe_tokens(language_model), language_model.name) is not None:
                return path
    raise InputError(
        f"{language_model.name} has no list of {count} layers, so {hook} is not defined; "
        f"{_ANY_MODULE}, such as {', '.join(_some_modules(model, ''))}."
    )


def _at_module(language_model: LanguageModel, hook: HookPoint, named: Place) -> HookPoint:
    """A hook point that was given as a module and a side, read literally."""
    modules = dict(language_model.model.named_modules())
    if named.module not in modules:
        near = difflib.get_close_matches(named.module, modules, NEAREST_MODULES, 0.3)
        raise InputError(
            f"{language_model.name} has no module {named.module}; the nearest are "
            f"{', '.join(near) or ', '.join(_some_modules(language_model.model, ''))}."
        )
    placed = replace(hook, place=named)
    _read_probe(language_model, placed, f"{language_model.name} cannot be read at {named}")
    return placed


def _offered(
    hook: HookPoint, layer: str, places: dict[str, Place], language_model: LanguageModel
) -> str:
    """The hook points of a layer, and some of its modules."""
    sites = ["resid_pre", "resid_post", *places]
    names = [replace(hook, site=site).transformer_lens for site in sites]
    modules = [f"{name}:output" for name in _some_modules(language_model.model, layer)]
    return f"{', '.join(names)} and its modules, such as {', '.join(modules)}"


def _some_modules(model: Any, under: str) -> list[str]:
    inside = (name for name, _ in model.named_modules() if name.startswith(under) and name != under)
    return [name for name, _ in zip(inside, range(NEAREST_MODULES), strict=False)]
