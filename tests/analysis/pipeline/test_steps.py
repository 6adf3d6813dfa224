"""Every step reads and writes exactly what it declares."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from analysis.build import ACTIVATION_STEPS, source_steps
from analysis.bundle import TABLES
from analysis.clusters import communities
from analysis.clusters.communities import Communities
from analysis.pipeline.artifacts import ACTIVE_TOKENS, COMMUNITIES, CONTEXTS, BundleTable
from analysis.pipeline.building import Step, run_steps
from analysis.pipeline.steps import find_communities
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
    steps: tuple[Step[StepRecord], ...] = (*source_steps(finished.source), *ACTIVATION_STEPS)
    written = [artifact for step in steps for artifact in step.writes]
    tables = [artifact.name for artifact in written if isinstance(artifact, BundleTable)]
    assert sorted(tables) == sorted(TABLES)
    assert len(written) == len(set(written))


def test_what_is_read_was_written_before(finished: Finished) -> None:
    known: set[object] = set()
    for step in (*source_steps(finished.source), *ACTIVATION_STEPS):
        assert known.issuperset(step.reads), step.record.step
        known |= {*step.writes, step.record}


def test_steps_have_different_names_and_records(finished: Finished) -> None:
    steps = (*source_steps(finished.source), *ACTIVATION_STEPS)
    records: list[RecordFile[StepRecord]] = [step.record for step in steps]
    assert len({record.path for record in records}) == len(records)
    assert list(finished.timings) == [record.step for record in records]


def test_communities_are_found_with_the_seed_of_the_build(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []

    def recorded(*_: object, seed: int = 0, **__: object) -> Communities:
        seeds.append(seed)
        return Communities(finished.build.read(COMMUNITIES), ())

    monkeypatch.setattr(communities, "find_communities", recorded)
    find_communities(finished.build)
    assert seeds == [finished.build.parameters.seed] == [1]


def test_active_tokens_are_those_of_the_imported_rows(finished: Finished) -> None:
    latents = pq.read_table(finished.planted.activations)["latent"].to_numpy()
    counts = finished.build.read(ACTIVE_TOKENS)["active_tokens"].to_numpy()
    assert np.array_equal(counts, np.bincount(latents, minlength=200))
