"""Explanations from another tool, read from its files: one text for each latent.

- CSV or Parquet with the columns `latent, label` (also `index` or `feature`; `description` or
  `explanation`);
- Neuronpedia's exports: JSON or JSONL records, also gzipped, a folder of batches or a bulk export
  (`v1/MODEL/LAYER-SAE/explanations/batch-0.jsonl.gz`), with `index` and `description`, or with
  `explanations` as its feature pages have them;
- JSON that maps ids to texts;
- a folder of EleutherAI's delphi: `HOOKPOINT_latent123.txt`, each a JSON string, or the same as
  `.json` with `explanation` (`delphi/__main__.py`, `delphi/latents/latents.py`).

The files are read by `explanation_records.py`. If a latent has several texts, the first counts.
Texts are not interpreted: white space becomes single spaces, long texts are cut, and the pages
escape them.
"""

import csv
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate, groupby
from pathlib import Path

import pyarrow as pa
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from analysis.labels.explanation_records import (
    HOW,
    Record,
    SaeIdentity,
    read_records,
)
from analysis.labels.terms import TokenTerms
from analysis.labels.unspaced import LONGEST as LONGEST_WORD
from analysis.labels.unspaced_scripts import in_unspaced_word, is_unspaced
from analysis.runtime.errors import InputError

LONGEST = 1_000
"""Characters of an explanation; the rest is cut."""

ABOUT_TEXT = frozenset(
    """
    word words token tokens term terms phrase phrases text texts context contexts sentence
    sentences reference references referring related relating relate mention mentions instance
    instances occurrence occurrences concept concepts topic topics specific specifically various
    particularly especially often use used using usage indicate indicates indicating associated
    involving feature features latent activates fires
    """.split()  # noqa: SIM905 - a list of literals would fill a screen
)
"""Words of explanations that describe text and do not occur in it."""

_QUOTED = re.compile(
    r"[\"“‘`«「『]([^\"“”‘’`«»「」『』]{1,60})[\"”’`»」』]|(?<!\w)'([^']{1,60})'(?!\w)"
)


