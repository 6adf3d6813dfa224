"""The evidence for the name of a cluster in one sentence, and the score of its explanation."""

from collections.abc import Sequence

import numpy as np

from analysis.labels.cluster_names import ClusterName
from analysis.labels.descriptions import Kind, described
from analysis.labels.explanations import content_words, word_terms
from analysis.labels.material import Material
from analysis.labels.scoring import score_names
from analysis.labels.split import Split
from analysis.labels.terms import TokenTerms
from analysis.runtime import numbers
from analysis.runtime.arrays import Float32s


def evidence_sentences(
    names: Sequence[ClusterName], lifts: Float32s, sizes: Sequence[int]
) -> list[str]:
    """One sentence for each cluster with a name: how many members it fits, and how well.

    lifts [C]: the median lift of the members, NaN without one; sizes [C]: all members.
    """
    return [
        _sentence(name, lift, size)
        for name, lift, size in zip(names, lifts.tolist(), sizes, strict=True)
    ]


def explanation_lifts(
    explanations: Sequence[str],
    material: Material,
    terms: TokenTerms,
    split: Split,
    memory_bytes: int,
) -> Float32s:
    """float32 [C], the median over the members of how often they fire on words of an explanation.

    Against chance, on held-out documents: the lift of `scoring.py`. NaN without a score.
    """
    words = word_terms([content_words(text) for text in explanations], terms)
    scored = [i for i, row in enumerate(words) if row]
    result = np.full(len(explanations), np.nan, dtype=np.float32)
    if scored:
        members = [[latent] for i in scored for latent in material.members[i].tolist()]
        names = [words[i] for i in scored for _ in material.members[i]]
        lift = score_names(
            members,
            names,
            material.activations,
            terms,
            held_out=split.held_out,
            memory_bytes=memory_bytes,
        ).lift
        ends = np.cumsum([len(material.members[i]) for i in scored])[:-1]
        for i, of_members in zip(scored, np.split(lift, ends), strict=True):
            known = of_members[np.isfinite(of_members)]
            if len(known):
                result[i] = np.median(known)
    return result


def _sentence(name: ClusterName, lift: float, size: int) -> str:
    if not name.text:
        return ""
    folded = size - name.members
    without = f" (without {numbers.counted(folded, 'dense or duplicate latent')})" if folded else ""
    score = (
        "There are too few held-out words for a score"
        if np.isnan(lift)
        else f"In held-out documents, a member fires {numbers.short(lift)} times as often as by "
        "chance on the words that the other members name (median of the members)"
    )
    forms = " (or another form of these words)" if Kind.PLAIN in name.kinds else ""
    share = numbers.percent(name.share, 2)
    at_least = "" if name.share == 1 else "at least "
    words = f"{described(name.kinds, name.terms, 'or')}{forms}"
    return (
        f"In each half of the documents that the name is made from, {at_least}{share} of the "
        f"activation of its {numbers.counted(name.members, 'member')}{without} is on {words}, and "
        f"{name.holders} of them {'fires' if name.holders == 1 else 'fire'} there. {score}."
    )
