"""The best hits, in the world whose words and latents are planted."""

import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.bundle import Bundle
from analysis.selection import evaluate, parse
from analysis.selection.search import best_hits, search
from analysis.selection.search.best_hits import FORM, NAME, PART, TOKEN, _with_form
from analysis.selection.search.index_rows import (
    _TABLES,
    CLUSTER,
    LATENT,
    SEAM,
    TERM,
    TOP_TOKEN,
    WHOLE,
)
from analysis.selection.search.text_query import TextQuery
from tests.charts.conftest import with_tables

HOSTILE = [
    '"',
    "' or 1=1 --",
    "\0",
    "*",
    "a" * 100_000,
    "\ud800",
    "NEAR(",
    "AND",
    "⟨",
    " ",
    "😀",
    "%",
]


def test_latents_of_a_topic_are_found_by_its_word(planted_bundle: Bundle) -> None:
    latents = search(planted_bundle, "whale").latents
    assert latents and all(hit.item < 10 for hit in latents[:5])  # the group of the sea
    assert all(hit.tokens and hit.size > 0 for hit in latents)


def test_a_name_is_better_than_activity(planted_bundle: Bundle) -> None:
    for hit in search(planted_bundle, "violin").latents[:3]:
        assert 40 <= hit.item < 50
    far, near = _with_form(NAME, 4), _with_form(NAME, 3)
    assert near < _with_form(TOKEN, 0) < far
    ranks = [_with_form(NAME, 0), _with_form(PART, 0), _with_form(NAME, 1), _with_form(PART, 1)]
    assert ranks == sorted(ranks) and ranks[2][0] == FORM


def test_each_hit_shows_the_text(planted_bundle: Bundle) -> None:
    hits = search(planted_bundle, "Monday")
    assert hits.tokens[0].name == " Monday"
    assert all("Monday" in hit.name for hit in hits.contexts)
    assert hits.contexts and hits.documents
    for hit in (*hits.tokens, *hits.documents):
        assert evaluate(parse(hit.select), planted_bundle).any()


def test_no_kind_has_more_hits_than_asked(planted_bundle: Bundle) -> None:
    hits = search(planted_bundle, "the", most=2)
    assert len(hits.latents) == 2 and len(hits.documents) == 2 and len(hits.contexts) <= 2
    assert len(search(planted_bundle, "the").documents) == 4
    assert [len(search(planted_bundle, "w", most).tokens) for most in (1, 3)] == [1, 3]


@pytest.mark.parametrize("typed", HOSTILE)
def test_hostile_text_is_a_query(planted_bundle: Bundle, typed: str) -> None:
    search(planted_bundle, typed)


@settings(max_examples=25)
@given(typed=st.text(max_size=12))
def test_any_text_is_a_query(planted_bundle: Bundle, typed: str) -> None:
    search(planted_bundle, typed)


@pytest.fixture
def index() -> Iterator[sqlite3.Connection]:
    """An empty index."""
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.executescript(_TABLES)
        yield opened


def add_terms(index: sqlite3.Connection, *rows: tuple[str, int, int, int, int]) -> None:
    index.executemany("insert into terms values (?, ?, ?, ?, ?)", rows)


def add_activity(index: sqlite3.Connection, *rows: tuple[str, float, int]) -> None:
    index.executemany("insert into activity values (?, ?, ?)", rows)


def add_contexts(index: sqlite3.Connection, *rows: tuple[int, int, float]) -> None:
    index.executemany("insert into contexts values (?, ?, ?)", rows)


def place(first: int, last: int, document: int = 0) -> best_hits._Place:
    return best_hits._Place(document, first, last, f"text at {first}")


def test_latents_are_ranked_by_what_is_known_of_them(index: sqlite3.Connection) -> None:
    add_terms(
        index,
        ("sea", LATENT, WHOLE, 0, 1),
        ("sea", LATENT, TERM, 2, 2),
        ("sea", LATENT, TERM, 1, 6),
        ("sea", LATENT, TOP_TOKEN, 0, 3),
        ("sea", CLUSTER, WHOLE, 0, 9),
    )
    add_activity(index, ("sea", 0.5, 4), ("sea", 0.49, 5), ("sea", 0.3, 1), ("law", 0.9, 8))
    assert sorted(best_hits._word_evidence(index, "sea", 0)) == [
        (1, (NAME, 0, -0.3)),
        (1, (best_hits.ON_TEXT, 0, -0.3)),
        (2, (PART, 2, 0)),
        (3, (TOKEN, 0, 0)),
        (4, (best_hits.ACTIVE, 0, -0.5)),
        (5, (best_hits.ON_TEXT, 0, -0.49)),
        (6, (PART, 1, 0)),
    ]
    query = TextQuery.of("Sea")
    assert best_hits._ranked_latents(index, query, [], 3) == [1, 4, 6, 2, 3, 5]


