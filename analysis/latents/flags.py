"""The flag of a latent, by its density: live, dead, ultralow or dense.

The thresholds and the list of flags are declared here. This module imports no compiled kernel, so
that pages and the selection grammar can use it.
"""

from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.runtime.arrays import Bools, Floats, Int32s
from analysis.runtime.numbers import percent, short

Flag = Literal["live", "dead", "ultralow", "dense"]
FLAGS: tuple[Flag, ...] = get_args(Flag)
FLAGGED: tuple[Flag, ...] = ("dense", "ultralow")
"""Flags of latents that fire too often or too rarely for their pairs to be ranked."""

ULTRALOW_DENSITY = 1e-6
"""A latent below this density is ultralow; Bricken et al. 2023."""
DENSE_DENSITY = 0.10
"""A latent above this density is dense: it co-occurs with nearly every other latent."""
ULTRALOW_TEXT = short(ULTRALOW_DENSITY)
DENSE_TEXT = percent(DENSE_DENSITY)

RULES: dict[Flag, str] = {
    "live": f"density from {ULTRALOW_TEXT} to {DENSE_TEXT}",
    "ultralow": f"density below {ULTRALOW_TEXT}",
    "dense": f"density above {DENSE_TEXT}",
    "dead": "never active in N tokens",
}
"""The rule of each flag, in the order in which charts list them."""


def flag_codes(density: Floats) -> Int32s:
    """Index into FLAGS for every density [n]; density 0 is dead, however few tokens there are."""
    codes = np.full(len(density), FLAGS.index("live"), dtype=np.int32)
    codes[density < ULTRALOW_DENSITY] = FLAGS.index("ultralow")
    codes[density == 0] = FLAGS.index("dead")
    codes[density > DENSE_DENSITY] = FLAGS.index("dense")
    return codes


def is_flagged(latents: pa.Table) -> Bools:
    """Which rows [n] of the latent table are dense or ultralow."""
    flagged = pc.is_in(latents["flag"].cast("string"), pa.array(FLAGGED))
    return np.asarray(flagged.to_numpy(zero_copy_only=False))


def is_live(latents: pa.Table) -> Bools:
    """Which rows [n] of the latent table are neither dead nor dense nor ultralow."""
    live = pc.equal(latents["flag"].cast("string"), "live")
    return np.asarray(live.to_numpy(zero_copy_only=False))
