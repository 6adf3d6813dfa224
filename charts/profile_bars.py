"""What the selected latents have in common, as figures that are made from a mask alone."""

from typing import TYPE_CHECKING, Literal, get_args

from analysis.bundle import Bundle
from analysis.runtime.arrays import Bools
from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from charts.core.cache import cached
from charts.core.figure import Figure
from charts.selection_bars import cluster_overlap_bars, enriched_bars, partner_bars

if TYPE_CHECKING:
    from analysis.labels.corpus_terms import CorpusTerms
    from analysis.labels.selection_profile import SelectionProfile

ProfilePart = Literal["terms", "label_words", "partners", "clusters"]


@cached
def terms_of_corpus(bundle: Bundle) -> "CorpusTerms":
    """The terms of the tokens of a bundle, read once."""
    # Imported here because numba would delay the first page.
    from analysis.labels.corpus_terms import corpus_terms  # noqa: PLC0415

    return corpus_terms(bundle)


@cached
def common_profile(bundle: Bundle, mask: Bools) -> "SelectionProfile":
    """What the latents of a mask [n_latents] have in common, against the rest."""
    from analysis.labels.selection_profile import selection_profile  # noqa: PLC0415

    return selection_profile(bundle, mask, terms_of_corpus(bundle))


@cached
def profile_bars(bundle: Bundle, mask: Bools, part: ProfilePart) -> Figure:
    """One part of the profile of a mask [n_latents]; raises InputError for an unknown part."""
    if part not in get_args(ProfilePart):
        raise InputError(f"Profile: there is no part {part!r}; choose {get_args(ProfilePart)}.")
    profile = common_profile(bundle, mask)
    every = f"{count(int(mask.sum()))} selected and all others"
    match part:
        case "terms":
            return enriched_bars(bundle, "terms", profile.terms, counted_in(profile))
        case "partners":
            return partner_bars(bundle, profile.partners, counted_in(profile))
        case "label_words":
            return enriched_bars(bundle, "label_words", profile.label_words, every)
    return cluster_overlap_bars(bundle, profile.clusters, every)


def counted_in(profile: "SelectionProfile") -> str:
    """Which latents and documents were counted."""
    sample = profile.sample
    selected = _part(len(sample.selected), sample.all_selected)
    rest = _part(len(sample.rest), sample.all_rest)
    return f"{selected} selected and {rest} other active latents, {profile.documents} documents"


def _part(read: int, of: int) -> str:
    """A number, or an even sample of a number."""
    if read == of:
        return count(of)
    return f"{count(read)} evenly spaced of {count(of)}"
