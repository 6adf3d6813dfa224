"""Every step reads and writes exactly what it declares."""

import shutil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.build import ACTIVATION_STEPS, source_steps
from analysis.bundle import TABLES
from analysis.cooccurrence.strongest import Ranking
from analysis.harvest.source import Source
from analysis.pipeline import steps
from analysis.pipeline.artifacts import (
    ACTIVE_TOKENS,
    CONTEXTS,
    LOGITS,
    NEIGHBOUR_HEAPS,
    NEIGHBOURS,
    BundleTable,
)
from analysis.pipeline.building import Step, run_steps
from analysis.runtime.errors import InputError
from analysis.runtime.working_folder import RecordFile, StepRecord, open_working_folder
from tests.analysis.pipeline.conftest import Finished, building

NAMES = [step.record.step for step in ACTIVATION_STEPS]


def _files(folder: Path) -> set[str]:
    files = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return {str(file) for file in files}


@pytest.mark.parametrize("name", NAMES)
def test_a_step_needs_only_what_it_declares(name: str, finished: Finished, tmp_path: Path) -> None:
    """It runs in a folder with nothing else, and writes the same bytes there."""
    step = next(step for step in ACTIVATION_STEPS if step.record.step == name)
    work = open_working_folder(tmp_path / "single", StepRecord())
    for needed in step.reads:
        shutil.copy(finished.build.work.path / needed.path, work.path / needed.path)
    before = _files(work.path)
    single = building(finished.build.sae, finished.build.parameters, work)
    run_steps(single, [step])
    written = _files(work.path) - before - {step.record.path}
    assert written == {artifact.path for artifact in step.writes}
    for file in written:
        assert (work.path / file).read_bytes() == (finished.build.work.path / file).read_bytes()
    excluded = {"seconds"}
    assert single.record(step.record).model_dump(exclude=excluded) == finished.build.record(
        step.record
    ).model_dump(exclude=excluded)


@pytest.mark.parametrize("name", NAMES)
def test_a_step_needs_all_that_it_declares(name: str, finished: Finished, tmp_path: Path) -> None:
    """A declaration that the step does not use would be noise in the table of contents."""
    step = next(step for step in ACTIVATION_STEPS if step.record.step == name)
    for left_out in step.reads:
        if left_out is CONTEXTS:  # read only if a language model proposes names
            continue
        work = open_working_folder(tmp_path / "less", StepRecord())
        for needed in step.reads:
            if needed is not left_out:
                shutil.copy(finished.build.work.path / needed.path, work.path / needed.path)
        less = building(finished.build.sae, finished.build.parameters, work)
        with pytest.raises((RuntimeError, OSError, InputError)) as caught:
            step.run(less)
        assert Path(left_out.path).stem in str(caught.value)
        work.remove()


def test_every_table_of_the_bundle_is_written_once(finished: Finished) -> None:
    every: tuple[Step[StepRecord], ...] = (*source_steps(finished.source), *ACTIVATION_STEPS)
    written = [artifact for step in every for artifact in step.writes]
    tables = [artifact.name for artifact in written if isinstance(artifact, BundleTable)]
    assert sorted(tables) == sorted(TABLES)
    assert len(written) == len(set(written))


def test_what_is_read_was_written_before(finished: Finished) -> None:
    known: set[object] = set()
    for step in (*source_steps(finished.source), *ACTIVATION_STEPS):
        assert known.issuperset(step.reads), step.record.step
        known |= {*step.writes, step.record}


def test_steps_have_different_names_and_records(finished: Finished) -> None:
    every = (*source_steps(finished.source), *ACTIVATION_STEPS)
    records: list[RecordFile[StepRecord]] = [step.record for step in every]
    assert len({record.path for record in records}) == len(records)
    assert list(finished.timings) == [record.step for record in records]


class _CalledError(Exception):
    """Ends a step where it calls its room."""


