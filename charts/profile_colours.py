"""Categories for the colours of a map: the main value of each latent in a column of documents."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.bundle import Bundle
from analysis.labels.profiles.main_values import kept_profiles, profile_columns
from charts.core.cache import cached


class MainValues(NamedTuple):
    """The main value of each latent, as a code from 1; 0 for none."""

    codes: npt.NDArray[np.int64]
    """[n_latents]"""
    values: tuple[str, ...]
    """The value of each code, that of most latents first."""


def profile_column(bundle: Bundle, wanted: str) -> str:
    """The column of the documents that a view asks for, else the first one; empty without any."""
    known = offered_profiles(bundle)
    return wanted if wanted in known else next(iter(known), "")


@cached
def offered_profiles(bundle: Bundle) -> tuple[str, ...]:
    """The columns of the documents by which the bundle has profiles."""
    return tuple(profile_columns(bundle))


@cached
def main_values(bundle: Bundle, column: str) -> MainValues:
    """The main values in a column; see `analysis/labels/profiles/main_values.py`."""
    profiles = kept_profiles(bundle)
    main = profiles.main(column, bundle.latents.num_rows)
    totals = np.bincount(main[main >= 0], minlength=len(profiles.values))
    order = [code for code in np.argsort(-totals, kind="stable").tolist() if totals[code]]
    code_of = np.zeros(len(profiles.values) + 1, dtype=np.int64)
    code_of[order] = np.arange(1, len(order) + 1)
    # A latent without a main value has -1, the last place, which stays 0.
    return MainValues(code_of[main], tuple(profiles.values[code] for code in order))
