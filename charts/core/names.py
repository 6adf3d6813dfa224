"""Names of latents in charts, tables and lists: the label, else what the latent fires on."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.runtime.arrays import Int32s, Ints
from charts.core.text import LONGEST_TOKEN, cut, shown_token

NAMING_TOKENS = 3
"""Top tokens that stand for a missing label."""


def names_of_latents(bundle: Bundle, latents: pa.ChunkedArray | pa.Array | Ints | Int32s) -> Any:
    """The name of each latent [n] as an array of texts.

    The name is its label, as it is stored. A latent without a label has its top tokens in quotes,
    and one that is never active an empty name.
    """
    ids = latents if isinstance(latents, pa.Array | pa.ChunkedArray) else pa.array(latents)
    known = pc.unique(ids)
    rows = bundle.latents.select(["label", "top_tokens"]).take(known)
    names = rows["label"].combine_chunks().cast(pa.string())
    # Lists become Python lists slowly, and most latents have a label.
    lacks = pc.equal(names, "")
    tokens = rows["top_tokens"].filter(lacks).to_pylist()
    quoted = list(map(in_quotes, tokens))
    names = pc.replace_with_mask(names, lacks, pa.array(quoted, pa.string()))
    place = pc.index_in(ids, value_set=known)
    return names.take(place)


def name_by_latent(bundle: Bundle, latents: Iterable[int]) -> dict[int, str]:
    """The name of each latent by its id."""
    ids = sorted(set(latents))
    names = names_of_latents(bundle, pa.array(ids, pa.int32())).to_pylist()
    return dict(zip(ids, names, strict=True))


def with_names(bundle: Bundle, rows: pa.Table, of: str = "latent") -> pa.Table:
    """The rows with names in the column `label`; the column `of` has the ids of the latents."""
    place = rows.column_names.index("label")
    return rows.set_column(place, "label", names_of_latents(bundle, rows[of]))


def in_quotes(top_tokens: Sequence[str] | None, longest: int = LONGEST_TOKEN) -> str:
    """The first of the top tokens of a latent in quotes, each of at most `longest` characters."""
    tokens = (cut(shown_token(token).strip(), longest) for token in top_tokens or ())
    return ", ".join(f"“{token}”" for token in islice(tokens, NAMING_TOKENS))
