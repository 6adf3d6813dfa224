"""How far a map can be believed, in plain words. Light: pages import it."""

from analysis.bundle import MapQuality

NEIGHBOURS = 10
"""kNN recall and agreement count so many nearest neighbours."""
GOOD = 0.5
"""Of ten neighbours at least five: closeness on the map mostly means closeness."""
POOR = 0.2
"""Fewer than two of ten: closeness on the map says little."""


def quality_sentence(quality: MapQuality, near: str = "decoder vectors") -> str:
    """What the numbers mean for a reader; `near` is what is near in truth, in the plural."""
    recall = quality.knn_recall
    if recall is None:
        return "Its quality was not measured, so take it as a picture and nothing more."
    kept = _of_ten(recall)
    said = f"Of the ten nearest {near} of a latent, on average {kept} are among its ten nearest "
    if recall >= GOOD:
        said += "points, so what lies close together here mostly belongs together."
    elif recall >= POOR:
        said += "points, so closeness here is a hint that the neighbour table has to confirm."
    else:
        said += "points, so closeness here says little: go by the neighbour table."
    if quality.agreement is not None:
        said += f" Drawn again with other seeds, {_of_ten(quality.agreement)} of ten would stay."
    return f"{said} Distances between groups and their areas mean nothing."


def _of_ten(share: float) -> str:
    return f"{NEIGHBOURS * share:.1f}"
