"""A file of named tensors: safetensors, NumPy's npz or PyTorch's zip, recognised by content.

Opening a file reads only its directory; tensors are read one by one when a format requests them.
safetensors and PyTorch files are memory-mapped.
"""

import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from analysis.runtime.errors import InputError
from analysis.saes import checks
from analysis.saes.checks import TensorInfo

MAX_NPY_HEADER = 4096
NUMPY_DTYPES = {"<f8": "F64", "<f4": "F32", "<f2": "F16", "<i8": "I64", "<i4": "I32", "|b1": "BOOL"}
TORCH_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


@dataclass(frozen=True)
class TensorFile:
    """The tensors of one file: names, shapes, dtypes, and a function that reads one."""

    path: Path
    tensors: Mapping[str, TensorInfo]
    load: Callable[[str], Tensor]
    """Reads one tensor by name, as stored."""
    others: Mapping[str, Any] = field(default_factory=dict)
    """Other contents of a PyTorch file: strings, numbers, small dictionaries."""

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def names(self) -> str:
        """Names and shapes in one line, for messages."""
        shown = [f"{name} {list(info.shape)}" for name, info in sorted(self.tensors.items())[:12]]
        more = len(self.tensors) - len(shown)
        return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


WRAPPERS = ("_orig_mod.", "module.")
"""What torch.compile and DataParallel put before the names of weights."""


def open_tensors(path: Path, *, allow_pickle: bool = False) -> TensorFile:
    """Open the tensors in a file.

    `allow_pickle` also opens PyTorch's .pt files: the pickle is inspected and then read with
    `weights_only=True`. A file named .safetensors must be one. Raises InputError if the file is
    damaged, hostile or of another kind.
    """
    return _unwrapped(_open_stored(path, allow_pickle=allow_pickle))


def _unwrapped(file: TensorFile) -> TensorFile:
    """The tensors without the prefixes that wrappers of a module give all of them."""
    stored = {name: name for name in file.tensors}
    for wrapper in (*WRAPPERS, *WRAPPERS):  # in either order
        if stored and all(name.startswith(wrapper) for name in stored):
            stored = {name.removeprefix(wrapper): own for name, own in stored.items()}
    if all(name == own for name, own in stored.items()):
        return file
    tensors = {name: file.tensors[own] for name, own in stored.items()}
    return replace(file, tensors=tensors, load=lambda name: file.load(stored[name]))


def _open_stored(path: Path, *, allow_pickle: bool) -> TensorFile:
    checks.regular_file(path)
    if path.suffix in (".parquet", ".arrow", ".csv", ".jsonl"):
        raise InputError(
            f"{path}: a {path.suffix} file is not a saved SAE; give .safetensors, .npz, .pt or "
            ".pth."
        )
    with path.open("rb") as file:
        is_zip = file.read(4) == b"PK\x03\x04"
    if is_zip and path.suffix != ".safetensors":
        with checks.zip_directory(path) as archive:
            entries = [entry.filename for entry in archive.infolist()]
            if all(name.endswith(".npy") for name in entries):
                return _open_npz(path, archive)
            pickle = next((name for name in entries if name.endswith("/data.pkl")), None)
            if pickle is None:
                raise InputError(
                    f"{path}: this archive was written neither by PyTorch nor by NumPy; give "
                    ".safetensors, .npz, .pt or .pth."
                )
            return _open_torch(path, archive, pickle, allow_pickle=allow_pickle)
    if path.suffix in (".pt", ".pth", ".bin"):
        raise InputError(
            f"{path}: this is not a zip archive, the file format of PyTorch since version 1.6; "
            "load it with torch and save its state_dict as safetensors."
        )
    return _open_safetensors(path)


def _open_safetensors(path: Path) -> TensorFile:
    infos = checks.safetensors_header(path)
    try:
        handle = safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: safetensors cannot read it ({error}); save it again.") from None
    return TensorFile(path, infos, handle.get_tensor)


def _open_npz(path: Path, archive: zipfile.ZipFile) -> TensorFile:
    infos = {}
    for entry in archive.infolist()[: checks.MAX_TENSORS]:
        name = entry.filename.removesuffix(".npy")
        infos[name] = _npy_info(path, archive, entry)

    def load(name: str) -> Tensor:
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return torch.from_numpy(arrays[name])
        except Exception as error:  # damaged data raises zlib, struct and other errors
            raise InputError(
                f"{path}: array {name[:80]!r} is damaged ({type(error).__name__}); copy it again."
            ) from None

    return TensorFile(path, infos, load)


def _npy_info(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> TensorInfo:
    """Shape and dtype of one array in an npz file, from its header."""
    try:
        with archive.open(entry) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file, max_header_size=MAX_NPY_HEADER)
    except Exception as error:  # a damaged stream raises zlib, struct, tokenize and other errors
        raise InputError(
            f"{path}: array {entry.filename[:80]!r} is damaged ({type(error).__name__}); copy it "
            "again."
        ) from None
    if dtype.str not in NUMPY_DTYPES:
        raise InputError(
            f"{path}: array {entry.filename[:80]!r} has the dtype {dtype.str}, but must have one "
            f"of {', '.join(NUMPY_DTYPES)}; save it again."
        )
    if int(np.prod(shape, dtype=np.float64)) * dtype.itemsize > entry.file_size:
        raise InputError(
            f"{path}: array {entry.filename[:80]!r} declares the shape {shape} but stores fewer "
            "values; save it again."
        )
    return TensorInfo(tuple(shape), NUMPY_DTYPES[dtype.str])


def _open_torch(
    path: Path, archive: zipfile.ZipFile, pickle: str, *, allow_pickle: bool
) -> TensorFile:
    if not allow_pickle:
        raise InputError(
            f"{path}: this is a pickle, which only the command line opens; convert it to a SAELens "
            "folder with `clearwater convert`."
        )
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
        raise InputError(
            f"{path}: the archive is compressed, which PyTorch never does; save it again."
        )
    checks.check_pickle(path, checks.read_pickle(path, archive, pickle))
    try:
        loaded = torch.load(path, weights_only=True, mmap=True, map_location="cpu")
    except Exception as error:  # a damaged archive raises pickle, runtime, key and other errors
        reason = str(error).splitlines()[0][:100] if str(error) else type(error).__name__
        raise InputError(f"{path}: PyTorch cannot read it ({reason}); save it again.") from None
    state = _state_dict(path, loaded)
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    for name, tensor in tensors.items():
        checks.check_dense(path, name, tensor)
    infos = {
        name: TensorInfo(tuple(tensor.shape), TORCH_DTYPES[tensor.dtype])
        for name, tensor in tensors.items()
        if tensor.dtype in TORCH_DTYPES
    }
    others = {name: value for name, value in state.items() if name not in tensors}
    return TensorFile(path, infos, lambda name: tensors[name].detach(), others)


def _state_dict(path: Path, loaded: Any) -> dict[str, Any]:
    """The dictionary of tensors in a PyTorch file: its content, or the one dictionary inside it."""
    if isinstance(loaded, dict) and not any(isinstance(value, Tensor) for value in loaded.values()):
        inner = [
            value
            for value in loaded.values()
            if isinstance(value, dict) and any(isinstance(v, Tensor) for v in value.values())
        ]
        loaded = inner[0] if len(inner) == 1 else loaded
    if not isinstance(loaded, dict) or not all(isinstance(name, str) for name in loaded):
        raise InputError(
            f"{path}: it holds no dictionary of named tensors; save the SAE's state_dict."
        )
    return loaded
