"""Whether some latents have words in common: the member lift of a group, beside its null.

The lift of a cluster's members (`member_lifts.py`) for any latents: ten words are named by the
other latents on the naming documents, and a latent's lift is how often it fires on them in the
held-out documents, against chance. The group is compared with as many latents of the rest, which
have nothing in common; their lift is the null.

Memory: the activations of both groups in the documents that are read.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analysis.bundle import Bundle, LatentBlock
from analysis.labels.corpus_terms import CorpusTerms, held_out_rows
from analysis.labels.enrichment import SampledLatents
from analysis.labels.evidence import token_evidence
from analysis.labels.good_lifts import GOOD_LIFT
from analysis.labels.member_lifts import member_lifts, word_votes
from analysis.runtime.arrays import Float32s, Int32s, Ints


@dataclass(frozen=True)
class GroupLift:
    """The lifts of the members of a group; NaN if none has one."""

    members: int
    """Those with a lift: active on enough held-out words."""
    lift: float
    """Median."""
    share: float
    """Share of the members at `GOOD_LIFT` or more."""
    other_words: float
    """Median, without a member's own most telling words."""


@dataclass(frozen=True)
class _InMemory:
    """The activations of m latents, numbered from 0, on the rows of a `CorpusTerms`."""

    block: LatentBlock

    @property
    def latent_ends(self) -> Ints:
        """[m] where each latent's activations end."""
        return self.block.ends

    def blocks_by_latent(
        self, latents: Ints | Int32s | None = None, most_rows: float = 0
    ) -> Iterator[LatentBlock]:
        """Yield all latents in one block; the arguments are not used."""
        del latents, most_rows
        yield self.block


def group_lifts(
    bundle: Bundle, sample: SampledLatents, corpus: CorpusTerms
) -> tuple[GroupLift, GroupLift]:
    """The lift of the selected latents of a sample, and of as many of the rest."""
    rest = sample.rest
    if len(rest) > len(sample.selected):
        random = np.random.default_rng(len(rest))
        rest = np.sort(random.choice(rest, len(sample.selected), replace=False))
    latents = np.union1d(sample.selected, rest)
    if not len(latents):
        nothing = _summary(np.empty(0, np.float32), np.empty(0, np.float32))
        return nothing, nothing
    read = _read(bundle, latents, corpus)
    held_out = held_out_rows(bundle)[corpus.place >= 0]
    evidence = token_evidence(read, corpus.terms, naming=corpus.kept & ~held_out)
    groups = [np.searchsorted(latents, one) for one in (sample.selected, rest)]
    (lifts,) = member_lifts(
        [groups],
        word_votes(evidence, corpus.terms.first_piece),
        read,
        corpus.terms,
        held_out=held_out,
    )
    first = len(sample.selected)
    return (
        _summary(lifts.lift[:first], lifts.other_words[:first]),
        _summary(lifts.lift[first:], lifts.other_words[first:]),
    )


def _read(bundle: Bundle, latents: Ints, corpus: CorpusTerms) -> _InMemory:
    tokens, values, counts = [np.empty(0, np.uint32)], [np.empty(0, np.float32)], []
    for _, rows, activations in bundle.activations.each_of(latents):
        place = corpus.place[rows]
        tokens.append(place[place >= 0].astype(np.uint32))
        values.append(activations[place >= 0])
        counts.append(len(tokens[-1]))
    return _InMemory(
        LatentBlock(
            np.arange(len(latents)),
            np.cumsum(counts, dtype=np.int64),
            np.concatenate(tokens),
            np.concatenate(values),
        )
    )


def _summary(lift: Float32s, other_words: Float32s) -> GroupLift:
    known, others = lift[np.isfinite(lift)], other_words[np.isfinite(other_words)]
    return GroupLift(
        members=len(known),
        lift=float(np.median(known)) if len(known) else float("nan"),
        share=float(np.mean(known >= GOOD_LIFT)) if len(known) else float("nan"),
        other_words=float(np.median(others)) if len(others) else float("nan"),
    )
