"""The strongest context of a latent as a short text."""

import numpy as np
import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.labels.label_summary import GOOD_PRECISION
from analysis.labels.label_tokens import label_is_about, name_is_about, stands_alone
from charts.context_snippets import (
    MOST_MEMBERS,
    Snippet,
    cluster_snippets,
    snippet_of,
    strongest_snippets,
)
from tests.pages.conftest import ROOT


def test_a_snippet_is_the_strongest_stored_context(tiny: Bundle) -> None:
    snippets = strongest_snippets(tiny, np.array([20, 0, 33, 20]))
    assert set(snippets) == {20, 33}  # latent 0 is dead
    stored = tiny.contexts.of(20).to_pylist()
    best = max((row for row in stored if row["kind"] == "top"), key=lambda row: row["activation"])
    table = tiny.tokens.to_pydict()
    places = list(zip(table["document"], table["position"], strict=True))
    at = places.index((best["document"], best["position"]))
    assert snippets[20].token == snippet_of([table["token"][at]], 0).token
    assert snippets[20].after.startswith(snippet_of([table["token"][at + 1]], 0).token[:1])


def test_a_snippet_shows_whole_characters() -> None:
    tokens = ["⟨a0⟩", "x ", "⟨e4 bd⟩", "⟨a0⟩", "好", "⟨e4⟩"]
    assert snippet_of(tokens, 3) == Snippet("…x ", "你", "好…")
    assert snippet_of(tokens, 2).token == "你"


def test_a_line_is_cut_at_both_ends_and_marks_the_token() -> None:
    assert Snippet("the ", " sea", " is").line == "the  [sea] is"
    long = Snippet("b" * 25, "x", "a" * 37).line
    assert long == "…" + "b" * 24 + "[x]" + "a" * 36 + "…"
    assert Snippet("b" * 24, "x", "a" * 36).line == "b" * 24 + "[x]" + "a" * 36
    assert Snippet("", " ", "").line == " [␣]"
    assert Snippet("", "", "").line == ""


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return open_bundle(ROOT / "data" / "demo")


def passages(bundle: Bundle, latent: int) -> list[tuple[list[str], int]]:
    """The tokens around each strongest context of a latent, strongest first."""
    rows = [row for row in bundle.contexts.of(latent).to_pylist() if row["kind"] == "top"]
    rows.sort(key=lambda row: (-row["activation"], row["document"], row["position"]))
    windows = []
    for row in rows:
        place = int(np.searchsorted(bundle.kept_tokens.documents, row["document"]))
        start, end = (
            int(edges[place])
            for edges in (bundle.kept_tokens.row_starts, bundle.kept_tokens.row_ends)
        )
        at = start + row["position"]
        first = max(start, at - 12)
        tokens = bundle.tokens["token"].slice(first, min(end, at + 12) - first).to_pylist()
        windows.append((tokens, at - first))
    return windows


def expected_snippet(bundle: Bundle, cluster: int) -> tuple[int, Snippet, bool, bool]:
    """The member of a cluster that shows it, its context, whether the name is about that, and
    whether another member would show it if its token need not stand alone."""
    members, latents = bundle.memberships.to_pandas(), bundle.latents.to_pandas()
    own = latents.loc[members.loc[members["cluster"] == cluster, "latent"]]
    keys = ["reading_rank", "active_tokens", "latent"]
    own = own.sort_values(keys, ascending=[True, False, True], na_position="last")
    name = bundle.clusters["label"][cluster].as_py()
    first = {i: passages(bundle, i)[0] for i in own["latent"].tolist()[:MOST_MEMBERS]}
    fits = [i for i, passage in first.items() if name_is_about(name, *passage)]
    alone = [i for i in fits if stands_alone(*first[i])]
    best = (alone or fits or list(first))[0]
    return best, snippet_of(*first[best]), bool(fits), bool(fits) and best != fits[0]


def test_the_context_of_a_cluster_is_on_what_its_name_names(demo: Bundle) -> None:
    clusters = np.array([*range(0, 92, 9), *range(135, 490, 25)])
    shown = cluster_snippets(demo, clusters)
    expected = {cluster: expected_snippet(demo, cluster) for cluster in clusters.tolist()}
    assert shown == {cluster: pair[:2] for cluster, pair in expected.items()}
    assert sum(named for _, _, named, _ in expected.values()) > 20
    assert sum(moved for *_, moved in expected.values()) > 2


def test_the_context_of_a_latent_is_on_what_a_believable_label_names(demo: Bundle) -> None:
    latents = np.arange(5, demo.latents.num_rows, 251)
    shown = strongest_snippets(demo, latents)
    moved = 0
    for row in demo.latents.take(latents).to_pylist():
        own = passages(demo, row["latent"])
        if not own:
            assert row["latent"] not in shown
            continue
        is_good = row["label_precision"] is not None and row["label_precision"] >= GOOD_PRECISION
        fits = [one for one in own if is_good and label_is_about(row["label"], *one)]
        best = (fits or own)[0]
        assert shown[row["latent"]] == snippet_of(*best)
        moved += best is not own[0]
    assert moved
