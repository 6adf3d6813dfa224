"""Parquet files whose footer claims more bytes than they hold, as files that exhaust memory do."""

from pathlib import Path

import pyarrow.parquet as pq


def claim_uncompressed_bytes(path: Path, claimed: int) -> None:
    """Write into the footer that the only row group has `claimed` bytes without compression.

    A row group with several columns claims its total for the row group itself. One with a single
    column claims it for the column too, which then has the same total.
    """
    group = pq.read_metadata(path).row_group(0)
    content = path.read_bytes()
    start = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    footer = content[start:-8]
    # Thrift's compact protocol: a field that follows its neighbour, of the type i64.
    before, after = (b"\x16" + _varint(2 * size) for size in (group.total_byte_size, claimed))
    assert before in footer
    footer = footer.replace(before, after)
    path.write_bytes(content[:start] + footer + len(footer).to_bytes(4, "little") + b"PAR1")


def _varint(number: int) -> bytes:
    parts = []
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])
