"""The names of clusters: the terms that most of their members' activation is on.

A name has up to `MOST_TERMS` terms. They are chosen one after another from the cluster's
candidates, each time the one with the largest

    share of the activation that it adds · log(1 + min(share / share of the corpus, LARGEST_LIFT))
    · weight

A token counts for a term if it has the term or a form of it (`word_forms.py`). The weights prefer
whole words to pieces of words and to the word before. A term adds at least `LEAST_GAIN` and
`RELATIVE_GAIN` of what the name has already, and at least two members have `HOLDING` of their
activation on it; without such a term, the best terms of single members name the cluster.

The **share** of a name is the share of the activation that it describes, in the half of the naming
documents where it is smaller, because terms chosen in some documents describe others less well. A
name with less than `NAMED` ends with "+ others". If the terms have less than `MIXED` of the
activation in both halves together, it begins with "mixed". Held-out documents have no part in a
name. Names are distinct within a level of a space: the second of two equal names gets a further
term.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse

from analysis.cooccurrence.incidence import ByLatent
from analysis.labels.descriptions import Kind, Readable
from analysis.labels.evidence import Evidence
from analysis.labels.name_text import name_text
from analysis.labels.naming import LEAST_HOLDERS, membership_matrix
from analysis.labels.split import Split
from analysis.labels.term_activity import TermActivity, term_activity
from analysis.labels.terms import TokenTerms
from analysis.labels.word_forms import PIECES, forms
from analysis.runtime.arrays import Bools, Floats, Int32s, Ints
from analysis.runtime.memory import MEMORY_BYTES

CANDIDATES = 60
"""Terms of a cluster that can be in its name."""
MOST_TERMS = 4
"""Terms of a name; one of terms that no two members share has at most FEWER_TERMS."""
FEWER_TERMS = 3
LEAST_GAIN = 0.01
"""Share of the activation that a term must add."""
RELATIVE_GAIN = 0.12
"""The same, relative to the share of the terms before it."""
HOLDING = 0.03
"""Share of its activation from which a member holds a term."""
LARGEST_LIFT = 100.0
"""Lift from which a term counts as rare; more would prefer names and misspellings."""
NAMED = 0.5
"""Share of the activation below which a name says that there are others."""
MIXED = 0.1
"""Share of the activation below which a name does not describe the cluster as a whole."""

WEIGHTS = dict.fromkeys(Kind, 1.0) | {
    **dict.fromkeys((*PIECES, Kind.LETTER, Kind.LETTERS), 0.75),
    **dict.fromkeys((Kind.AFTER, Kind.AFTER_GROUP), 0.7),
}
"""Factors of the gain of a term."""
PHRASE_WEIGHT = 0.8
"""The same for a phrase."""
FORMS_WEIGHT = 0.5
"""Factor of a word or piece with less than a third of what its forms have: another one is typical.
"""
SHOWN_LETTERS = 3
"""Letters of a group that a name shows."""
LEAST_LETTERS, COMMON_LETTER = 3, 0.05
"""Letters from which a group names a cluster, each with at least this part of the group's share."""
LEAST_LIFT_AFTER = 10.0
"""Lift that a word before must have: "the" and line breaks come before much."""


@dataclass(frozen=True)
class ClusterName:
    """The name of a cluster and what it describes."""

    text: str
    """Empty if there is no evidence."""
    kinds: list[Kind]
    """Of the terms of the name."""
    terms: list[str]
    """The terms of the name, best first."""
    share: float
    """Of the members' activation, as in the header; each member counts alike."""
    holders: int
    """Members that hold one of its terms."""
    members: int
    """Members in all, duplicates as one and without dense ones."""


@dataclass(frozen=True)
class _Candidates:
    """The n candidates of a cluster with m members."""

    terms: Ints
    """[n], readable terms; the last ones are the groups of letters."""
    on: Bools
    """bool [n, M], the masks of tokens that have a form of each."""
    activity: TermActivity
    worth: Floats
    """[n], the factors of the gain."""
    held: Bools
    """bool [m, n], whether a member holds the term or forms of it."""


