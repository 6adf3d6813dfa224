"""The colour of a map by a text of the reader: latents with a share, short enough for a link.

`20:1,33:0.25` is latent 20 at its maximum in the corpus and latent 33 at a quarter of it. So a link
shows the map of a text on a server that has neither the model nor the text.
"""

import math
import re
from collections.abc import Iterable

import numpy as np

from analysis.bundle import Bundle
from analysis.runtime.arrays import Floats
from analysis.runtime.errors import InputError
from charts.core.latents import check_latent

OWN_TEXT = "own_text"
LONGEST = 4_000
"""Characters of such a text."""
_ONE = r"[0-9]{1,10}:[0-9]{1,4}(\.[0-9]{1,3})?"
PATTERN = rf"^({_ONE}(,{_ONE})*)?$"
"""Of such a text, for what reads links."""
_FORM = re.compile(rf"{_ONE}(,{_ONE})*")


def shares_text(shares: Iterable[tuple[int, float]]) -> str:
    """Latents and their shares as a text, with two digits of the shares."""
    return ",".join(f"{latent}:{min(share, 9999.0):.2f}" for latent, share in shares)


def shares_of(bundle: Bundle, text: str) -> Floats:
    """The share of every latent [n_latents]; NaN where the text does not name it.

    Raises InputError if the text has another form or names a latent that the bundle does not have.
    """
    if len(text) > LONGEST or not _FORM.fullmatch(text):
        raise InputError(
            "Map: own_text has latents with shares, such as 20:1,33:0.25; read a text on the "
            "Overview and colour the map by it."
        )
    values = np.full(bundle.latents.num_rows, math.nan)
    for part in text.split(","):
        latent, share = part.split(":")
        check_latent(bundle, int(latent))
        values[int(latent)] = float(share)
    return values
