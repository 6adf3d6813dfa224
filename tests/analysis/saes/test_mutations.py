"""Damaged files of every format: each opens equal to the original or is refused in one sentence.

What is damaged is structure: headers and directories, lengths, names, shapes, dtypes, values that
are not finite, and the configuration's syntax, types and sizes. A bit that flips inside the data of
a weight, or a header that describes the data in another way, can leave another, valid SAE, because
safetensors holds no checksum (and so can an edited k or hook point). Such a file is refused or
opens with finite weights; the self-check on real tokens is what can see it.

MUTATIONS in the environment sets how many files there are for each format: `MUTATIONS=200` for the
full run.
"""

import json
import os
import random
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from analysis.runtime.errors import InputError
from analysis.saes import FORMATS, SparseAutoencoder, load_sae
from tests.analysis.saes.cases import CASES, D, F, write

ORACLES = Path(__file__).parents[2] / "oracles"
MUTATIONS = int(os.environ.get("MUTATIONS", "65"))
SECONDS = 1.0
OWN_SOFTWARE = {"saelens": "saelens/jumprelu_none", "sparsify": "sparsify/topk/layers.3"}
OPTIONAL = {
    "openai": {"decoder.weight"},  # absent: tied
    "llamascopium": {"b_D"},  # absent: the decoder has no bias
}
"""Optional tensors: without them a file is valid but describes another SAE."""


def example(format_name: str, folder: Path) -> Path:
    """The weights file of one SAE of a format, in a folder of its own below the given one.

    Its configuration may be a folder above it, so nothing else may be there.
    """
    folder = folder / "saved"
    folder.mkdir()
    if format_name in OWN_SOFTWARE:
        copied = copytree(ORACLES / OWN_SOFTWARE[format_name], folder / "layers.3")
        (copied / "reference.safetensors").unlink()
        return next(copied.glob("*.safetensors"))
    return write(next(case for case in CASES.values() if case.format == format_name), folder)


def read_all(file: Path) -> dict[str, Any]:
    if file.suffix == ".safetensors":
        return load_file(file)
    if file.suffix == ".npz":
        with np.load(file) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays}
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


def write_all(file: Path, tensors: dict[str, Any]) -> None:
    if file.suffix == ".safetensors":
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file)
    elif file.suffix == ".npz":
        np.savez(file, **{name: tensor.numpy() for name, tensor in tensors.items()})
    else:
        torch.save(tensors, file)


def structure(file: Path) -> list[int]:
    """The places of all bytes that are not the data of a weight."""
    data = file.read_bytes()
    if file.suffix == ".safetensors":
        return list(range(8 + struct.unpack("<Q", data[:8])[0]))
    places = set(range(len(data)))
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            name_length, extra = struct.unpack_from("<HH", data, entry.header_offset + 26)
            start = entry.header_offset + 30 + name_length + extra
            if not entry.filename.endswith("data.pkl"):
                places -= set(range(start, start + entry.compress_size))
    return sorted(places)


def flip_bits(file: Path, rng: random.Random) -> None:
    data, places = bytearray(file.read_bytes()), structure(file)
    for _ in range(rng.choice((1, 1, 2, 16))):
        data[rng.choice(places)] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def replace_bytes(file: Path, rng: random.Random) -> None:
    data, places = bytearray(file.read_bytes()), structure(file)
    start = rng.choice(places)
    data[start : start + rng.randrange(1, 5)] = rng.randbytes(rng.randrange(5))
    file.write_bytes(data)


def truncate(file: Path, rng: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: rng.randrange(len(data))])


def lengthen(file: Path, rng: random.Random) -> None:
    file.write_bytes(file.read_bytes() + rng.randbytes(rng.randrange(1, 4096)))


def one_tensor(file: Path, rng: random.Random, change: Callable[[Any], Any]) -> None:
    tensors = read_all(file)
    name = rng.choice([name for name, value in tensors.items() if isinstance(value, torch.Tensor)])
    tensors[name] = change(tensors[name])
    write_all(file, tensors)


