"""How a figure or a table was made: a function of `charts/` and its arguments, also as JSON.

A figure depends only on a bundle and on these arguments, so whoever has the bundle can make it
again (`charts.reproduction`). Masks and other arrays are stored completely.
"""

import base64
import functools
import inspect
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast

import numpy as np

from analysis.bundle import Bundle, LevelName
from analysis.runtime.errors import InputError

MOST_BYTES = 64 * 2**20
"""Of one array in a file."""
PACKAGE = "charts."
"""How the names of the functions begin."""
KNOWN = "known"
"""An argument of this name is a result that the function would compute; it is not stored."""
_DTYPES = ("|b1", "<i4", "<i8", "<f4", "<f8")
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")
_Made = TypeVar("_Made")


class Reread(NamedTuple):
    """An argument that is read from the bundle again, not stored: its fields, and who reads it."""

    fields: tuple[str, ...]
    reader: str
    """`module:function`, called with the bundle and the fields."""


REREAD = {
    "analysis.cooccurrence.pair.Pair": Reread(
        ("a", "b", "threshold", "window"), "analysis.cooccurrence.pair:read_pair"
    ),
    "analysis.clusters.jaccard_components.Components": Reread(
        (), "charts.jaccard_components:components_of"
    ),
}
"""By the name of their class. They are imported late, because scipy would delay the first page."""


@dataclass(frozen=True)
class Call:
    """A call of a function of `charts/` with a bundle."""

    function: str
    """Such as `charts.density.density_histogram`."""
    arguments: Mapping[str, Any]
    """By name, without the bundle."""

    def to_json(self) -> dict[str, Any]:
        """The arguments as JSON; raises TypeError for one that cannot be stored."""
        return {name: _encoded(value) for name, value in self.arguments.items()}

    @property
    def nbytes(self) -> int:
        """Approximate memory."""
        arrays = [value for value in self.arguments.values() if isinstance(value, np.ndarray)]
        return 500 + sum(array.nbytes for array in arrays)


def call_of(
    function: Callable[Concatenate[Bundle, _Arguments], _Result],
) -> Callable[Concatenate[Bundle, _Arguments], Call]:
    """The function that names a call: it takes the arguments of `function` and returns the call."""
    signature = inspect.signature(function)
    name = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def named(bundle: Bundle, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> Call:
        bound = signature.bind(bundle, *args, **kwargs)
        bound.apply_defaults()
        left_out = {next(iter(signature.parameters)), KNOWN}
        return Call(name, {k: v for k, v in bound.arguments.items() if k not in left_out})

    return cast("Callable[Concatenate[Bundle, _Arguments], Call]", named)


def recorded(
    function: Callable[Concatenate[Bundle, _Arguments], _Made],
) -> Callable[Concatenate[Bundle, _Arguments], _Made]:
    """Let what a function makes hold the call. `charts.core.cache.cached` does the same."""
    call = call_of(function)

    @functools.wraps(function)
    def making(bundle: Bundle, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Made:
        made: Any = function(bundle, *args, **kwargs)
        changed: _Made = replace(made, call=call(bundle, *args, **kwargs))
        return changed

    return cast("Callable[Concatenate[Bundle, _Arguments], _Made]", making)


def repeat(bundle: Bundle, function: str, arguments: Mapping[str, Any]) -> Any:
    """Call a function of `charts/` with arguments from a file.

    Raises InputError if there is no such function, or if the arguments do not fit it or the bundle.
    Only functions that make figures or tables are called, whatever the file says.
    """
    module, _, name = function.rpartition(".")
    made = _known(module, name)
    if made is None:
        raise InputError(
            f"{function[:80]}: this version of Clearwater has no such figure; use the version that "
            "exported the file."
        )
    try:
        values = {key: _decoded(bundle, value) for key, value in arguments.items()}
        inspect.signature(made).bind(bundle, **values)
        result = made(bundle, **values)
    except InputError:
        raise
    except (TypeError, ValueError, LookupError, zlib.error) as error:
        raise InputError(
            f"{function}: cannot be made from {bundle.name} with the arguments in the file "
            f"({type(error).__name__}); open the bundle that the file names."
        ) from error
    return result


def _known(module: str, name: str) -> Callable[..., Any] | None:
    """A public function of a module of `charts/` that returns a figure or a table."""
    if not module.startswith(PACKAGE) or not all(part.isidentifier() for part in module.split(".")):
        return None
    try:
        function = getattr(import_module(module), name, None)
    except ImportError:
        return None
    if name.startswith("_") or not callable(function):
        return None
    returned = getattr(function, "__annotations__", {}).get("return")
    returned = getattr(returned, "__name__", returned)
    return function if returned in {"Figure", "CaptionedTable"} else None


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.bool_ | np.integer | np.floating):
        return value.item()
    if isinstance(value, np.ndarray):
        return _encoded_array(value)
    if isinstance(value, LevelName):
        return {"level": list(value)}
    if isinstance(value, list | tuple):
        return [_encoded(item) for item in value]
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if kind in REREAD:
        fields = {name: _encoded(getattr(value, name)) for name in REREAD[kind].fields}
        return {"read": kind, **fields}
    raise TypeError(f"An argument of type {kind} cannot be stored with a figure.")


def _encoded_array(value: np.ndarray) -> dict[str, Any]:
    if value.dtype.str not in _DTYPES:
        raise TypeError(f"An array of {value.dtype} cannot be stored with a figure.")
    content = np.packbits(value).tobytes() if value.dtype == bool else value.tobytes()
    packed = base64.b64encode(zlib.compress(content, 9)).decode()
    return {"array": packed, "dtype": value.dtype.str, "shape": list(value.shape)}


def _decoded(bundle: Bundle, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decoded(bundle, item) for item in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return _decoded_array(value)
    if "level" in value:
        space, level = value["level"]
        return LevelName(space, int(level))
    known = REREAD[value["read"]]
    module, _, name = known.reader.partition(":")
    reader = getattr(import_module(module), name)
    return reader(bundle, **{field: _decoded(bundle, value[field]) for field in known.fields})


def _decoded_array(value: dict[str, Any]) -> np.ndarray:
    if value["dtype"] not in _DTYPES:
        raise ValueError("unknown type of an array")
    unpacking = zlib.decompressobj()
    content = unpacking.decompress(base64.b64decode(value["array"]), MOST_BYTES)
    if unpacking.unconsumed_tail:
        raise ValueError("an array is too large")
    shape = [int(length) for length in value["shape"]]
    if value["dtype"] == "|b1":
        bits = np.frombuffer(content, np.uint8)
        return np.unpackbits(bits, count=int(np.prod(shape))).astype(bool).reshape(shape)
    return np.frombuffer(content, value["dtype"]).reshape(shape)
