"""`/metrics`: numbers of this server process as OpenMetrics, for Prometheus and its like.

In the mode *team* for operators, and for programs of this machine. Streamlit's own numbers are at
`/_stcore/metrics`.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pages.server.warm_up import WARM

MEDIA_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def metrics(request: Request) -> Response:
    """Open pages, users, memory and counts, in the text format of OpenMetrics 1.0."""
    # Imported here because the server imports nothing of the pages at its start.
    from analysis.serve.server_state import STATE, resident_bytes  # noqa: PLC0415

    open_pages = STATE.open_pages()
    lines = [
        *_gauge("clearwater_open_pages", len(open_pages), "Pages that are open in browsers."),
        *_gauge("clearwater_users", len({one.user for one in open_pages}), "Different users."),
        *_gauge("clearwater_memory_bytes", resident_bytes(), "Memory of the process.", "bytes"),
        *_gauge("clearwater_warm", int(WARM.is_set()), "Whether the warm-up has ended."),
        "# TYPE clearwater_events counter",
        "# HELP clearwater_events What has happened since the start.",
        *(f'clearwater_events_total{{kind="{k}"}} {n}' for k, n in sorted(STATE.counts.items())),
        "# EOF\n",
    ]
    return Response("\n".join(lines), media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store"})


def _gauge(name: str, value: int, meaning: str, unit: str = "") -> list[str]:
    units = [f"# UNIT {name} {unit}"] if unit else []
    return [f"# TYPE {name} gauge", *units, f"# HELP {name} {meaning}", f"{name} {value}"]


ROUTES = (Route("/metrics", metrics, methods=["GET"]),)
