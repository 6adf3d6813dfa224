"""Flags at their thresholds, which are spelled out here a second time."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import TABLES
from analysis.latents.flags import (
    DENSE_TEXT,
    FLAGS,
    RULES,
    ULTRALOW_TEXT,
    flag_codes,
    is_flagged,
    is_live,
)


@pytest.mark.parametrize(
    ("density", "flag"),
    [
        (0.0, "dead"),
        (1e-12, "ultralow"),
        (9.99e-7, "ultralow"),
        (1e-6, "live"),
        (0.1, "live"),
        (0.1001, "dense"),
        (1.0, "dense"),
    ],
)
def test_flag_of_a_density(density: float, flag: str) -> None:
    assert [FLAGS[code] for code in flag_codes(np.array([density, 0.01]))] == [flag, "live"]


def test_dense_and_ultralow_latents_are_flagged() -> None:
    flags = pa.array(["live", "dead", "ultralow", "dense"]).dictionary_encode()
    latents = pa.table({"flag": flags})
    assert is_flagged(latents).tolist() == [False, False, True, True]
    assert is_live(latents).tolist() == [True, False, False, False]


def test_rules_name_the_thresholds() -> None:
    assert (ULTRALOW_TEXT, DENSE_TEXT) == ("1e-6", "10\u00a0%")
    assert RULES == {
        "live": "density from 1e-6 to 10\u00a0%",
        "ultralow": "density below 1e-6",
        "dense": "density above 10\u00a0%",
        "dead": "never active in N tokens",
    }
    assert set(RULES) == set(FLAGS)


def test_the_column_names_every_flag() -> None:
    words = TABLES["latents"].field("flag").metadata[b"range"].decode()
    assert set(words.split(", ")) == set(FLAGS)


def test_flags_load_no_compiled_kernel() -> None:
    code = "import sys, analysis.latents.flags; print({'torch', 'numba'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
