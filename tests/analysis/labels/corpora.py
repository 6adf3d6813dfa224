"""Small token tables and activations, given as Python lists."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from analysis.bundle import Activations, write_table


def token_table(*documents: Sequence[str], kept: Sequence[bool] | None = None) -> pa.Table:
    """The token table of documents, each a list of tokens."""
    texts = [text for document in documents for text in document]
    positions = [np.arange(len(d), dtype=np.int32) for d in documents]
    return pa.table(
        {
            "document": np.repeat(np.arange(len(documents)), [len(d) for d in documents]),
            "position": np.concatenate([np.empty(0, np.int32), *positions]),
            "token": pa.array(texts, pa.string()).dictionary_encode(),
            "kept": np.ones(len(texts), bool) if kept is None else np.array(kept),
            "active_latents": np.zeros(len(texts), np.int32),
        }
    )


def stored_activations(folder: Path, values: np.ndarray) -> Activations:
    """Write activations to a folder: dense `values` [N, F], whose zeros are inactive."""
    latent, token = np.nonzero(values.T)
    columns = {"token": token.astype(np.uint32), "activation": values.T[latent, token]}
    write_table(folder, "activations_by_latent", pa.table(columns))
    by_token = np.nonzero(values)[1].astype(np.uint32)
    write_table(folder, "activations_by_token", pa.table({"latent": by_token}))
    active = values != 0
    return Activations(folder, np.cumsum(active.sum(axis=0)), np.cumsum(active.sum(axis=1)))
