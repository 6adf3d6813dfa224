"""Tests of pairs against scipy and brute force, on a planted world."""

from collections.abc import Callable
from itertools import combinations

import numba
import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from analysis.bundle import Bundle, open_bundle
from analysis.cooccurrence import document_null, null_models, position_profile, significance
from analysis.cooccurrence.association import TwoByTwo
from analysis.cooccurrence.significance import (
    compile_tests,
    document_tests,
    shift_tests,
    token_tests,
)
from analysis.runtime.progress import Progress
from tests.analysis.conftest import Stored
from tests.planted import LATENTS


@pytest.mark.filterwarnings("ignore:divide by zero")  # from scipy's kurtosis, which is not used
def test_documents_of_one_stratum_are_hypergeometric(stored: Stored) -> None:
    # All planted documents have one length.
    pairs = np.array(list(combinations([*range(155, 190), *range(196, LATENTS)], 2)))
    tests = document_tests(stored.activations, stored.kept, pairs)
    document = pq.read_table(stored.planted.tokens)["document"].to_numpy()
    fires = np.array([stored.bits[document == d].any(axis=0) for d in np.unique(document)])
    both = np.array([(fires[:, a] & fires[:, b]).sum() for a, b in pairs])
    own = fires.sum(axis=0)
    null = stats.hypergeom(len(fires), own[pairs[:, 0]], own[pairs[:, 1]])
    assert np.array_equal(tests.observed, both)
    assert tests.expected == pytest.approx(null.mean())
    assert tests.std == pytest.approx(null.std(), abs=1e-7)
    assert tests.p_more == pytest.approx(null.sf(both - 1))
    assert tests.p_fewer == pytest.approx(null.cdf(both))


def test_token_level_is_hypergeometric_where_rare_and_g_squared_elsewhere() -> None:
    n, n1, n2 = 10_000, np.array([100, 100, 2_000]), np.array([300, 300, 1_000])
    joint = np.array([7, 0, 150])
    tests = token_tests(TwoByTwo.from_margins(joint, n1, n2, n))
    assert tests.exact.tolist() == [True, True, False]
    null = stats.hypergeom(n, n1, n2)
    assert tests.std == pytest.approx(null.std())
    assert tests.expected == pytest.approx(null.mean())
    assert tests.p_more[:2] == pytest.approx(null.sf(joint - 1)[:2])
    assert tests.p_fewer[:2] == pytest.approx(null.cdf(joint)[:2])
    table = [[150, 1_850], [850, 7_150]]
    both_sides = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").pvalue
    assert tests.p_fewer[2] == pytest.approx(both_sides / 2)
    assert tests.p_more[2] == pytest.approx(1 - both_sides / 2)


