"""A whole build: imported and proposed explanations are stored and scored like the labels."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.build import build_bundle
from analysis.bundle import TABLES, Activations, Bundle, Parameters, write_table
from analysis.labels.columns import label_tables
from analysis.labels.material import Material
from analysis.labels.naming_terms import naming_terms
from analysis.labels.requested import LabelSources
from analysis.labels.split import held_out_documents, split_tokens
from analysis.pipeline import assembly
from analysis.runtime.errors import InputError
from analysis.runtime.memory import MEMORY_BYTES
from analysis.runtime.progress import SILENT
from analysis.selection import evaluate, parse
from analysis.settings import BuildRequest
from tests.analysis.labels.chat_server import ChatServer
from tests.planted import TOPICS, planted_activations, planted_sae


@pytest.fixture(scope="module")
def request_(tmp_path_factory: pytest.TempPathFactory) -> BuildRequest:
    """A small planted world with explanations: right for group 0, wrong for group 1."""
    folder = tmp_path_factory.mktemp("labelled")
    made = planted_activations(folder, documents=40, document_tokens=150)
    topics = list(TOPICS.values())
    rows = [f"{latent},words such as {topics[0]}" for latent in range(10)]
    rows += [f"{latent},words such as {topics[2]}" for latent in range(10, 20)]
    (folder / "labels.csv").write_text("\n".join(["latent,label", *rows]))
    return BuildRequest(
        sae=str(planted_sae(folder / "sae")),
        out=folder / "bundle",
        activations=made.activations,
        parameters=Parameters(seed=1, null_draws=1),
        labels=LabelSources(explanations=folder / "labels.csv"),
    )


def _asking(request: BuildRequest, server: ChatServer, **changes: Any) -> BuildRequest:
    labels = replace(
        request.labels, endpoint=server.address, endpoint_model="some-model", **changes
    )
    return replace(request, labels=labels)


def test_explanations_are_stored_with_the_labels(
    request_: BuildRequest, server: ChatServer, tmp_path: Path
) -> None:
    request = _asking(replace(request_, out=tmp_path / "all"), server, latents=5)
    bundle = build_bundle(request)
    rows = bundle.latents.to_pylist()
    assert {row["explanation_source"] for row in rows[:20]} == {"imported: labels.csv"}
    for row in rows[:10]:
        assert row["explanation_precision"] == pytest.approx(_precision(bundle, row["latent"]))
    assert max(row["explanation_precision"] or 0 for row in rows[10:20]) < 0.1
    proposed = [row for row in rows if row["explanation_source"] == "model: some-model"]
    live = [r for r in rows[20:] if r["flag"] == "live"]
    densest = sorted(live, key=lambda row: -row["active_tokens"])[:5]
    assert {row["latent"] for row in proposed} == {row["latent"] for row in densest}
    assert all(row["explanation"].endswith("things") for row in proposed)
    silent = [row for row in rows if not row["explanation"]]
    assert {(row["explanation_source"], row["explanation_recall"]) for row in silent} == {
        ("", None)
    }
    _check_clusters(bundle)
    summary = bundle.manifest.labels
    assert summary is not None
    assert summary.explanations == ["imported: labels.csv", "model: some-model"]
    assert (summary.naming_documents, summary.held_out_documents) == (27, 13)
    found = np.flatnonzero(evaluate(parse('"words such as whale"'), bundle))
    assert found.tolist() == list(range(10))


def _precision(bundle: Bundle, latent: int) -> float:
    """Of the held-out tokens that are a word of the sea, the share on which the latent fires."""
    held_out = split_tokens(bundle.tokens, 1).held_out
    text = np.array([token.strip() for token in bundle.tokens["token"].to_pylist()])
    predicted = np.flatnonzero(held_out & np.isin(text, TOPICS["sea"].split()))
    return float(np.isin(predicted, bundle.activations.of_latent(latent)[0]).mean())


def _check_clusters(bundle: Bundle) -> None:
    rows = bundle.clusters.to_pylist()
    assert {row["explanation_source"] for row in rows} == {"model: some-model"}
    members = bundle.memberships.to_pandas().groupby("cluster")["latent"].apply(set)
    sea = [r for r in rows if set(range(10)) <= members[r["cluster"]] and r["size"] < 15]
    assert sea and all(len(row["explained"]) > 1 for row in sea)
    for row in sea:
        assert {term["term"] for term in row["explained"]} <= set(TOPICS["sea"].split())
        assert row["member_lift"] > 2
        assert row["explanation_lift"] is None or row["explanation_lift"] >= 0
    assert all(row["raised"] == [] for row in rows)  # imported activations have no model


def test_a_build_with_other_explanations_resumes(
    request_: BuildRequest, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both after a server failed and after the labels were finished."""
    server.status = 500
    request = replace(request_, out=tmp_path / "bundle")
    with pytest.raises(InputError, match="status 500"):
        build_bundle(_asking(request, server))
    seen: list[str] = []
    telling: Callable[[str, int, int], None] = lambda step, done, total: seen.append(step)  # noqa: E731

    def no_publishing(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(assembly, "publish", no_publishing)
        with pytest.raises(KeyboardInterrupt):
            build_bundle(request, telling)
    bundle = build_bundle(replace(request, labels=LabelSources()), telling)
    assert "harvest, tokens" not in seen
    assert set(bundle.latents["explanation"].to_pylist()) == {""}


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        (LabelSources(explanations=Path("nothing.csv")), "no such file"),
        (LabelSources(model="m", endpoint="http://h", endpoint_model="m"), "not both"),
        (LabelSources(endpoint="http://h"), "together"),
        (LabelSources(endpoint_model="m"), "together"),
        (LabelSources(latents=3), "needs --label-model"),
        (LabelSources(endpoint="h", endpoint_model="m"), "not the address of a server"),
    ],
)
def test_bad_sources_are_refused_before_anything_is_run(
    request_: BuildRequest, tmp_path: Path, sources: LabelSources, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        build_bundle(replace(request_, out=tmp_path / "bundle", labels=sources))
    assert list(tmp_path.iterdir()) == []


PLACES = 9


@pytest.fixture
def places(tmp_path: Path) -> Material:
    """Nine documents with a place each; both latents of the cluster fire once in every document.

    Each latent has one context from every document, which names its place.
    """
    words = [word for i in range(PLACES) for word in (" whale", " of", f" place{i}")]
    write_table(tmp_path, "tokens", pa.table({
        "document": np.repeat(np.arange(PLACES), 3),
        "position": np.tile(np.arange(3), PLACES),
        "token": words,
        "kept": np.ones(len(words), dtype=bool),
        "active_latents": np.tile([1, 0, 1], PLACES),
    }))  # fmt: skip
    rows = np.arange(len(words)).reshape(PLACES, 3)
    active = pa.table({"token": rows[:, [0, 2]].T.ravel(), "activation": np.ones(2 * PLACES)})
    write_table(tmp_path, "activations_by_latent", active)
    write_table(tmp_path, "activations_by_token", pa.table({"latent": np.tile([0, 1], PLACES)}))
    write_table(tmp_path, "contexts", pa.table({
        "latent": np.repeat([0, 1], PLACES),
        "kind": ["top"] * (2 * PLACES),
        "activation": np.ones(2 * PLACES),
        "document": np.tile(np.arange(PLACES), 2),
        "position": np.repeat([0, 2], PLACES),
    }))  # fmt: skip
    write_table(tmp_path, "logits", TABLES["logits"].empty_table())
    write_table(tmp_path, "relations", TABLES["relations"].empty_table())
    write_table(tmp_path, "documents", pa.table({
        "document": np.arange(PLACES),
        "title": ["a"] * PLACES,
        "source": ["a"] * PLACES,
        "tokens": [2] * PLACES,
    }))  # fmt: skip
    ends = np.array([PLACES, 2 * PLACES]), np.cumsum(np.tile([1, 0, 1], PLACES))
    return Material(
        tmp_path,
        Activations(tmp_path, *ends),
        pa.table({"latent": [0, 1], "active_tokens": [PLACES] * 2, "flag": ["live"] * 2}),
        pa.table({"cluster": [0], "space": ["decoder"], "level": [0], "size": [2]}),
        pa.table({"latent": [0, 1], "cluster": [0, 0]}),
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_no_held_out_document_reaches_a_prompt(
    places: Material, server: ChatServer, tmp_path: Path, seed: int
) -> None:
    label_tables(
        places,
        naming_terms(places.tables, places.activations, seed=seed),
        LabelSources(endpoint=server.address, endpoint_model="some-model", latents=2),
        seed=seed,
        kept_answers=tmp_path / "answers",
        memory_bytes=MEMORY_BYTES,
        progress=SILENT,
    )
    held_out = held_out_documents(np.arange(PLACES), seed)
    assert held_out.sum() == 3
    naming = set(np.flatnonzero(~held_out).tolist())
    asked = [request["messages"][-1]["content"] for _, _, request in server.seen]
    assert len(asked) == 3
    of_cluster, *of_latents = ({int(i) for i in re.findall(r"place(\d+)", text)} for text in asked)
    assert of_cluster and of_cluster <= naming
    assert of_latents == [naming, naming]