def rename_tensor(file: Path, rng: random.Random) -> None:
    tensors = read_all(file)
    name = rng.choice(sorted(tensors.keys() - OPTIONAL.get(known_format(file), set())))
    place = rng.randrange(len(name))
    new = rng.choice((name.swapcase(), name + "x", name[:place] + "q" + name[place + 1 :]))
    tensors[new] = tensors.pop(name)
    write_all(file, tensors)


def drop_tensor(file: Path, rng: random.Random) -> None:
    tensors = read_all(file)
    tensors.pop(rng.choice(sorted(tensors.keys() - OPTIONAL.get(known_format(file), set()))))
    write_all(file, tensors)


def known_format(file: Path) -> str:
    return (file.parent / "format.txt").read_text()


def add_tensor(file: Path, rng: random.Random) -> None:
    name = rng.choice(("gate", "W_enc2", "encoder.2.weight", "scale", "b_mag"))
    write_all(file, read_all(file) | {name: torch.ones(rng.choice((D, F)))})


def change_dtype(file: Path, rng: random.Random) -> None:
    kind = rng.choice((torch.float64, torch.int32, torch.int64, torch.uint8, torch.bool))
    one_tensor(file, rng, lambda tensor: tensor.to(kind))


def change_shape(file: Path, rng: random.Random) -> None:
    changes: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
        lambda tensor: tensor.reshape(-1)[:-1],
        lambda tensor: tensor[None],
        lambda tensor: torch.cat([tensor, tensor]) if tensor.ndim else tensor.reshape(1, 1),
        lambda tensor: tensor.reshape(-1, 1),
        lambda tensor: tensor.reshape(-1)[:0],
    )
    one_tensor(file, rng, rng.choice(changes))


def turn_all(file: Path, rng: random.Random) -> None:
    turned = {
        name: value.T if isinstance(value, torch.Tensor) and value.ndim == 2 else value
        for name, value in read_all(file).items()
    }
    write_all(file, turned)


def not_finite(file: Path, rng: random.Random) -> None:
    bad = rng.choice((float("nan"), float("inf"), -float("inf")))

    def spoil(tensor: torch.Tensor) -> torch.Tensor:
        spoilt = tensor.clone().reshape(-1).to(torch.float32)
        spoilt[rng.randrange(len(spoilt))] = bad
        return spoilt.reshape(tensor.shape)

    one_tensor(file, rng, spoil)


def config_of(file: Path) -> Path | None:
    places = (file.parent, file.parent.parent)
    return next((found for place in places for found in sorted(place.glob("*.json"))), None)


def break_config(file: Path, rng: random.Random) -> None:
    config = config_of(file)
    if config is None:
        return truncate(file, rng)
    text = config.read_bytes()
    place = rng.randrange(len(text) - 1)
    config.write_bytes(
        rng.choice(
            (
                text[:place],
                text[:place] + b"\xff" + text[place:],
                b"[" * rng.randrange(1, 100_000) + text,
                text + text,
                b'{"d_in": 1, "d_in": 1, ' + text[1:],
                b"[1]",
            )
        )
    )
    return None


def change_config(file: Path, rng: random.Random) -> None:
    """A width that is off by one, or a value of another type."""
    config = config_of(file)
    if config is None:
        return change_shape(file, rng)
    whole = json.loads(config.read_text())
    section = rng.choice([whole, *(value for value in whole.values() if isinstance(value, dict))])
    if not section:
        section = whole
    key = rng.choice(sorted(section))
    value = section[key]
    if type(value) is int and value in (D, F, 32, 64):
        section[key] = value + rng.choice((-1, 1, 1 << 40))
    elif not isinstance(value, dict):
        section[key] = rng.choice(([], {"a": [1]}, [value, value]))
    config.write_text(json.dumps(whole))
    return None


MUTATE: tuple[Callable[[Path, random.Random], None], ...] = (
    flip_bits,
    replace_bytes,
    truncate,
    lengthen,
    rename_tensor,
    drop_tensor,
    add_tensor,
    change_dtype,
    change_shape,
    turn_all,
    not_finite,
    break_config,
    change_config,
)


