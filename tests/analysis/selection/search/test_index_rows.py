"""What the index holds, against the tables of the bundle."""

from collections import defaultdict

import pytest

from analysis.bundle import Bundle
from analysis.selection.search.index_file import open_index
from analysis.selection.search.index_rows import _terms


def test_the_share_of_a_word_in_the_activation_of_a_latent(planted_bundle: Bundle) -> None:
    tokens = planted_bundle.tokens.select(["document", "position", "token"]).to_pylist()
    words = {(t["document"], t["position"]): t["token"].strip().casefold() for t in tokens}
    strongest: dict[int, dict[tuple[int, int], float]] = defaultdict(dict)
    for row in planted_bundle.contexts.all().to_pylist():
        strongest[row["latent"]][row["document"], row["position"]] = row["activation"]
    expected: dict[tuple[str, int], float] = defaultdict(float)
    for latent, picked in strongest.items():
        for place, activation in picked.items():
            expected[words[place], latent] += activation / sum(picked.values())
    with open_index(planted_bundle) as index:
        stored = {
            (w, i): s for w, s, i in index.execute("select word, share, latent from activity")
        }
    assert stored == pytest.approx(dict(expected), rel=1e-5)


def test_tokens_have_their_counts(planted_bundle: Bundle) -> None:
    tokens = planted_bundle.tokens["token"].cast("string").to_pylist()
    with open_index(planted_bundle) as index:
        stored = dict(index.execute("select token, times from tokens"))
    assert stored == {token: tokens.count(token) for token in set(tokens)}


def test_a_label_of_one_term_is_a_whole_name() -> None:
    assert list(_terms("Whale", [" whales"])) == [("whale", 0, 0), ("whales", 2, 0)]
    assert list(_terms("racc… · whale", [])) == [("racc", 1, 0), ("whale", 1, 1)]


def test_ten_top_tokens_of_a_latent_are_terms() -> None:
    tokens = [f" t{i}" for i in range(12)]
    assert list(_terms("", tokens)) == [(f"t{i}", 2, i) for i in range(10)]