@pytest.mark.parametrize(
    ("start", "end", "tokens"),
    [
        (0, 3, (0, 0)),
        (3, 4, (1, 1)),
        (2, 4, (0, 1)),
        (3, 7, (1, 1)),
        (7, 9, (2, 2)),
        (0, 9, (0, 2)),
    ],
)
def test_the_tokens_of_a_text_are_those_whose_characters_it_has(
    start: int, end: int, tokens: tuple[int, int]
) -> None:
    lengths = array("H", [3, 4, 2]).tobytes()
    assert best_hits._tokens_between(lengths, start, end) == tokens


def test_contexts_near_a_text_count_once_for_each_place(index: sqlite3.Connection) -> None:
    add_contexts(index, (10, 1, 0.5), (12, 1, 0.25), (13, 2, 1.0), (7, 3, 0.125), (40, 1, 0.125))
    assert best_hits._near(index, [place(10, 11)], 0) == {1: 0.5}
    assert best_hits._near(index, [place(10, 11)], 2) == {1: 0.5, 2: 1.0}
    assert best_hits._near(index, [place(10, 11)], 3) == {1: 0.5, 2: 1.0, 3: 0.125}
    assert best_hits._near(index, [place(10, 11), place(40, 40)], 0) == {1: 0.625}


def test_latents_of_several_words_have_the_mean_of_their_matches(index: sqlite3.Connection) -> None:
    add_terms(index, ("sea", LATENT, WHOLE, 0, 1), ("law", LATENT, TERM, 0, 1))
    add_activity(index, ("law", 0.6, 2))
    shares = best_hits._common_to_words(index, ["sea", "law", "sea"])
    assert shares == pytest.approx({1: (1 + 1 / 3) / 2, 2: (1 / 2) / 2})


def test_a_place_shows_ten_tokens_on_each_side(index: sqlite3.Connection) -> None:
    tokens = [f" w{i:02}" for i in range(40)]
    index.execute("insert into passage_text (rowid, text) values (1, ?)", ("".join(tokens),))
    lengths = array("H", map(len, tokens)).tobytes()
    row = (1, 7, 100, 40, lengths, SEAM.join(tokens))
    index.execute("insert into passages values (?, ?, ?, ?, ?, ?)", row)
    (only,) = best_hits._places(index, TextQuery.of("w20 w21"))
    words = " ".join(f"w{i:02}" for i in range(10, 32))
    assert only == (7, 120, 121, words)


def test_a_document_selects_its_strongest_latents(index: sqlite3.Connection) -> None:
    index.execute("insert into passages values (1, 7, 100, 40, '', ''), (2, 7, 140, 10, '', '')")
    index.execute("insert into passages values (3, 8, 150, 40, '', '')")
    add_contexts(index, (99, 1, 0.9), (100, 2, 0.5), (149, 3, 0.7), (150, 4, 0.9))
    assert best_hits._strongest_in(index, 7) == "latent=2,3"
    assert best_hits._strongest_in(index, 9) == ""
    add_contexts(index, *((160, 50 + i, 1 - i / 100) for i in range(25)))
    wanted = ",".join(map(str, [4, *range(50, 69)]))  # latent 69 has the ratio .81
    assert best_hits._strongest_in(index, 8) == f"latent={wanted}"


def test_documents_with_the_text_in_their_title_come_first_then_those_with_most_of_it(
    index: sqlite3.Connection, planted_bundle: Bundle
) -> None:
    ids = planted_bundle.documents["document"].to_pylist()
    index.execute("insert into document_names (rowid, text) values (5, 'the sea'), (6, 'land')")
    places = [place(i, i, ids[row]) for i, row in enumerate((3, 2, 1, 2, 1, 1, 5))]
    hits = best_hits._documents(planted_bundle, index, TextQuery.of("sea"), places, 4)
    assert [hit.item for hit in hits] == [ids[row] for row in (5, 1, 2, 3)]


def test_clusters_with_the_word_as_their_name_come_first_then_those_with_a_form_of_it(
    index: sqlite3.Connection, planted_bundle: Bundle
) -> None:
    add_terms(
        index,
        ("whale", CLUSTER, TERM, 0, 2),
        ("whale", CLUSTER, WHOLE, 0, 3),
        ("whales", CLUSTER, WHOLE, 0, 1),
        ("whale", LATENT, WHOLE, 0, 0),
    )
    names = "insert into cluster_names (rowid, text) values (4, 'a whalebone'), (3, 'whale')"
    index.execute(names)
    hits = list(best_hits._clusters(planted_bundle, index, TextQuery.of("whale"), 9))
    assert [hit.item for hit in hits] == [3, 2, 1, 4]
    sizes = dict(planted_bundle.clusters.select(["cluster", "size"]).to_pandas().to_numpy())
    assert [hit.size for hit in hits] == [sizes[hit.item] for hit in hits]


