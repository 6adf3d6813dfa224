"""Cluster the selected latents when a reader asks for it, in a job with progress and stop."""

from typing import NamedTuple

import numpy as np
import streamlit as st

from analysis.bundle import Bundle, Space
from analysis.runtime import numbers
from analysis.runtime.arrays import Bools
from analysis.serve.jobs.job import Job
from charts.inner_clusters import NamedClusters, clusters_in_job, clusters_inside_selection
from pages.widgets import session
from pages.widgets.background import Background
from pages.widgets.failures import guarded
from pages.widgets.figure_card import show
from pages.widgets.markdown import plain
from pages.widgets.requester import requester
from pages.widgets.run_again import run_again_every

MOST_LATENTS = 2_000
"""More are clustered on the command line."""
WAIT = 0.5
"""Seconds between two looks at the progress."""
_JOB = "clusters inside"
_SPACES: dict[Space, str] = {"decoder": "decoder similarity", "cooccurrence": "co-occurrence"}


class _Job(NamedTuple):
    """What was clustered, and the computation."""

    bundle: str
    """The identity of the bundle."""
    selection: str
    work: Background[NamedClusters]


def clusters_inside(bundle: Bundle, mask: Bools, selection: str) -> None:
    """Offer to cluster the latents of the mask [n_latents], and show the result."""
    if int(mask.sum()) > MOST_LATENTS:
        _command(bundle, selection)
        return
    job: _Job | None = st.session_state.get(_JOB)
    is_here = job is not None and (job.bundle, job.selection) == (bundle.identity, selection)
    _offer(bundle, mask, selection, is_here and job is not None and job.work.is_running)
    if job is None or not is_here:
        return
    if job.work.is_running:
        st.fragment(_wait)(job)
    elif not job.work.was_stopped or job.work.result is not None:
        _result(bundle, mask, job, selection)


def _offer(bundle: Bundle, mask: Bools, selection: str, is_running: bool) -> None:
    """A button for each space; first the one whose clusters are shown."""
    first = _space_shown_first(bundle)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Cluster inside it**", width="content")
        for space in sorted(_SPACES, key=lambda space: space != first):
            st.button(
                f"by {_SPACES[space]}",
                key=f"cluster inside {space}",
                icon=":material/bubble_chart:",
                on_click=_start,
                args=(bundle, mask, selection, space),
                disabled=is_running,
                help="Cluster the selected latents"
                + (
                    ", with the stability of each cluster beside its null. This takes some seconds."
                    if space == "cooccurrence"
                    else ". A bundle has no decoder vectors, so there is no null."
                ),
            )


@guarded()
def _start(bundle: Bundle, mask: Bools, selection: str, space: Space) -> None:
    earlier: _Job | None = st.session_state.get(_JOB)
    if earlier is not None:
        earlier.work.stop()

    job = Job(
        clusters_in_job,
        (str(bundle.path.absolute()), bundle.identity, mask, space),
        "Clusters inside the selection",
        "select fewer latents",
        has_progress=True,
        requester=requester(),
    )
    started: Background[NamedClusters] = Background(job, "clustering the selection")
    st.session_state[_JOB] = _Job(bundle.identity, selection, started)


@guarded("clustering the selection")
def _wait(job: _Job) -> None:
    """The progress of a computation, until it ends."""
    job.work.wait(WAIT / 2)
    if not job.work.is_running:
        st.rerun()
    run_again_every(WAIT, "progress of clustering")
    with st.container(horizontal=True, vertical_alignment="center"):
        done, total = job.work.job.done, max(job.work.job.total, 1)
        words = "Clustering"
        if place := job.work.place:
            words = f"Waiting: place {numbers.count(place)} in the queue"
        elif total > 1:
            words += f": {numbers.count(done)} of {numbers.count(total)} steps"
        st.progress(done / total, words)
        st.button(
            "Stop",
            key="stop clustering",
            icon=":material/stop:",
            type="tertiary",
            on_click=_stop,
            args=(job,),
        )


@guarded()
def _stop(job: _Job) -> None:
    job.work.stop()


def _result(bundle: Bundle, mask: Bools, job: _Job, selection: str) -> None:
    if job.work.problem or job.work.result is None:
        st.error(plain(job.work.problem, 1000))
        return
    inner = job.work.result.inner
    if not inner.clusters.num_rows:
        st.info(
            f"There are no clusters by {_SPACES[inner.space]} inside the selection: "
            f"{numbers.count(inner.latents)} of its latents are live and have a neighbour in it, "
            "and they form no dense groups."
        )
        return
    sure = int(np.sum([bool(one) for one in inner.clusters["believable"].to_pylist()]))
    believable = f"{numbers.count(sure)} reproducible" if inner.draws else "no null"
    st.markdown(
        f"**Inside, by {_SPACES[inner.space]}** · {numbers.count(inner.latents)} latents, "
        f"{numbers.count(inner.clusters.num_rows)} clusters, {believable}; agreement of the seeds "
        f"{numbers.short(inner.agreement)}."
    )
    show(clusters_inside_selection(bundle, mask, inner.space, job.work.result), selection)


def _command(bundle: Bundle, selection: str) -> None:
    """The command that clusters a large selection."""
    quoted = selection.replace("'", "'\\''")
    st.markdown(
        f"**Cluster inside it.** The page clusters up to {numbers.count(MOST_LATENTS)} latents. "
        "For more, run:"
    )
    st.code(
        f"clearwater cluster {bundle.name} --select '{quoted}' "
        f"--space {_space_shown_first(bundle)} --out clusters.parquet",
        language="bash",
    )


def _space_shown_first(bundle: Bundle) -> Space:
    """The space that the view shows, else the one that the bundle shows first."""
    return session.current().space or bundle.manifest.clusters_shown_first
