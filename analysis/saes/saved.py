"""A saved SAE as stored: its weights file and configuration, with the checks of its shapes.

Readers request tensors by name and symbolic shape (`{"W_enc": "d_in d_sae"}`). Shapes are checked
against each other and against the configuration; a contradiction is reported in one sentence.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from analysis.runtime.errors import InputError
from analysis.saes import checks
from analysis.saes.finite import check_finite
from analysis.saes.tensors import TensorFile, open_tensors

WEIGHTS_SUFFIXES = (".safetensors", ".npz", ".pt", ".pth")
WEIGHTS_NAMES = (
    "sae_weights.safetensors",
    "sae.safetensors",
    "params.safetensors",
    "params.npz",
    "ae.safetensors",
    "ae.pt",
    "sae.pt",
    "sae_weights.pt",
    "checkpoints/final.safetensors",
)
"""File names of weights in the supported formats, in the order of the search."""
NOT_WEIGHTS = ("sparsity.safetensors", "activation_whitening.safetensors", "optimizer.pt")
CONFIG_NAMES = ("cfg.json", "config.json", "hyperparams.json")
MAX_FOLDER_ENTRIES = 10_000
FLOATS = ("F64", "F32", "F16", "BF16")

Value = TypeVar("Value", str, int, float, bool)


@dataclass(frozen=True)
class Options:
    """The caller's options, which apply to every format."""

    dtype: torch.dtype = torch.float32
    transpose: bool | None = None
    """Whether both matrices are stored transposed relative to what the format prescribes."""


@dataclass(frozen=True)
class Saved:
    """One saved SAE on disk, opened, before its format is recognised."""

    path: Path
    """The path that the user gave."""
    weights: TensorFile
    config: Mapping[str, Any] | None
    config_path: Path | None

    def has(self, *names: str) -> bool:
        """Whether the file holds all of these tensors."""
        return all(name in self.weights for name in names)

    def setting(self, key: str, kind: type[Value], default: Value | None = None) -> Value | None:
        """A value of the configuration; `default` if absent or null.

        Raises InputError if it has another type.
        """
        value = (self.config or {}).get(key)
        if value is None:
            return default
        if kind is float and type(value) is int:
            value = float(value)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InputError(
                f"{self.config_path}: {key} is {str(value)[:60]!r}, but must be of type "
                f"{kind.__name__}; correct it."
            )
        return value

    def overridden(self, settings: Mapping[str, Any]) -> "Saved":
        """The same file, with these settings in place of those of its configuration."""
        if not settings:
            return self
        config = {**(self.config or {}), **settings}
        if isinstance(config.get("metadata"), dict):
            config["metadata"] = config["metadata"] | dict(settings)
        return replace(self, config=config)

    def section(self, key: str) -> "Saved":
        """The same file with one object of its configuration as the whole configuration."""
        inner = (self.config or {}).get(key)
        return replace(self, config=inner if isinstance(inner, dict) else {})

    def count(self, key: str) -> int | None:
        """A positive integer of the configuration; None if absent.

        Raises InputError if it is not positive.
        """
        value = self.setting(key, int)
        if value is not None and value <= 0:
            raise InputError(
                f"{self.config_path}: {key} is {value}, but must be positive; correct it."
            )
        return value


@dataclass(frozen=True)
class Request:
    """The tensors of a format, with their shapes in named sizes such as `d_in d_sae`.

    `()` is a scalar. `ignored` names tensors that may be present but are not needed, such as
    training counters. A file with any other tensor is refused: it may change how the SAE encodes.
    """

    required: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    ignored: Collection[str] = ()
    sizes: Mapping[str, int | None] = field(default_factory=dict)
    """Sizes that the configuration states."""
    counters: Collection[str] = ("k", "group_sizes")
    """Tensors that may hold integers. Integer weights are refused as damaged or quantised."""


def open_saved(path: Path, *, allow_pickle: bool = False) -> Saved:
    """The weights and configuration at a path: a folder, a weights file or a cfg.json."""
    if path.suffix == ".json" and path.is_file():
        path = path.parent
    file = path if path.is_file() else _weights_in(path)
    config_path = _config_next_to(file)
    config = None if config_path is None else checks.read_json(config_path)
    return Saved(path, open_tensors(file, allow_pickle=allow_pickle), config, config_path)


