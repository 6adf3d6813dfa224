"""Write `docs/bundle.md` from the declared tables and manifest models.

python -m analysis.bundle.document > docs/bundle.md
"""

import json
import sys
from collections.abc import Iterator, Sequence
from types import NoneType, UnionType
from typing import Any, get_args, get_origin

import pyarrow as pa
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from analysis.bundle.cut_texts import MARK
from analysis.bundle.manifest import MANIFEST, Manifest
from analysis.bundle.older_schemas import OLDER
from analysis.bundle.schema import SCHEMA_VERSION, TABLE_TITLES, TABLES
from analysis.bundle.table_file import DEFAULT_GB, MEMORY_SETTING

INTRODUCTION = f"""# The bundle, schema version {SCHEMA_VERSION}

A bundle is a folder with one Parquet file per table and `{MANIFEST}`. It is never changed after it
is written. In Python, `from analysis import open_bundle` opens it; any Parquet reader opens the
tables. Each file stores the unit and the meaning of its columns as field metadata.

This page is generated from the declarations in `analysis/bundle/schema.py` and
`analysis/bundle/manifest.py` by `make docs`.
"""
CHECKS = f"""## How a bundle is checked

Opening a bundle reads the manifest and the footers of the tables. It checks that the manifest and
the footers are those that were written, that every column has its type, and that the numbers of
rows are those of the manifest. Rows are checked when they are read: nulls, ranges, words, the order
of the rows, and the counts of one table against those of another. A text that is longer than its
range is cut, with "{MARK}" as its last character. What is damaged is refused in one sentence.

Every page of a table has a checksum, and only the pages that are read are verified.
`clearwater verify BUNDLE` reads everything. Bundles that were written before there were checksums
open; damage in them is noticed only if a value is outside its range or contradicts another.

One read of a table takes at most {DEFAULT_GB:g} GB of memory. The environment variable
`{MEMORY_SETTING}` changes this limit.
"""
ACTIVATIONS = """## How activations are stored

`activations_by_latent` holds the active (token, activation) pairs of latent 0, then of latent 1,
and so on. The running sum of `latents.active_tokens` gives the rows of each latent. In the same
way, the running sum of `tokens.active_latents` gives the rows of each token in
`activations_by_token`. All row groups of a file except the last have the same number of rows.
Activations are float32 values with 11 significant bits.
"""


def document() -> str:
    """The text of `docs/bundle.md`."""
    parts = [
        INTRODUCTION,
        "## Tables\n",
        *map(_table, TABLES),
        ACTIVATIONS,
        CHECKS,
        "## Manifest\n",
    ]
    parts += [_model(model) for model in dict.fromkeys(_models(Manifest))]
    older = ", ".join(str(version) for version in sorted(OLDER)) or "none"
    parts.append(f"## Older schema versions\n\nOlder schema versions that are read: {older}.\n")
    return "\n".join(parts)


def _table(name: str) -> str:
    rows = [
        (f"`{c.name}`", _kind(c.type), "yes" if c.nullable else "", *_texts(c))
        for c in TABLES[name]
    ]
    heads = ("column", "type", "null", "unit", "range", "meaning")
    return f"### {name}\n\n{TABLE_TITLES[name]}\n\n{_rows(heads, rows)}"


def _texts(column: pa.Field) -> Iterator[str]:
    metadata = column.metadata or {}
    return (metadata[name].decode() for name in (b"unit", b"range", b"meaning"))


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return f"{kind.value_type} (dictionary)"
    if pa.types.is_list(kind):
        return f"list of {_kind(kind.value_type)}"
    if pa.types.is_struct(kind):
        return "struct(" + ", ".join(f"{part.name}: {part.type}" for part in kind) + ")"
    return str(kind)


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """A model, then the models of its fields, in the order of the fields."""
    yield model
    for entry in model.model_fields.values():
        for kind in (entry.annotation, *get_args(entry.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _models(kind)


def _model(model: type[BaseModel]) -> str:
    rows = [
        (f"`{name}`", _annotation(entry.annotation), _default(entry), entry.description or "")
        for name, entry in model.model_fields.items()
    ]
    heads = ("field", "type", "default", "meaning")
    return f"### {model.__name__}\n\n{model.__doc__}\n\n{_rows(heads, rows)}"


def _default(entry: FieldInfo) -> str:
    return "" if entry.is_required() or entry.default_factory else json.dumps(entry.default)


def _annotation(kind: Any) -> str:
    if isinstance(kind, UnionType):
        return " or ".join(_annotation(part) for part in get_args(kind))
    if kind is NoneType:
        return "null"
    if arguments := get_args(kind):
        if get_origin(kind) in (list, dict):
            inner = ", ".join(_annotation(part) for part in arguments)
            return f"{get_origin(kind).__name__} of {inner}"
        return " or ".join(f'"{value}"' for value in arguments)
    return str(kind.__name__)


def _rows(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "".join(
        "| " + " | ".join(v.replace("|", "\\|") for v in line) + " |\n" for line in lines
    )


if __name__ == "__main__":
    sys.stdout.write(document())
