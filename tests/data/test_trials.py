"""The comparison of SAEs: its measures against brute force, its names, its table."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from analysis.bundle.open import Bundle
from analysis.runtime.errors import InputError
from data.recipes.harvest import HarvestPlan
from data.recipes.latent_quality import distinct_words, label_f1, latent_quality
from data.recipes.trials import (
    FIRST,
    Trial,
    dead_share,
    measured_quality,
    parsed,
    results,
    run,
)
from tests.planted import Planted


def brute_distinct_words(bundle: Bundle, planted: Planted) -> list[int]:
    """Different words among the 20 strongest tokens; each planted token is one word."""
    rows = pq.read_table(planted.activations).to_pylist()
    counts = []
    for latent in range(bundle.manifest.sae.d_sae):
        own = sorted((r for r in rows if r["latent"] == latent), key=lambda r: -r["activation"])
        strongest = own[:20] if len(own) >= 20 else []
        counts.append(len({r["token"].strip().lower() for r in strongest}))
    return counts


def test_distinct_words_equal_brute_force(planted_bundle: Bundle, planted: Planted) -> None:
    counts = distinct_words(planted_bundle).tolist()
    expected = brute_distinct_words(planted_bundle, planted)
    # Stored activations are rounded, so a tie can change one of twenty.
    assert np.abs(np.subtract(counts, expected)).max() <= 1
    assert [c == 0 for c in counts] == [c == 0 for c in expected]
    assert max(counts) > 2


def test_shares_and_medians_are_of_the_latents_they_name(planted_bundle: Bundle) -> None:
    quality = latent_quality(planted_bundle)
    words = distinct_words(planted_bundle)
    rows = planted_bundle.latents.to_pylist()
    f1 = []
    for row in rows:
        p, r = row["label_precision"], row["label_recall"]
        f1.append(2 * p * r / (p + r) if p and r else 0.0)
    varied = [i for i, count in enumerate(words) if count >= 3]
    assert quality.measured == sum(count > 0 for count in words)
    few = [i for i, count in enumerate(words) if count in {1, 2}]
    assert quality.few_words == pytest.approx(len(few) / quality.measured)
    assert quality.named == pytest.approx(np.mean([f1[i] >= 0.5 for i in varied]))
    assert quality.label_f1 == pytest.approx(np.median([f1[i] for i in varied]))
    lifts = [
        row["label_lift"]
        for row, count in zip(rows, words, strict=True)
        if count and row["label_precision"] is not None
    ]
    assert quality.label_lift == pytest.approx(np.median(lifts))
    clusters = [c for c in planted_bundle.clusters.to_pylist() if c["level"] == 0]
    assert quality.clusters == len(clusters)
    believable = [c["stability"] >= 0.5 and c["bootstrap"] >= 0.5 for c in clusters]
    assert quality.believable == pytest.approx(np.mean(believable))
    assert quality.map_recall == planted_bundle.manifest.map.knn_recall


def test_f1_is_the_harmonic_mean_and_0_where_a_score_is_missing() -> None:
    precision = np.array([1.0, 0.5, 0.0, np.nan, 0.4])
    recall = np.array([1.0, 0.25, 0.0, 0.3, np.nan])
    assert label_f1(precision, recall).tolist() == pytest.approx([1, 1 / 3, 0, 0, 0])


def test_names_of_trials() -> None:
    assert parsed("matryoshka-4096-16") == Trial("matryoshka", 4096, 16)
    assert [parsed(name).name for name in FIRST] == list(FIRST)
    assert parsed("topk-8192-8").hook == "blocks.8.hook_resid_post"
    assert parsed("batchtopk-4096-8").training.latents == 4096
    assert parsed("batchtopk-4096-8").training.architecture == "batchtopk"
    for wrong in ("gated-8192-12", "topk-8192", "topk-a-12", "topk"):
        with pytest.raises(InputError, match=f"{wrong} is no trial"):
            parsed(wrong)


def saved_sparsity(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    log = torch.tensor([-10.0, -3.0, -6.0, -0.5])  # one of four never fired
    save_file({"sparsity": log}, folder / "sparsity.safetensors")
    return folder


def test_dead_latents_are_those_that_never_fired(tmp_path: Path) -> None:
    assert dead_share(saved_sparsity(tmp_path)) == 0.25


def test_a_finished_bundle_is_measured_and_removed(planted_bundle: Bundle, tmp_path: Path) -> None:
    """As after a run that was killed between building and measuring."""
    shutil.copytree(planted_bundle.path, tmp_path / "bundle")
    sae = saved_sparsity(tmp_path / "sae")
    quality = measured_quality(sae, tmp_path, Path("unused"), 10)
    assert quality["dead"] == 0.25
    assert quality["measured"] == latent_quality(planted_bundle).measured
    assert not (tmp_path / "bundle").exists()


def test_a_trial_with_a_result_is_not_repeated(tmp_path: Path) -> None:
    folder = tmp_path / "topk-8192-12"
    folder.mkdir()
    (folder / "result.json").write_text("{}")
    run("topk-8192-12", HarvestPlan(corpus=tmp_path / "none"), tmp_path, tmp_path, 1)
    assert [path.name for path in folder.iterdir()] == ["result.json"]


def test_the_table_has_a_row_for_each_result(tmp_path: Path) -> None:
    for name, recall in (("b", 0.25), ("a", None)):
        (tmp_path / name).mkdir()
        result = {"map_recall": recall, "clusters": 86, "dead": 0.0001}
        (tmp_path / name / "result.json").write_text(json.dumps(result))
    lines = results(tmp_path).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| a", "| b"]
    assert " 86 " in lines[3] and " 0.250 " in lines[3]
    assert len({line.count("|") for line in lines}) == 1
