"""What the search index holds of a bundle.

| table | rows |
|---|---|
| `terms` | a folded term of a name or a top token, and the latent or cluster that has it |
| `activity` | a word, a latent, and which share of its activation in contexts is on the word |
| `tokens` | a token as it is shown, its folded text and how often the corpus has it |
| `contexts` | the row of the picked token, the latent, and the activation over its largest |
| `passages` | where a passage of the corpus begins, and its tokens |
| `latent_names`, `cluster_names`, `document_names` | full text by trigrams |
| `passage_text` | full text by trigrams of the corpus |
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator

import numpy as np

from analysis.bundle import Bundle
from analysis.labels import SEPARATOR
from analysis.selection.context_index import picked_rows
from analysis.selection.search.folded_text import LONGEST_WORD, folded
from analysis.selection.search.passages import Passage, passages

WHOLE, TERM, TOP_TOKEN = 0, 1, 2
"""A term that is the whole name, one of its terms, or a top token."""
LATENT, CLUSTER = 0, 1
MOST_TOKENS = 50_000_000
"""Tokens of a corpus whose text is indexed."""
SEAM = "\x1f"
"""Between the tokens of a passage as they are shown."""
MOST_TOP_TOKENS = 10
MOST_LENGTH = 65_535
"""Characters of a token, as the file holds them."""
_AT_ONCE = 65_536
_TABLES = """
create table terms (word text, kind int, field int, place int, item int,
    primary key (word, kind, field, place, item)) without rowid;
create table activity (word text, share real, latent int,
    primary key (word, share desc, latent)) without rowid;
create table tokens (folded text, token text, times int, primary key (folded, token)) without rowid;
create table contexts (row int, latent int, ratio real, primary key (row, latent)) without rowid;
create table passages (id integer primary key, document int, row int, tokens int,
    lengths blob, shown text);
