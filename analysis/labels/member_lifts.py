"""How well the words of the other members predict a member of a cluster, on held-out documents.

Leave one member out: `WORDS` words are named by the other members, as the words of a cluster are
(class-based TF-IDF, see `naming.py`), from the naming documents. The lift of the member is how
often it fires on these words in the held-out documents, over how often it fires on any word:

    lift = (|words named by the others ∩ active| / |words named by the others|) / (|active| / N)

N counts the words of the held-out documents. Random clusters have a lift of about 0, because words
that other latents name say nothing about this one. A second lift leaves out the member's own
`TELLING` most telling words, so that one word that many latents share does not pass for a shared
meaning. There is no lift with fewer than `LEAST_CONTEXTS` active words.

The clusters of one grouping are compared with each other. All groupings are scored in one pass
over the activations. Memory: the votes of the latents, `_CANDIDATES` words of every cluster, three
numbers for every member, and a block of activations.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
import scipy.sparse

from analysis.cooccurrence.incidence import ByLatent
from analysis.labels.evidence import KEPT, Evidence
from analysis.labels.naming import membership_matrix
from analysis.labels.scoring import LEAST_CONTEXTS
from analysis.labels.terms import TokenTerms
from analysis.runtime.arrays import Bools, Float32s, Int32s, Ints
from analysis.runtime.memory import MEMORY_BYTES

WORDS = 10
"""Words that the other members name."""
TELLING = 3
"""The member's own words that the second lift leaves out."""
_CANDIDATES = WORDS + KEPT
"""Without one member at most KEPT words of a cluster lose votes, so the best WORDS are in these."""
_ROW_BYTES = 24
"""Bytes of one activation while it is read and decoded."""


Grouping = Sequence[Ints | Int32s]
"""The members of clusters that are compared with each other, such as those of one level."""


@dataclass(frozen=True)
class MemberLifts:
    """The lifts of the m members of all clusters of a grouping, in order; NaN if undefined."""

    lift: Float32s
    """float32 [m]"""
    other_words: Float32s
    """float32 [m], without the member's own most telling words."""


@dataclass(frozen=True)
class WordVotes:
    """One vote of every latent, divided over its whole words by their scores."""

    votes: scipy.sparse.csr_matrix
    """float64 [F, W]"""
    telling: Int32s
    """int32 [F, TELLING], the latent's words with the largest scores; -1 pads."""


def word_votes(evidence: Evidence, first_piece: int) -> WordVotes:
    """The votes of the latents over the terms below `first_piece`, which are whole words."""
    is_word = (evidence.term >= 0) & (evidence.term < first_piece) & (evidence.score > 0)
    latent, column = np.nonzero(is_word)
    term, score = evidence.term[latent, column], evidence.score[latent, column].astype(np.float64)
    total = np.bincount(latent, score, minlength=len(evidence.term))
    votes = scipy.sparse.csr_matrix(
        (score / total[latent], (latent, term)), shape=(len(evidence.term), first_piece)
    )
    rank = np.cumsum(is_word, axis=1) - 1
    telling = np.full((len(evidence.term), TELLING), -1, dtype=np.int32)
    first = rank[latent, column] < TELLING
    telling[latent[first], rank[latent, column][first]] = term[first]
    return WordVotes(votes, telling)


