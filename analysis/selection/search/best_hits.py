"""The best hits for a text, by how well they match.

A latent is as good as the best that is known of it:

1. its name is the word,
2. at least MOSTLY of the activation in its contexts is on the word,
3. its name has the word as a term, then the same three for a near form of the word,
4. one of its top tokens is the word, or its name contains the text,
5. it is active on the text in a context, and last, the text is near in a context.

Every question to the index is limited, so the time does not grow with the bundle.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from analysis.bundle import Bundle
from analysis.selection.grammar import Profile, Search
from analysis.selection.search.index_file import open_index
from analysis.selection.search.index_rows import CLUSTER, LATENT, SEAM, TERM, TOP_TOKEN, WHOLE
from analysis.selection.search.text_query import TextQuery, forms_of
from analysis.selection.search.value_hits import matching_values

Kind = Literal["latent", "cluster", "value", "token", "document", "context"]
MOSTLY = 0.5
NEAR_FORM = 3
"""Letters by which a form differs that is as telling as the word; "violet" is not "violin"."""
MOST_HITS = 8
"""Of each kind."""
MOST_DOCUMENTS = 4
"""Fewer documents, because the latents of each are looked up over all its contexts."""
AROUND = 10
"""Tokens of a context hit before and after the text."""
_MOST_ROWS = 200
"""Rows of one question."""
_MOST_PASSAGES = 40
NAME, ACTIVE, PART, FORM, TOKEN, SUBSTRING, ON_TEXT, NEAR_TEXT = range(8)
"""How a latent matches, best first."""


@dataclass(frozen=True)
class Hit:
    """Something that a text finds. All texts are as stored."""

    kind: Kind
    item: int
    """The id of the latent, cluster or document; of a context, the latent that is strongest."""
    name: str
    """Its label, or the value, the token, the title, or the text around."""
    tokens: tuple[str, ...] = ()
    """Top tokens of a latent."""
    size: float = 0.0
    """Density of a latent, members of a cluster, documents with a value, occurrences of a token,
    tokens of a document."""
    select: str = ""
    """The selection that shows it; empty where a latent or cluster is opened."""
    column: str = ""
    """The column of documents that has a value."""


@dataclass(frozen=True)
class Hits:
    """The best hits of each kind."""

    latents: tuple[Hit, ...] = ()
    clusters: tuple[Hit, ...] = ()
    values: tuple[Hit, ...] = ()
    tokens: tuple[Hit, ...] = ()
    documents: tuple[Hit, ...] = ()
    contexts: tuple[Hit, ...] = ()


class _Place(NamedTuple):
    """Where a text stands in the corpus."""

    document: int
    first: int
    """Row of the token table."""
    last: int
    text: str


def search(bundle: Bundle, typed: str, most: int = MOST_HITS) -> Hits:
    """The best hits for any text, at most `most` of each kind; none for an empty text.

    The first search of a bundle builds its index. Raises InputError if that cannot be written.
    """
    query = TextQuery.of(typed)
    if not query.text:
        return Hits()
    with open_index(bundle) as index:
        places = list(_places(index, query))
        half = bundle.manifest.parameters.context_tokens // 2
        ranked = _ranked_latents(index, query, places, half)
        return Hits(
            tuple(_latent(bundle, latent) for latent in ranked[:most]),
            tuple(_clusters(bundle, index, query, most)),
            tuple(_values(bundle, query, most)),
            tuple(_tokens(index, query, most)),
            tuple(_documents(bundle, index, query, places, min(most, MOST_DOCUMENTS))),
            tuple(_contexts(index, places, half, most)),
        )


def _ranked_latents(
    index: sqlite3.Connection, query: TextQuery, places: list[_Place], half: int
) -> list[int]:
    """Latents, the best first."""
    best: dict[int, tuple[float, ...]] = {}
    for latent, rank in _evidence(index, query, places, half):
        if latent not in best or rank < best[latent]:
            best[latent] = rank
    return sorted(best, key=lambda latent: (*best[latent], latent))


def _evidence(
    index: sqlite3.Connection, query: TextQuery, places: list[_Place], half: int
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Latents and how they match; smaller is better."""
    yield from _word_evidence(index, query.text, distance=0)
    for form, distance in forms_of(index, query.text).items():
        yield from _word_evidence(index, form, distance)
    for latent, _ in query.rows_with(index, "latent_names", _MOST_ROWS):
        yield latent, (SUBSTRING,)
    for latent, weight in _near(index, places, 0).items():
        yield latent, (ON_TEXT, -weight)
    for latent, weight in _near(index, places, half).items():
        yield latent, (NEAR_TEXT, -weight)
    if len(query.words) > 1:
        for latent, share in _common_to_words(index, query.words).items():
            yield latent, (NEAR_TEXT - share,)


