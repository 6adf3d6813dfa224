"""Load a language model with plain transformers: from a folder, a GGUF file or the hub."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from analysis.harvest.devices import device_named, free_bytes, is_spread, weight_bytes
from analysis.harvest.shortened import empty_model, without_layers_above
from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError

DEMO_MODEL = "smollm2-135m"
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32, "float16": torch.float16}


@dataclass(frozen=True)
class LanguageModel:
    """A transformers model and its properties that the analysis needs."""

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
    layers_loaded: int | None = None
    """Layers in memory, from the first; None: all of them."""


def cache_folder() -> Path:
    """Folder for files that can be recreated: $CLEARWATER_CACHE, or ~/.cache/clearwater."""
    folder = os.environ.get("CLEARWATER_CACHE")
    return Path(folder) if folder else Path.home() / ".cache" / "clearwater"


def model_folder(short_name: str) -> Path:
    """Cache folder of a model that a recipe converted."""
    return cache_folder() / "models" / short_name


def load_language_model(
    name_or_dir: str | Path,
    dtype: torch.dtype = torch.bfloat16,
    device: str = "cpu",
    deepest: int | None = None,
) -> LanguageModel:
    """Load a model: a folder, a GGUF file or a folder with one, "smollm2-135m", or a hub id.

    "smollm2-135m" is the demo's model, which `python -m data.recipes.model` stores in the cache. A
    hub id is downloaded by huggingface_hub, which has its own cache and then works offline.
    `device` is a name that `device_named` knows; a model that does not fit is spread by accelerate.
    Layers above layer `deepest` are not loaded, unless the file is GGUF or the model is built
    in another way than as one list of layers.
    Raises InputError if there is no such model, or its files cannot be read.
    """
    path = _model_path(str(name_or_dir))
    source = _pretrained_source(path)
    place = device_named(device)
    # transformers' progress bar would interleave with the progress of a build.
    transformers_logging.disable_progress_bar()
    try:
        model = _loaded(path, source, dtype, place, deepest)
        tokenizer = AutoTokenizer.from_pretrained(**source)
    except InputError:
        raise
    except Exception as error:  # a damaged folder raises errors of many kinds
        raise InputError(
            f"{path} cannot be opened as a language model ({_first_line(error)}): give a folder "
            "that holds a transformers model, its weights and its tokenizer."
        ) from error
    config = model.config.get_text_config()
    whole = deepest is None or not getattr(type(model), "_shortened", False)
    return LanguageModel(
        model=model.eval().requires_grad_(False),
        tokenizer=tokenizer,
        name=_display_name(str(name_or_dir)),
        content_hash=_weights_hash(path),
        d_model=config.hidden_size,
        n_layers=config.num_hidden_layers,
        special_token_ids=special_token_ids(tokenizer),
        layers_loaded=None if whole or deepest is None else deepest + 1,
    )


def _loaded(
    path: Path,
    source: dict[str, Any],
    dtype: torch.dtype,
    device: torch.device,
    deepest: int | None,
) -> Any:
    """The transformers model on its device, without the layers above `deepest`."""
    loader: Any = AutoModelForCausalLM
    if "gguf_file" in source:
        return loader.from_pretrained(**source, dtype=dtype).to(device)
    empty = empty_model(AutoConfig.from_pretrained(**source))
    if deepest is not None:
        shortened = without_layers_above(empty, deepest)
        if shortened is not None:
            loader = shortened
    size = weight_bytes(empty, dtype)
    if is_spread(
        str(path), size, free_bytes(device), accelerate=find_spec("accelerate") is not None
    ):
        return loader.from_pretrained(**source, dtype=dtype, device_map="auto")
    return loader.from_pretrained(**source, dtype=dtype).to(device)