def flip_data(file: Path, rng: random.Random) -> None:
    """Flip bits of weights; the exponent of a float32 is in every fourth byte."""
    data = bytearray(file.read_bytes())
    places = sorted(set(range(len(data))) - set(structure(file)))
    for _ in range(rng.choice((1, 4, 64))):
        data[rng.choice(places)] ^= 1 << rng.randrange(8)
    file.write_bytes(data)


def enlarge_values(file: Path, rng: random.Random) -> None:
    """The largest, the smallest or no number, in one place or everywhere in a tensor."""
    value = rng.choice((3e38, -3e38, 1e20, 1e-45, 0.0))
    everywhere = rng.random() < 0.3

    def change(tensor: torch.Tensor) -> torch.Tensor:
        flat = tensor.clone().reshape(-1).to(torch.float32)
        flat[slice(None) if everywhere else rng.randrange(len(flat))] = value
        return flat.reshape(tensor.shape)

    one_tensor(file, rng, change)


def lie_in_header(file: Path, rng: random.Random) -> None:
    """Let the header give other shapes, types, names or places of the same bytes."""
    if file.suffix != ".safetensors":
        return flip_bits(file, rng)
    data = file.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    first, second = (rng.choice([n for n in header if n != "__metadata__"]) for _ in range(2))
    entry = header[first]
    match rng.randrange(5):
        case 0:
            entry["shape"] = entry["shape"][::-1]
        case 1:
            entry["dtype"] = rng.choice(("F16", "BF16", "F64", "I32", "F8_E4M3", "", None))
        case 2:
            entry["shape"] = [*entry["shape"][:-1], rng.choice((0, -1, 1 << 62, 1.5, "x", None))]
        case 3:
            entry["data_offsets"] = header[second]["data_offsets"]
        case _:
            header[first], header[second] = header[second], header[first]
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    return None


CHANGE_VALUES: tuple[Callable[[Path, random.Random], None], ...] = (
    flip_data,
    enlarge_values,
    lie_in_header,
)


def restored(
    folder: Path, original: dict[Path, bytes], mutations: int = MUTATIONS
) -> Iterator[int]:
    """Counts the mutations, each on the original files."""
    for trial in range(mutations):
        for path, data in original.items():
            path.write_bytes(data)
        yield trial


@pytest.mark.parametrize("format_name", [entry.name for entry in FORMATS])
def test_a_damaged_file_opens_equal_or_is_refused(format_name: str, tmp_path: Path) -> None:
    file = example(format_name, tmp_path)
    (file.parent / "format.txt").write_text(format_name)
    original = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    whole = load_sae(file, allow_pickle=True)
    rng, refused = random.Random(format_name), 0
    for trial in restored(tmp_path, original):
        mutate = MUTATE[trial % len(MUTATE)]
        mutate(file, rng)
        began = time.process_time()
        try:
            opened = load_sae(file, allow_pickle=True)
        except InputError as error:
            refused += 1
            assert "\n" not in str(error) and str(error).endswith("."), mutate.__name__
        else:
            assert opened.content_hash == whole.content_hash, (mutate.__name__, trial)
        assert time.process_time() - began < SECONDS, mutate.__name__
    assert refused > 0.6 * MUTATIONS


def open_or_refuse(file: Path) -> SparseAutoencoder | None:
    """The SAE, all of whose weights are finite; None if it is refused in one sentence."""
    try:
        sae = load_sae(file, allow_pickle=True)
    except InputError as error:
        message = str(error)
        assert "\n" not in message and message.endswith("."), message
        assert str(file.parent.parent) in message, message
        return None
    assert all(tensor.isfinite().all() for _, tensor in sae.tensors())
    assert sae.decoder_norms().isfinite().all()
    return sae


@pytest.mark.parametrize("format_name", [entry.name for entry in FORMATS])
def test_changed_values_stay_finite_or_are_refused(format_name: str, tmp_path: Path) -> None:
    file = example(format_name, tmp_path)
    original = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    rng, refused, mutations = random.Random(format_name), 0, MUTATIONS // 3
    for trial in restored(tmp_path, original, mutations):
        CHANGE_VALUES[trial % len(CHANGE_VALUES)](file, rng)
        refused += open_or_refuse(file) is None
    assert 0 < refused < mutations
