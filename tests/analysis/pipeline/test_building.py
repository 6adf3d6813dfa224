"""Steps run once, in order, and only if what they read is there."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.labels.requested import LabelSources
from analysis.pipeline.artifacts import (
    DESCRIBE,
    HARVEST,
    MAP_COLUMNS,
    NAME,
    NEIGHBOURS,
    PICK_CONTEXTS,
    SHOWN_CLUSTERS,
    STATISTICS,
    Artifact,
    ScratchTable,
)
from analysis.pipeline.building import (
    Building,
    Step,
    forget_other_labels,
    forget_unfinished,
    run_steps,
)
from analysis.pipeline.records import DoneRecord, RowsRecord
from analysis.runtime.progress import Progress
from analysis.runtime.working_folder import (
    RecordFile,
    StepRecord,
    WorkingFolder,
    open_working_folder,
)
from tests.analysis.pipeline.conftest import Finished


@pytest.fixture
def build(finished: Finished, tmp_path: Path) -> Building:
    """The finished build's settings, in an empty folder."""
    return replace(finished.build, work=open_working_folder(tmp_path / "new", StepRecord()))


def test_tables_come_back_as_they_were_written(build: Building) -> None:
    build.write(STATISTICS, pa.table({"a": [1, 2], "b": [3, 4]}))
    assert build.read(STATISTICS).to_pydict() == {"a": [1, 2], "b": [3, 4]}
    assert build.read(STATISTICS, ["b"]).to_pydict() == {"b": [3, 4]}
    rows = {"latent": [0], "rank": [0], "neighbour": [1], "cosine": [0.5]}
    build.write(NEIGHBOURS, pa.table(rows))
    assert build.read(NEIGHBOURS).schema.field("rank").type == pa.int16()
    assert build.path(NEIGHBOURS) == build.work.tables / "neighbours.parquet"


def test_nan_becomes_null_in_float_columns(build: Building) -> None:
    build.write_columns(STATISTICS, {"x": np.array([1.5, np.nan], dtype=np.float32)})
    assert pq.read_table(build.path(STATISTICS))["x"].to_pylist() == [1.5, None]


def test_finished_steps_are_skipped(build: Building) -> None:
    ran: list[str] = []
    events: list[tuple[str, int, int]] = []

    def describe(build: Building) -> DoneRecord:
        ran.append("describe")
        build.write(STATISTICS, pa.table({"a": [1]}))
        return DoneRecord()

    def pick(build: Building) -> RowsRecord:
        ran.append("pick")
        build.progress.named("windows")(3, 9)
        return RowsRecord(rows=7)

    build = replace(build, progress=Progress(report=lambda *event: events.append(event)))
    first = Step(DESCRIBE, describe, writes=(STATISTICS,), title="latents")
    second = Step(PICK_CONTEXTS, pick, reads=(STATISTICS, DESCRIBE))
    timings = run_steps(build, [first, second])
    assert ran == ["describe", "pick"] and list(timings) == ["describe_latents", "pick_contexts"]
    assert events == [("latents", 0, 1), ("latents", 1, 1), ("windows", 3, 9)]
    assert build.record(PICK_CONTEXTS).rows == 7
    events.clear()
    assert run_steps(build, [first, second]) == timings
    assert ran == ["describe", "pick"]
    assert [name for name, *_ in events] == [
        "describe latents, finished earlier",
        "pick contexts, finished earlier",
    ]


def test_a_missing_input_is_a_bug_and_named(build: Building) -> None:
    step = Step(DESCRIBE, lambda _: DoneRecord(), reads=(HARVEST,))
    with pytest.raises(RuntimeError, match=r"step describe_latents needs steps/harvest\.json"):
        run_steps(build, [step])
    with pytest.raises(RuntimeError, match="the step harvest is not finished"):
        build.record(HARVEST)


def test_a_missing_output_is_a_bug_and_named(build: Building) -> None:
    step = Step(DESCRIBE, lambda _: DoneRecord(), writes=(STATISTICS,))
    with pytest.raises(RuntimeError, match=r"describe_latents did not write .*statistics\.parquet"):
        run_steps(build, [step])
    assert build.work.read(DESCRIBE) is None


