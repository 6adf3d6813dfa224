"""Names of latents in charts, made once per bundle."""

import pyarrow as pa

from analysis.bundle import Bundle
from charts.core.cache import cached
from charts.core.text import shown_label


@cached
def shown_labels(bundle: Bundle) -> pa.Array:
    """The label of every latent [n_latents] as charts show it; empty without a label."""
    return pa.array(
        [shown_label(text) for text in bundle.latents["label"].to_pylist()], pa.string()
    )
