"""The ranges that columns declare, and what they mean for the numbers of one bundle."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from analysis.bundle.manifest import Manifest

LONGEST_TOKEN = 256
"""Characters of a token; longer tokens are cut when they are read."""
LONGEST_TEXT = 4_096
"""Characters of a title, a label or an explanation; longer texts are cut when they are read."""
ROUNDING = 1e-4
"""How far a rounded fraction or cosine may be outside its range."""


class Range(StrEnum):
    """The range of a column, as `docs/bundle.md` prints it."""

    LATENT = "0 to d_sae - 1"
    CLUSTER = "0 to clusters - 1"
    LEVEL = "0 to levels - 1"
    TOKEN_ROW = "0 to rows of tokens - 1"
    DOCUMENT = "an id of documents"
    LATENTS = "0 to d_sae"
    TOKENS = "0 to kept tokens"
    DOCUMENTS = "0 to documents"
    FRACTION = "0 to 1"
    COSINE = "-1 to 1"
    AT_LEAST_ZERO = "0 or more"
    FINITE = "finite"
    TOKEN = f"at most {LONGEST_TOKEN} characters"
    TEXT = f"at most {LONGEST_TEXT:,} characters"
    BOOLEAN = "yes or no"


_OF_UNIT = {
    "level": Range.LEVEL,
    "latents": Range.LATENTS,
    "tokens": Range.TOKENS,
    "documents": Range.DOCUMENTS,
    "row": Range.TOKEN_ROW,
    "fraction": Range.FRACTION,
    "probability": Range.FRACTION,
    "cosine": Range.COSINE,
    "correlation": Range.COSINE,
    "rank": Range.AT_LEAST_ZERO,
    "index": Range.AT_LEAST_ZERO,
    "words": Range.AT_LEAST_ZERO,
    "ratio": Range.AT_LEAST_ZERO,
    "norm": Range.AT_LEAST_ZERO,
    "activation": Range.FINITE,
    "map": Range.FINITE,
    "logit": Range.FINITE,
    "decoder": Range.FINITE,
    "text": Range.TEXT,
    "terms": Range.TOKEN,
    "yes/no": Range.BOOLEAN,
}


def unit_range(unit: str) -> Range:
    """The range of the values of a unit. Raises KeyError if a column must state its own."""
    return _OF_UNIT[unit]


@dataclass(frozen=True)
class Limits:
    """Smallest and largest value of every range of numbers, for one bundle."""

    bounds: dict[Range, tuple[float, float]]

    @staticmethod
    def of(manifest: Manifest, token_rows: int) -> "Limits":
        """The limits that the counts of a manifest and the rows of the token table give."""
        clusters = sum(level.clusters for level in manifest.clustering)
        coarsest = max((level.level for level in manifest.clustering), default=-1)
        return Limits(
            {
                **any_limits().bounds,
                Range.LATENT: (0, manifest.sae.d_sae - 1),
                Range.CLUSTER: (0, clusters - 1),
                Range.LEVEL: (0, coarsest),
                Range.TOKEN_ROW: (0, token_rows - 1),
                Range.LATENTS: (0, manifest.sae.d_sae),
                Range.TOKENS: (0, manifest.tokens),
                Range.DOCUMENTS: (0, manifest.documents),
                Range.FRACTION: (-ROUNDING, 1 + ROUNDING),
                Range.COSINE: (-1 - ROUNDING, 1 + ROUNDING),
            }
        )


def any_limits() -> Limits:
    """The limits that hold in every bundle, for rows that are read without a manifest."""
    largest = float(np.finfo(np.float64).max)
    return Limits({Range.AT_LEAST_ZERO: (0, largest), Range.FINITE: (-largest, largest)})


def longest(stated: str) -> int:
    """Characters that a text of the stated range may have."""
    return LONGEST_TOKEN if stated == Range.TOKEN else LONGEST_TEXT
