"""The profile of a selection against plain counts."""

from collections import Counter

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence.ranking import ranked_partners
from analysis.labels import enrichment
from analysis.labels import selection_profile as module
from analysis.labels.corpus_terms import corpus_terms
from analysis.labels.selection_profile import PARTNERS, SelectionProfile, selection_profile
from tests.planted import DENSE, LATENTS

MASK = (np.arange(LATENTS) >= 15) & (np.arange(LATENTS) < 30)


@pytest.fixture(scope="module")
def profile(planted_bundle: Bundle) -> SelectionProfile:
    return selection_profile(planted_bundle, MASK, corpus_terms(planted_bundle))


def test_partners_are_those_that_most_selected_latents_have(
    planted_bundle: Bundle, profile: SelectionProfile
) -> None:
    flags = planted_bundle.latents["flag"].to_pylist()

    def counted(latents: list[int]) -> Counter[int]:
        counts: Counter[int] = Counter()
        for latent in latents:
            own = ranked_partners(planted_bundle, latent, "phi", most=PARTNERS)
            counts.update(own["partner"].to_pylist())
        return counts

    inside, outside = counted(np.flatnonzero(MASK).tolist()), counted(profile.sample.rest.tolist())
    wanted = {p: n for p, n in inside.items() if not MASK[p] and flags[p] == "live"}
    rows = profile.partners.to_pylist()
    assert {row["partner"]: row["latents"] for row in rows} == wanted
    assert not set(DENSE) & wanted.keys() and len(wanted) >= 5
    counts = [row["latents"] for row in rows]
    assert counts == sorted(counts, reverse=True)
    for row in rows:
        assert row["share"] == pytest.approx(row["latents"] / MASK.sum())
        assert row["share_rest"] == pytest.approx(
            outside[row["partner"]] / len(profile.sample.rest)
        )
    # The members 0 to 4 of this topic are outside; the others are selected.
    assert set(range(10, 15)) <= wanted.keys()


def test_the_share_of_the_rest_is_that_of_the_latents_that_were_read(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrichment, "ROW_GROUP", 2_000)
    monkeypatch.setattr(enrichment, "LEAST_GROUPS", 4)
    profile = selection_profile(planted_bundle, MASK, corpus_terms(planted_bundle))
    rest = profile.sample.rest
    assert 1 <= len(rest) < profile.sample.all_rest // 2
    counts: Counter[int] = Counter()
    for latent in rest.tolist():
        own = ranked_partners(planted_bundle, latent, "phi", most=PARTNERS)
        counts.update(own["partner"].to_pylist())
    rows = profile.partners.to_pylist()
    assert any(row["share_rest"] for row in rows)
    for row in rows:
        assert row["share_rest"] == pytest.approx(counts[row["partner"]] / len(rest))


def test_clusters_are_ranked_by_their_overlap(
    planted_bundle: Bundle, profile: SelectionProfile
) -> None:
    members: dict[int, set[int]] = {}
    for row in planted_bundle.memberships.to_pylist():
        members.setdefault(row["cluster"], set()).add(row["latent"])
    chosen = set(np.flatnonzero(MASK).tolist())
    wanted = {
        cluster: len(own & chosen) / len(own | chosen)
        for cluster, own in members.items()
        if own & chosen
    }
    rows = profile.clusters.to_pylist()
    assert {row["cluster"]: row["overlap"] for row in rows} == pytest.approx(wanted)
    overlaps = [row["overlap"] for row in rows]
    assert overlaps == sorted(overlaps, reverse=True)
    for row in rows:
        assert row["shared"] == len(members[row["cluster"]] & chosen)
        assert row["size"] == len(members[row["cluster"]])


def test_densities_and_flags_are_those_of_the_latents(planted_bundle: Bundle) -> None:
    mask = np.arange(LATENTS) >= 185
    profile = selection_profile(planted_bundle, mask, corpus_terms(planted_bundle))
    rows = planted_bundle.latents.to_pandas()
    active = rows["active_tokens"] > 0
    assert profile.density == pytest.approx(rows["density"][mask & active].median())
    assert profile.density_rest == pytest.approx(rows["density"][~mask & active].median())
    assert profile.flags == dict(Counter(rows["flag"][mask]))
    assert set(profile.flags) == {"live", "dead", "dense"}


def test_an_empty_selection_has_an_empty_profile(planted_bundle: Bundle) -> None:
    nothing = np.zeros(LATENTS, dtype=bool)
    profile = selection_profile(planted_bundle, nothing, corpus_terms(planted_bundle))
    tables = (profile.terms, profile.label_words, profile.partners, profile.clusters)
    assert [table.num_rows for table in tables] == [0] * 4
    assert np.isnan(profile.density) and profile.flags == {}


def test_few_partners_and_clusters_are_kept(
    planted_bundle: Bundle, profile: SelectionProfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    few = selection_profile(planted_bundle, MASK, corpus_terms(planted_bundle))
    assert few.partners.equals(profile.partners.slice(0, 2))
    assert few.clusters.equals(profile.clusters.slice(0, 2))


def test_the_phi_of_a_partner_is_the_mean_over_the_latents_that_have_it(
    planted_bundle: Bundle, profile: SelectionProfile
) -> None:
    assert (PARTNERS, module.KEPT) == (20, 50)
    values: dict[int, list[float]] = {}
    for latent in np.flatnonzero(MASK).tolist():
        own = ranked_partners(planted_bundle, latent, "phi", most=20)
        for partner, phi in zip(own["partner"].to_pylist(), own["phi"].to_pylist(), strict=True):
            values.setdefault(partner, []).append(phi)
    labels = planted_bundle.latents["label"].to_pylist()
    rows = profile.partners.to_pylist()
    for row in rows:
        assert row["phi"] == pytest.approx(np.mean(values[row["partner"]]))
        assert row["label"] == labels[row["partner"]]
    # Most latents first, and of equally many the strongest.
    keys = [(-row["latents"], -row["latents"] * row["phi"]) for row in rows]
    assert keys == sorted(keys)
