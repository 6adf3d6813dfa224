"""What is imported before any chart."""

import subprocess
import sys


def test_pandas_is_whole_before_altair_is_there() -> None:
    """Another thread may draw while this one imports; Altair uses a pandas that is half there."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import charts.density"],
        capture_output=True,
        text=True,
        check=True,
    )
    modules = [line.rpartition("|")[2].strip() for line in done.stderr.splitlines()]
    assert modules.index("pandas") < modules.index("altair")
