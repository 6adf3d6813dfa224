"""A working folder in which every step of a small build is finished."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from analysis.build import ACTIVATION_STEPS, source_steps
from analysis.bundle import Parameters
from analysis.harvest.source import ActivationsSource
from analysis.labels.requested import LabelSources
from analysis.pipeline.building import Building, run_steps
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.workers import LocalWorkers
from analysis.runtime.working_folder import StepRecord, WorkingFolder, open_working_folder
from analysis.saes import SparseAutoencoder, load_sae
from tests.planted import Planted, planted_activations, planted_sae


@dataclass(frozen=True)
class Finished:
    """A build whose steps are all finished, before it is published."""

    planted: Planted
    source: ActivationsSource
    build: Building
    timings: dict[str, float]


def building(sae: SparseAutoencoder, parameters: Parameters, work: WorkingFolder) -> Building:
    return Building(sae, parameters, LabelSources(), MEMORY_BYTES, LocalWorkers(), work)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder: Path = tmp_path_factory.mktemp("pipeline")
    planted = planted_activations(folder, documents=12, document_tokens=100)
    # None of the settings that the steps read has its default.
    parameters = Parameters(
        seed=1,
        epochs=20,
        partners_kept=20,
        minimum_joint=6,
        neighbours=9,
        context_tokens=7,
        contexts_per_kind=3,
        minimum_cluster=4,
        null_draws=3,
    )
    sae = load_sae(planted_sae(folder / "sae"))
    source = ActivationsSource(sae, planted.activations, None, parameters)
    work = open_working_folder(folder / "bundle", StepRecord())
    build = building(sae, parameters, work)
    timings = run_steps(build, (*source_steps(source), *ACTIVATION_STEPS))
    return Finished(planted, source, build, timings)
