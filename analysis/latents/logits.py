"""Which tokens a latent promotes and suppresses: its decoder vector through the unembedding.

The direct effect on the logits ("logit lens" of a decoder row, nostalgebraist 2020): the decoder
vector, scaled to length 1, times the unembedding. The mean over the vocabulary is subtracted, since
a constant added to all logits changes no probability. Later layers and the scale of the final norm
are ignored.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import torch

from analysis.bundle import TABLES
from analysis.decoder.vectors import unit_rows
from analysis.runtime.errors import InputError
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT, Progress

EFFECT_DIGITS = 3
"""Decimals of a stored effect: a thousandth of a logit."""


def logit_effects(
    W_dec: np.ndarray,
    unembedding: torch.Tensor | np.ndarray,
    vocabulary: Sequence[str],
    *,
    top: int = 10,
    memory_bytes: int = MEMORY_BYTES,
    progress: Progress = SILENT,
) -> pa.Table:
    """The bundle's `logits` table: the `top` most promoted and suppressed tokens of every latent.

    W_dec [F, d]; unembedding [d, vocabulary] with the final norm folded in; `vocabulary` holds the
    readable tokens, in the order of the columns. A zero row of W_dec has no effects and no rows.
    `memory_bytes` bounds the block of effects; `progress` counts latents. Raises InputError if the
    widths do not match.
    """
    matrix = _centred(unembedding)
    if matrix.shape[0] != W_dec.shape[1] or matrix.shape[1] != len(vocabulary):
        raise InputError(
            f"The unembedding has shape {list(matrix.shape)}, but W_dec writes {W_dec.shape[1]} "
            f"values and the vocabulary has {len(vocabulary)} tokens; choose the model that the "
            "SAE was trained on."
        )
    latents = np.flatnonzero(np.linalg.norm(W_dec, axis=1) > 0).astype(np.int32)
    top = min(top, len(vocabulary))
    block = max(1, memory_bytes // (8 * len(vocabulary)))
    words = pa.array(vocabulary, pa.string())
    pieces = [TABLES["logits"].empty_table()]
    for start in range(0, len(latents), block):
        rows = latents[start : start + block]
        effects = torch.from_numpy(unit_rows(W_dec, rows)) @ matrix
        pieces.append(_strongest(rows, effects, words, top))
        progress(min(start + block, len(latents)), len(latents))
    return pa.concat_tables(pieces).unify_dictionaries()


def _centred(unembedding: torch.Tensor | np.ndarray) -> torch.Tensor:
    """The unembedding, float32, with the mean over the vocabulary subtracted from every row."""
    matrix = torch.as_tensor(unembedding).detach().float()
    return matrix - matrix.mean(dim=1, keepdim=True)


def _strongest(latents: np.ndarray, effects: torch.Tensor, words: pa.Array, top: int) -> pa.Table:
    """Rows for latents [n] with their effects [n, vocabulary]: positive, then negative."""
    up, down = effects.topk(top, dim=1), effects.topk(top, dim=1, largest=False)
    tokens = torch.cat([up.indices, down.indices], dim=1).numpy().ravel()
    values = torch.cat([up.values, down.values], dim=1).numpy().ravel()
    signs = np.tile(np.repeat(np.array([0, 1], np.int32), top), len(latents))
    return pa.table(
        {
            "latent": np.repeat(latents, 2 * top),
            "sign": pa.DictionaryArray.from_arrays(signs, ["positive", "negative"]),
            "rank": np.tile(np.arange(top, dtype=np.int16), 2 * len(latents)),
            "token": words.take(pa.array(tokens)),
            "effect": values.round(EFFECT_DIGITS),
        },
        schema=TABLES["logits"],
    )
