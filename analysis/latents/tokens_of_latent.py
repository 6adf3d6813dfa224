"""The tokens on which a latent fires, and how much of its activation is on each."""

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from analysis.latents.activation_range import tokens_in_range
from analysis.latents.windows import token_rows

EVERY: tuple[float, float] = (-np.inf, np.inf)
"""All activations."""


def tokens_of_latent(bundle: Bundle, latent: int, regime: tuple[float, float] = EVERY) -> pa.Table:
    """The tokens on which a latent is active within a range, largest share first.

    Columns: token, share (of the sum of its activations in the range), active_tokens and
    mean_activation. Ties are in the order of the texts.
    """
    rows, values = tokens_in_range(bundle, latent, *regime)
    tokens = token_rows(bundle.tokens_file, rows, ["token"])["token"]
    active = pa.table({"token": tokens.cast(pa.string()), "activation": values})
    groups = active.group_by("token").aggregate(
        [("activation", "sum"), ("activation", "count"), ("activation", "mean")]
    )
    sums = groups["activation_sum"].to_numpy()
    table = pa.table(
        {
            "token": groups["token"],
            "share": sums / max(float(sums.sum()), np.finfo(float).tiny),
            "active_tokens": groups["activation_count"],
            "mean_activation": groups["activation_mean"],
        }
    )
    return table.sort_by([("share", "descending"), ("token", "ascending")])