def _word_evidence(
    index: sqlite3.Connection, word: str, distance: int
) -> Iterator[tuple[int, tuple[float, ...]]]:
    """Latents with a word as a name, term or top token, or active on it.

    `distance` is 0 for the word that was typed, and the letters by which another form differs.
    """
    shares = dict(
        index.execute(
            "select latent, share from activity where word = ? order by share desc limit ?",
            (word, _MOST_ROWS),
        )
    )
    ranks = {WHOLE: NAME, TERM: PART, TOP_TOKEN: TOKEN}
    terms = index.execute(
        "select item, field, place from terms where word = ? and kind = ? "
        "order by field, place limit ?",
        (word, LATENT, _MOST_ROWS),
    )
    for latent, field, place in terms:
        rank = ranks[field]
        share = shares.get(latent, 0.0)
        yield latent, _with_form(rank, distance, place if rank == PART else 0, -share)
    for latent, share in shares.items():
        rank = ACTIVE if share >= MOSTLY else ON_TEXT
        yield latent, _with_form(rank, distance, 0, -share)


def _with_form(rank: int, distance: int, *rest: float) -> tuple[float, ...]:
    if not distance:
        return (rank, *rest)
    if rank < FORM:
        return (FORM if distance <= NEAR_FORM else TOKEN + 0.5, distance, rank, *rest)
    return (rank + 0.5, distance, *rest)


def _common_to_words(index: sqlite3.Connection, words: Iterable[str]) -> dict[int, float]:
    """Latents with words of a text, and the share of the words, 0 to 1, by how well they match."""
    shares: dict[int, float] = defaultdict(float)
    distinct = list(dict.fromkeys(words))[:8]
    for word in distinct:
        weights: dict[int, float] = {}
        for latent, rank in _word_evidence(index, word, distance=0):
            weights[latent] = max(weights.get(latent, 0.0), 1 / (1 + rank[0]))
        for latent, weight in weights.items():
            shares[latent] += weight / len(distinct)
    return shares


def _places(index: sqlite3.Connection, query: TextQuery) -> Iterator[_Place]:
    """Where the text stands in the corpus, in its first passages."""
    for number, text in query.rows_with(index, "passage_text", _MOST_PASSAGES):
        document, row, lengths, shown = index.execute(
            "select document, row, lengths, shown from passages where id = ?", (number,)
        ).fetchone()
        at = text.find(query.text)
        first, last = _tokens_between(lengths, at, at + len(query.text))
        tokens = shown.encode("utf-8", "replace").decode().split(SEAM)
        around = "".join(tokens[max(0, first - AROUND) : last + AROUND + 1])
        yield _Place(document, row + first, row + last, " ".join(around.split()))


def _tokens_between(lengths: bytes, start: int, end: int) -> tuple[int, int]:
    """The first and last token of text[start:end], with leading spaces not counted."""
    first, last, done = -1, 0, 0
    for token, length in enumerate(memoryview(lengths).cast("H")):
        done += length
        if first < 0 and done > start:
            first = token
        if done >= end:
            last = token
            break
    return max(first, 0), max(last, first, 0)


def _near(index: sqlite3.Connection, places: list[_Place], half: int) -> dict[int, float]:
    """Latents with a context within `half` tokens of the places, and their activation on them."""
    weights: dict[int, float] = defaultdict(float)
    for place in places:
        rows = index.execute(
            "select latent, max(ratio) from contexts where row between ? and ? group by latent",
            (place.first - half, place.last + half),
        )
        for latent, ratio in rows:
            weights[latent] += ratio or 0.0
    return weights


def _latent(bundle: Bundle, latent: int) -> Hit:
    row = bundle.latents.select(["label", "top_tokens", "density"]).slice(latent, 1).to_pylist()[0]
    tokens = tuple(row["top_tokens"] or [])[:6]
    return Hit("latent", latent, row["label"], tokens, row["density"])


