"""The flags of a latent by its density. Pages import it, so it loads neither numba nor torch."""

import numpy as np
import pyarrow as pa

from analysis.runtime.arrays import Bools

FLAGS = ("live", "dead", "ultralow", "dense")
ULTRALOW_DENSITY = 1e-6
"""Below this fraction of the kept tokens a latent is ultralow; Bricken et al. 2023."""
DENSE_DENSITY = 0.10
"""Above this fraction it is dense: it swamps every count that it is mixed into."""
FLAGGED = ("ultralow", "dense")
"""The flags whose pairs are left out of rankings."""


def is_flagged(latents: pa.Table) -> Bools:
    """Which rows of the latent table are dense or ultralow, bool [n]."""
    flags = latents["flag"].cast("string").to_numpy(zero_copy_only=False)
    return np.isin(flags, FLAGGED)
