"""What a reader may conclude from a map, in words. Pages import it, so it loads no torch."""

from typing import Literal, get_args

from analysis.bundle import Manifest, MapQuality
from analysis.runtime.numbers import fraction, percent

MapName = Literal["decoder", "cooccurrence"]
"""The maps of a bundle: by decoder similarity and by co-occurrence."""

GOOD_RECALL = 0.6
"""kNN recall from which single neighbours on the map can be trusted."""
LEAST_RECALL = 0.3
"""kNN recall, or agreement of seeds, below which most neighbours on the map are chance."""
LEAST_TRUSTWORTHINESS = 0.9
"""Below this, dissimilar points are next to each other; planted groups reach .93 to .97."""


def quality_of_map(manifest: Manifest, name: MapName) -> MapQuality | None:
    """The measured quality of one of the bundle's maps; None if it was not measured."""
    return manifest.map if name == "decoder" else manifest.map_cooccurrence


def null_of_map(manifest: Manifest, name: MapName) -> MapQuality | None:
    """The quality of the same map where there is nothing to find; None if it was not drawn."""
    return manifest.null_map if name == "decoder" else manifest.null_map_cooccurrence


def first_map(manifest: Manifest) -> MapName:
    """The map that opens first: the one with the larger worth; in a tie, the decoder's.

    Worth is the mean of kNN recall and agreement over seeds, or kNN recall alone if the agreement
    of one of the maps was not measured. A map without a recall never opens before the other.
    """
    worths = _worths(manifest)
    return "cooccurrence" if worths["cooccurrence"] > worths["decoder"] else "decoder"


def _worths(manifest: Manifest) -> dict[MapName, float]:
    """What decides which map opens first, 0 to 1; -1 if the map was not measured."""
    qualities = {name: quality_of_map(manifest, name) for name in get_args(MapName)}
    agreements = [None if one is None else one.agreement for one in qualities.values()]
    worths: dict[MapName, float] = {}
    for name, one in qualities.items():
        if one is None or one.knn_recall is None:
            worths[name] = -1.0
        elif None in agreements or one.agreement is None:
            worths[name] = one.knn_recall
        else:
            worths[name] = (one.knn_recall + one.agreement) / 2
    return worths


def first_map_sentence(manifest: Manifest) -> str:
    """Which map opens first and why; empty if the bundle has one map only."""
    words: dict[MapName, str] = {"decoder": "decoder similarity", "cooccurrence": "co-occurrence"}
    first = first_map(manifest)
    (other,) = (name for name in words if name != first)
    best, second = quality_of_map(manifest, first), quality_of_map(manifest, other)
    if best is None or second is None or best.knn_recall is None or second.knn_recall is None:
        return ""
    sentence = (
        f"The map by {words[first]} opens first: it keeps {percent(best.knn_recall)} of the ten "
        f"nearest of a latent in its space, and the map by {words[other]} "
        f"{percent(second.knn_recall)}"
    )
    if best.agreement is None or second.agreement is None:
        return f"{sentence}."
    return (
        f"{sentence}; of its ten nearest on the map another seed keeps "
        f"{percent(best.agreement)} and {percent(second.agreement)}."
    )


def quality_sentence(quality: MapQuality) -> str:
    """What a reader may and may not conclude from a map of this quality."""
    if quality.knn_recall is None:
        return "Too few latents are on this map to measure its quality."
    if quality.knn_recall >= GOOD_RECALL:
        advice = "Most neighbours on this map are real"
    elif quality.knn_recall >= LEAST_RECALL:
        advice = "Read regions of this map, not single neighbours"
    else:
        advice = "Do not read neighbours off this map; use the neighbour table"
    sentences = [
        f"{advice}: {percent(quality.knn_recall)} of a latent's ten nearest are among its ten "
        f"nearest on the map (0 to {percent(1)}; {percent(GOOD_RECALL)} or more is good)."
    ]
    if quality.trustworthiness is not None and quality.trustworthiness < LEAST_TRUSTWORTHINESS:
        sentences.append(
            f"Some points that are close together are not similar: trustworthiness is "
            f"{fraction(quality.trustworthiness)} (at most 1; "
            f"{fraction(LEAST_TRUSTWORTHINESS)} or more is good)."
        )
    if quality.agreement is not None and quality.agreement < LEAST_RECALL:
        sentences.append(
            f"Much of this map is chance: another seed keeps {percent(quality.agreement)} of a "
            f"latent's ten nearest on the map (0 to {percent(1)}; {percent(GOOD_RECALL)} or more "
            "is good)."
        )
    if quality.trustworthiness is None and quality.agreement is None:
        sentences.append("Agreement with other seeds was not measured.")
    sentences.append("Distances and gaps between groups mean little on any UMAP.")
    return " ".join(sentences)