def member_lifts(
    groupings: Sequence[Grouping],
    words: WordVotes,
    activations: ByLatent,
    terms: TokenTerms,
    *,
    held_out: Bools,
    memory_bytes: int = MEMORY_BYTES,
) -> list[MemberLifts]:
    """The lifts of the members of every grouping.

    held_out bool [N] selects the kept rows of the token table in held-out documents. `memory_bytes`
    bounds the activations in memory.
    """
    counts = held_out_words(terms, held_out)
    candidates = _joined([_candidates(grouping, words.votes) for grouping in groupings])
    clusters = [ids for grouping in groupings for ids in grouping]
    latent = np.concatenate([np.empty(0, dtype=np.int64), *clusters]).astype(np.int64)
    cluster = np.repeat(np.arange(len(clusters)), [len(ids) for ids in clusters])
    order = np.argsort(latent, kind="stable")
    per_latent = np.bincount(latent, minlength=len(activations.latent_ends))
    ends = np.cumsum(per_latent)
    lifts = np.full((2, len(latent)), np.nan, dtype=np.float32)
    own = (words.votes.indptr, words.votes.indices, words.votes.data, words.telling)
    scored = np.flatnonzero(per_latent)
    for block in activations.blocks_by_latent(scored, most_rows=memory_bytes // _ROW_BYTES):
        _lifts_of_block(
            (block.latents, block.ends, block.tokens),
            (held_out, terms.word, terms.occurrence),
            counts,
            own,
            candidates,
            (ends, order, cluster),
            lifts,
        )
    sizes = [sum(len(ids) for ids in grouping) for grouping in groupings]
    parts = (np.split(row, np.cumsum(sizes)[:-1]) for row in lifts)
    return [MemberLifts(*pair) for pair in zip(*parts, strict=True)][: len(sizes)]


_Candidates = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Of every cluster [c, _CANDIDATES] the words, best first, their votes, voters and rarity."""


def held_out_words(terms: TokenTerms, held_out: Bools) -> Ints:
    """How often each word occurs in the rows `held_out` bool [N], int64 [W]."""
    rows = np.flatnonzero(held_out)
    occurrence = terms.occurrence[rows]
    first = np.append(True, occurrence[1:] != occurrence[:-1])[: len(rows)]
    return np.bincount(terms.word[rows[first]], minlength=terms.first_piece)


def _candidates(grouping: Grouping, votes: scipy.sparse.csr_matrix) -> _Candidates:
    """The best words of every cluster of a grouping."""
    members = membership_matrix(grouping, votes.shape[0]).astype(np.float64)
    total = (members @ votes).tocsr()
    voters = votes.copy()
    voters.data = np.ones_like(voters.data)
    held = (members @ voters).tocsr()
    total.sort_indices()
    held.sort_indices()
    of_word = np.asarray(total.sum(axis=0)).ravel()
    mean = total.sum() / max(len(grouping), 1)
    rarity = np.log1p(mean / np.maximum(of_word[total.indices], 1e-300))
    score = total.data * rarity * held.data / (held.data + 1)
    row = np.repeat(np.arange(len(grouping)), np.diff(total.indptr))
    order = np.lexsort((total.indices, -score, row))
    rank = np.arange(len(row)) - total.indptr[row]
    best = order[rank < _CANDIDATES]
    at = (row[best], rank[rank < _CANDIDATES])
    word = np.full((len(grouping), _CANDIDATES), -1, dtype=np.int32)
    numbers = np.zeros((3, *word.shape))
    word[at] = total.indices[best]
    for array, values in zip(numbers, (total.data, held.data, rarity), strict=True):
        array[at] = values[best]
    return word, numbers[0], numbers[1], numbers[2]


def _joined(parts: Sequence[_Candidates]) -> _Candidates:
    none = (np.empty((0, _CANDIDATES), np.int32), *([np.empty((0, _CANDIDATES))] * 3))
    word, votes, voters, rarity = (np.concatenate(p) for p in zip(none, *parts, strict=True))
    return word, votes, voters, rarity


@numba.njit(cache=True)
def _lifts_of_block(
    block: tuple[np.ndarray, np.ndarray, np.ndarray],
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    counts: np.ndarray,
    own: tuple[np.ndarray, ...],
    candidates: tuple[np.ndarray, ...],
    members: tuple[np.ndarray, np.ndarray, np.ndarray],
    lifts: np.ndarray,
) -> None:
    """Fill the lifts [2, m] of the latents of a block.

    block: latents [k], where their token rows end [k], and these rows. rows: whether each row of
    the token table is held out, its word and its occurrence, [N] each. counts [W]: held-out words.
    own: votes as a sparse matrix, and telling words [F, TELLING]. candidates: of every cluster.
    members: where the members of each latent end [F], their places [m], and their clusters [m].
    """
    latents, block_ends, tokens = block
    _, word, _ = rows
    indptr, indices, data, telling = own
    ends, order, cluster = members
    N = counts.sum()
    hits = np.zeros(len(counts), dtype=np.int64)
    vote = np.zeros(len(counts))
    left_out = np.zeros(len(counts), dtype=np.bool_)
    start = 0
    for i in range(len(latents)):
        latent, active_rows = latents[i], tokens[start : block_ends[i]]
        start = block_ends[i]
        active = _count_words(active_rows, rows, hits)
        own_words = indices[indptr[latent] : indptr[latent + 1]]
        own_telling = telling[latent][telling[latent] >= 0]
        vote[own_words] = data[indptr[latent] : indptr[latent + 1]]
        for kind in range(2):
            left_out[own_telling] = kind == 1
            first = ends[latent - 1] if latent > 0 else 0
            for place in order[first : ends[latent]]:
                predicted, both = _named_by_others(
                    cluster[place], vote, left_out, candidates, counts, hits
                )
                if predicted > 0 and active >= LEAST_CONTEXTS:
                    lifts[kind, place] = both * N / (predicted * active)
        vote[own_words] = 0.0
        left_out[own_telling] = False
        for row in active_rows:
            hits[word[row]] = 0


@numba.njit(cache=True)
def _count_words(
    active_rows: np.ndarray,
    rows: tuple[np.ndarray, np.ndarray, np.ndarray],
    hits: np.ndarray,
) -> int:
    """Add the held-out words of ascending rows to hits [W]; how many they are."""
    held_out, word, occurrence = rows
    active, last = 0, -1
    for row in active_rows:
        if held_out[row] and occurrence[row] != last:
            last = occurrence[row]
            active += 1
            hits[word[row]] += 1
    return active


@numba.njit(cache=True)
def _named_by_others(
    cluster: int,
    vote: np.ndarray,
    left_out: np.ndarray,
    candidates: tuple[np.ndarray, ...],
    counts: np.ndarray,
    hits: np.ndarray,
) -> tuple[int, int]:
    """Held-out words that the other members name, and those on which the member is active.

    vote [W]: the member's own votes; left_out bool [W]: words that do not count; counts and hits
    [W]: how often each word occurs, and occurs with the member active.
    """
    word, votes, voters, rarity = candidates
    best = np.zeros(WORDS)
    chosen = np.full(WORDS, -1, dtype=np.int32)
    for k in range(word.shape[1]):
        w = word[cluster, k]
        if w < 0:
            break
        if left_out[w]:
            continue
        v, n = votes[cluster, k], voters[cluster, k]
        if vote[w] > 0:
            v, n = v - vote[w], n - 1
        if n <= 0:
            continue
        score = v * rarity[cluster, k] * n / (n + 1)
        place = WORDS
        while place > 0 and (
            chosen[place - 1] < 0
            or score > best[place - 1]
            or (score == best[place - 1] and w < chosen[place - 1])
        ):
            place -= 1
        if place < WORDS:
            for j in range(WORDS - 1, place, -1):
                best[j], chosen[j] = best[j - 1], chosen[j - 1]
            best[place], chosen[place] = score, w
    predicted, both = 0, 0
    for w in chosen:
        if w >= 0:
            predicted += counts[w]
            both += hits[w]
    return predicted, both