def test_tokens_that_are_the_text_come_first_then_the_most_frequent_ones(
    index: sqlite3.Connection,
) -> None:
    tokens = [("sea", " sea", 2), ("sea", "Sea", 3), ("seal", "seal", 4), ("seat", "seat", 9)]
    tokens += [("se", "se", 50), ("sf", "sf", 50)]
    index.executemany("insert into tokens values (?, ?, ?)", tokens)
    hits = list(best_hits._tokens(index, TextQuery.of("sea"), 9))
    assert [hit.name for hit in hits] == ["Sea", " sea", "seat", "seal"]
    assert [hit.size for hit in hits] == [3, 2, 9, 4]


def test_a_context_has_the_latent_that_is_strongest_on_the_text_or_near_it(
    index: sqlite3.Connection,
) -> None:
    add_contexts(index, (10, 5, 0.3), (10, 6, 0.8), (9, 8, 1.0), (28, 7, 0.4), (50, 6, 0.9))
    places = [place(10, 10), place(30, 31), place(33, 33), place(50, 50)]
    hits = list(best_hits._contexts(index, places, 2, 9))
    assert [(hit.item, hit.name) for hit in hits] == [(6, "text at 10"), (7, "text at 30")]
    assert len(list(best_hits._contexts(index, places, 2, 1))) == 1


def test_eight_hits_of_each_kind_are_shown(planted_bundle: Bundle) -> None:
    assert len(search(planted_bundle, "the").latents) == 8


def test_of_clusters_that_match_alike_the_believable_come_first(
    index: sqlite3.Connection, planted_bundle: Bundle
) -> None:
    clusters = planted_bundle.clusters.to_pylist()
    changed = [
        row
        | {
            "label": ("a whalebone", "whalebone", "no")[row["cluster"] % 3],
            "believable": row["cluster"] % 2 == 0,
        }
        for row in clusters
    ]
    table = pa.Table.from_pylist(changed, planted_bundle.clusters.schema)
    bundle = with_tables(planted_bundle, clusters=table)
    first = planted_bundle.manifest.clusters_shown_first
    expected = [
        row["cluster"]
        for is_believable in (True, False)
        for is_first in (True, False)
        for label in ("whalebone", "a whalebone", "no")
        for row in changed
        if (row["believable"], row["space"] == first, row["label"])
        == (is_believable, is_first, label)
    ]
    names = "insert into cluster_names (rowid, text) values (?, ?)"
    index.executemany(names, [(row["cluster"], f"{row['label']} of a whale") for row in changed])
    hits = best_hits._clusters(bundle, index, TextQuery.of("whale"), 99)
    assert [hit.item for hit in hits] == expected
    assert len(expected) > 4


def test_latents_that_are_only_active_near_the_text_are_ranked_by_their_activation(
    index: sqlite3.Connection,
) -> None:
    """Latents 2 and 3 are active on the text, 1, 4 and 5 near it, and 7 has one of its words."""
    add_contexts(
        index, (10, 2, 0.5), (11, 3, 0.75), (13, 4, 1.0), (8, 1, 0.25), (14, 5, 1.0), (13, 5, 0.5)
    )
    index.execute("insert into latent_names (rowid, text) values (6, 'the sea lawyer')")
    query = TextQuery.of("sea law")
    assert best_hits._ranked_latents(index, query, [place(10, 11)], 2) == [6, 3, 2, 4, 5, 1]
    add_terms(index, ("sea", LATENT, WHOLE, 0, 7), ("law", LATENT, TOP_TOKEN, 0, 1))
    assert best_hits._ranked_latents(index, query, [place(10, 11)], 2) == [6, 3, 2, 7, 1, 4, 5]


def test_a_latent_shows_six_of_its_top_tokens(planted_bundle: Bundle) -> None:
    rows = planted_bundle.latents.select(["label", "top_tokens", "density"]).to_pylist()
    latent = max(range(len(rows)), key=lambda i: len(rows[i]["top_tokens"]))
    assert len(rows[latent]["top_tokens"]) > 6
    hit = best_hits._latent(planted_bundle, latent)
    assert (hit.name, hit.size) == (rows[latent]["label"], rows[latent]["density"])
    assert hit.tokens == tuple(rows[latent]["top_tokens"][:6])
