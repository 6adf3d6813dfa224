"""Explanations from another tool, read from its files: one text for each latent.

- CSV or Parquet with the columns `latent, label` (also `index` or `feature`; `description` or
  `explanation`);
- Neuronpedia's exports: JSON or JSONL records, also gzipped or a folder of batches, with `index`
  and `description`, or with `explanations` as its feature pages have them;
- JSON that maps ids to texts;
- a folder of EleutherAI's delphi: `HOOKPOINT_latent123.txt`, each a JSON string, or the same as
  `.json` with `explanation` (`delphi/__main__.py`, `delphi/latents/latents.py`).

If a latent has several texts, the first counts. Texts are not interpreted: white space becomes
single spaces, long texts are cut, and the pages escape them.
"""

import csv
import gzip
import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from analysis.labels.terms import TokenTerms
from analysis.labels.unspaced import LONGEST as LONGEST_WORD
from analysis.labels.unspaced import in_unspaced_word, is_unspaced
from analysis.runtime.errors import InputError

LONGEST = 1_000
"""Characters of an explanation; the rest is cut."""
MOST_BYTES = 512 << 20
"""Largest size of all files together, and of one file unpacked."""

LATENT_NAMES = ("latent", "index", "feature")
TEXT_NAMES = ("label", "description", "explanation")
_HOW = (
    "give CSV or Parquet with the columns latent, label, JSON or JSONL with index and "
    "description, or a folder of delphi's"
)
_DELPHI = re.compile(r"(.+)_latent(\d+)\.(?:txt|json)")
_JSON_LINES = (".jsonl", ".jsonl.gz")

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


def read_explanations(path: Path, latents: int) -> dict[int, str]:
    """The explanation of every latent that has one, out of the SAE's `latents`.

    Raises InputError if the path does not exist, its format is unknown or damaged, a latent is
    outside the SAE, there is no explanation, or the files are too large.
    """
    texts: dict[int, str] = {}
    try:
        for latent, text in _records(path):
            if latent not in texts and (clean := clean_text(text)):
                texts[latent] = clean
    except (ValueError, csv.Error, pa.ArrowException, OSError, EOFError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: cannot be read as explanations; {_HOW}.") from error
    if not texts:
        raise InputError(f"{path}: contains no explanation; {_HOW}.")
    outside = [latent for latent in texts if not 0 <= latent < latents]
    if outside:
        raise InputError(
            f"{path}: explains latent {outside[0]}, but the SAE has {latents:,} latents, 0 to "
            f"{latents - 1}; give the explanations of this SAE."
        )
    return texts


def explanation_files(path: Path) -> list[Path]:
    """The files to read, in order. Raises InputError if there are none or they are too large."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; {_HOW}.")
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if _belongs(file))
    if not files:
        raise InputError(f"{path}: contains no file of explanations; {_HOW}.")
    if sum(file.stat().st_size for file in files) > MOST_BYTES:
        raise InputError(f"{path}: larger than {MOST_BYTES >> 20} MB; {_HOW}.")
    return files


def clean_text(text: str) -> str:
    """One line of at most LONGEST characters that can be stored as UTF-8."""
    line = " ".join(text[: 4 * LONGEST].encode("utf-8", "replace").decode("utf-8").split())
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


def _belongs(file: Path) -> bool:
    return bool(_DELPHI.fullmatch(file.name)) or file.name.lower().endswith(_JSON_LINES)


def _records(path: Path) -> Iterator[tuple[int, str]]:
    files = explanation_files(path)
    if path.is_dir() and _DELPHI.fullmatch(files[0].name):
        yield from _delphi(path, files)
        return
    for file in files:
        name = file.name.lower()
        if name.endswith(".parquet"):
            yield from _parquet(file)
        elif name.endswith(".csv"):
            with file.open(encoding="utf-8-sig", newline="") as lines:
                yield from map(_entry, csv.DictReader(lines))
        elif name.endswith(_JSON_LINES):
            yield from (_entry(json.loads(line)) for line in _lines(file) if line.strip())
        elif name.endswith((".json", ".json.gz")):
            yield from _json(json.loads(b"".join(_lines(file))))
        else:
            raise InputError(f"{file}: not a known format; {_HOW}.")


def _parquet(file: Path) -> Iterator[tuple[int, str]]:
    opened = pq.ParquetFile(file, memory_map=True)
    meta = opened.metadata
    if sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups)) > MOST_BYTES:
        raise InputError(f"{file}: unpacks to more than {MOST_BYTES >> 20} MB; {_HOW}.")
    wanted = [name for name in opened.schema_arrow.names if name in LATENT_NAMES + TEXT_NAMES]
    for batch in opened.iter_batches(batch_size=8_192, columns=wanted):
        yield from map(_entry, batch.to_pylist())


def _json(content: Any) -> Iterator[tuple[int, str]]:
    """Records in a list, or a mapping from ids to texts."""
    if isinstance(content, dict):
        content = [{"latent": latent, "label": text} for latent, text in content.items()]
    yield from map(_entry, content)


def _delphi(folder: Path, files: Sequence[Path]) -> Iterator[tuple[int, str]]:
    """One file for each latent of one hook point."""
    hooks = set()
    for file in files:
        if (named := _DELPHI.fullmatch(file.name)) is None:
            continue
        hooks.add(named[1])
        if len(hooks) > 1:
            both = " and ".join(sorted(hooks))
            raise InputError(
                f"{folder}: contains several hook points, {both}; keep one in a folder."
            )
        content = json.loads(file.read_text(encoding="utf-8"))
        text = content.get("explanation") if isinstance(content, dict) else content
        yield int(named[2]), text if isinstance(text, str) else ""


def _entry(record: Any) -> tuple[int, str]:
    """Id and text of one record. Raises ValueError if it has no id or no text."""
    if not isinstance(record, dict):
        raise ValueError("a record must have named fields")
    latent = next((record[name] for name in LATENT_NAMES if name in record), None)
    nested = record.get("explanations")
    if isinstance(nested, list):
        record = nested[0] if nested and isinstance(nested[0], dict) else {"description": ""}
    texts = [record[name] for name in TEXT_NAMES if name in record]
    if latent is None or isinstance(latent, float | bool) or not texts:
        raise ValueError("a record must have an id and a text")
    return int(latent), texts[0] if isinstance(texts[0], str) else ""


def _lines(file: Path) -> Iterator[bytes]:
    """The lines of a file, unpacked if it is gzipped. Raises InputError beyond MOST_BYTES."""
    left = MOST_BYTES
    with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as opened:
        while line := opened.readline(left + 1):
            left -= len(line)
            if left < 0:
                raise InputError(f"{file}: unpacks to more than {MOST_BYTES >> 20} MB; {_HOW}.")
            yield line