def _clusters(
    bundle: Bundle, index: sqlite3.Connection, query: TextQuery, most: int
) -> Iterator[Hit]:
    ranks: dict[int, tuple[int, int]] = {}
    for distance, word in enumerate([query.text, *forms_of(index, query.text)]):
        terms = index.execute(
            "select item, field from terms where word = ? and kind = ? order by field limit ?",
            (word, CLUSTER, _MOST_ROWS),
        )
        for cluster, field in terms:
            ranks.setdefault(cluster, (distance, field))
    for cluster, _ in query.rows_with(index, "cluster_names", _MOST_ROWS):
        ranks.setdefault(cluster, (9, 0))
    columns = bundle.clusters.select(["cluster", "label", "size", "believable", "space"])
    matching = pc.is_in(columns["cluster"], pa.array([*ranks], columns["cluster"].type))
    rows = columns.filter(matching).to_pylist()
    shown_first = bundle.manifest.clusters_shown_first

    def order(row: dict[str, Any]) -> tuple[float, ...]:
        """How well it matches, whether it can be trusted, and how early its name has the text."""
        later = (not row["believable"], row["space"] != shown_first)
        before, has_text, _ = row["label"].casefold().partition(query.text)
        return (*ranks[row["cluster"]], *later, not has_text, len(before), row["cluster"])

    for row in sorted(rows, key=order)[:most]:
        yield Hit("cluster", row["cluster"], row["label"], size=row["size"])


def _values(bundle: Bundle, query: TextQuery, most: int) -> Iterator[Hit]:
    for hit in matching_values(bundle, query.text)[:most]:
        select = str(Profile(hit.column, hit.value))
        yield Hit("value", 0, hit.value, (), hit.documents, select, hit.column)


def _tokens(index: sqlite3.Connection, query: TextQuery, most: int) -> Iterator[Hit]:
    rows = index.execute(
        "select token, times from tokens where folded >= :text and folded < :end "
        "order by folded <> :text, times desc limit :most",
        {"text": query.text, "end": query.text + "\U0010ffff", "most": most},
    )
    for token, times in rows:
        yield Hit("token", 0, token, size=times, select=str(Search(token.strip())))


def _documents(
    bundle: Bundle,
    index: sqlite3.Connection,
    query: TextQuery,
    places: list[_Place],
    most: int,
) -> Iterator[Hit]:
    """Documents whose title has the text, then those whose text has it most often."""
    ids = bundle.documents["document"].to_pylist()
    titled = [row for row, _ in query.rows_with(index, "document_names", _MOST_ROWS)]
    times: dict[int, int] = defaultdict(int)
    for place in places:
        times[place.document] += 1
    by_id = {document: row for row, document in enumerate(ids)} if times else {}
    frequent = [by_id[d] for d in sorted(times, key=lambda d: -times[d])]
    for row in list(dict.fromkeys([*titled, *frequent]))[:most]:
        document = bundle.documents.slice(row, 1).to_pylist()[0]
        select = _strongest_in(index, ids[row])
        yield Hit("document", ids[row], document["title"], size=document["tokens"], select=select)


def _strongest_in(index: sqlite3.Connection, document: int) -> str:
    """The selection of the latents that are nearest to their maximum in a document."""
    low, high = index.execute(
        "select min(row), max(row + tokens) from passages where document = ?", (document,)
    ).fetchone()
    if low is None:
        return ""
    rows = index.execute(
        "select latent from contexts where row >= ? and row < ? "
        "group by latent order by max(ratio) desc, latent limit 20",
        (low, high),
    )
    latents = sorted(latent for (latent,) in rows)
    return f"latent={','.join(map(str, latents))}" if latents else ""


def _contexts(
    index: sqlite3.Connection, places: list[_Place], half: int, most: int
) -> Iterator[Hit]:
    """Contexts that have the text, each with the latent that is strongest on or near it."""
    seen: set[int] = set()
    for place in places:
        for width in (0, half):
            strongest = index.execute(
                "select latent from contexts where row between ? and ? order by ratio desc limit 1",
                (place.first - width, place.last + width),
            ).fetchone()
            if strongest:
                break
        if strongest and strongest[0] not in seen and len(seen) < most:
            seen.add(strongest[0])
            yield Hit("context", strongest[0], place.text)