def cluster_names(
    members: Sequence[Ints | Int32s],
    levels: Sequence[tuple[str, int]],
    evidence: Evidence,
    terms: TokenTerms,
    readable: Readable,
    activations: ByLatent,
    split: Split,
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> list[ClusterName]:
    """The names [C] of clusters with these members, at these spaces and levels."""
    rate = np.zeros(len(readable.texts))
    np.add.at(rate, readable.of_term, terms.frequency)
    groups = np.flatnonzero([kind is Kind.LETTERS for kind in readable.kinds])
    rate[groups] = [rate[_letters(group, readable)].sum() for group in groups.tolist()]
    shares = _shares(evidence, readable)
    candidates = _candidates(members, shares, rate)
    activity = term_activity(
        members, candidates, activations, terms, readable, split, memory_bytes=memory_bytes
    )
    taken: set[tuple[str, int, str]] = set()
    return [
        _named(
            level,
            _measured(
                np.append(places[places >= 0], groups), of_cluster, shares[ids], rate, readable
            ),
            readable,
            taken,
        )
        for level, ids, places, of_cluster in zip(
            levels, members, candidates, activity, strict=True
        )
    ]


def _letters(group: int, readable: Readable) -> Ints:
    """The readable terms that are letters of a group."""
    single = [t for t, text in enumerate(readable.texts) if len(text) == 1]
    return np.array(single, dtype=np.int64)[forms([group, *single], readable)[0, 1:]]


def _shares(evidence: Evidence, readable: Readable) -> scipy.sparse.csr_matrix:
    """float32 [F, R], the share of a latent's activation on each readable term.

    It can exceed 1 where a token has several terms with one description.
    """
    latent, column = np.nonzero(evidence.term >= 0)
    term = readable.of_term[evidence.term[latent, column]]
    shape = (len(evidence.term), len(readable.texts))
    return scipy.sparse.csr_matrix((evidence.share[latent, column], (latent, term)), shape)


def _candidates(
    members: Sequence[Ints | Int32s], shares: scipy.sparse.csr_matrix, rate: Floats
) -> Int32s:
    """int32 [C, CANDIDATES], the terms of each cluster with the largest share · log(1 + lift).

    -1 pads; rate [R] are the shares of the corpus.
    """
    sums = (membership_matrix(members, shares.shape[0]) @ shares).tocsr()
    result = np.full((len(members), CANDIDATES), -1, dtype=np.int32)
    for row, ids in enumerate(members):
        span = slice(sums.indptr[row], sums.indptr[row + 1])
        terms, mean = sums.indices[span], sums.data[span] / max(len(ids), 1)
        order = np.lexsort((terms, -mean * _rarity(mean, rate[terms])))[:CANDIDATES]
        result[row, : len(order)] = terms[order]
    return result


def _rarity(share: Floats, rate: Floats) -> Floats:
    """log(1 + lift) of a share of the activation, against that of the corpus."""
    return np.log1p(np.minimum(share / np.maximum(rate, 1e-12), LARGEST_LIFT))


def _measured(
    terms: Int32s,
    activity: TermActivity,
    shares: scipy.sparse.csr_matrix,
    rate: Floats,
    readable: Readable,
) -> _Candidates:
    """What is known of the candidates [n]; shares [m, R] are those of the members."""
    bits = np.arange(len(terms), dtype=np.uint64)[:, None]
    own = (activity.masks[None, :] >> bits & np.uint64(1)).astype(bool)
    is_group = np.array([readable.kinds[t] is Kind.LETTERS for t in terms.tolist()], dtype=bool)
    own[is_group] = False
    is_form = forms(terms.tolist(), readable)
    on = is_form.astype(np.float32) @ own > 0
    own_share, share = (_mean(rows, activity) for rows in (own, on))
    corpus = np.where(is_group, rate[terms], is_form @ rate[terms])
    weight = np.array([_weight(readable.kinds[t], readable.texts[t]) for t in terms.tolist()])
    typical = np.where(is_group, 1, own_share / np.maximum(share, 1e-12))
    weight = weight.reshape(len(terms)) * np.where(3 * typical >= 1, 1, FORMS_WEIGHT)
    after = [readable.kinds[t] in (Kind.AFTER, Kind.AFTER_GROUP) for t in terms.tolist()]
    weight[np.array(after, dtype=bool) & (share < LEAST_LIFT_AFTER * corpus)] = 0
    for place in np.flatnonzero(is_group):
        letters = is_form[place] & (own_share >= COMMON_LETTER * share[place])
        texts = {readable.texts[t].casefold() for t in terms[letters & ~is_group].tolist()}
        weight[place] *= len(texts) >= LEAST_LETTERS
    # Of two forms with the same tokens, the commoner one is named.
    worth = _rarity(share, corpus) * weight * (1 + typical / 4)
    of_members = np.asarray(shares[:, terms].todense()) @ is_form.T
    return _Candidates(terms.astype(np.int64), on, activity, worth, of_members >= HOLDING)


def _weight(kind: Kind, text: str) -> float:
    return PHRASE_WEIGHT if kind is Kind.PLAIN and " " in text else WEIGHTS[kind]


def _mean(on: Bools, activity: TermActivity) -> Floats:
    """[n], the share of the activation on some masks, bool [n, M], over both halves."""
    halves = np.maximum((activity.shares.sum(axis=1) > 0).sum(), 1)
    return np.asarray(on @ activity.shares.sum(axis=0) / halves)


def _named(
    level: tuple[str, int], own: _Candidates, readable: Readable, taken: set[tuple[str, int, str]]
) -> ClusterName:
    """The name of one cluster, new on its level."""
    shared = own.held.sum(axis=0) >= LEAST_HOLDERS
    chosen = _chosen(own, shared, MOST_TERMS, LEAST_GAIN)
    if not chosen:
        chosen = _chosen(own, np.ones(len(own.terms), dtype=bool), FEWER_TERMS, 0)
    if not chosen:
        return ClusterName("", [], [], 0.0, 0, len(own.held))
    further = _chosen(own, shared, len(own.terms), 0, chosen)[len(chosen) :]
    used, text = chosen, _text(own, chosen, readable)
    for place in further:
        if (*level, text) in taken:
            used = [*chosen, place]
            text = _text(own, used, readable)
    first, number = text, 2
    while (*level, text) in taken:
        text = f"{first} ({number})"
        number += 1
    taken.add((*level, text))
    terms = [int(own.terms[i]) for i in used]
    return ClusterName(
        text,
        [readable.kinds[t] for t in terms],
        [readable.texts[t] for t in terms],
        share=_share(own, used),
        holders=int(own.held[:, used].any(axis=1).sum()),
        members=len(own.held),
    )


def _chosen(
    own: _Candidates, fit: Bools, most: int, least_gain: float, start: Sequence[int] = ()
) -> list[int]:
    """Places of the candidates in a name that begins with `start`; fit bool [n] selects others."""
    chosen = list(start)
    worth = np.where(fit, own.worth, 0)
    while len(chosen) < most:
        covered = _any(own, chosen)
        added = _mean(own.on & ~covered, own.activity)
        gain = np.where(added > 1e-9, added * worth, 0)
        best = int(np.argmax(gain)) if len(gain) else 0
        least = max(least_gain, least_gain and RELATIVE_GAIN * _mean(covered, own.activity))
        if not len(gain) or gain[best] <= 0 or added[best] < least:
            break
        chosen.append(best)
    return chosen


def _any(own: _Candidates, chosen: Sequence[int]) -> Bools:
    """bool [M], the masks of tokens that have one of some candidates."""
    return np.asarray(own.on[list(chosen)].any(axis=0))


def _share(own: _Candidates, chosen: Sequence[int]) -> float:
    """The share of the name: that of the half of the documents where it is smaller."""
    shares = own.activity.shares
    is_active = shares.sum(axis=1) > 0
    return float((shares @ _any(own, chosen))[is_active].min(initial=1))


def _text(own: _Candidates, chosen: Sequence[int], readable: Readable) -> str:
    """The terms, with a word as an example of each piece."""
    terms = [int(own.terms[i]) for i in chosen]
    text = name_text(terms, _examples(own, chosen, readable), readable)
    if _mean(_any(own, chosen), own.activity) < MIXED:
        return f"mixed: {text}"
    return f"{text} + others" if _share(own, chosen) < NAMED else text


def _examples(own: _Candidates, chosen: Sequence[int], readable: Readable) -> list[str]:
    """For each piece that is chosen the commonest word with it, and the letters of a group."""
    texts = [readable.texts[t].casefold() for t in own.terms]
    is_word = [readable.kinds[t] is Kind.PLAIN and " " not in readable.texts[t] for t in own.terms]
    named = {texts[i] for i in chosen if is_word[i]}
    examples: list[str] = []
    for i in chosen:
        kind = readable.kinds[own.terms[i]]
        fit = [
            (kind is Kind.LETTERS and len(text) == 1)
            or (
                kind in PIECES
                and is_word[k]
                and texts[i] in text
                and text not in (*named, texts[i])
            )
            for k, text in enumerate(texts)
        ]
        shares = _mean(own.on & own.on[i], own.activity) * fit
        order = [k for k in np.argsort(-shares, kind="stable").tolist() if shares[k] > 0]
        distinct = {texts[k]: readable.texts[own.terms[k]] for k in reversed(order)}
        shown = [distinct[text] for text in dict.fromkeys(texts[k] for k in order)]
        examples.append(", ".join(shown[: SHOWN_LETTERS if kind is Kind.LETTERS else 1]))
    return examples
