"""Checks that a file must pass before it is read, and their limits.

Each check reads headers and directories only, so a hostile file is refused in well under a second
and in a few megabytes: a safetensors header is parsed here before the library maps the file, a zip
archive's directory before anything is unpacked, a pickle's opcodes before it is run.
"""

import codecs
import json
import pickletools
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from analysis.runtime.errors import InputError

MAX_HEADER_BYTES = 256 << 10
MAX_JSON_BYTES = 1 << 20
MAX_JSON_DEPTH = 32
MAX_TENSORS = 512
MAX_PICKLE_BYTES = 512 << 10
MAX_ZIP_ENTRIES = 4096
MAX_ZIP_RATIO = 8
"""Trained weights are close to noise, so zip saves at most a third; it saves 99.9 % of a bomb."""

DTYPE_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "U8": 1, "BOOL": 1}
"""Safetensors dtypes that a saved SAE may hold; integers occur only as counters."""

# A string with its escapes. An unclosed string runs to the end of the text, so that removing all
# strings takes linear time for any text.
JSON_STRING = re.compile(rb'"(?:[^"\\]|\\.?)*+(?:"|\Z)', re.DOTALL)
NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))

PICKLE_GLOBALS = frozenset(
    {
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch.serialization _get_layout",
        "torch Size",
        "torch device",
        "_codecs encode",
        *(f"torch {kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long")),
        *(f"torch {kind}Storage" for kind in ("Int", "Short", "Char", "Byte", "Bool")),
        *(f"torch {dtype}" for dtype in ("float32", "float64", "float16", "bfloat16")),
        *(f"torch {dtype}" for dtype in ("int64", "int32", "uint8", "bool")),
    }
)
"""Globals that a pickled dictionary of tensors needs; a pickle that needs any other is refused."""


@dataclass(frozen=True)
class TensorInfo:
    """Shape and dtype (in safetensors spelling, such as `F32`) of a stored tensor."""

    shape: tuple[int, ...]
    dtype: str


def regular_file(path: Path) -> int:
    """Size in bytes of an existing regular file; InputError for anything else."""
    if not path.is_file():
        raise InputError(f"{path}: there is no such file; give the path of a saved SAE.")
    return path.stat().st_size


