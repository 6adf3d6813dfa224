"""The files between steps: where each is, and that no two of them are one file."""

from analysis.bundle.schema import TABLES
from analysis.pipeline import artifacts
from analysis.pipeline.artifacts import Artifact, BundleTable, ScratchTable
from analysis.pipeline.records import HarvestRecord
from analysis.runtime.working_folder import RecordFile

EVERY = {
    name: value
    for name, value in vars(artifacts).items()
    if isinstance(value, Artifact | RecordFile)
}


def test_tables_of_the_bundle_and_of_the_steps_are_kept_apart() -> None:
    assert BundleTable.named("tokens").path == "tables/tokens.parquet"
    assert BundleTable.named("tokens").name == "tokens"
    assert ScratchTable.named("map").path == "scratch/map.parquet"


def test_every_table_of_the_schema_is_an_artifact() -> None:
    tables = [one.name for one in EVERY.values() if isinstance(one, BundleTable)]
    assert sorted(tables) == sorted(TABLES)


def test_no_two_artifacts_share_a_file() -> None:
    paths = [one.path for one in EVERY.values()]
    assert len(paths) > 30 and len(set(paths)) == len(paths)


def test_a_record_is_checked_against_its_own_model() -> None:
    assert artifacts.HARVEST.path == "steps/harvest.json"
    assert artifacts.HARVEST.kind is HarvestRecord
