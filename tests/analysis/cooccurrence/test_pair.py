"""One pair against dense arrays, numpy and scipy."""

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats

from analysis.bundle import UNITS, Bundle
from analysis.cooccurrence.pair import (
    WHERE,
    Pair,
    PairValues,
    joint_sample,
    pair_contexts,
    read_pair,
)
from analysis.runtime.errors import InputError
from tests.charts.conftest import make_bundle

THRESHOLDS = (0.0, 4.5)
WINDOWS = (1, 7, 64, 1_000)
PAIRS = ((4, 5), (20, 28), (50, 6), (0, 60), (0, 1))
"""Two dense latents, two of a group, one of each, one dead, both dead."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Twelve documents of 130 tokens, ten of them masked, in the middle of documents too."""
    return make_bundle(tmp_path_factory.mktemp("pair"))


@pytest.fixture(scope="module")
def dense(bundle: Bundle) -> np.ndarray:
    """Activations [tokens, latents]."""
    x = np.zeros((bundle.tokens.num_rows, bundle.latents.num_rows))
    for latent in range(x.shape[1]):
        rows, values = bundle.activations.of_latent(latent)
        x[rows, latent] = values
    return x


@pytest.fixture(scope="module")
def kept(bundle: Bundle) -> np.ndarray:
    return bundle.tokens["kept"].to_numpy(zero_copy_only=False)


