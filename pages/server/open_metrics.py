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
    from analysis.serve.jobs.line import shared_line  # noqa: PLC0415
    from analysis.serve.server_state import STATE  # noqa: PLC0415
    from pages.widgets.memory_use import memory_use  # noqa: PLC0415
    from pages.widgets.turns import TURNS  # noqa: PLC0415

    open_pages, jobs, memory = STATE.open_pages(), shared_line().jobs(), memory_use()
    running = sum(job.is_running for job in jobs)
    lines = [
        *_gauge("clearwater_open_pages", len(open_pages), "Pages that are open in browsers."),
        *_gauge("clearwater_users", len({one.user for one in open_pages}), "Different users."),
        *_gauge("clearwater_memory_bytes", memory.process, "Memory of the process.", "bytes"),
        *_gauge("clearwater_figures_bytes", memory.figures, "Memory of finished figures.", "bytes"),
        *_gauge("clearwater_sessions_bytes", sum(memory.sessions), "What sessions hold.", "bytes"),
        *_gauge("clearwater_jobs_bytes", memory.jobs, "Memory of the job processes.", "bytes"),
        "# TYPE clearwater_bundle_bytes gauge",
        "# UNIT clearwater_bundle_bytes bytes",
        "# HELP clearwater_bundle_bytes Tables that an open bundle has read.",
        *(
            f'clearwater_bundle_bytes{{bundle="{_label(name)}"}} {size}'
            for name, size in sorted(memory.bundles.items())
        ),
        *_gauge("clearwater_jobs_running", running, "Exports and computations that run."),
        *_gauge("clearwater_jobs_waiting", len(jobs) - running, "Those that wait."),
        *_gauge("clearwater_runs_waiting", TURNS.waiting, "Runs of pages that wait in line."),
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


def _label(text: str) -> str:
    """A text as the value of a label."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


ROUTES = (Route("/metrics", metrics, methods=["GET"]),)
