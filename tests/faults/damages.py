"""Ways to damage a bundle: bytes of its files, rows of its tables, fields of its manifest."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.bundle import MANIFEST, TABLES
from analysis.bundle.ranges import Range
from tests.bundles.sealing import reseal

LARGE_TABLES = ("contexts", "partners", "latents", "tokens")
"""Tables with many rows, which are damaged more often."""
Damage = Callable[[Path, random.Random], str]
"""Damages a bundle in place; returns what was done, as a phrase."""
HUGE = 1_000_000
"""Characters of a huge token."""


def any_table(folder: Path, draw: random.Random) -> str:
    """A table of the bundle, more often one with many rows."""
    return draw.choice([*_tables(folder), *LARGE_TABLES])


def _tables(folder: Path) -> list[str]:
    """The tables that the bundle has: one of an older schema lacks some."""
    return [table for table in TABLES if _file(folder, table).exists()]


def _any_filled_table(folder: Path, draw: random.Random) -> str:
    """A table of the bundle with rows, more often one with many."""
    filled = [table for table in _tables(folder) if _rows(folder, table)]
    return draw.choice([*filled, *LARGE_TABLES])


def _rows(folder: Path, table: str) -> int:
    return int(pq.read_metadata(_file(folder, table)).num_rows)


def _file(folder: Path, table: str) -> Path:
    return folder / f"{table}.parquet"


def _footer_start(content: bytes | bytearray) -> int:
    return len(content) - 8 - int.from_bytes(content[-8:-4], "little")


def flip_page(folder: Path, draw: random.Random) -> str:
    """Change one bit before the footer of a table."""
    table = any_table(folder, draw)
    content = bytearray(_file(folder, table).read_bytes())
    content[draw.randrange(4, max(_footer_start(content), 5))] ^= 1 << draw.randrange(8)
    _file(folder, table).write_bytes(content)
    return f"a bit of {table} was flipped"


def flip_footer(folder: Path, draw: random.Random) -> str:
    """Change one bit of a footer."""
    table = any_table(folder, draw)
    content = bytearray(_file(folder, table).read_bytes())
    content[draw.randrange(_footer_start(content), len(content))] ^= 1 << draw.randrange(8)
    _file(folder, table).write_bytes(content)
    return f"a bit of the footer of {table} was flipped"


def zero(folder: Path, draw: random.Random) -> str:
    """Write zeros over a part of a table."""
    table = any_table(folder, draw)
    content = bytearray(_file(folder, table).read_bytes())
    start = draw.randrange(len(content))
    count = len(content[start : start + draw.choice((8, 64, 4096))])
    content[start : start + count] = bytes(count)
    _file(folder, table).write_bytes(content)
    return f"{count} bytes of {table} are zero"


def truncate(folder: Path, draw: random.Random) -> str:
    """Cut a table short."""
    table = any_table(folder, draw)
    content = _file(folder, table).read_bytes()
    _file(folder, table).write_bytes(content[: draw.choice((0, 4, len(content) // 2, -1))])
    return f"{table} was cut short"


def remove(folder: Path, draw: random.Random) -> str:
    """Remove a table or the manifest."""
    name = draw.choice([MANIFEST, *(f"{table}.parquet" for table in _tables(folder))])
    (folder / name).unlink()
    return f"{name} was removed"


def replace_by_odd_file(folder: Path, draw: random.Random) -> str:
    """Put a folder, a dangling link or a link to itself in the place of a file."""
    name = draw.choice([MANIFEST, *(f"{table}.parquet" for table in _tables(folder))])
    (folder / name).unlink()
    odd = draw.choice(("a folder", "a link to nothing", "a link to itself"))
    if odd == "a folder":
        (folder / name).mkdir()
    else:
        (folder / name).symlink_to(name if odd.endswith("itself") else "nothing")
    return f"{name} is {odd}"


def swap(folder: Path, draw: random.Random) -> str:
    """Exchange the files of two tables."""
    a, b = draw.sample(_tables(folder), 2)
    _file(folder, a).rename(folder / "swapped")
    _file(folder, b).rename(_file(folder, a))
    (folder / "swapped").rename(_file(folder, b))
    return f"{a} and {b} were exchanged"


def change_manifest(folder: Path, draw: random.Random) -> str:
    """Change bytes of the manifest."""
    content = bytearray((folder / MANIFEST).read_bytes())
    place = draw.randrange(len(content))
    how = draw.choice(("flipped", "zeroed", "cut"))
    if how == "flipped":
        content[place] ^= 1 << draw.randrange(8)
    elif how == "zeroed":
        content[place : place + 16] = bytes(len(content[place : place + 16]))
    else:
        del content[place:]
    (folder / MANIFEST).write_bytes(content)
    return f"the manifest was {how} at byte {place}"


HOSTILE: tuple[tuple[str, Any], ...] = (
    ("sae.d_sae", 10**12),
    ("sae.d_sae", 1),
    ("sae.name", "<script>alert(1)</script>" * 1_000),
    ("sae.hook_point", "../../../etc/passwd\n# title\n"),
    ("tokens", 10**30),
    ("tokens", 0),
    ("documents", -1),
    ("documents", 10**9),
    ("mask.special_tokens", 10**9),
    ("mask.policy", "$$x$$ :red[a] " * 5_000),
    ("self_check.l0", float("nan")),
    ("self_check.explained_variance", float("-inf")),
    ("parameters.active_threshold", float("nan")),
    ("parameters.active_threshold", 1e300),
    ("parameters.minimum_joint", -5),
    ("parameters.partners_kept", 10**9),
    ("parameters.neighbours", -1),
    ("parameters.context_tokens", 0),
    ("clustering", []),
    ("relations", []),
    ("labels", None),
    ("versions", {"<b>": "\u202e" * 1_000}),
    ("timings", {"harvest": "long"}),
    ("map.trustworthiness", float("nan")),
    ("sae.decoder_norms", {"min": float("inf")}),
    ("bundle_id", "../../secret"),
    ("schema_version", True),
    ("schema_version", 2.0),
    ("tables", {"latents": {"sha256": "", "footer": ""}}),
    ("checksum", [1]),
    ("active_rule", "[" * 200_000),
)


def hostile_manifest(folder: Path, draw: random.Random) -> str:
    """Give one field of the manifest a value that no build writes, and sign the manifest again."""
    name, value = draw.choice(HOSTILE)
    content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    *path, last = name.split(".")
    place = content
    for part in path:
        place = place[part]
    place[last] = value
    if content.get("checksum"):
        content |= {} if name in ("tables", "checksum") else {"tables": {}, "checksum": ""}
    (folder / MANIFEST).write_text(json.dumps(content), encoding="utf-8")
    return f"the manifest has {name} {str(value)[:30]!r}"


def _rewritten(folder: Path, table: str, rows: pa.Table) -> None:
    pq.write_table(rows, _file(folder, table), row_group_size=65_536)
    if json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("checksum"):
        reseal(folder, count_rows=False)


def _stored_columns(folder: Path, table: str) -> list[pa.Field]:
    """The declared columns that the file has: a bundle of an older schema lacks some."""
    stored = pq.read_schema(_file(folder, table)).names
    return [column for column in TABLES[table] if column.name in stored]


def _changed_column(
    folder: Path,
    draw: random.Random,
    wanted: Callable[[pa.Field], bool],
    value: Any,
    unit: str = "",
) -> str:
    """Set some values of a column to `value`; null if it is None."""
    columns = [
        (table, column)
        for table in _tables(folder)
        for column in _stored_columns(folder, table)
        if wanted(column)
        and unit in ("", column.metadata[b"unit"].decode())
        and _rows(folder, table)
    ]
    table, column = draw.choice(columns)
    rows = pq.read_table(_file(folder, table))
    values = rows[column.name].to_pylist()
    for place in draw.sample(range(len(values)), max(1, len(values) // 3)):
        values[place] = value(values[place]) if callable(value) else value
    index = rows.schema.get_field_index(column.name)
    changed = pa.array(values, column.type)
    _rewritten(folder, table, rows.set_column(index, pa.field(column.name, column.type), changed))
    return f"{table}.{column.name}"


def out_of_range(folder: Path, draw: random.Random) -> str:
    """Put large or negative whole numbers in a column that has a limit on that side."""
    value = draw.choice((-3, 120, 2**30))

    def wanted(column: pa.Field) -> bool:
        if value < 0:
            return bool(pa.types.is_signed_integer(column.type))
        limited = column.metadata[b"range"].decode() != Range.AT_LEAST_ZERO
        is_byte = limited and pa.types.is_int8(column.type)
        is_wide = limited and pa.types.is_integer(column.type) and column.type.bit_width >= 32
        return bool(is_byte if value == 120 else is_wide)

    return _changed_column(folder, draw, wanted, value) + f" has values {value}"


def nulls(folder: Path, draw: random.Random) -> str:
    """Put nulls in a column that may have none."""
    return _changed_column(folder, draw, lambda column: not column.nullable, None) + " has nulls"


def not_finite(folder: Path, draw: random.Random) -> str:
    """Put NaN or infinity in a column."""
    value = float(draw.choice(("nan", "inf", "-inf")))
    changed = _changed_column(folder, draw, lambda one: pa.types.is_floating(one.type), value)
    return f"{changed} has values {value}"


def unknown_words(folder: Path, draw: random.Random) -> str:
    """Put an unknown word in a column of words."""
    changed = _changed_column(
        folder, draw, lambda one: pa.types.is_dictionary(one.type), "odd", "word"
    )
    return f"{changed} has odd words"


def huge_tokens(folder: Path, draw: random.Random) -> str:
    """Put a token of a million characters in every row of a column."""

    def has_texts(kind: pa.DataType) -> bool:
        listed = kind.value_type if pa.types.is_list(kind) else kind
        return bool(pa.types.is_string(listed) or pa.types.is_dictionary(listed))

    columns = [
        (table, column)
        for table in _tables(folder)
        for column in _stored_columns(folder, table)
        if has_texts(column.type) and _rows(folder, table)
    ]
    table, column = draw.choice([(t, c) for t, c in columns if c.metadata[b"unit"] == b"text"])
    rows = pq.read_table(_file(folder, table))
    if pa.types.is_list(column.type):
        lists = rows[column.name].combine_chunks()
        indices = pa.array([0] * len(lists.values), pa.int32())
        huge = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * HUGE]))
        values = pa.ListArray.from_arrays(lists.offsets, huge)
    else:
        indices = pa.array([0] * rows.num_rows, pa.int32())
        values = pa.DictionaryArray.from_arrays(indices, pa.array(["x" * HUGE]))
    stated = rows.schema.field(column.name)
    index = rows.schema.get_field_index(column.name)
    metadata = rows.schema.metadata
    rows = rows.set_column(index, pa.field(column.name, values.type), values)
    # Written with the declared type as its Arrow type, in the encoding of a dictionary.
    declared = pa.schema(
        [stated if field.name == column.name else field for field in rows.schema], metadata
    )
    with pq.ParquetWriter(_file(folder, table), rows.schema, store_schema=False) as writer:
        writer.write_table(rows)
    plain = pq.read_schema(_file(folder, table)).field(column.name).type
    if plain != declared.field(column.name).type:
        with pq.ParquetWriter(_file(folder, table), rows.schema) as writer:
            writer.write_table(rows)
    if json.loads((folder / MANIFEST).read_text(encoding="utf-8")).get("checksum"):
        reseal(folder, count_rows=False)
    return f"{table}.{column.name} has huge texts"


def wrong_type(folder: Path, draw: random.Random) -> str:
    """Store a column of numbers as texts."""
    table = any_table(folder, draw)
    column = draw.choice([c for c in _stored_columns(folder, table) if not c.type.num_fields])
    rows = pq.read_table(_file(folder, table))
    index = rows.schema.get_field_index(column.name)
    texts = rows[column.name].cast(pa.string())
    _rewritten(folder, table, rows.set_column(index, column.name, texts.cast(pa.binary())))
    return f"{table}.{column.name} is of another type"


def _reversed(rows: pa.Table) -> pa.Table:
    """The rows in the opposite order; `take` does not know every type."""
    single = [rows.slice(i, 1) for i in range(rows.num_rows - 1, -1, -1)]
    return pa.concat_tables(single) if single else rows


def unsorted(folder: Path, draw: random.Random) -> str:
    """Reverse the rows of a table."""
    table = any_table(folder, draw)
    rows = pq.read_table(_file(folder, table))
    _rewritten(folder, table, _reversed(rows))
    return f"{table} is reversed"


def fewer_rows(folder: Path, draw: random.Random) -> str:
    """Remove rows of a table, or store them twice."""
    table = _any_filled_table(folder, draw)
    rows = pq.read_table(_file(folder, table))
    twice = draw.random() < 0.3
    start = draw.choice((0, rows.num_rows // 2))
    part = rows.slice(start, max(rows.num_rows // 2, 0))
    _rewritten(folder, table, pa.concat_tables([rows, part]) if twice else part)
    return f"{table} has {'more' if twice else 'fewer'} rows"


DAMAGES: tuple[Damage, ...] = (
    flip_page,
    flip_footer,
    zero,
    truncate,
    remove,
    replace_by_odd_file,
    swap,
    change_manifest,
    hostile_manifest,
    out_of_range,
    nulls,
    not_finite,
    unknown_words,
    huge_tokens,
    wrong_type,
    unsorted,
    fewer_rows,
)
"""Every kind of damage."""
