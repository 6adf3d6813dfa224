"""Run the trials in full: `python -m tests.faults [TRIAL ...] [--seed 0] [--share 1.0]`.

Every module of this package with a `TRIAL` is one trial. `--share 0.1` runs a tenth of the cases of
each, at least one. `--minutes 60` stops starting cases after an hour, and `--jobs 2` runs two
at once. A second run resumes (see `frame.py`). The exit code is 1 if a case failed or was not
reached in time.
"""

import argparse
import sys

from tests.faults.frame import FAILED, report, run, trials


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults")
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"of {', '.join(trials())}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="of the cases of each trial")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args(arguments)
    if unknown := set(options.trials) - set(trials()):
        parser.error(f"there is no trial {', '.join(sorted(unknown))}")
    wanted = {
        name: max(1, round(options.share * trials()[name].cases))
        for name in options.trials or trials()
    }
    results = run(wanted, options.seed, options.minutes, options.jobs)
    print("\n" + report(results, wanted))
    failed = any(result.verdict == FAILED for result in results)
    return int(failed or len(results) < sum(wanted.values()))


if __name__ == "__main__":
    sys.exit(main())
