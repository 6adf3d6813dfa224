"""Draw a Vega-Lite specification as a picture in a job process (`charts.core.convert`).

PNG files use Liberation Sans, which vl-convert ships, the DejaVu fonts in this folder, and the
fonts of the machine. Chinese, Japanese and Korean text needs a font of the machine, such as Noto
Sans CJK; without one it shows as boxes. SVG files use the fonts of the reader.
"""

from functools import lru_cache
from typing import Any

from analysis.runtime.errors import InputError
from analysis.runtime.numbers import count
from analysis.serve.jobs.job import FailedJobError, Job
from analysis.serve.jobs.line import shared_line
from charts.core.convert import Drawn, convert

MOST_ROWS = 50_000
"""Most drawn rows of a picture; a million rows crash vl-convert."""
SCALE = 2.0
"""Pixels of a PNG per unit of the specification."""
_ADVICE = "export the rows as Parquet or select fewer"


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


def _convert(kind: Drawn, spec: dict[str, Any], title: str, scale: float = SCALE) -> bytes:
    """Draw in a job process; raises InputError as `Line.run`, and if the drawing fails."""
    job = Job(convert, (kind, spec, scale), title, _ADVICE)
    try:
        drawn: bytes = shared_line().run(job)
    except FailedJobError as error:
        reason = " ".join(str(error).partition("\n    at ")[0].split())  # without the JavaScript
        raise InputError(f"{title}: could not be drawn ({reason[:200]}); {_ADVICE}.") from error
    return drawn
