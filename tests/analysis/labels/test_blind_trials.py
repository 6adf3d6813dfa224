"""Trials for readers against the dense planted activations."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.bundle import Bundle
from analysis.labels import blind_trials as module
from analysis.labels.blind_trials import (
    BlindTrial,
    blind_trials,
)
from analysis.labels.corpus_terms import held_out_rows
from analysis.labels.intruder import OWN, SHOWN
from tests.analysis.conftest import dense_values
from tests.planted import DEAD, Planted

MEMBERS = np.arange(160, 170)
"""Bursty latents: those of a topic are active in too few held-out documents."""


@pytest.fixture(scope="module")
def trials(planted_bundle: Bundle) -> tuple[BlindTrial, ...]:
    return blind_trials(planted_bundle, MEMBERS, 5)


def test_a_trial_shows_four_contexts_of_the_subject_and_one_foreign(
    planted_bundle: Bundle, planted: Planted, trials: tuple[BlindTrial, ...]
) -> None:
    values = dense_values(planted)
    document = np.asarray(pq.read_table(planted.tokens)["document"])
    # A trial is left out if no candidate for its foreign context fits.
    assert 24 - 4 <= len(trials) <= 24
    for trial in trials:
        rows = np.array(trial.rows)
        assert len(trial.contexts) == len(set(document[rows].tolist())) == SHOWN
        active = (values[np.ix_(rows, MEMBERS)] > 0).any(axis=1)
        assert active.tolist() == [True] * OWN + [False]
        assert held_out_rows(planted_bundle)[rows].all()


def test_the_texts_are_those_of_the_rows_around(
    planted: Planted, trials: tuple[BlindTrial, ...]
) -> None:
    tokens = pq.read_table(planted.tokens)
    document, token = np.asarray(tokens["document"]), tokens["token"].to_pylist()
    around = 10
    for trial in trials:
        foreign = trial.contexts[trial.foreign]
        row = trial.rows[-1]
        near = [r for r in range(row - around, row + around + 1) if 0 <= r < len(token)]
        near = [r for r in near if document[r] == document[row]]
        assert foreign.before == "".join(token[r] for r in near if r < row)
        assert foreign.token == token[row]
        assert foreign.after == "".join(token[r] for r in near if r > row)
        shown = sorted(context.token for context in trial.contexts)
        assert shown == sorted(token[r] for r in trial.rows)


def test_the_foreign_context_is_at_every_place(trials: tuple[BlindTrial, ...]) -> None:
    # With 24 trials, one place is missing in 2 % of the seeds; this seed is not among them.
    assert {trial.foreign for trial in trials} == set(range(SHOWN))


def test_the_seed_fixes_the_trials(planted_bundle: Bundle, trials: tuple[BlindTrial, ...]) -> None:
    assert blind_trials(planted_bundle, MEMBERS, 5) == trials
    assert blind_trials(planted_bundle, MEMBERS, 6) != trials


def test_a_subject_that_is_never_active_has_no_trials(planted_bundle: Bundle) -> None:
    assert blind_trials(planted_bundle, np.array([DEAD.start]), 0) == ()


def test_members_of_a_large_cluster_are_evenly_spaced(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch, planted: Planted
) -> None:
    monkeypatch.setattr(module, "MOST_MEMBERS", 3)
    values = dense_values(planted)
    rows = np.array([trial.rows[:OWN] for trial in blind_trials(planted_bundle, MEMBERS, 5)])
    assert (values[np.ix_(rows.ravel(), np.array([160, 164, 168]))] > 0).any(axis=1).all()


@pytest.mark.parametrize(("members", "shown"), [(200, 200), (201, 101), (400, 200), (401, 134)])
def test_at_most_200_members_and_48_other_latents_are_asked_for_contexts(
    members: int, shown: int, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The subject has no live latent, so all of these are others."""
    drawn: list[tuple[int, int]] = []

    class DrawnError(Exception):
        pass

    def draw_trials(groups: list[np.ndarray], *_: object, **settings: object) -> None:
        drawn.append((len(groups[0]), len(groups) - 1))
        assert settings["trials"] == 24
        raise DrawnError

    monkeypatch.setattr(module, "draw_trials", draw_trials)
    with pytest.raises(DrawnError):
        blind_trials(planted_bundle, np.arange(1_000, 1_000 + members), 5)
    assert drawn == [(shown, 48)]


def test_foreign_contexts_come_from_live_latents_outside_of_the_subject(
    planted_bundle: Bundle,
) -> None:
    flags = planted_bundle.latents["flag"].to_pylist()
    subject = np.arange(20, 165)
    donors = [group.tolist() for group in module._donors(planted_bundle, subject, 5)]
    others = [i for i, flag in enumerate(flags) if flag == "live" and i not in subject]
    assert len(donors) == len(others) > 40  # fewer than 48, so each is taken
    assert donors == [[latent] for latent in others]