def read_explanations(path: Path, latents: int, sae: SaeIdentity | None = None) -> dict[int, str]:
    """The explanation of every latent that has one, out of the SAE's `latents`.

    Records of other SAEs are left out. Raises InputError, with the file and the line, if the path
    does not exist, its format is unknown or damaged, an id or text is ambiguous, a latent is
    outside the SAE, there is no explanation, it cannot be known which of several SAEs is meant, or
    the files are too large.
    """
    try:
        records = list(read_records(path, sae))
    except (ValueError, csv.Error, pa.ArrowException, OSError, EOFError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read as explanations; {HOW}.") from error
    texts: dict[int, str] = {}
    for record in _of_this_sae(path, records, sae or SaeIdentity()):
        if record.latent in texts or not (clean := clean_text(record.text)):
            continue
        if not 0 <= record.latent < latents:
            raise InputError(
                f"{path}: explains latent {record.latent}, but the SAE has {latents:,} latents, 0 "
                f"to {latents - 1} ({record.place}); give the explanations of this SAE."
            )
        texts[record.latent] = clean
    if not texts:
        raise InputError(f"{path}: contains no explanation; {HOW}.")
    return texts


def _of_this_sae(path: Path, records: Sequence[Record], sae: SaeIdentity) -> Sequence[Record]:
    """The records of this SAE, and those that name none."""
    names = dict.fromkeys(record.sae for record in records if record.sae)
    if not names:
        return records
    own = [name for name in names if sae.is_named(name)]
    unknown = [name for name in names if sae.is_named(name) is None]
    candidates = own or unknown
    shown = ", ".join(list(names)[:4]) + (", …" if len(names) > 4 else "")
    if not candidates:
        known = sae.neuronpedia_id or f"one of layer {sae.layer}"
        raise InputError(
            f"{path}: explains {shown}, but this SAE is {known}; give the explanations of this SAE."
        )
    if len(candidates) > 1:
        raise InputError(
            f"{path}: explains several SAEs ({shown}), and which of them is this one is not "
            "stated; give the folder of one."
        )
    return [record for record in records if record.sae in ("", candidates[0])]


def clean_text(text: str) -> str:
    """One line of at most LONGEST characters that can be stored as UTF-8."""
    stored = text[: 4 * LONGEST].replace("\0", " ").encode("utf-8", "replace")
    line = " ".join(stored.decode("utf-8").split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def content_words(text: str) -> list[str]:
    """The words of an explanation that can occur in the text that it describes, each once.

    In lower case. English function words and words about text are left out unless quoted. Text in
    scripts without spaces is not divided into words.
    """
    quoted = " ".join(first or second for first, second in _QUOTED.findall(text)).casefold()
    words = [run for word in _words(quoted) for run in _runs(word)]
    for word in _words(text.casefold()):
        for run in _runs(word):
            if run not in ENGLISH_STOP_WORDS and run not in ABOUT_TEXT and _is_word(run):
                words.append(run)
    return list(dict.fromkeys(words))


def unspaced_words(text: str) -> list[str]:
    """The words of an explanation in scripts without spaces, where quotes or spaces divide them."""
    return [word for word in content_words(text) if in_unspaced_word(word)]


def word_terms(words: Iterable[Sequence[str]], terms: TokenTerms) -> list[list[int]]:
    """The terms of kind `word` of each list of words; words that the corpus lacks are left out.

    A word in a script without spaces has the terms that contain it. If there is none, it is a
    sentence: then it has the longest terms that it contains.
    """
    vocabulary = terms.core[: terms.first_piece]
    known = {core: term for term, core in enumerate(vocabulary)}
    unspaced = _Unspaced(vocabulary)
    rows = []
    for row in words:
        chosen: list[int] = []
        for word in row:
            if in_unspaced_word(word):
                chosen += unspaced.terms_of(word)
            elif word in known:
                chosen.append(known[word])
        rows.append(list(dict.fromkeys(chosen)))
    return rows


class _Unspaced:
    """The terms in scripts without spaces, searched by parts of their text."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """Search in the terms `vocabulary`, in lower case."""
        self.terms = [term for term, core in enumerate(vocabulary) if in_unspaced_word(core)]
        self.known = {vocabulary[term]: term for term in self.terms}
        self.text = "\n".join(["", *(vocabulary[term] for term in self.terms), ""])
        ends = [0, *accumulate(len(vocabulary[term]) + 1 for term in self.terms)]
        self.starts = [end + 1 for end in ends]

    def terms_of(self, word: str) -> list[int]:
        """The terms that contain the word; one character only stands for itself."""
        if len(word) == 1:
            return [self.known[word]] if word in self.known else []
        containing = []
        at = self.text.find(word)
        while at >= 0:
            place = bisect_right(self.starts, at) - 1
            containing.append(self.terms[place])
            at = self.text.find(word, self.starts[place + 1])
        return containing or self._contained(word)

    def _contained(self, sentence: str) -> list[int]:
        """The longest terms of at least two characters in a sentence, from left to right."""
        chosen, start = [], 0
        while start < len(sentence):
            ends = range(min(len(sentence), start + LONGEST_WORD), start + 1, -1)
            end = next((end for end in ends if sentence[start:end] in self.known), None)
            if end is not None:
                chosen.append(self.known[sentence[start:end]])
            start = end or start + 1
        return chosen


def _words(text: str) -> list[str]:
    """The words of a text: letters with their combining marks, digits, and apostrophes inside."""
    spaced = (c if c in "'’" or unicodedata.category(c)[0] in "LMN" else " " for c in text)
    return [bare for word in "".join(spaced).split() if (bare := word.strip("'’"))]


def _runs(word: str) -> list[str]:
    """The parts of a word in scripts with and without spaces."""
    return ["".join(run) for _, run in groupby(word, is_unspaced)]


def _is_word(run: str) -> bool:
    return len(run) > 1 or is_unspaced(run)
