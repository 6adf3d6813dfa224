"""What a step reports is checked: its ranges, its fields, and that it survives its file."""

import pytest
from pydantic import ValidationError

from analysis.bundle import MaskSummary
from analysis.pipeline.records import (
    DoneRecord,
    HarvestRecord,
    NeighbourRecord,
    RowsRecord,
)
from analysis.runtime.working_folder import StepRecord

MASK = MaskSummary(policy="none", special_token_ids=[0], special_tokens=1, sink_tokens=2)


@pytest.mark.parametrize("recall", [0.0, 1.0])
def test_a_recall_is_a_fraction(recall: float) -> None:
    assert NeighbourRecord(how="exact", recall=recall).recall == recall
    with pytest.raises(ValidationError, match="recall"):
        NeighbourRecord(how="exact", recall=recall + (0.01 if recall else -0.01))


def test_counts_have_a_least_value() -> None:
    assert RowsRecord(rows=0).rows == 0
    with pytest.raises(ValidationError, match="rows"):
        RowsRecord(rows=-1)
    assert HarvestRecord(tokens=1, l0=0.0, explained_variance=None, mask=MASK).tokens == 1
    with pytest.raises(ValidationError, match="tokens"):
        HarvestRecord(tokens=0, l0=0.0, explained_variance=None, mask=MASK)
    with pytest.raises(ValidationError, match="l0"):
        HarvestRecord(tokens=1, l0=-0.1, explained_variance=None, mask=MASK)


def test_a_harvest_without_a_model_says_that_its_explained_variance_is_unknown() -> None:
    with pytest.raises(ValidationError, match="explained_variance"):
        HarvestRecord.model_validate({"tokens": 1, "l0": 0.0, "mask": MASK})


def test_a_record_is_the_same_after_its_file() -> None:
    record = HarvestRecord(tokens=5, l0=2.5, explained_variance=0.75, mask=MASK, seconds=1.5)
    assert HarvestRecord.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("kind", [DoneRecord, RowsRecord, HarvestRecord, NeighbourRecord])
def test_unknown_fields_are_refused(kind: type[StepRecord]) -> None:
    with pytest.raises(ValidationError, match=r"mood\s+Extra inputs"):
        kind.model_validate({"mood": "good"})
