"""Trials of the intruder test for a reader: five contexts as text, one of them foreign.

The contexts are drawn as for the automatic score (`intruder.py`): from held-out documents, around
tokens on which the latent, or a member of the cluster, is most active. Foreign contexts come from
`DONORS` live latents. A trial is fixed by the bundle, the subject and the seed, so it can be shown
again.

Memory: the contexts of the subject and of `DONORS` latents.
"""

from dataclasses import dataclass

import numpy as np

from analysis.bundle import Bundle
from analysis.labels.corpus_terms import held_out_rows
from analysis.labels.intruder import OWN, SHOWN, draw_trials
from analysis.latents.flags import is_live
from analysis.latents.windows import read_tokens, rows_around
from analysis.runtime.arrays import Int32s, Ints

MOST_TRIALS = 24
"""Trials that are drawn for one test, more than a reader finishes in a minute."""
DONORS = 48
"""Live latents from which foreign contexts come."""
CONTEXT_TOKENS = 21
"""Tokens of a context: the token in the middle and ten on either side, as the words are judged."""
MOST_MEMBERS = 200
"""Members of a cluster from which contexts are drawn; evenly spaced if it has more."""


@dataclass(frozen=True)
class ShownContext:
    """A context as text."""

    before: str
    token: str
    """On which the latent is most active."""
    after: str


@dataclass(frozen=True)
class BlindTrial:
    """One trial in the order in which it is shown."""

    contexts: tuple[ShownContext, ...]
    """[SHOWN]"""
    foreign: int
    """The place of the foreign context, counted from 0."""
    rows: tuple[int, ...]
    """[SHOWN] rows of the token table: the contexts of the subject, then the foreign one."""


def blind_trials(bundle: Bundle, subject: Ints | Int32s, seed: int) -> tuple[BlindTrial, ...]:
    """Up to `MOST_TRIALS` trials of a latent, or of the ascending members of a cluster.

    There are none if the subject is active in fewer than four held-out documents.
    """
    kept = bundle.kept_tokens
    subject = subject[:: -(-len(subject) // MOST_MEMBERS) or 1]
    groups = [subject.astype(np.int64), *_donors(bundle, subject, seed)]
    drawn = draw_trials(
        groups,
        bundle.activations,
        kept,
        held_out=held_out_rows(bundle),
        seed=seed,
        trials=MOST_TRIALS,
    )
    contexts = drawn.contexts[drawn.group == 0]
    places = np.random.default_rng([seed, OWN]).permuted(
        np.tile(np.arange(SHOWN), (len(contexts), 1)), axis=1
    )
    texts = _texts(bundle, np.take_along_axis(contexts, places, axis=1).ravel())
    return tuple(
        BlindTrial(
            contexts=tuple(texts[SHOWN * i : SHOWN * (i + 1)]),
            foreign=int(np.flatnonzero(order == OWN)[0]),
            rows=tuple(rows.tolist()),
        )
        for i, (order, rows) in enumerate(zip(places, contexts, strict=True))
    )


def _donors(bundle: Bundle, subject: Ints | Int32s, seed: int) -> list[Ints]:
    """Live latents other than the subject, each as a group of its own."""
    others = np.setdiff1d(np.flatnonzero(is_live(bundle.latents)), subject)
    random = np.random.default_rng([seed, SHOWN])
    chosen = np.sort(random.choice(others, min(DONORS, len(others)), replace=False))
    return [np.array([latent]) for latent in chosen.tolist()]


def _texts(bundle: Bundle, rows: Ints) -> list[ShownContext]:
    """The contexts around the rows [n]."""
    around = rows_around(bundle.kept_tokens, rows, CONTEXT_TOKENS)
    text, _ = read_tokens(bundle.tokens_file, around.rows)
    tokens = around.lists(text).to_pylist()
    return [
        ShownContext("".join(one[:peak]), one[peak], "".join(one[peak + 1 :]))
        for one, peak in zip(tokens, around.peak.tolist(), strict=True)
    ]
