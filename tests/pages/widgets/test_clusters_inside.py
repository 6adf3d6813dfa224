"""Clustering the selection from its explanation."""

import re
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from analysis.bundle import Bundle
from pages.widgets import clusters_inside
from tests.pages.conftest import Open, act_in_chart, click, texts

PATIENCE = 300
"""Seconds; a job process imports and loads compiled code first."""
TOPICS = "latent=" + ",".join(map(str, range(80)))


def finished(app: AppTest) -> AppTest:
    end = time.monotonic() + PATIENCE
    while app.session_state["clusters inside"].work.is_running and time.monotonic() < end:
        app.session_state["clusters inside"].work.wait(1)
    return app.run()


def test_the_selection_is_clustered_on_request_and_a_cluster_can_be_selected(
    open_page: Open,
) -> None:
    app = open_page("overview", select=TOPICS, explain="shown", space="cooccurrence")
    assert "**Inside, by" not in texts(app)
    app = finished(click(app, "by co-occurrence"))
    assert not app.exception and not app.error
    (line,) = (one for one in texts(app).splitlines() if one.startswith("**Inside, by co-occ"))
    assert re.search(
        r" · \d+ latents, \d+ clusters, \d+ reproducible; agreement of the seeds ", line
    )
    job = app.session_state["clusters inside"]
    app.session_state["clusters inside"] = job._replace(bundle="another")
    assert "**Inside, by" not in texts(app.run())
    app.session_state["clusters inside"] = job
    app.run()
    assert "clusters inside the selection**" in texts(app)
    act_in_chart(app, "selection-inside", picked_inner_cluster=[{"members": "3,4,8"}])
    assert app.query_params["select"] == "latent=3,4,8"
    assert "**Inside, by" not in texts(app)


def test_a_running_computation_can_be_stopped(open_page: Open) -> None:
    app = open_page("overview", select=TOPICS, explain="shown", space="cooccurrence")
    click(app, "by co-occurrence")
    app.session_state["clusters inside"].work.stop()
    app = finished(app)
    # It may have ended before it was stopped; it never fails.
    assert not app.error
    assert not app.button(key="cluster inside decoder").disabled


def test_few_latents_form_no_clusters(open_page: Open) -> None:
    app = open_page("overview", select="latent=0,1,2", explain="shown", space="cooccurrence")
    app = finished(click(app, "by co-occurrence"))
    assert "There are no clusters by co-occurrence" in app.info[0].value


def test_for_many_latents_the_command_is_shown(
    open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clusters_inside, "MOST_LATENTS", 79)
    app = open_page("overview", select=f'{TOPICS} | "it\'s"', explain="shown", space="decoder")
    (code,) = (one.value for one in app.code if one.value.startswith("clearwater"))
    assert code.startswith("clearwater cluster planted --select 'latent=0,1,")
    assert "it'\\''s" in code and "--space decoder" in code
    assert "by co-occurrence" not in [button.label for button in app.button]


def test_the_space_of_the_view_comes_first_and_decoder_clusters_have_no_null(
    open_page: Open,
) -> None:
    app = open_page("overview", select=TOPICS, explain="shown", space="cooccurrence")
    labels = [button.label for button in app.button if button.label.startswith("by ")]
    assert labels == ["by co-occurrence", "by decoder similarity"]
    app = finished(click(app, "by decoder similarity"))
    assert "**Inside, by decoder similarity**" in texts(app) and "no null" in texts(app)


def test_up_to_two_thousand_latents_are_clustered_by_the_page(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    for part in ("_offer", "_command"):
        monkeypatch.setattr(clusters_inside, part, lambda *_, part=part: shown.append(part))
    for latents in (2_000, 2_001):
        clusters_inside.clusters_inside(planted_bundle, np.ones(latents, dtype=bool), "all")
    assert shown == ["_offer", "_command"]


def test_another_computation_ends_the_one_before(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[Any, ...]] = []
    stopped: list[str] = []
    earlier = SimpleNamespace(work=SimpleNamespace(stop=lambda: stopped.append("earlier")))
    state: dict[str, Any] = {"clusters inside": earlier}
    monkeypatch.setattr(st, "session_state", state)
    monkeypatch.setattr(clusters_inside, "Background", lambda job, _: started.append(job.arguments))
    mask = np.ones(planted_bundle.latents.num_rows, dtype=bool)
    clusters_inside._start(planted_bundle, mask, "latent>3", "cooccurrence")
    assert stopped == ["earlier"]
    assert started[0][1:] == (planted_bundle.identity, mask, "cooccurrence")
    now = state["clusters inside"]
    assert (now.bundle, now.selection) == (planted_bundle.identity, "latent>3")
