"""Models without the layers above a hook point, which are never read into memory.

A subclass of the model drops these layers as soon as it is made, while all weights are still empty
(on torch's `meta` device). transformers then skips their weights in the files. The embedding, the
final norm and the head stay.
"""

from typing import Any

import torch
from transformers import AutoModelForCausalLM


def empty_model(config: Any) -> Any:
    """The whole model without weights, on the `meta` device."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config)


def without_layers_above(whole: Any, deepest: int) -> Any | None:
    """The class of this empty model without the layers above layer `deepest`.

    None if the model has no such layers, or more than one list of as many layers as it states.
    """
    count = whole.config.get_text_config().num_hidden_layers
    lists = [
        path
        for path, module in whole.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == count
    ]
    if len(lists) != 1 or deepest + 1 >= count:
        return None
    path, base = lists[0], type(whole)
    above = "|".join(map(str, range(deepest + 1, count)))
    ignored = rf"(?:^|\.){path.rpartition('.')[2]}\.(?:{above})\."

    def make(self: Any, config: Any, *args: Any, **kwargs: Any) -> None:
        base.__init__(self, config, *args, **kwargs)
        del self.get_submodule(path)[deepest + 1 :]

    known = list(base._keys_to_ignore_on_load_unexpected or [])
    return type(
        base.__name__,
        (base,),
        {
            "__init__": make,
            "__module__": base.__module__,
            "_shortened": True,
            "_keys_to_ignore_on_load_unexpected": [*known, ignored],
        },
    )