def _weights_in(folder: Path) -> Path:
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such file or folder; check the path.")
    for name in WEIGHTS_NAMES:
        if (folder / name).is_file():
            return folder / name
    entries = [entry for entry, _ in zip(folder.iterdir(), range(MAX_FOLDER_ENTRIES), strict=False)]
    files = sorted(
        entry
        for entry in entries
        if entry.suffix in WEIGHTS_SUFFIXES and entry.name not in NOT_WEIGHTS and entry.is_file()
    )
    if len(files) == 1:
        return files[0]
    if files:
        names = ", ".join(entry.name for entry in files[:5])
        raise InputError(
            f"{folder}: it holds {len(files)} weights files ({names}{' …' * (len(files) > 5)}); "
            "give the path of one of them."
        )
    inner = sorted(entry.name for entry in entries if entry.is_dir())[:5]
    hint = f"give one of its folders ({', '.join(inner)})" if inner else "give a saved SAE's folder"
    raise InputError(f"{folder}: it holds no weights file ({', '.join(WEIGHTS_SUFFIXES)}); {hint}.")


def _config_next_to(file: Path) -> Path | None:
    """The configuration of a weights file: `<stem>_cfg.json`, or a known name in its folder."""
    own = file.with_name(f"{file.stem}_cfg.json")
    if own.is_file():
        return own
    places = (
        [file.parent, file.parent.parent] if file.parent.name == "checkpoints" else [file.parent]
    )
    candidates = [place / name for place in places for name in CONFIG_NAMES]
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def read_tensors(saved: Saved, request: Request, dtype: torch.dtype) -> dict[str, Tensor]:
    """Read the requested tensors in one dtype; check that shapes agree and vectors are finite.

    Sizes are taken first from the configuration, then from the required tensors in their order.
    Matrices are only mapped: `finite.check_assembled` reads them once, in the finished SAE. Raises
    InputError, naming the tensor, if one is missing, unknown, of a wrong shape or empty, or a
    vector or number is not finite.
    """
    path, stored = saved.weights.path, saved.weights.tensors
    missing = [name for name in request.required if name not in stored]
    if missing:
        raise InputError(
            f"{path}: the tensor {missing[0]} is missing (it holds {saved.weights.names()}); save "
            "the SAE again, or name another format with --format."
        )
    shapes = {**request.required, **request.optional}
    unknown = sorted(stored.keys() - shapes.keys() - set(request.ignored))
    if unknown:
        raise InputError(
            f"{path}: the tensor {unknown[0][:80]!r} is unknown in this format and could change "
            "how the SAE encodes, so the file is refused; remove the tensor if it is not needed."
        )
    for name in shapes.keys() & stored.keys() - set(request.counters):
        if stored[name].dtype not in FLOATS:
            raise InputError(
                f"{path}: tensor {name[:80]!r} has the dtype {stored[name].dtype}, but weights "
                f"must be one of {', '.join(FLOATS)}; save it again."
            )
    _check_shapes(saved, {name: shapes[name] for name in shapes if name in stored}, request.sizes)
    return {name: _read(saved.weights, name, dtype) for name in shapes if name in stored}


def _check_shapes(saved: Saved, shapes: Mapping[str, str], sizes: Mapping[str, int | None]) -> None:
    path = saved.weights.path
    bound = {size: (value, f"by {saved.config_path}") for size, value in sizes.items() if value}
    for name, pattern in shapes.items():
        shape, symbols = saved.weights.tensors[name].shape, pattern.strip("()").split()
        if len(shape) != len(symbols) or 0 in shape:
            raise InputError(
                f"{path}: {name} has the shape {list(shape)}, but must be [{', '.join(symbols)}]; "
                "save the SAE again, or name another format with --format."
            )
        for symbol, length in zip(symbols, shape, strict=True):
            expected, source = bound.setdefault(symbol, (length, f"by {name}"))
            if length != expected:
                raise InputError(
                    f"{path}: {name} has the shape {list(shape)}, so {symbol} is {length}, but it "
                    f"is {expected} {source}; configuration and weights must belong to one SAE."
                )


def _read(weights: TensorFile, name: str, dtype: torch.dtype) -> Tensor:
    tensor = weights.load(name)
    if tensor.ndim < 2:
        check_finite(weights.path, name, tensor, dtype)
    return tensor.to(dtype)
