"""Build the prompt that requests a name from a language model, and read the name in its answer.

The prompt has the best terms, the promoted tokens, and top contexts with the token of the largest
activation marked. Contexts of held-out documents are excluded.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import LatentTable
from analysis.labels.naming import Ballot, SharedTerm
from analysis.latents.windows import WindowReader

Message = dict[str, str]
"""A turn in OpenAI's message format, with `role` and `content`."""

MOST_ANSWER_TOKENS = 20
LONGEST_NAME = 80
"""Characters of a name; the rest is cut."""
CONTEXTS = 6
"""Maximum number of contexts in a prompt."""
_SHOWN_PROMOTED = 6
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
    """The prompt material of a cluster or a latent."""

    terms: Sequence[str]
    promoted: Sequence[str]
    contexts: Sequence[str]


def messages(subject: Subject) -> list[Message]:
    """The prompt that requests a name, in OpenAI's message format."""
    return [
        {"role": "system", "content": INSTRUCTION},
        {"role": "user", "content": EXAMPLE[0]},
        {"role": "assistant", "content": EXAMPLE[1]},
        {"role": "user", "content": _description(subject)},
    ]


def name_in(answer: str) -> str:
    """The name in a model's answer: its first line without surrounding marks; may be empty."""
    lines = [line for line in answer.splitlines() if line.strip()]
    line = re.sub(
        r"^\W*(?:name|label|answer|topic)\s*:\s*", "", lines[0] if lines else "", flags=re.I
    )
    line = "".join(c for c in line if c.isprintable()).strip(" \"'“”‘’`*#.-:")
    return " ".join(line.split())[:LONGEST_NAME].strip()


def latent_subjects(
    latents: Sequence[int],
    top_tokens: Sequence[Sequence[str]],
    promoted: Ballot,
    contexts: LatentTable,
    windows: WindowReader,
    documents: Collection[int],
) -> list[Subject]:
    """The subjects of some latents; `top_tokens` [F]; contexts only from the given documents."""
    marked = _top_contexts(contexts, windows, latents, documents)
    return [
        Subject(top_tokens[latent], _most_promoted(promoted, latent), marked.get(latent, []))
        for latent in latents
    ]


def cluster_subjects(
    members: Sequence[np.ndarray],
    terms: Sequence[Sequence[SharedTerm]],
    promoted: Sequence[Sequence[str]],
    ballot: Ballot,
    contexts: LatentTable,
    windows: WindowReader,
    documents: Collection[int],
) -> list[Subject]:
    """The subjects of clusters, with the best context of the members that hold most of its terms.

    members [clusters] are ids of latents; terms and promoted [clusters] are what they share;
    `ballot` has the vocabulary of the terms. Contexts come only from the given documents.
    """
    chosen = []
    for ids, row in zip(members, terms, strict=True):
        term_ids = np.array([shared.term for shared in row], dtype=np.int64)
        held = ballot.holds[ids][:, term_ids].sum(axis=1)
        order = np.lexsort((ids, -np.asarray(held).ravel()))
        chosen.append(ids[order[:CONTEXTS]].tolist())
    latents = {latent for row in chosen for latent in row}
    marked = _top_contexts(contexts, windows, latents, documents)
    return [
        Subject(
            [ballot.shown[shared.term] for shared in row],
            words,
            [marked[latent][0] for latent in ids if latent in marked],
        )
        for row, words, ids in zip(terms, promoted, chosen, strict=True)
    ]


def _most_promoted(promoted: Ballot, latent: int) -> list[str]:
    row = promoted.votes[[latent]]
    return [promoted.shown[row.indices[i]] for i in np.argsort(-row.data, kind="stable")]


def _top_contexts(
    contexts: LatentTable,
    windows: WindowReader,
    latents: Collection[int],
    documents: Collection[int],
) -> dict[int, list[str]]:
    """The first CONTEXTS top contexts of some latents in the given documents, marked."""
    rows = contexts.of(sorted(latents))
    top = rows.filter(
        pc.and_(
            pc.equal(pc.cast(rows["kind"], pa.string()), "top"),
            pc.is_in(rows["document"], pa.array(sorted(documents), pa.int64())),
        )
    )
    latent = top["latent"].to_numpy()
    rank = np.arange(len(latent)) - np.searchsorted(latent, latent)
    read = windows.read(top.filter(pa.array(rank < CONTEXTS)), 2 * _WINDOW + 1)
    marked: dict[int, list[str]] = {}
    for row in read.select(["latent", "tokens", "peak"]).to_pylist():
        marked.setdefault(row["latent"], []).append(_marked(row["tokens"], row["peak"]))
    return marked


def _description(subject: Subject) -> str:
    lines = []
    if subject.terms:
        lines.append("Words: " + ", ".join(subject.terms))
    if subject.promoted:
        lines.append("Next words: " + ", ".join(subject.promoted[:_SHOWN_PROMOTED]))
    if subject.contexts:
        lines += ["Texts:", *(f"- {text}" for text in subject.contexts[:CONTEXTS])]
    return "\n".join(lines)


def _marked(tokens: Sequence[str], peak: int) -> str:
    """A window on one line, with the token at its peak in double brackets."""
    before = "".join(tokens[max(0, peak - _WINDOW) : peak])
    after = "".join(tokens[peak + 1 : peak + 1 + _WINDOW])
    token = tokens[peak]
    space = " " if token.startswith(" ") else ""
    return " ".join(f"{before}{space}[[{token.strip()}]]{after}".split())
