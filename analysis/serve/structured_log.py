"""The log of a server for a team: one line of JSON for each record, and the last errors in memory.

A record of the audit trail has the fields `action`, `user`, `bundle` and `what` more.
"""

import json
import logging
import sys
from collections import deque
from datetime import UTC, datetime
from typing import TextIO

from analysis.serve.server_state import STATE

ROOT = "clearwater"
MOST_ERRORS = 50
"""Errors that are kept for the page of the operator."""
LAST_ERRORS: deque[str] = deque(maxlen=MOST_ERRORS)
"""The lines of the last errors, the newest last."""


class LineOfJson(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "entry", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


class _Kept(logging.Handler):
    """Keeps the last errors."""

    def emit(self, record: logging.LogRecord) -> None:
        STATE.count("errors")
        LAST_ERRORS.append(self.format(record))


def log_in_lines(stream: TextIO | None = None) -> None:
    """Write the log of Clearwater as lines of JSON from now on, to the standard error output."""
    logger = logging.getLogger(ROOT)
    written, kept = logging.StreamHandler(stream or sys.stderr), _Kept(logging.ERROR)
    for handler in (written, kept):
        handler.setFormatter(LineOfJson())
    logger.handlers = [written, kept]
    logger.setLevel(logging.INFO)
    logger.propagate = False
