"""What holds the memory of a server process: open bundles, finished figures, sessions, jobs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from streamlit import runtime

from analysis.serve.jobs.line import shared_line
from analysis.serve.server_state import resident_bytes
from charts.core.cache import LIMIT, nbytes_of, used_bytes
from pages.widgets.bundles import OPEN
from pages.widgets.open_bundles import held_bytes


@dataclass(frozen=True)
class MemoryUse:
    """Bytes."""

    process: int
    """With the mapped files that it has read."""
    bundles: dict[str, int]
    """Of the tables that each open bundle has read, by the name of its folder."""
    figures: int
    """Of finished figures, for all sessions."""
    most_figures: int
    """The limit of these."""
    sessions: tuple[int, ...]
    """Of what each session holds; sessions share most of it with the figures."""
    jobs: int
    """Of the processes of jobs."""


def memory_use() -> MemoryUse:
    """The memory of this process; the numbers are counted when they are asked for."""
    bundles: dict[str, int] = {}
    for bundle in OPEN.now():
        bundles[bundle.name] = bundles.get(bundle.name, 0) + held_bytes(bundle)
    return MemoryUse(
        process=resident_bytes(),
        bundles=bundles,
        figures=used_bytes(),
        most_figures=LIMIT,
        sessions=tuple(map(_bytes_of, _states())),
        jobs=shared_line().memory(),
    )


def _states() -> Iterable[dict[str, Any]]:
    """What each session of this process holds."""
    if not runtime.exists():
        return []
    # Streamlit's own counts are of items and not of bytes, unless it may take seconds.
    sessions = runtime.get_instance()._session_mgr.list_active_sessions()
    return [dict(info.session.session_state.filtered_state) for info in sessions]


def _bytes_of(state: dict[str, Any]) -> int:
    """Bytes of what a session holds, each object once."""
    seen: dict[int, Any] = {}
    for value in state.values():
        for part in value if isinstance(value, list) else [value]:
            seen[id(part)] = part
    return sum(map(nbytes_of, seen.values()))