def _arguments(
    step: str, called: str, finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments with which a step calls a function of its room."""

    def stop(*given: object, **named: object) -> None:
        raise _CalledError(given, named)

    monkeypatch.setattr(f"analysis.pipeline.steps.{called}", stop)
    with pytest.raises(_CalledError) as ended:
        getattr(steps, step)(finished.build)
    given, named = ended.value.args
    return given, named


@pytest.mark.parametrize(
    ("step", "called", "settings"),
    [
        ("find_neighbours", "decoder_graph", {"k": 18, "seed": 1}),
        ("lay_out", "decoder_map", {"seed": 1, "epochs": 20}),
        ("lay_out_by_cooccurrence", "partner_graph", {"k": 9}),
        ("lay_out_by_cooccurrence", "cooccurrence_map", {"seed": 1, "epochs": 20}),
        ("name_latents_and_clusters", "label_tables", {"seed": 1}),
    ],
)
def test_a_step_uses_the_settings_of_the_build(
    step: str,
    called: str,
    settings: dict[str, int],
    finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, named = _arguments(step, called, finished, monkeypatch)
    assert {name: named[name] for name in settings} == settings


def test_partners_are_ranked_by_the_settings_of_the_build(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, _ = _arguments("count_partners", "partners.count_partners", finished, monkeypatch)
    assert Ranking(20, 6) in given


def test_only_latents_that_fired_are_neighbours_and_on_the_map(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    latents = pq.read_table(finished.planted.activations)["latent"].to_numpy()
    fired = np.isin(np.arange(200), latents)
    given, _ = _arguments("lay_out", "decoder_map", finished, monkeypatch)
    assert np.array_equal(given[2], fired)
    _, named = _arguments("find_neighbours", "decoder_graph", finished, monkeypatch)
    assert np.array_equal(named["eligible"], fired) and not fired.all()


def test_a_long_comparison_of_neighbours_is_kept_until_its_tables_are_written(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, named = _arguments("find_neighbours", "decoder_graph", finished, monkeypatch)
    assert named["kept"] == finished.build.path(NEIGHBOUR_HEAPS)
    assert named["progress"].name == "neighbours, blocks of pairs"
    monkeypatch.undo()
    left = named["kept"] / "heaps000000001.npz"
    left.parent.mkdir()
    left.touch()
    before = finished.build.read(NEIGHBOURS)
    assert steps.find_neighbours(finished.build).how == "exact"
    assert finished.build.read(NEIGHBOURS) == before
    assert not left.parent.exists()


def test_contexts_have_the_length_and_number_of_the_build(finished: Finished) -> None:
    rows = finished.build.read(CONTEXTS).to_pandas()
    top = rows[rows["kind"] == "top"].sort_values(["latent", "document", "position"])
    apart = top.groupby(["latent", "document"], observed=True)["position"].diff()
    assert 7 <= apart.min() < 21  # windows of 7 tokens do not overlap, and longer ones would
    assert rows.groupby(["latent", "kind"], observed=True).size().max() == 3


def test_active_tokens_are_those_of_the_imported_rows(finished: Finished) -> None:
    latents = pq.read_table(finished.planted.activations)["latent"].to_numpy()
    counts = finished.build.read(ACTIVE_TOKENS)["active_tokens"].to_numpy()
    assert np.array_equal(counts, np.bincount(latents, minlength=200))


def test_unknown_logit_effects_are_an_empty_table_with_the_reason(
    finished: Finished, tmp_path: Path
) -> None:
    class WithoutHead:
        def vocabulary(self) -> None:
            raise InputError("It has no head.")

    work = open_working_folder(tmp_path / "single", StepRecord())
    single = building(finished.build.sae, finished.build.parameters, work)
    record = steps.effects_on_logits(single, cast(Source, WithoutHead()))
    assert (record.rows, record.reason) == (0, "It has no head.")
    assert pq.read_table(single.path(LOGITS)).num_rows == 0