def test_numbers_of_the_activations(finished: Finished) -> None:
    """Against the imported rows."""
    build = finished.build
    rows = pq.read_table(finished.planted.activations)
    latent = rows["latent"].to_numpy()
    assert build.n_tokens == 1_200
    assert np.array_equal(build.fired, np.isin(np.arange(200), latent))
    assert not build.fired.all()
    tokens, values = build.activations.of_latent(3)
    at = latent == 3
    place = rows["document"].to_numpy()[at] * 100 + rows["position"].to_numpy()[at]
    assert np.array_equal(tokens, np.sort(place))
    activation = rows["activation"].to_numpy()[at][np.argsort(place)]
    assert np.allclose(values, activation, rtol=2**-11)
    latents, counts = build.activations.latents_of_tokens(5, 7)
    at = np.isin(rows["document"].to_numpy() * 100 + rows["position"].to_numpy(), (5, 6))
    assert sorted(latents.tolist()) == sorted(latent[at].tolist()) and counts.sum() == at.sum()
    assert np.array_equal(build.kept.row_ends, np.arange(1, 13) * 100)


def test_labels_are_made_again_for_other_sources(finished: Finished, tmp_path: Path) -> None:
    build = finished.build
    record = build.record(NAME)
    forget_other_labels(build)
    assert build.work.read(NAME) == record
    given = tmp_path / "given.csv"
    given.write_text("latent,explanation\n3,ships\n")
    work = open_working_folder(tmp_path / "copy", StepRecord())
    work.run(NAME, lambda: record)
    forget_other_labels(replace(build, work=work, labels=LabelSources(explanations=given)))
    assert work.read(NAME) is None
    forget_other_labels(replace(build, work=work, labels=LabelSources(explanations=given)))


def test_paths_are_relative_to_the_working_folder(build: Building) -> None:
    assert build.path(Artifact("shards")) == build.work.path / "shards"
    assert build.path(ScratchTable.named("map")) == build.work.path / "scratch" / "map.parquet"


def _chain(ran: list[str]) -> tuple[Step[DoneRecord], ...]:
    """a writes the statistics; b reads them; c reads nothing; d reads what b reports."""

    def step(name: str, writes: ScratchTable | None, *reads: Any) -> Step[DoneRecord]:
        def run(build: Building) -> DoneRecord:
            ran.append(name)
            if writes is not None:
                build.write(writes, pa.table({"a": [1, 2, 3]}))
            return DoneRecord()

        record = RecordFile(name, DoneRecord)
        outputs = () if writes is None else (writes,)
        blocks = (Artifact(f"scratch/{name}"),)
        return Step(record, run, reads=reads, writes=outputs, resumes_from=blocks)

    return (
        step("a", STATISTICS),
        step("b", MAP_COLUMNS, STATISTICS),
        step("c", SHOWN_CLUSTERS),
        step("d", None, RecordFile("b", DoneRecord)),
    )


@pytest.mark.parametrize(
    ("damaged", "again"),
    [
        ("", ""),
        ("scratch/statistics.parquet", "abd"),
        ("scratch/map.parquet", "bd"),
        ("scratch/shown_clusters.parquet", "c"),
        ("steps/a.json", "abd"),
        ("steps/b.json", "bd"),
        ("steps/d.json", "d"),
    ],
)
def test_a_damaged_step_and_what_read_from_it_run_again(
    build: Building, damaged: str, again: str
) -> None:
    ran: list[str] = []
    steps = _chain(ran)
    run_steps(build, steps)
    for name in "abcd":
        (build.work.path / "scratch" / name).mkdir()
    if damaged:
        file = build.work.path / damaged
        content = file.read_bytes()
        file.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    ran.clear()
    forget_unfinished(build, steps)
    run_steps(build, steps)
    assert "".join(ran) == again
    # What an interrupted run left is kept unless something that the step reads has changed.
    first = again[:1]
    left = {name for name in "abcd" if (build.work.path / "scratch" / name).exists()}
    assert left == set("abcd") - set(again) | set(first)


def test_records_vanish_from_the_last_to_the_first(
    build: Building, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in between, no record remains of a step whose input is made again."""
    steps = _chain([])
    run_steps(build, steps)
    build.path(STATISTICS).write_bytes(b"")
    forgotten: list[str] = []
    monkeypatch.setattr(WorkingFolder, "forget", lambda self, record: forgotten.append(record.step))
    forget_unfinished(build, steps)
    assert forgotten == ["d", "b", "a"]
