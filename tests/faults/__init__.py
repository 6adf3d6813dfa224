"""Trials of what goes wrong: kills, damaged files, concurrent builds, full disks.

`python -m tests.faults` runs them in full (see `__main__.py`). Each module here with a `TRIAL` is
one trial; the tests in this folder run one case of each.
"""
