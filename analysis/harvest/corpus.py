"""Read the documents of a corpus one by one.

A corpus is a text file (one document), JSON lines, Parquet or Arrow with a column of text or of
token ids, a folder of these, a dataset of `datasets`, or a dataset of the Hugging Face hub. It is
streamed: a corpus of any size takes the memory of a few documents.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from analysis.harvest import hub_corpus
from analysis.harvest.corpus_files import ChosenFiles, choose_files, local_file, local_files
from analysis.harvest.corpus_rows import Row, file_rows
from analysis.harvest.document_values import Values
from analysis.harvest.odd_rows import NO_STRING, NO_TEXT, OddRows, storable
from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError


@dataclass(frozen=True)
class Document:
    """One text of a corpus."""

    index: int
    """Its index in the corpus, counted from 0; rows that are skipped count."""
    title: str
    source: str
    text: str
    """Empty if the corpus holds token ids."""
    token_ids: tuple[int, ...] | None = None
    """The tokens, if the corpus was tokenised by another program."""
    place: str = field(default="", compare=False)
    """For messages, such as `line 7 of c.jsonl`."""
    values: Values = field(default=(), compare=False)
    """Of the other columns of the corpus, such as its language."""


@dataclass(frozen=True)
class CorpusChoice:
    """Which part of a corpus is read."""

    split: str | None = None
    """None: the only one, or `train`."""
    column: str | None = None
    """None: `text`, else `input_ids` or `tokens`."""


WHOLE = CorpusChoice()


def read_corpus(
    path: str | Path, choice: CorpusChoice = WHOLE, odd: OddRows | None = None
) -> Iterator[Document]:
    """Yield the documents of a corpus in order; odd rows are repaired or skipped, and counted.

    Raises InputError if the corpus is missing, of an unknown kind, damaged, without such a column
    or split, or without any text.
    """
    odd = OddRows() if odd is None else odd
    has_text = False
    for index, row in enumerate(_rows(path, choice, odd)):
        if (document := _document(index, row, odd)) is not None:
            has_text = True
            yield document
    if not has_text:
        why = " ".join(odd.sentences())
        raise InputError(
            f"The corpus {path} has no text: give one with at least one document."
            + (f" {why}" if why else "")
        )


def corpus_files(path: str | Path, choice: CorpusChoice = WHOLE) -> ChosenFiles:
    """The files of a corpus. Raises InputError if it is missing or of an unknown kind."""
    local = Path(path).expanduser()
    if local.is_dir():
        return choose_files(str(local), local_files(local), choice.split)
    if not local.exists() and (repository := hub_corpus.repository_named(str(path))):
        return choose_files(str(path), hub_corpus.repository_files(repository), choice.split)
    if not local.exists():
        raise InputError(
            f"There is no corpus at {path}: give a .txt, .jsonl or .parquet file, a dataset's "
            "folder or the id of a dataset on the Hugging Face hub."
        )
    if choice.split is not None:
        raise InputError(f"{path}: is one file; leave out --split, or give the folder.")
    return ChosenFiles((local_file(local),))


def corpus_hash(path: str | Path, choice: CorpusChoice = WHOLE) -> str:
    """SHA-256 of the corpus' files and of the column, if one is chosen, hexadecimal.

    For a dataset of the hub, of its commit and the names of its files. Raises InputError if the
    corpus is missing.
    """
    files = corpus_files(path, choice).files
    for file in files[:1]:
        next(file_rows(file, choice.column, OddRows()), None)
    paths = [file.local for file in files if file.local is not None]
    if len(paths) == len(files):
        digest = content_hash(paths)
    else:
        digest = hashlib.sha256("\n".join(file.name for file in files).encode()).hexdigest()
    if choice.column is None:
        return digest
    return hashlib.sha256(f"{digest} {choice.column}".encode()).hexdigest()


def _rows(path: str | Path, choice: CorpusChoice, odd: OddRows) -> Iterator[Row]:
    for file in corpus_files(path, choice).files:
        yield from file_rows(file, choice.column, odd)


def _document(index: int, row: Row, odd: OddRows) -> Document | None:
    """The document of a row; None if it is skipped."""
    value = row.value
    if value is Ellipsis:
        return None  # counted where it was read
    if value is None or value == []:
        odd.count(NO_TEXT, row.place)
        return None
    title = row.title or f"document {index}"
    if isinstance(value, list) and all(type(one) is int for one in value):
        return Document(index, title, row.source, "", tuple(value), row.place, row.values)
    if not isinstance(value, str):
        odd.count(NO_STRING, row.place)
        return None
    text = storable(value, row.place, odd, undecoded=row.undecoded)
    if text is None:
        return None
    return Document(index, title, row.source, text, None, row.place, row.values)
