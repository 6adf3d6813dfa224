"""The search of pynndescent against a float64 product, and its reports."""

from typing import Any

import numpy as np
import pytest

from analysis.decoder import approximate as module
from analysis.decoder.approximate import approximate
from analysis.decoder.vectors import unit_rows
from analysis.runtime.progress import SILENT, Progress

K = 10


@pytest.fixture(scope="module")
def unit() -> np.ndarray:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, 16))[np.arange(600) % 40]
    return unit_rows((centres + 0.4 * rng.normal(size=(600, 16))).astype(np.float32))


def test_neighbours_are_in_the_pool_with_their_cosines(
    unit: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    reports: list[tuple[str, int, int]] = []
    progress = Progress("rounds", lambda *reported: reports.append(reported))
    neighbours, cosines = approximate(unit, 580, K, 0, 1 << 20, progress)
    exact = unit.astype(np.float64) @ unit[:580].astype(np.float64).T
    np.fill_diagonal(exact, -np.inf)
    np.testing.assert_allclose(cosines, np.take_along_axis(exact, neighbours, 1), atol=1e-6)
    truth = np.argsort(-exact, axis=1)[:, :K]
    hits = [len(set(a) & set(b)) for a, b in zip(truth, neighbours, strict=True)]
    assert np.mean(hits[:580]) > 0.9 * K
    assert hits[580:] == [K] * 20
    assert capsys.readouterr().out == ""
    rounds = [done for name, done, _ in reports if name == "rounds"]
    total = reports[0][2]
    # pynndescent ends early if few neighbours change; the report ends with all rounds.
    assert rounds == [*range(len(rounds) - 1), total] and 2 <= len(rounds) <= total + 1
    assert reports[-1] == ("rounds, dead latents", 20, 20)


@pytest.mark.parametrize(("k", "searched"), [(10, 16), (30, 46)])
def test_half_as_many_again_are_searched(
    k: int, searched: int, unit: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one more, because pynndescent counts the latent itself."""
    settings: dict[str, Any] = {}

    class CountedError(Exception):
        pass

    def recorded(*_: object, **given: Any) -> None:
        settings.update(given)
        raise CountedError

    monkeypatch.setattr(module, "NNDescent", recorded)
    with pytest.raises(CountedError):
        approximate(unit, 600, k, 5, 1 << 20, SILENT)
    assert (settings["n_neighbors"], settings["random_state"], settings["n_jobs"]) == (
        searched,
        5,
        1,
    )


def test_a_round_is_reported_when_its_line_is_complete() -> None:
    reports: list[tuple[int, int]] = []
    rounds = module._Rounds(Progress("", lambda name, *reported: reports.append(reported)))
    for text in ("Building RP forest with 12 trees\n", "\t 1", "  /  20", "\n\t 2  /  20\n\t 3"):
        rounds.write(text)
    assert reports == [(0, 20), (1, 20)]
    assert rounds.total == 20
