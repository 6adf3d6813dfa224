"""A text with the activations of all latents on it. This module does not import torch."""

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from analysis.runtime.arrays import Bools, Float32s, Ints

MOST_TOKENS = 256
"""Of a text that is read; fewer if the blocks of the bundle are shorter."""
MOST_CHARACTERS = 4_000
"""Of a text that is tokenised."""


class EncodedText(BaseModel):
    """The tokens of a text, and the active latents of each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[str, ...]
    """As bundles store them."""
    kept: tuple[bool, ...]
    """False on special tokens and attention sinks, which have no activations, as in the corpus."""
    active: tuple[int, ...]
    """Active latents of each token."""
    latents: tuple[int, ...]
    """Those of the first token, ascending, then those of the next, and so on."""
    activations: tuple[float, ...]
    """Of `latents`, rounded to 11 significant bits as bundles store them."""
    all_tokens: int
    """Of the whole text; more than `tokens` if it was cut."""

    @property
    def token_places(self) -> Ints:
        """[m] the token of each entry of `latents`, as an index into `tokens`."""
        return np.repeat(np.arange(len(self.active)), self.active)

    @property
    def latent_ids(self) -> Ints:
        """[m] `latents` as an array."""
        return np.array(self.latents, dtype=np.int64)

    @property
    def values(self) -> Float32s:
        """[m] `activations` as an array."""
        return np.array(self.activations, dtype=np.float32)

    @property
    def is_kept(self) -> Bools:
        """[tokens] `kept` as an array."""
        kept: npt.NDArray[np.bool_] = np.array(self.kept, dtype=bool)
        return kept