def test_expensive_sums_are_flagged_as_approximate_and_are_close(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stored.kept
    pairs = np.array([[196, 197], [198, 199], [160, 196]])
    exact = shift_tests(stored.activations, kept, pairs)
    monkeypatch.setattr(null_models, "LARGEST_CONVOLUTION", 0)
    near = shift_tests(stored.activations, kept, pairs)
    assert exact.exact.all() and not near.exact.any()
    assert np.log(near.p_more) == pytest.approx(np.log(exact.p_more), abs=0.03)
    assert np.log(near.p_fewer) == pytest.approx(np.log(exact.p_fewer), abs=0.03)


def test_token_level_is_exact_below_five_expected_tokens() -> None:
    # 100 * 500 / 10,000 is 5, and 100 * 499 / 10,000 is below.
    table = TwoByTwo.from_margins(
        np.array([9, 9]), np.array([100, 100]), np.array([500, 499]), 10_000
    )
    assert token_tests(table).exact.tolist() == [False, True]


def test_token_level_of_a_single_token_has_no_spread() -> None:
    tests = token_tests(TwoByTwo.from_margins(1, 1, 1, 1))
    assert (tests.observed[0], tests.expected[0], tests.std[0]) == (1, 1, 0)
    assert (tests.p_more[0], tests.p_fewer[0]) == (1, 1)


def test_same_numbers_for_any_memory_and_number_of_threads(
    stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = stored.kept
    pairs = np.random.default_rng(0).integers(0, LATENTS, (300, 2))
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]

    def everything(memory: int) -> bytes:
        parts = [
            test(stored.activations, kept, pairs, memory_bytes=memory)
            for test in (shift_tests, document_tests)
        ]
        return b"".join(values.tobytes() for part in parts for values in part)

    whole = everything(1 << 30)
    assert everything(50_000) == whole
    for threads in (1, 4):
        monkeypatch.setattr(numba, "get_num_threads", lambda threads=threads: threads)
        assert everything(1 << 30) == whole


def test_pairs_that_are_expected_too_rarely_are_not_tested(stored: Stored) -> None:
    kept = stored.kept
    pairs = np.array([[0, 10], [0, 1], [190, 0]])
    free = shift_tests(stored.activations, kept, pairs)
    bound = float(free.expected[:2].mean())
    tests = shift_tests(stored.activations, kept, pairs, least_expected=bound)
    tested = free.expected >= bound
    assert tested.tolist().count(True) == 1
    assert (tests.p_fewer[~tested] == 1).all() and (tests.p_more[~tested] == 1).all()
    assert np.array_equal(tests.observed, free.observed)
    assert np.array_equal(tests.p_fewer[tested], free.p_fewer[tested])


def test_progress_counts_pairs(stored: Stored) -> None:
    reports: list[tuple[str, int, int]] = []
    progress = Progress("pairs", lambda *report: reports.append(report))
    pairs = np.array([[0, 10], [150, 160], [151, 161]])
    shift_tests(stored.activations, stored.kept, pairs, memory_bytes=50_000, progress=progress)
    assert len(reports) > 1
    assert reports[-1] == ("pairs", 3, 3)


def test_one_pair_of_a_bundle(planted_bundle: Bundle) -> None:
    tokens, shared, shift = significance.tests_of_pair(planted_bundle, 1, 8)
    assert [test.kind for test in (tokens, shared, shift)] == ["tokens", "documents", "shift"]
    a, b = (planted_bundle.activations.of_latent(i)[0] for i in (1, 8))
    assert tokens.observed == shift.observed == len(np.intersect1d(a, b))
    document = planted_bundle.tokens["document"].to_numpy()
    assert shared.observed == len(np.intersect1d(document[a], document[b]))
    pair = np.array([[1, 8]])
    many = shift_tests(planted_bundle.activations, planted_bundle.kept_tokens, pair)
    assert (shift.p_more, shift.p_fewer) == (many.p_more[0], many.p_fewer[0])
    assert shift.p_more < 1e-10 < shift.expected < tokens.observed
    swapped = significance.tests_of_pair(planted_bundle, 8, 1)
    assert [test.p_more for test in swapped] == [test.p_more for test in (tokens, shared, shift)]


def test_one_pair_with_a_dead_latent_and_with_itself(planted_bundle: Bundle) -> None:
    for test in significance.tests_of_pair(planted_bundle, 190, 0):
        assert (test.observed, test.expected, test.p_more, test.p_fewer) == (0, 0.0, 1.0, 1.0)
    with pytest.raises(ValueError, match="must be different latents, but both are 3"):
        significance.tests_of_pair(planted_bundle, 3, 3)


def test_kernels_are_compiled_for_the_arguments_that_a_pair_gives(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[str, tuple[object, ...]]] = []

    def noting(name: str, kernel: Callable[..., object]) -> Callable[..., object]:
        def noted(*arguments: object) -> object:
            called.append((name, tuple(map(numba.typeof, arguments))))
            return kernel(*arguments)

        return noted

    kernels = [
        *((null_models, name) for name in ("_shift_pairs", "_shift_chances", "tilted")),
        *((document_null, name) for name in ("_document_pairs", "_stratum_chances")),
        (position_profile, "_count_widths"),
    ]
    for module, name in kernels:
        monkeypatch.setattr(module, name, noting(name, getattr(module, name)))
    compile_tests()
    compiled = called.copy()
    called.clear()
    # Another test may have left the stretches with the shared bundle.
    significance.tests_of_pair(open_bundle(planted_bundle.path), 160, 161)
    assert {name for name, _ in compiled} == {name for _, name in kernels}
    assert called == compiled
