"""Load a language model with plain transformers: from a folder, a GGUF file or the hub."""

import hashlib
import json
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

from analysis.harvest.devices import device_named, free_bytes, is_spread, weight_bytes
from analysis.harvest.float32_products import multiply_in_float32
from analysis.harvest.shortened import empty_model, without_layers_above
from analysis.runtime.cache_folder import cache_folder
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
    multiply_in_float32(model)
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


def check_model(name_or_dir: str) -> None:
    """Raises InputError if a model has no configuration, weights or tokenizer; loads no weights."""
    path = _model_path(name_or_dir)
    source = _pretrained_source(path)
    if not _weights_files(path):
        raise InputError(f"{path} holds no weights: give a folder with a transformers model.")
    if "gguf_file" in source:
        return
    try:
        AutoConfig.from_pretrained(path)
        AutoTokenizer.from_pretrained(path)
    except Exception as error:  # a damaged folder raises errors of many kinds
        raise InputError(
            f"{path} cannot be opened as a language model ({_first_line(error)}): give a folder "
            "that holds a transformers model, its weights and its tokenizer."
        ) from error


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


def special_token_ids(tokenizer: Any) -> frozenset[int]:
    """Ids of tokens that are not text: BOS, padding, and every added token marked special."""
    added = {place for place, token in tokenizer.added_tokens_decoder.items() if token.special}
    return frozenset(added | set(tokenizer.all_special_ids))


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
    except Exception as error:  # a class each for offline, unknown and gated models
        raise InputError(
            f"{name} is not a folder, and no model of that name could be downloaded from the hub "
            f"({_first_line(error)}): give a folder with a transformers model or a hub id."
        ) from error


def _pretrained_source(path: Path) -> dict[str, Any]:
    if path.is_file():
        if path.suffix != ".gguf":
            raise InputError(
                f"{path} is not a GGUF file: give a .gguf file or a folder with a model."
            )
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
    """SHA-256 over the weights files; cached by their paths, sizes and modification times."""
    files = _weights_files(path)
    stats = [(str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns) for f in files]
    key = hashlib.sha256(json.dumps(stats).encode()).hexdigest()
    cached = cache_folder() / "hashes" / key
    if cached.exists():
        return cached.read_text()
    digest = content_hash(files)
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(digest)
    return digest


def _display_name(name: str) -> str:
    path = Path(name)
    return path.name or name if path.exists() else name


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200].rstrip(".:") if text else type(error).__name__