create index passages_of_documents on passages (document);
create virtual table latent_names using fts5(text, tokenize='trigram');
create virtual table cluster_names using fts5(text, tokenize='trigram');
create virtual table document_names using fts5(text, tokenize='trigram');
create virtual table passage_text using fts5(text, tokenize='trigram');
create temp table picked (row int, latent int, activation real);
create temp table on_word (word text, latent int, ratio real);
create temp table largest (latent integer primary key, value real);
create temp table totals (latent integer primary key, value real);
"""
_CONTEXTS = """
insert into largest select latent, max(activation) from picked group by latent;
insert into contexts
select row, picked.latent, max(activation) / nullif(value, 0)
from picked cross join largest on largest.latent = picked.latent
group by row, picked.latent order by 1, 2;
"""
_ACTIVITY = """
insert into totals select latent, sum(ratio) from on_word group by latent;
insert into activity
select word, sum(ratio) / value, on_word.latent
from on_word cross join totals on totals.latent = on_word.latent
where value > 0
group by word, on_word.latent order by 1, 2 desc, 3;
"""


def fill(index: sqlite3.Connection, bundle: Bundle) -> None:
    """Write all tables of the index into an empty database."""
    index.executescript(_TABLES)
    _names(index, bundle)
    _picked(index, bundle)
    index.executescript(_CONTEXTS)
    _corpus(index, bundle)
    index.executescript(_ACTIVITY)


def _names(index: sqlite3.Connection, bundle: Bundle) -> None:
    columns = ["label", "explanation", "top_tokens"]
    for start in range(0, bundle.latents.num_rows, _AT_ONCE):
        rows = bundle.latents.select(columns).slice(start, _AT_ONCE).to_pylist()
        named = [
            (start + i, row["label"], row["explanation"], row["top_tokens"] or [])
            for i, row in enumerate(rows)
        ]
        _write_names(index, "latent_names", LATENT, named)
    clusters = bundle.clusters.select(["cluster", "label", "explanation", "terms"]).to_pylist()
    named = [
        (row["cluster"], row["label"], row["explanation"], [t["term"] for t in row["terms"] or []])
        for row in clusters
    ]
    _write_names(index, "cluster_names", CLUSTER, named)
    index.executemany(
        "insert into document_names (rowid, text) values (?, ?)",
        enumerate(
            folded(f"{row['title']}\n{row['source']}")
            for row in bundle.documents.select(["title", "source"]).to_pylist()
        ),
    )


Named = tuple[int, str, str, list[str]]
"""Id, label, explanation, top tokens or terms."""


def _write_names(index: sqlite3.Connection, table: str, kind: int, named: list[Named]) -> None:
    index.executemany(
        f"insert into {table} (rowid, text) values (?, ?)",
        (
            (item, folded("\n".join([label, explanation, *tokens])))
            for item, label, explanation, tokens in named
        ),
    )
    index.executemany(
        "insert or ignore into terms values (?, ?, ?, ?, ?)",
        (
            (word, kind, field, place, item)
            for item, label, _, tokens in named
            for word, field, place in _terms(label, tokens)
        ),
    )


def _terms(label: str, tokens: list[str]) -> Iterator[tuple[str, int, int]]:
    """The folded terms of a name and its tokens, with their field and place."""
    terms = [folded(term).strip("… ")[:LONGEST_WORD] for term in label.split(SEPARATOR)]
    field = WHOLE if len(terms) == 1 else TERM
    for place, term in enumerate(terms):
        if term:
            yield term, field, place
    for place, token in enumerate(tokens[:MOST_TOP_TOKENS]):
        word = folded(token).strip("… ")[:LONGEST_WORD]
        if word:
            yield word, TOP_TOKEN, place


def _picked(index: sqlite3.Connection, bundle: Bundle) -> None:
    """The contexts of all kinds, by the row of the picked token."""
    read = [piece["position"].to_numpy() for piece in bundle.pieces("tokens")]
    positions = np.concatenate(read) if read else np.empty(0, dtype=np.int32)
    for piece in bundle.contexts.pieces():
        for start in range(0, piece.num_rows, _AT_ONCE):
            some = piece.slice(start, _AT_ONCE)
            rows = picked_rows(bundle, some, positions)
            index.executemany(
                "insert into picked values (?, ?, ?)",
                zip(
                    rows.tolist(),
                    some["latent"].to_pylist(),
                    some["activation"].to_pylist(),
                    strict=True,
                ),
            )


def _corpus(index: sqlite3.Connection, bundle: Bundle) -> None:
    """The text of the corpus, its tokens, and the words on which the contexts were picked."""
    if sum(bundle.documents["tokens"].to_pylist()) > MOST_TOKENS:
        return
    counts: Counter[str] = Counter()
    for number, passage in enumerate(passages(bundle), start=1):
        counts.update(passage.tokens[: passage.core])
        tokens = passage.folded_tokens
        lengths = np.minimum([len(token) for token in tokens], MOST_LENGTH).astype(np.uint16)
        shown = SEAM.join(token.replace(SEAM, " ") for token in passage.tokens)
        index.execute(
            "insert into passage_text (rowid, text) values (?, ?)", (number, "".join(tokens))
        )
        index.execute(
            "insert into passages values (?, ?, ?, ?, ?, ?)",
            (number, passage.document, passage.first, len(tokens), lengths.tobytes(), shown),
        )
        _write_activity(index, passage)
    index.executemany(
        "insert or ignore into tokens values (?, ?, ?)",
        ((folded(token).strip(), token, times) for token, times in counts.items()),
    )


def _write_activity(index: sqlite3.Connection, passage: Passage) -> None:
    words = passage.words()
    picked = index.execute(
        "select row, latent, ratio from contexts where row >= ? and row < ?",
        (passage.first, passage.first + passage.core),
    )
    index.executemany(
        "insert into on_word values (?, ?, ?)",
        [(words[row - passage.first], latent, ratio) for row, latent, ratio in picked],
    )
