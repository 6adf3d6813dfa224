"""Shards: numbered files of sparse activations in token order, written by a harvest or an import.

A shard is one Arrow IPC file, `000042.arrow`, with a row for every token, masked ones included, and
lists of the token's active latents (ascending) and their activations. Sums over its tokens are in
the file's metadata. The file is written under another name and then renamed, so it is complete or
absent.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from analysis.harvest.mask import MaskCounts
from analysis.runtime.durable import whole_file
from analysis.runtime.errors import InputError

_SCHEMA = pa.schema(
    [
        pa.field("document", pa.int64(), False),
        pa.field("position", pa.int32(), False),
        pa.field("token", pa.dictionary(pa.int32(), pa.string()), False),
        pa.field("kept", pa.bool_(), False),
        pa.field("latents", pa.list_(pa.field("item", pa.uint32(), False)), False),
        pa.field("activations", pa.list_(pa.field("item", pa.float32(), False)), False),
    ]
)
_FACTS = b"clearwater"


class VarianceSums(BaseModel):
    """Sums from which explained variance is computed; those of two shards can be added.

    Centred: 1 - sum |x - xhat|^2 / sum |x - mean(x)|^2, all in float64, and
    sum |x - mean(x)|^2 = sum |x|^2 - |sum x|^2 / n.
    """

    model_config = ConfigDict(frozen=True)

    n: int
    residual: float
    """Sum over tokens of |x - xhat|^2."""
    squares: float
    """Sum over tokens of |x|^2."""
    total: str
    """Sum over tokens of x, float64 [d_in], as base64 text, which keeps every bit."""

    @staticmethod
    def of(
        n: int, residual: float, squares: float, total: npt.NDArray[np.float64]
    ) -> "VarianceSums":
        """Build from the sums; total [d_in]."""
        text = base64.b64encode(total.astype("<f8").tobytes()).decode()
        return VarianceSums(n=n, residual=residual, squares=squares, total=text)

    @property
    def total_vector(self) -> npt.NDArray[np.float64]:
        """Sum over tokens of x, [d_in]."""
        return np.frombuffer(base64.b64decode(self.total), dtype="<f8")

    def __add__(self, other: "VarianceSums") -> "VarianceSums":
        return VarianceSums.of(
            self.n + other.n,
            self.residual + other.residual,
            self.squares + other.squares,
            self.total_vector + other.total_vector,
        )

    @property
    def explained_variance(self) -> float:
        """1 - FVU, centred; negative if the SAE is worse than the mean, 0 without variance."""
        if self.n == 0:
            return 0.0
        total = self.total_vector
        variance = self.squares - float(total @ total) / self.n
        return 1.0 - self.residual / variance if variance > 0 else 0.0


class ShardFacts(BaseModel):
    """Counts and sums over the tokens of a shard."""

    model_config = ConfigDict(frozen=True)

    blocks: int = 0
    """Number of token blocks."""
    mask: MaskCounts
    active: int
    """Stored activations."""
    variance: VarianceSums | None = None
    """None for imported activations, and for transcoders."""
    reference_norm: float | None = None
    """The median norm with which sinks were compared."""


@dataclass(frozen=True)
class Shard:
    """Consecutive tokens of a corpus with their activations.

    document int64, position int32, token (dictionary of readable text) and kept bool are [n];
    active int32 [n] counts each token's latents; latents uint32 and activations float32 are [m],
    token after token, latents ascending inside a token.
    """

    document: npt.NDArray[np.int64]
    position: npt.NDArray[np.int32]
    token: Any
    kept: npt.NDArray[np.bool_]
    active: npt.NDArray[np.int32]
    latents: npt.NDArray[np.uint32]
    activations: npt.NDArray[np.float32]
    facts: ShardFacts

    def __len__(self) -> int:
        return len(self.document)


def rounded(activations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Round positive finite float32 values to 11 significant bits: the last 13 bits are zero.

    Rounds to nearest, ties to even. Positive values stay positive and finite values finite: values
    outside the representable range are clipped to its ends.
    """
    bits = np.ascontiguousarray(activations, dtype=np.float32).view(np.uint32)
    half = np.uint32(0xFFF) + ((bits >> np.uint32(13)) & np.uint32(1))
    result = (bits + half) & np.uint32(0xFFFFE000)
    result = np.clip(result, 0x2000, 0x7F7FE000).astype(np.uint32)
    result[bits == 0] = 0
    return result.view(np.float32)


def write_shard(folder: Path, number: int, shard: Shard) -> None:
    """Write one shard; the file appears complete or not at all."""
    offsets = np.zeros(len(shard) + 1, dtype=np.int32)
    np.cumsum(shard.active, out=offsets[1:])
    lists = [
        pa.ListArray.from_arrays(pa.array(offsets), pa.array(values), type=_SCHEMA.field(name).type)
        for name, values in (("latents", shard.latents), ("activations", shard.activations))
    ]
    columns = [
        pa.array(shard.document, pa.int64()),
        pa.array(shard.position, pa.int32()),
        shard.token,
        pa.array(shard.kept, pa.bool_()),
        *lists,
    ]
    schema = _SCHEMA.with_metadata({_FACTS: shard.facts.model_dump_json().encode()})
    with (
        whole_file(shard_file(folder, number)) as unfinished,
        pa.OSFile(str(unfinished), "wb") as sink,
        pa.ipc.new_file(sink, schema) as writer,
    ):
        writer.write_batch(pa.record_batch(columns, schema=schema))


def shard_file(folder: Path, number: int) -> Path:
    """The file of the shard with this number."""
    return folder / f"{number:06d}.arrow"


def count_shards(folder: Path) -> int:
    """Number of finished shards, counted from 000000.arrow to the first gap."""
    number = 0
    while shard_file(folder, number).exists():
        number += 1
    return number


def read_facts(folder: Path, number: int) -> ShardFacts:
    """Counts and sums of one shard. Raises InputError if it is damaged."""
    return _facts(shard_file(folder, number))


def read_shards(folder: Path) -> Iterator[Shard]:
    """All shards in order, one at a time, memory-mapped."""
    for number in range(count_shards(folder)):
        yield read_shard(folder, number)


def read_shard(folder: Path, number: int) -> Shard:
    """One shard; its arrays are read-only views of the file. Raises InputError if it is damaged."""
    file = shard_file(folder, number)
    facts = _facts(file)
    batch = pa.ipc.open_file(pa.memory_map(str(file))).get_batch(0)
    lists = batch.column("latents")
    return Shard(
        document=batch.column("document").to_numpy(),
        position=batch.column("position").to_numpy(),
        token=batch.column("token"),
        kept=batch.column("kept").to_numpy(zero_copy_only=False),
        active=np.diff(lists.offsets.to_numpy()),
        latents=lists.values.to_numpy(),
        activations=batch.column("activations").values.to_numpy(),
        facts=facts,
    )


def _facts(file: Path) -> ShardFacts:
    try:
        schema = pa.ipc.open_file(pa.memory_map(str(file))).schema
        return ShardFacts.model_validate_json(schema.metadata[_FACTS])
    except (pa.ArrowInvalid, OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file}: this part of an unfinished build is damaged; remove its folder and build "
            "again."
        ) from error
