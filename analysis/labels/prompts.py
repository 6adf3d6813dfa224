"""What a language model is told of a cluster or a latent, and what is taken from its answer.

It is told what a reader sees too: the telling terms, the tokens that are raised, and top contexts,
each with the token marked on which the latent fires. Contexts of held-out documents are left out.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import LatentTable
from analysis.labels.naming import Ballot, SharedTerm

LONGEST_NAME = 80
CONTEXTS = 6
_SHOWN_RAISED = 6
_WINDOW = 8
"""Tokens shown on either side of the marked one."""

INSTRUCTION = (
    "You name what short texts have in common. You get words, and texts in which one word is "
    "marked by [[ ]]. Answer with a name of one to five words and nothing else."
)
EXAMPLE = (
    "Words: violin, chord, sonata\n"
    "Texts:\n- the slow [[movement]] of the sonata\n- she tuned her [[violin]] before the concert",
    "Classical music",
)


@dataclass(frozen=True)
class Subject:
    """A cluster or a latent, as a language model gets to see it."""

    terms: Sequence[str]
    raised: Sequence[str]
    contexts: Sequence[str]


def messages(subject: Subject) -> list[dict[str, str]]:
    """The conversation that asks for a name, in OpenAI's form."""
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": EXAMPLE[0]},
        {"role": "assistant", "content": EXAMPLE[1]},
        {"role": "user", "content": _told(subject)},
    ]


def name_in(answer: str) -> str:
    """The name in a model's answer: its first line, without marks around it; may be empty."""
    lines = [line for line in answer.splitlines() if line.strip()]
    line = re.sub(
        r"^\W*(?:name|label|answer|topic)\s*:\s*", "", lines[0] if lines else "", flags=re.I
    )
    line = "".join(c for c in line if c.isprintable()).strip(" \"'“”‘’`*#.-:")
    return " ".join(line.split())[:LONGEST_NAME].strip()


def latent_subjects(
    latents: Sequence[int],
    top_tokens: Sequence[Sequence[str]],
    raised: Ballot,
    contexts: LatentTable,
    documents: Collection[int],
) -> list[Subject]:
    """What is told of some latents; `top_tokens` [F], contexts out of the given documents alone."""
    marked = _top_contexts(contexts, latents, documents)
    return [
        Subject(top_tokens[latent], _most_raised(raised, latent), marked.get(latent, []))
        for latent in latents
    ]


def cluster_subjects(
    members: Sequence[np.ndarray],
    terms: Sequence[Sequence[SharedTerm]],
    raised: Sequence[Sequence[str]],
    ballot: Ballot,
    contexts: LatentTable,
    documents: Collection[int],
) -> list[Subject]:
    """What is told of clusters: the best context of the members that hold most of its terms.

    members [clusters] are ids of latents, terms and raised [clusters] what they share, and
    `ballot` the one that the terms were found by.
    """
    chosen = []
    for ids, row in zip(members, terms, strict=True):
        held = ballot.holds[ids][:, [found.term for found in row]].sum(axis=1)
        order = np.lexsort((ids, -np.asarray(held).ravel()))
        chosen.append(ids[order[:CONTEXTS]].tolist())
    wanted = {latent for row in chosen for latent in row}
    marked = _top_contexts(contexts, wanted, documents)
    return [
        Subject(
            [ballot.shown[found.term] for found in row],
            words,
            [marked[latent][0] for latent in ids if latent in marked],
        )
        for row, words, ids in zip(terms, raised, chosen, strict=True)
    ]


def _most_raised(raised: Ballot, latent: int) -> list[str]:
    row = raised.votes[[latent]]
    return [raised.shown[row.indices[i]] for i in np.argsort(-row.data, kind="stable")]


def _top_contexts(
    contexts: LatentTable, latents: Collection[int], documents: Collection[int]
) -> dict[int, list[str]]:
    """The top contexts of some latents that lie in the given documents, marked, best first."""
    rows = contexts.of(sorted(latents))
    top = rows.filter(
        pc.and_(
            pc.equal(pc.cast(rows["kind"], pa.string()), "top"),
            pc.is_in(rows["document"], pa.array(sorted(documents), pa.int64())),
        )
    ).select(["latent", "tokens", "peak"])
    found: dict[int, list[str]] = {}
    for row in top.to_pylist():
        found.setdefault(row["latent"], []).append(_marked(row["tokens"], row["peak"]))
    return found


def _told(subject: Subject) -> str:
    lines = []
    if subject.terms:
        lines.append("Words: " + ", ".join(subject.terms))
    if subject.raised:
        lines.append("Next words: " + ", ".join(subject.raised[:_SHOWN_RAISED]))
    if subject.contexts:
        lines += ["Texts:", *(f"- {text}" for text in subject.contexts[:CONTEXTS])]
    return "\n".join(lines)


def _marked(tokens: Sequence[str], peak: int) -> str:
    """A window on one line, the token at its peak in double brackets."""
    before = "".join(tokens[max(0, peak - _WINDOW) : peak])
    after = "".join(tokens[peak + 1 : peak + 1 + _WINDOW])
    token = tokens[peak]
    space = " " if token.startswith(" ") else ""
    return " ".join(f"{before}{space}[[{token.strip()}]]{after}".split())
