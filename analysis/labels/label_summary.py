"""What the labels of an SAE name, and how many of them hold on held-out text."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from analysis.labels import SEPARATOR

GOOD_PRECISION = 0.5
"""Precision from which the label of a latent is right at least half of the time."""
GOOD_RECALL = 0.5
"""Recall from which it names most of what the latent fires on."""
_TERM = rf"(^|{SEPARATOR})[^…·]*{{letters}}[^…·]*({SEPARATOR}|$)"
_WORD = _TERM.format(letters=r"\p{L}\p{L}")
_LETTER = r"\p{L}"


@dataclass(frozen=True)
class LabelSummary:
    """Live latents, by what their label is made of; the four kinds add up to `live`."""

    live: int
    words: int
    """With a whole word in the label."""
    pieces: int
    """With letters, but pieces of words or single letters only."""
    signs: int
    """With punctuation, digits or spaces only."""
    unnamed: int
    scored: int
    """With a precision and a recall on held-out words."""
    right: int
    """Of these, with a precision of at least GOOD_PRECISION."""
    complete: int
    """Of `right`, with a recall of at least GOOD_RECALL, too."""


def label_summary(latents: pa.Table) -> LabelSummary:
    """Count the labels of the live latents of a latent table."""
    live = latents.filter(pc.equal(latents["flag"].cast("string"), "live"))
    labels = pc.fill_null(live["label"], "")
    is_named = pc.not_equal(labels, "")
    has_word = pc.match_substring_regex(labels, _WORD)
    has_letter = pc.match_substring_regex(labels, _LETTER)
    precision, recall = live["label_precision"], live["label_recall"]
    is_right = pc.greater_equal(precision, GOOD_PRECISION)
    is_complete = pc.and_(is_right, pc.greater_equal(recall, GOOD_RECALL))
    named, words, letters = map(_true, (is_named, has_word, has_letter))
    return LabelSummary(
        live=live.num_rows,
        words=words,
        pieces=letters - words,
        signs=named - letters,
        unnamed=live.num_rows - named,
        scored=_true(pc.and_(pc.is_valid(precision), pc.is_valid(recall))),
        right=_true(pc.and_(is_right, pc.is_valid(recall))),
        complete=_true(is_complete),
    )


def _true(mask: pa.ChunkedArray) -> int:
    return int(pc.sum(mask).as_py() or 0)
