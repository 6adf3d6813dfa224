"""The evidence for each kind of finding, against counts and simulations of its own."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from pydantic import TypeAdapter
from scipy import stats

from analysis.bundle import Bundle
from analysis.cooccurrence.document_null import strata_of
from analysis.runtime import numbers
from analysis.runtime.errors import InputError
from analysis.selection.tours import finding_evidence as module
from analysis.selection.tours.finding_evidence import Evidence, evidence_of
from analysis.selection.tours.findings import Finding
from analysis.selection.tours.languages import LanguageAgreement
from tests.planted import DEAD, INDEPENDENT, LATENTS
from tests.planted_profiles import planted_languages, with_profiles

LIVE = LATENTS - len(DEAD)


@pytest.fixture(scope="module")
def profiled(planted_bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    columns = {"language": planted_languages(planted_bundle)}
    return with_profiles(planted_bundle, tmp_path_factory.mktemp("toured"), columns)


def evidence(bundle: Bundle, **finding: object) -> Evidence:
    return evidence_of(bundle, TypeAdapter[Finding](Finding).validate_python(finding))


def active(bundle: Bundle, latent: int) -> set[int]:
    return set(bundle.activations.of_latent(latent)[0].tolist())


def test_duplicates_share_tokens_beyond_documents(planted_bundle: Bundle) -> None:
    planted = evidence(planted_bundle, kind="shared_tokens", a=1, b=8)
    both = active(planted_bundle, 1), active(planted_bundle, 8)
    statement = planted.statement.replace(",", "")
    assert statement.startswith(f"Latent 1 fires on {len(both[0])} tokens 8 on {len(both[1])} ")
    assert f"both on {len(both[0] & both[1])}; N = " in statement
    independent = len(both[0]) * len(both[1]) / planted_bundle.manifest.tokens
    assert f"Expected on both: {independent:.3g} if the two were independent" in statement
    assert planted.family == LIVE * (LIVE - 1) // 2
    assert planted.q == planted.p * planted.family < 0.05
    first, second = INDEPENDENT[0], INDEPENDENT[1]
    assert evidence(planted_bundle, kind="shared_tokens", a=first, b=second).q == 1


def _p_by_simulation(bundle: Bundle, latent: int, words: list[str], value: str) -> float:
    """The p of a value by permuting the values inside strata of similar length."""
    rng = np.random.default_rng(0)
    kept = bundle.kept_tokens
    counts = np.bincount(
        kept.documents_of(bundle.activations.of_latent(latent)[0]), minlength=len(words)
    )
    fires = counts > 0
    if fires.mean() > 0.5:
        share = counts / kept.lengths
        fires = share > np.median(share)
    has = np.array(words) == value
    strata = strata_of(kept)
    observed, reached, draws = int((fires & has).sum()), 0, 4000
    for _ in range(draws):
        order = np.arange(len(has))
        for stratum in np.unique(strata):
            rows = np.flatnonzero(strata == stratum)
            order[rows] = rng.permutation(rows)
        reached += int((fires & has[order]).sum()) >= observed
    return (reached + 1) / (draws + 1)


def _lift(bundle: Bundle, latent: int, words: list[str], value: str) -> float:
    """Documents with the value in which a latent fires, over those expected in the strata."""
    kept = bundle.kept_tokens
    counts = np.bincount(
        kept.documents_of(bundle.activations.of_latent(latent)[0]), minlength=len(words)
    )
    share = counts / kept.lengths
    fires = share > np.median(share) if (counts > 0).mean() > 0.5 else counts > 0
    has, strata = np.array(words) == value, strata_of(kept)
    parts = [np.flatnonzero(strata == one) for one in np.unique(strata)]
    expected = sum(fires[rows].sum() * has[rows].mean() for rows in parts)
    return float((fires & has).sum() / expected)


def test_the_weakest_of_several_latents_counts(profiled: Bundle) -> None:
    words = planted_languages(profiled)
    each = [
        evidence(profiled, kind="fires_on", latents=(latent,), column="language", value="fr")
        for latent in (0, 4, 160)
    ]
    together = evidence(
        profiled, kind="fires_on", latents=(0, 4, 160), column="language", value="fr"
    )
    assert together.p == max(one.p for one in each)
    assert each[2].p == pytest.approx(_p_by_simulation(profiled, 160, words, "fr"), abs=0.03)
    assert each[0].q < 0.05 and together.q == 1
    assert each[0].family == LIVE * len(set(words))
    least = min(_lift(profiled, latent, words, "fr") for latent in (0, 4, 160))
    assert f"the 3 latents fires in at least {numbers.short(least)} × as" in together.statement
    documents = f"the {words.count('fr')} documents whose language is fr as by chance."
    assert f"{documents} Documents are counted (N = {len(words)}), not" in each[0].statement


def test_members_that_do_not_fire_together(planted_bundle: Bundle) -> None:
    rows = planted_bundle.memberships.to_pandas()
    group = rows[(rows["space"] == "decoder") & (rows["level"] == 0)]
    cluster = int(group["cluster"].iloc[0])
    members = [int(latent) for latent in group[group["cluster"] == cluster]["latent"]]
    tokens = [active(planted_bundle, latent) for latent in members]
    together = 0
    for place, own in enumerate(tokens):
        others = set().union(*(t for other, t in enumerate(tokens) if other != place))
        expected = len(own) * len(others) / planted_bundle.manifest.tokens
        together += len(own & others) >= 2 * expected
    result = evidence(planted_bundle, kind="not_together", cluster=cluster)
    assert result.statement.startswith(
        f"{together} of {len(members)} members fire on the same tokens as"
    )
    assert result.p == pytest.approx(stats.binom.cdf(together, len(members), 0.5))
    assert result.family == group["cluster"].nunique() and result.q == 1


def lifts_by_sets(tokens: list[set[int]], total: int) -> list[float]:
    """How often each member fires on the tokens of the others, over that by chance."""
    lifts = []
    for place, own in enumerate(tokens):
        others = set().union(*(t for other, t in enumerate(tokens) if other != place))
        expected = len(own) * len(others) / total
        lifts.append(len(own & others) / expected if expected else 0.0)
    return lifts


def test_a_member_is_compared_with_the_tokens_of_the_others(planted_bundle: Bundle) -> None:
    """Most tokens of the first member are its own, so they must not count as those of others."""
    few = {0: set(range(60)), 1: {0, 1, 70, 71}, 2: {70, 72, 73}, 3: {90, 91}, 4: set[int]()}
    rows = {latent: np.array(sorted(tokens), dtype=np.uint32) for latent, tokens in few.items()}
    bundle = SimpleNamespace(
        activations=SimpleNamespace(of_latent=lambda latent: (rows[latent], None)),
        manifest=SimpleNamespace(tokens=100),
    )
    lifts = module._lifts_among(bundle, np.arange(5))  # type: ignore[arg-type]
    assert lifts.tolist() == pytest.approx(lifts_by_sets(list(few.values()), 100))
    assert lifts[0] == pytest.approx((2 / 60) / (8 / 100)) and lifts[3] == lifts[4] == 0
    members = planted_bundle.memberships.to_pandas().query("cluster == 2")["latent"].to_numpy()
    own = [active(planted_bundle, int(latent)) for latent in members]
    expected = lifts_by_sets(own, planted_bundle.manifest.tokens)
    assert module._lifts_among(planted_bundle, members).tolist() == pytest.approx(expected)


def test_a_member_fires_together_with_the_others_from_twice_as_often_as_by_chance(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifts = np.array([2.0, 1.99, 2.01, 0.0, 9.0])
    monkeypatch.setattr(module, "_lifts_among", lambda bundle, members: lifts)
    result = evidence(planted_bundle, kind="not_together", cluster=0)
    assert result.statement.startswith("3 of 5 members fire on the same tokens as")
    assert result.p == pytest.approx(26 / 32)  # at most 3 of 5 tosses of a coin


def test_clusters_reappear_more_often_than_in_a_null_draw(planted_bundle: Bundle) -> None:
    result = evidence(planted_bundle, kind="beyond_chance", space="decoder")
    shares = []
    for table in (planted_bundle.clusters, planted_bundle.null_clusters):
        rows = table.to_pandas().query("space == 'decoder' and level == 0")
        good = (rows[["stability", "bootstrap"]].min(axis=1) >= 0.5).sum()
        shares.append((int(good), len(rows) - int(good)))
    assert result.p == pytest.approx(stats.fisher_exact(shares, "greater").pvalue)
    assert f"{shares[0][0]} of {sum(shares[0])} clusters reappear" in result.statement
    assert f"random data, {shares[1][0]} of {sum(shares[1])} do." in result.statement
    rows = planted_bundle.clusters.to_pandas().query("space == 'decoder' and level == 0")
    assert f" do. {rows['believable'].sum()} are reproducible, that is" in result.statement


def test_a_cluster_reappears_from_half_of_its_overlaps_at_the_finest_level_of_its_space() -> None:
    rows = [
        ("decoder", 0, 0.5, 0.9),
        ("decoder", 0, 0.9, 0.5),
        ("decoder", 0, 0.49, 0.9),
        ("decoder", 0, 0.9, 0.49),
        ("decoder", 1, 0.9, 0.9),
        ("cooccurrence", 0, 0.9, 0.9),
    ]
    names = ("space", "level", "stability", "bootstrap")
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    assert module._reappear(table, "decoder").tolist() == [True, True, False, False]
    assert module._reappear(table, "cooccurrence").tolist() == [True]


def test_a_pair_is_judged_by_the_last_null_and_by_more_shared_tokens(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = [
        SimpleNamespace(null=null, observed=7, expected=mean, p_more=more, p_fewer=1 - more)
        for null, mean, more in (("shuffled", 1.5, 0.5), ("shifted", 2.5, 1e-9))
    ]
    monkeypatch.setattr(module, "tests_of_pair", lambda bundle, a, b: tests)
    result = evidence(planted_bundle, kind="shared_tokens", a=1, b=8)
    assert (result.null, result.p) == ("shifted", 1e-9)
    assert result.statement.endswith(
        f"both on 7; N = {planted_bundle.manifest.tokens:,} tokens. Expected on both: 1.5 if the "
        "two were independent, 2.5 if one is shifted against the other inside each document."
    )


def test_a_latent_of_several_languages_is_one_of_all_live_latents_and_triples(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    agreement = LanguageAgreement(("cs", "de", "en", "xx"), (5, 6, 7, 8), 1_200, 1e-6, 4)
    monkeypatch.setattr(module, "agreement_of", lambda bundle, latent: agreement)
    result = evidence(planted_bundle, kind="same_in_languages", latent=3)
    assert (result.p, result.family) == (1e-6, 4 * LIVE)
    assert result.statement.startswith(
        "Of the 1,200 passages with translations, it fires on 5 in Czech, 6 in German, "
        "7 in English and 8 in xx."
    )


@pytest.mark.parametrize(
    ("finding", "problem"),
    [
        ({"kind": "shared_tokens", "a": 1, "b": LATENTS}, f"no latent {LATENTS}"),
        ({"kind": "shared_tokens", "a": -1, "b": 2}, "no latent -1"),
        ({"kind": "shared_tokens", "a": 3, "b": 3}, "latent 3 with itself"),
        ({"kind": "not_together", "cluster": 9999}, "no cluster 9999"),
        ({"kind": "fires_on", "latents": [1], "column": "genre", "value": "x"}, "genre = x"),
        ({"kind": "same_in_languages", "latent": 1}, "no passages in 3 languages"),
    ],
)
def test_what_a_bundle_lacks_is_named(
    profiled: Bundle, finding: dict[str, object], problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        evidence(profiled, **finding)


def test_q_is_at_most_one_and_counts_the_choice() -> None:
    assert Evidence("", "", "", 0.004, 10).q == pytest.approx(0.04)
    assert Evidence("", "", "", 0.2, 10).q == 1
