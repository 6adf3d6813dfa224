"""The lifts from which a member fits its cluster."""

import subprocess
import sys

from analysis.labels.good_lifts import GOOD_LIFT, GOOD_OTHER_LIFT


def test_the_lifts_are_those_that_the_documents_state() -> None:
    assert (GOOD_LIFT, GOOD_OTHER_LIFT) == (5, 2)


def test_they_are_known_without_the_libraries_that_score() -> None:
    probe = (
        "import sys, analysis.labels.good_lifts; "
        "print([m for m in ('numba', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
