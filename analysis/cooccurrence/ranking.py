"""Rank the partners of a latent by a measure: one rule for every chart, picker and query.

A latent b is a ranked partner of a when

1. the bundle stores the pair (`partners` table: exact counts, several rankings for each latent),
2. a and b share at least `minimum_joint` tokens, whichever measure ranks them, and
3. the measure is positive.

Rule 2 applies to every measure because every bounded measure reaches its maximum on a single shared
token: two latents that fire once, on the same token, have phi = Jaccard = NPMI = P(b given a) = 1,
and lift and PMI are larger the rarer the pair is. Rule 3 drops partners that share fewer tokens
than independent latents would (phi, NPMI, PMI and phi / phi max are then negative); they are stored
because another measure, such as the joint count, ranks them.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.cooccurrence.association import measure_table
from analysis.runtime.arrays import Ints


def ranked_partners(
    bundle: Bundle,
    latents: int | Ints,
    measure: str,
    minimum_joint: int | None = None,
    most: int | None = None,
) -> pa.Table:
    """The strongest partners of one latent, or of each of several.

    Parameters: `latents` is an id or an array [n] of ids; `measure` a name in `MEASURES`;
    `minimum_joint` the fewest joint tokens of a pair, by default the bundle's own setting; `most`
    the number of partners of each latent, by default all of them.

    Returns the columns of the `partners` table (latent, partner, joint_tokens, joint_documents,
    activation_cosine, activation_pearson) and the measure as a float64 column under its name. Rows
    ascend in latent, then descend in the measure; ties go to the smaller partner id. Raises
    KeyError for an unknown measure. An id that the bundle does not have gives no rows.
    """
    at_least = bundle.manifest.parameters.minimum_joint if minimum_joint is None else minimum_joint
    pairs = bundle.partners.of(latents)
    pairs = pairs.filter(pc.greater_equal(pairs["joint_tokens"], at_least))
    pairs = measure_table(pairs, bundle.latents, bundle.manifest.tokens, [measure])
    pairs = pairs.filter(pc.greater(pairs[measure], 0))
    pairs = pairs.sort_by(
        [("latent", "ascending"), (measure, "descending"), ("partner", "ascending")]
    )
    if most is None:
        return pairs
    latent = pairs["latent"].to_numpy()
    rank = np.arange(len(latent)) - np.searchsorted(latent, latent)
    return pairs.filter(pa.array(rank < most))


def reason_for_no_partners(bundle: Bundle, latent: int, minimum_joint: int | None = None) -> str:
    """Explain in one sentence why `ranked_partners` has no row for a latent."""
    at_least = bundle.manifest.parameters.minimum_joint if minimum_joint is None else minimum_joint
    tokens = int(bundle.latents["active_tokens"][latent].as_py())
    stored = bundle.partners.of(latent)["joint_tokens"].to_numpy()
    if tokens == 0:
        return f"Latent {latent} is dead: it is active on none of the tokens of this bundle."
    if tokens < at_least:
        return (
            f"Latent {latent} is active on {tokens:,} tokens; a ranked pair shares at least "
            f"{at_least:,}."
        )
    if len(stored) == 0:
        return f"Latent {latent} is active on {tokens:,} tokens and shares none with any latent."
    if stored.max() < at_least:
        return (
            f"Latent {latent} shares at most {stored.max():,} tokens with any of its "
            f"{len(stored):,} stored partners; a ranked pair shares at least {at_least:,}."
        )
    return f"Latent {latent} meets no stored partner more often than chance."
