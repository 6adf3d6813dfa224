"""Whether nginx is installed; CI installs it."""

import os
import shutil

import pytest

from analysis.serve.nginx import PLACES

_PATH = os.pathsep.join([os.environ.get("PATH", ""), *PLACES])
needs_nginx = pytest.mark.skipif(
    shutil.which("nginx", path=_PATH) is None and not os.environ.get("CI"),
    reason="nginx is missing: `make browser` installs it on Debian",
)
