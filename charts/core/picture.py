"""Draw a Vega-Lite specification as a picture in a separate process (`charts.core.convert`).

PNG files use Liberation Sans, which vl-convert ships, the DejaVu fonts in this folder, and the
fonts of the machine. Chinese, Japanese and Korean text needs a font of the machine, such as Noto
Sans CJK; without one it shows as boxes. SVG files use the fonts of the reader.
"""

import json
import subprocess
import sys
import threading
from functools import lru_cache
from pathlib import Path
from typing import Any

from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count

MOST_ROWS = 50_000
"""Most drawn rows of a picture; a million rows crash vl-convert."""
TIME_LIMIT = 60.0
"""Longest drawing time in seconds."""
SCALE = 2.0
"""Pixels of a PNG per unit of the specification."""
_FONTS = Path(__file__).parent / "fonts"
_CONVERT = Path(__file__).parent / "convert.py"
_workers = threading.BoundedSemaphore(2)


def check_size(spec: dict[str, Any], title: str) -> None:
    """Raise InputError if the specification has too many rows to draw."""
    drawn = sum(len(rows) for rows in spec.get("datasets", {}).values())
    if drawn > MOST_ROWS:
        raise InputError(
            f"{title}: {count(drawn)} drawn rows are too many for a picture (at most "
            f"{count(MOST_ROWS)}); export the rows as Parquet or select fewer."
        )


def png(spec: dict[str, Any], title: str, scale: float = SCALE) -> bytes:
    """The specification as a PNG; raises InputError if it is too large or takes too long."""
    check_size(spec, title)
    return _convert("png", spec, title, scale)


def svg(spec: dict[str, Any], title: str) -> str:
    """The specification as an SVG; raises InputError if it is too large or takes too long."""
    check_size(spec, title)
    return _convert("svg", spec, title).decode()


@lru_cache(maxsize=1)
def javascript() -> str:
    """Vega, Vega-Lite and vega-embed as one script, from vl-convert."""
    return _convert("javascript", {}, "HTML").decode()


def _convert(kind: str, spec: dict[str, Any], title: str, scale: float = SCALE) -> bytes:
    """Run the worker; raises InputError if it crashes or takes too long."""
    fonts = str(_FONTS) if _FONTS.is_dir() else ""
    job = json.dumps({"kind": kind, "spec": spec, "fonts": fonts, "scale": scale})
    with _workers:
        try:
            done = subprocess.run(
                [sys.executable, "-P", str(_CONVERT)],
                input=job.encode(),
                capture_output=True,
                timeout=TIME_LIMIT,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"{title}: drawing took longer than {TIME_LIMIT:g} s; export the rows as Parquet "
                "or select fewer."
            ) from error
    if done.returncode != 0 or not done.stdout:
        errors = done.stderr.decode(errors="replace").strip().splitlines()
        raise InputError(
            f"{title}: could not be drawn ({errors[-1][:200] if errors else done.returncode}); "
            "export the rows as Parquet or select fewer."
        )
    return done.stdout
