"""Estimates and refusals of a plan."""

import pytest

from analysis.build import ACTIVATION_STEPS
from analysis.pipeline.build_plan import (
    STEP_SECONDS,
    BuildPlan,
    Space,
    disk_bytes,
    memory_bytes,
    step_seconds,
)
from analysis.runtime.errors import InputError


def plan(**fields: object) -> BuildPlan:
    known = {
        "latents": 8_192, "tokens": 200_000, "l0": 32.0, "blocks": 800, "block_tokens": 256,
        "documents": 90, "device": "cpu", "seconds": {"harvest": 100.0, "store": 20.0},
        "disk": Space(10, 11), "memory": Space(10, None), "notes": ("a", "b"),
    }  # fmt: skip
    return BuildPlan(**{**known, **fields})  # type: ignore[arg-type]


def test_every_step_has_an_estimate() -> None:
    names = {step.record.step for step in ACTIVATION_STEPS}
    assert {*names, "store", "effects_on_logits"} == {*STEP_SECONDS, "find_neighbours"}


def test_estimates_grow_with_activations_and_latents() -> None:
    one, two = step_seconds(1e6, 1_000, 5.0, 7.0), step_seconds(2e6, 3_000, 5.0, 8.0)
    assert one["harvest"] == two["harvest"] == 5.0
    assert (one["find_neighbours"], two["find_neighbours"]) == (7.0, 8.0)
    for name, (a, b) in STEP_SECONDS.items():
        assert one[name] == pytest.approx(a + b)
        assert two[name] == pytest.approx(2 * a + 3 * b)
    assert disk_bytes(100, 10, 1) == 1_400 + 320 + 3_000
    assert memory_bytes(1_000, 10, 2, 3) == 1_000 + 24 + 160 + 400


def test_a_plan_with_too_little_space_is_refused() -> None:
    plan().check("out")
    plan(disk=Space(11, 11)).check("out")
    with pytest.raises(InputError, match=r"out: the build needs about 0\.0 MB of disk"):
        plan(disk=Space(12, 11)).check("out")
    with pytest.raises(InputError, match=r"about 2.0 GB of memory, but 1.0 GB are free; give less"):
        plan(memory=Space(2_000_000_000, 1_000_000_000)).check("out")


def test_a_plan_is_printed_with_all_that_it_needs() -> None:
    rows = plan().rows()
    text = " ".join(str(value) for _, value in rows)
    assert "200,000 of 90 documents, in 800 blocks of at most 256" in text
    assert "about 2 min" in text
    assert "2,000 tokens/s" in text
    assert [value for name, value in rows if name == "note"] == ["a", "b"]


def test_the_steps_behind_the_harvest_take_as_long_as_those_of_the_demo() -> None:
    for activations, latents, total in ((1e6, 0, 8.5), (0, 1_000, 6.1)):
        assert sum(step_seconds(activations, latents, 0.0, 0.0).values()) == pytest.approx(total)