def units_of(bundle: Bundle, kept: np.ndarray, unit: str, window: int) -> np.ndarray:
    """The unit of every kept token, by a plain walk over the corpus."""
    documents = bundle.tokens["document"].to_numpy()
    names: list[tuple[int, int]] = []
    seen: dict[int, int] = {}
    for row in np.flatnonzero(kept):
        document = int(documents[row])
        place = seen.setdefault(document, 0)
        seen[document] += 1
        names.append({"token": (document, place), "document": (document, 0)}.get(
            unit, (document, place // window)
        ))  # fmt: skip
    return np.unique(np.array(names), axis=0, return_inverse=True)[1]


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_tables_by_every_unit_equal_brute_force(
    bundle: Bundle, dense: np.ndarray, kept: np.ndarray, threshold: float, window: int
) -> None:
    for a, b in PAIRS:
        found = read_pair(bundle, a, b, threshold, window).tables
        active = dense[kept][:, [a, b]] > threshold
        for unit in UNITS:
            unit_of = units_of(bundle, kept, unit, window)
            fires = np.zeros((unit_of.max() + 1, 2), dtype=bool)
            np.logical_or.at(fires, unit_of, active)
            one, two = fires.T
            wanted = (one & two).sum(), (one & ~two).sum(), (~one & two).sum(), (~one & ~two).sum()
            table = found[unit]
            assert (table.n11, table.n10, table.n01, table.n00) == wanted


@pytest.mark.parametrize(("a", "b"), PAIRS[:3])
def test_cosine_and_pearson_of_the_activations(
    bundle: Bundle, dense: np.ndarray, kept: np.ndarray, a: int, b: int
) -> None:
    pair = read_pair(bundle, a, b, threshold=3.0)
    one, two = dense[kept][:, a], dense[kept][:, b]
    assert pair.cosine == pytest.approx(1 - scipy.spatial.distance.cosine(one, two), abs=1e-12)
    assert pair.pearson == pytest.approx(scipy.stats.pearsonr(one, two).statistic, abs=1e-12)


def test_a_dead_latent_has_no_association(bundle: Bundle) -> None:
    pair = read_pair(bundle, 0, 60)
    assert pair.cosine == 0 and pair.pearson == 0
    assert all(pair_contexts(bundle, pair, where).num_rows == 0 for where in ("both", "a"))


def test_swapping_the_latents_transposes_the_tables(bundle: Bundle) -> None:
    pair, swapped = read_pair(bundle, 20, 28), read_pair(bundle, 28, 20)
    for unit in UNITS:
        one, two = pair.tables[unit], swapped.tables[unit]
        assert (one.n11, one.n10, one.n01, one.n00) == (two.n11, two.n01, two.n10, two.n00)
    assert pair.cosine == swapped.cosine
    assert pair.pearson == pytest.approx(swapped.pearson, abs=1e-15)


def test_the_sample_is_of_active_rows_seeded_and_bounded(bundle: Bundle, dense: np.ndarray) -> None:
    pair = read_pair(bundle, 4, 5)
    whole = joint_sample(pair)
    assert whole["token"].to_pylist() == np.flatnonzero(dense[:, [4, 5]].any(axis=1)).tolist()
    some = joint_sample(pair, 100)
    assert some.num_rows == 100 and some.equals(joint_sample(pair, 100))
    assert not some.equals(joint_sample(pair, 100, seed=1))
    for name, latent in (("a", 4), ("b", 5)):
        assert some[name].to_pylist() == dense[some["token"].to_numpy(), latent].tolist()


@pytest.mark.parametrize("picking", ["even", "random"])
@pytest.mark.parametrize("where", WHERE)
def test_contexts_are_real_windows_of_the_corpus(
    bundle: Bundle, dense: np.ndarray, where: str, picking: str
) -> None:
    pair = read_pair(bundle, 5, 6, threshold=1.0)
    found = pair_contexts(bundle, pair, where, picking, most=5)  # type: ignore[arg-type]
    assert found.num_rows == 5
    document, position = (bundle.tokens[name].to_numpy() for name in ("document", "position"))
    text = bundle.tokens["token"].to_pylist()
    for row in found.to_pylist():
        at = int(np.flatnonzero((document == row["document"]) & (position == row["position"]))[0])
        window = range(at - row["peak"], at - row["peak"] + len(row["tokens"]))
        assert len(window) <= 21 and len(set(document[window])) == 1
        assert row["tokens"] == [text[i] for i in window]
        assert row["a"] == dense[window, 5].tolist() and row["b"] == dense[window, 6].tolist()
        fires = dense[at, 5] > 1.0, dense[at, 6] > 1.0
        assert fires == {"both": (True, True), "a": (True, False), "b": (False, True)}[where]
    again = pair_contexts(bundle, pair, where, picking, most=5)  # type: ignore[arg-type]
    assert found.equals(again)


def test_only_random_contexts_depend_on_the_seed(bundle: Bundle) -> None:
    pair = read_pair(bundle, 4, 5)
    for where in WHERE:
        draws = [pair_contexts(bundle, pair, where, "random", seed=seed) for seed in range(3)]
        places = [list(zip(*(d[n].to_pylist() for n in ("document", "position")), strict=True))
                  for d in draws]  # fmt: skip
        assert places[0] != places[1] != places[2] != places[0]
        assert all(drawn == sorted(set(drawn)) for drawn in places)
        even = [pair_contexts(bundle, pair, where, seed=seed) for seed in range(2)]
        assert even[0].equals(even[1])


def test_even_contexts_go_from_the_strongest_to_the_weakest(
    bundle: Bundle, dense: np.ndarray
) -> None:
    pair = read_pair(bundle, 4, 5)
    rows = pair_contexts(bundle, pair, "a", most=7).to_pylist()
    picked = [row["a"][row["peak"]] for row in rows]
    only_a = np.sort(dense[(dense[:, 4] > 0) & (dense[:, 5] == 0), 4])[::-1]
    assert picked[0] == only_a[0] and picked[-1] == only_a[-1]
    assert picked == sorted(picked, reverse=True)


@pytest.mark.parametrize("most", [4, 7, 9])
@pytest.mark.parametrize("where", WHERE)
def test_even_contexts_are_at_the_nearest_whole_ranks_of_equal_steps(
    bundle: Bundle, dense: np.ndarray, where: str, most: int
) -> None:
    pair = read_pair(bundle, 4, 5)
    a, b = dense[:, 4] / dense[:, 4].max(), dense[:, 5] / dense[:, 5].max()
    strength = {
        "both": np.minimum(a, b),
        "a": np.where(b > 0, 0, a),
        "b": np.where(a > 0, 0, b),
    }[where]
    ranked = sorted(np.flatnonzero(strength), key=lambda row: (-strength[row], row))
    wanted = [ranked[round(i * (len(ranked) - 1) / (most - 1))] for i in range(most)]
    rows = pair_contexts(bundle, pair, where, most=most)  # type: ignore[arg-type]
    document, position = (bundle.tokens[name].to_numpy() for name in ("document", "position"))
    assert rows["document"].to_pylist() == document[wanted].tolist()
    assert rows["position"].to_pylist() == position[wanted].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": 120}, "there is no latent 120"),
        ({"b": 20}, "latent 20 was given twice"),
        ({"threshold": -1.0}, "threshold cannot be -1"),
        ({"threshold": float("nan")}, "threshold cannot be nan"),
        ({"window": 0}, "a window of 0 tokens is empty"),
    ],
)
def test_invalid_pairs_raise_an_input_error(
    bundle: Bundle, change: dict[str, float], message: str
) -> None:
    arguments = {"a": 20, "b": 28, "threshold": 0.0, "window": 256} | change
    with pytest.raises(InputError, match=f"(?i){message}"):
        read_pair(bundle, **arguments)  # type: ignore[arg-type]


def pair_of(count: int, a: int = 1, b: int = 2) -> Pair:
    """Two latents that are both active on so many tokens."""
    values = PairValues(np.ones(count), np.ones(count))
    return Pair(a, b, 0.0, 1, np.arange(count), values, {}, 1.0, 1.0)


@pytest.mark.parametrize("count", [2_999, 3_000, 3_001])
def test_a_sample_has_three_thousand_rows_by_default(count: int) -> None:
    drawn = joint_sample(pair_of(count))["token"].to_numpy()
    assert len(drawn) == min(count, 3_000)
    assert (np.diff(drawn) > 0).all()


def test_each_pair_has_its_own_draw() -> None:
    draws = [
        joint_sample(pair_of(500, a, b), 50)["token"].to_pylist()
        for a, b in ((1, 2), (2, 1), (3, 2), (1, 3))
    ]
    assert len({tuple(drawn) for drawn in draws}) == 4


def test_a_pair_has_six_contexts_of_21_tokens_by_default(bundle: Bundle) -> None:
    pair = read_pair(bundle, 4, 5)
    found = pair_contexts(bundle, pair, "both")
    assert found.num_rows == 6
    assert max(len(tokens) for tokens in found["tokens"].to_pylist()) == 21