def parse_json(text: bytes, name: str) -> dict[str, Any]:
    """A JSON object from untrusted bytes.

    Raises InputError, naming `name`, if they are not valid JSON.
    """
    depth = 0
    for bracket in JSON_STRING.sub(b"", text).translate(None, NO_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_JSON_DEPTH:
            raise InputError(
                f"{name}: its JSON is nested more than {MAX_JSON_DEPTH} levels deep, which no "
                "saved SAE needs; save it again."
            )
    try:
        parsed = json.loads(text.decode("utf-8"), object_pairs_hook=_unique_keys)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{name}: this is not JSON ({reason}); save it again.") from None
    if not isinstance(parsed, dict):
        raise InputError(
            f"{name}: it holds a {type(parsed).__name__} instead of a JSON object; save it again."
        )
    return parsed


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(
            f"the key {twice[:80]!r} occurs twice with possibly different values; remove one."
        )
    return unique


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a small file."""
    if regular_file(path) > MAX_JSON_BYTES:
        raise InputError(
            f"{path}: this file has {path.stat().st_size:,} bytes, but the configuration of an SAE "
            f"has at most {MAX_JSON_BYTES:,}; give the folder of a saved SAE."
        )
    return parse_json(path.read_bytes().removeprefix(codecs.BOM_UTF8), str(path))


def safetensors_header(path: Path) -> dict[str, TensorInfo]:
    """Names, shapes and dtypes of a safetensors file, after checking its header against the file.

    Checked: header size, JSON, duplicate keys, number of tensors, dtypes, shapes against byte
    ranges, ranges against each other (no gap, no overlap) and against the file's size.
    """
    size = regular_file(path)
    with path.open("rb") as file:
        start = file.read(8)
        _refuse_other_kinds(path, start)
        header_bytes = int.from_bytes(start, "little")
        if header_bytes > MAX_HEADER_BYTES:
            raise InputError(
                f"{path}: its header declares {header_bytes:,} bytes, but that of a saved SAE has "
                f"a few hundred and at most {MAX_HEADER_BYTES:,}; give a saved SAE."
            )
        if header_bytes > size - 8:
            raise InputError(f"{path}: the file is truncated within its header; copy it again.")
        header = parse_json(file.read(header_bytes), f"{path} (header)")
    header.pop("__metadata__", None)
    if not 0 < len(header) <= MAX_TENSORS:
        raise InputError(
            f"{path}: it holds {len(header):,} tensors, but a saved SAE has between 1 and "
            f"{MAX_TENSORS}; give a saved SAE."
        )
    ranges = {name: _entry(path, name, entry) for name, entry in header.items()}
    _check_ranges(
        path, {name: where for name, (_, where) in ranges.items()}, size - 8 - header_bytes
    )
    return {name: info for name, (info, _) in ranges.items()}


def _refuse_other_kinds(path: Path, start: bytes) -> None:
    if len(start) < 8:
        raise InputError(f"{path}: the file is truncated to {len(start)} bytes; copy it again.")
    if start[:4] == b"PK\x03\x04":
        raise InputError(
            f"{path}: this is a zip archive (as PyTorch and NumPy write) and not a safetensors "
            "file; rename it to .pt or .npz if you trust it."
        )
    # The first eight bytes of a safetensors file are the header's size, a small number.
    if start[0] == 0x80 and 2 <= start[1] <= 5 and int.from_bytes(start, "little") >= 1 << 24:
        raise InputError(
            f"{path}: this is a pickle, which could run any program, and not a safetensors file; "
            "it is not opened."
        )
    if start == b"version ":
        raise InputError(
            f"{path}: this is a Git LFS pointer and not the weights; run `git lfs pull` first."
        )


def _entry(path: Path, name: str, entry: Any) -> tuple[TensorInfo, tuple[int, int]]:
    """One tensor's shape, dtype and byte range."""
    wrong = InputError(
        f"{path}: the header entry of tensor {name[:80]!r} is malformed; save it again."
    )
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise wrong
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    numbers = (*shape, *offsets) if isinstance(shape, list) and isinstance(offsets, list) else (-1,)
    if len(offsets) != 2 or any(type(n) is not int or n < 0 for n in numbers) or len(shape) > 4:
        raise wrong
    if not isinstance(dtype, str) or dtype not in DTYPE_BYTES:
        raise InputError(
            f"{path}: tensor {name[:80]!r} has the dtype {str(dtype)[:20]}, but must have one of "
            f"{', '.join(DTYPE_BYTES)}; save it again."
        )
    if prod(shape) * DTYPE_BYTES[dtype] != offsets[1] - offsets[0]:
        raise InputError(
            f"{path}: tensor {name[:80]!r} of shape {shape} and dtype {dtype} does not fill its "
            f"{offsets[1] - offsets[0]:,} bytes; save it again."
        )
    return TensorInfo(tuple(shape), dtype), (offsets[0], offsets[1])


def _check_ranges(path: Path, ranges: Mapping[str, tuple[int, int]], available: int) -> None:
    """Check that byte ranges follow each other to the end of the file without gap or overlap."""
    end = 0
    for name, (begin, stop) in sorted(ranges.items(), key=lambda item: item[1]):
        if begin != end:
            raise InputError(
                f"{path}: tensor {name[:80]!r} starts at byte {begin:,}, but the one before it "
                f"ends at {end:,}; save it again."
            )
        end = stop
    if end != available:
        state = "truncated" if available < end else "longer than its header states"
        raise InputError(
            f"{path}: the file is {state} ({available:,} bytes of data, but the header lists "
            f"{end:,}); copy it again."
        )


def zip_directory(path: Path) -> zipfile.ZipFile:
    """A zip archive, opened after checking its directory.

    Raises InputError if the archive is damaged or encrypted, has too many entries, or would expand
    by more than a factor of MAX_ZIP_RATIO (a zip bomb).
    """
    size = regular_file(path)
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # a damaged directory raises zip, struct, unicode and other errors
        raise InputError(
            f"{path}: the archive is damaged ({type(error).__name__}); copy it again."
        ) from None
    entries = archive.infolist()
    if not 0 < len(entries) <= MAX_ZIP_ENTRIES:
        raise InputError(
            f"{path}: the archive has {len(entries):,} entries, but a saved SAE has between 1 and "
            f"{MAX_ZIP_ENTRIES:,}; give a saved SAE."
        )
    if len({entry.filename for entry in entries}) != len(entries):
        raise InputError(f"{path}: two entries of the archive have the same name; save it again.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise InputError(f"{path}: the archive is encrypted; unpack it first.")
    unpacked = sum(entry.file_size for entry in entries)
    if unpacked > MAX_ZIP_RATIO * size:
        raise InputError(
            f"{path}: the archive's {size:,} bytes would unpack to {unpacked:,}, which weights "
            "never do; it is not opened."
        )
    return archive


def read_pickle(path: Path, archive: zipfile.ZipFile, name: str) -> bytes:
    """The bytes of a pickle in an archive, not executed.

    Raises InputError if it is damaged or too long.
    """
    size = archive.getinfo(name).file_size
    if size > MAX_PICKLE_BYTES:
        raise InputError(
            f"{path}: its pickle has {size:,} bytes, but a dictionary of tensors needs only a few "
            "thousand, so it is not opened; save only the weights, as safetensors."
        )
    try:
        return archive.read(name)
    except Exception as error:  # a damaged archive raises zip, unicode, zlib and other errors
        raise InputError(
            f"{path}: the archive is damaged ({type(error).__name__}); copy it again."
        ) from None


def check_pickle(path: Path, pickle: bytes) -> None:
    """Refuse a pickle that would do more than build a dictionary of tensors. No code is run."""
    try:
        for opcode, argument, _ in pickletools.genops(pickle):
            if opcode.name in ("STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4", "OBJ"):
                raise InputError(
                    f"{path}: its pickle builds objects ({opcode.name}), not plain tensors; "
                    "save its state_dict as safetensors."
                )
            if opcode.name == "GLOBAL" and argument not in PICKLE_GLOBALS:
                raise InputError(
                    f"{path}: its pickle imports {str(argument).replace(' ', '.')[:80]}, which "
                    "plain tensors do not need, so it is not opened; save its state_dict as "
                    "safetensors."
                )
    except InputError:
        raise
    except Exception as error:  # damaged bytes raise errors of many kinds
        raise InputError(
            f"{path}: its pickle is damaged ({type(error).__name__}); copy it again."
        ) from None


def check_dense(path: Path, name: str, tensor: Tensor) -> None:
    """Refuse a tensor that is not dense, or declares more values than it stores (strides of 0)."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise InputError(f"{path}: tensor {name[:80]!r} is not dense; save it as a dense tensor.")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise InputError(
            f"{path}: tensor {name[:80]!r} declares {tensor.numel():,} values but stores fewer; "
            "save it again."
        )
