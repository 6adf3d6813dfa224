"""How far a map can be believed, in plain words; light, since pages import it."""

from analysis.bundle import MapQuality


def quality_sentence(quality: MapQuality) -> str:
    """What may be read off a map of this quality, and what not, in plain words.

    With recall or agreement below .3, a neighbour on the map is more likely chance than not; from
    .6 on, most neighbours are real. Trustworthiness below .9 means that points that are not alike
    lie beside each other (planted groups come to .93 to .97). Distances between groups say little
    on any UMAP.
    """
    if quality.knn_recall is None:
        return "Too few latents are on this map to say how far it can be trusted."
    tenth = f"{quality.knn_recall:.0%} of a latent's ten nearest".replace("%", " %")
    if quality.knn_recall >= 0.6:
        near = f"Neighbours on this map can mostly be believed: {tenth} are among its ten on it"
    elif quality.knn_recall >= 0.3:
        near = f"Read regions, not single neighbours: {tenth} are among its ten on this map"
    else:
        near = (
            f"Do not read neighbours off this map, use the neighbour table: {tenth} are among "
            "its ten on it"
        )
    said = [near]
    if quality.trustworthiness is not None and quality.trustworthiness < 0.9:
        said.append("points that are not alike lie beside each other")
    if quality.agreement is not None and quality.agreement < 0.3:
        said.append("another seed puts most latents beside other ones")
    if quality.trustworthiness is None and quality.agreement is None:
        said.append("how far other seeds agree with it was not measured")
    return "; ".join(said) + ". Distances and gaps between groups say little."
