"""Every printed number is the one of the manifest, with its own unit."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from rich.console import Console

from analysis import console
from analysis.bundle import (
    TABLES,
    Bundle,
    ClusterLevel,
    CorpusSource,
    LabelSummary,
    Manifest,
    MapQuality,
    MaskSummary,
    ModelSource,
    Parameters,
    SaeSource,
    SelfCheck,
    TableReport,
)
from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.self_check import Measured, SelfCheckReport, Tried, Verdict
from analysis.runtime.errors import InputError

SAE = SaeSource(
    name="sea",
    format="saelens",
    architecture="topk",
    d_in=1_001,
    d_sae=2_002,
    d_out=3_003,
    hook_point="blocks.4.hook_resid_pre",
    hook_module="model.layers.4:input",
    k=44,
    normalisation="layer_norm",
    applies_b_dec_to_input=True,
    notes=["A scale was folded."],
    content_hash="0123456789abcdef0123",
    centre_input=True,
    has_skip=True,
    hook_point_out="blocks.5.hook_mlp_out",
    advertised_l0=55.5,
    trained_on="monology/pile-uncopyrighted",
    decoder_norms={"min": 0.11, "p05": 0.22, "median": 0.33, "p95": 0.44, "max": 0.55},
)
MANIFEST = Manifest(
    schema_version=2,
    bundle_id="b1",
    sae=SAE,
    model=ModelSource(
        name="tiny", architecture="A", layers=6, d_model=7, dtype="bfloat16", content_hash="m1"
    ),
    corpus=CorpusSource(name="words.txt", kind="corpus", content_hash="c1"),
    parameters=Parameters(),
    tokens=123_456,
    documents=789,
    mask=MaskSummary(policy="BOS only.", special_token_ids=[], special_tokens=1, sink_tokens=2),
    active_rule="activation > 0.5",
    self_check=SelfCheck(
        explained_variance=0.8765, l0=12.34, tokens=4_321, fits=True, verdict="It fits."
    ),
    map=MapQuality(trustworthiness=0.9, knn_recall=0.5, latents=1, left_out=0, graph="exact"),
    clustering=[
        ClusterLevel(space="cooccurrence", level=0, clusters=1_111, noise=2_222, stability=0.3333),
        ClusterLevel(space="cooccurrence", level=1, clusters=44, noise=55, stability=0.6666),
    ],
    relations=[],
    labels=LabelSummary(
        naming_documents=61,
        held_out_documents=62,
        held_out_words=6_363,
        least_contexts=10,
        explanations=["imported: e.csv"],
        explained=64,
        explanations_scored=65,
    ),
    versions={},
    timings={"harvest": 1_234.5678, "store": 0.4},
)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """What was printed to either stream, in words with single spaces."""
    streams = [Console(width=400, record=True, file=None, quiet=False) for _ in range(2)]
    monkeypatch.setattr(console, "out", streams[0])
    monkeypatch.setattr(console, "err", streams[1])
    return lambda: " ".join(" ".join(stream.export_text() for stream in streams).split())


def test_numbers_of_a_bundle(printed: Callable[[], str]) -> None:
    console.print_bundle(MANIFEST, Path("bundles/sea"))
    text = printed()
    for words in (
        "bundles/sea (b1, schema 2)",
        "SAE sea: topk, 2,002 latents",
        "blocks.4.hook_resid_pre (TransformerLens) = model.layers.4:input (Hugging Face)",
        "model tiny corpus words.txt",
        "counted 123,456 tokens in 789 documents",
        "mask BOS only. active rule activation > 0.5",
        "L0 12.3 latents per token",
        "explained variance 0.876 (centred, 4,321 tokens; 1 is best)",
        "self-check It fits.",
        "level 0 1,111 clusters; 2,222 live latents are in none; agreement of seeds 0.333",
        "level 1 44 clusters; 55 live latents are in none; agreement of seeds 0.667",
        "made from 61 documents, scored on 6,363 words of 62 held-out documents; 64 latents and "
        "clusters have an explanation (imported: e.csv), and 65 of these have a score",
        "seconds harvest 1,235, store 0",
    ):
        assert words in text, words


def test_a_bundle_of_imported_activations(printed: Callable[[], str]) -> None:
    check = MANIFEST.self_check.model_copy(update={"explained_variance": None, "verdict": ""})
    sae = SAE.model_copy(update={"hook_point": None, "hook_module": None})
    made = MANIFEST.model_copy(
        update={"model": None, "labels": None, "self_check": check, "sae": sae}
    )
    console.print_bundle(made, Path("b"))
    text = printed()
    assert "model none; activations were imported" in text
    assert "explained variance unknown for imported activations" in text
    assert "hook point not stated in its files; give --hook" in text
    assert "labels" not in text and "self-check" not in text


def test_labels_without_explanations(printed: Callable[[], str]) -> None:
    labels = LabelSummary(
        naming_documents=1, held_out_documents=2, held_out_words=3, least_contexts=4,
        explanations=[], explained=0, explanations_scored=0,
    )  # fmt: skip
    console.print_bundle(MANIFEST.model_copy(update={"labels": labels}), Path("b"))
    assert "made from 1 documents, scored on 3 words of 2 held-out documents seconds" in printed()


def test_a_list_of_bundles(printed: Callable[[], str]) -> None:
    console.print_bundles([("one", MANIFEST), ("two", MANIFEST.model_copy(update={"model": None}))])
    lines = printed()
    assert "one │ b1 │ sea │ 2,002 │ 123,456 │ tiny" in lines
    assert "two │ b1 │ sea │ 2,002 │ 123,456 │ imported" in lines


def test_numbers_of_an_sae(printed: Callable[[], str]) -> None:
    console.print_sae(SAE, "SAELens", "tiny")
    text = printed()
    for words in (
        "format SAELens (saelens)",
        "architecture topk transcoder: the 44 largest pre-activations of a token",
        "width 1,001 inputs, 2,002 latents, 3,003 outputs (d_in, d_sae, d_out)",
        "model tiny hook point blocks.4",
        "output hook point blocks.5.hook_mlp_out",
        "trained on monology/pile-uncopyrighted",
        "advertised L0 55.5 latents per token",
        "normalisation each token standardised",
        "centring the mean of each token is subtracted",
        "b_dec subtracted from the input and added to the output",
        "skip connection W_skip·x is added to the output",
        "smallest 0.11, 5th percentile 0.22, median 0.33, 95th percentile 0.44, largest 0.55",
        "content hash 0123456789abcdef note A scale was folded.",
    ):
        assert words in text, words


def test_a_plain_sae(printed: Callable[[], str]) -> None:
    plain = SAE.model_copy(
        update={
            "architecture": "standard", "k": None, "d_out": 1_001, "hook_point_out": None,
            "advertised_l0": None, "centre_input": False, "has_skip": False,
            "applies_b_dec_to_input": False, "normalisation": "none", "notes": [],
            "trained_on": None,
        }
    )  # fmt: skip
    console.print_sae(plain, "SAELens", None)
    text = printed()
    assert "standard SAE: ReLU" in text and "model not stated in its files" in text
    assert "advertised L0 not stated in its files" in text
    assert "trained on not stated in its files" in text
    assert "centring none b_dec only added to the output decoder norms" in text
    assert "skip" not in text and "note" not in text.replace("not stated", "")


def test_another_width_of_output_makes_a_transcoder(printed: Callable[[], str]) -> None:
    console.print_sae(SAE.model_copy(update={"hook_point_out": None}), "SAELens", None)
    assert "topk transcoder" in printed()


def test_numbers_of_a_self_check(printed: Callable[[], str]) -> None:
    report = SelfCheckReport(
        parse_hook_point("blocks.4.hook_resid_pre"),
        Measured(tokens=301, l0=21.04, explained_variance=0.1234),
        Verdict(False, "It does not fit."),
        (Tried("centred", "--centre-input", Measured(300, 31.26, 0.7654)),),
        "Give --centre-input.",
    )
    console.print_self_check(report, 32.0)
    text = printed()
    for words in (
        "explained variance 0.123 (centred, 301 tokens; 1 is best)",
        "L0 21 latents per token; advertised: 32",
        "self-check It does not fit. advice Give --centre-input.",
        "centred 0.765 31.3 --centre-input",
    ):
        assert words in text, words


def test_a_transcoder_has_no_explained_variance(printed: Callable[[], str]) -> None:
    hook = parse_hook_point("blocks.4.hook_resid_pre")
    console.print_self_check(
        SelfCheckReport(hook, Measured(9, 8.0, None), Verdict(None, "-")), None
    )
    assert "explained variance not computed" in (text := printed())
    assert "advertised: not stated in its files" in text and "other reading" not in text


def test_all_columns_are_printed(printed: Callable[[], str]) -> None:
    console.print_columns()
    text = printed()
    for name, schema in TABLES.items():
        assert f"{name}.parquet" in text
        for entry in schema:
            unit, meaning = (entry.metadata[key].decode() for key in (b"unit", b"meaning"))
            assert f"{entry.name} │ {entry.type} │ {unit} │ {meaning}" in text


def test_logs_have_a_line_for_each_tenth(printed: Callable[[], str]) -> None:
    report = console.LineReport()
    for done in range(0, 2_001, 20):
        report("count", done, 2_000)
    report("empty", 0, 0)
    tenths = " ".join(f"count: {done:,} of 2,000" for done in range(0, 2_001, 200))
    assert printed() == f"{tenths} empty: 0 of 0"


def test_errors_are_printed_as_they_are(printed: Callable[[], str]) -> None:
    console.print_error(ValueError("a[1]: is wrong"))
    console.print_files([Path("x.parquet")])
    console.print_conversion(Path("new"), ["folded"])
    text = printed()
    for words in (
        "Error: a[1]: is wrong",
        "Wrote x.parquet",
        "written new (SAELens) note folded",
    ):
        assert words in text


def test_bundles_that_cannot_be_read_are_listed_with_the_reason(
    printed: Callable[[], str],
) -> None:
    console.print_bundles([("one", MANIFEST), ("two", InputError("two: is [old]"))])
    text = printed()
    assert "cannot be read" in text and "[old]" in text and "one" in text


def test_reports_of_tables(printed: Callable[[], str]) -> None:
    console.print_table_report(TableReport("tokens", 1_234, 5_600_000, ""))
    console.print_table_report(TableReport("logits", 5, 1, "b/logits.parquet: is [odd]."))
    text = printed()
    assert "tokens 1,234 rows 5.6 MB whole" in text
    assert "logits 5 rows 0.0 MB damaged: b/logits.parquet: is [odd]." in text


def whole_bundle(without: list[str]) -> Bundle:
    """An open bundle of three tables, of which these have no page checksums."""
    files = dict.fromkeys(("tokens", "logits", "latents"))
    known = {"name": "sea", "files": files, "without_checksums": without, "manifest": MANIFEST}
    return cast("Bundle", SimpleNamespace(**known))


def test_a_whole_bundle_says_by_what_that_is_known(printed: Callable[[], str]) -> None:
    console.print_whole(whole_bundle([]))
    assert printed() == (
        "sea is whole: all rows are valid and its id, b1, is that of its content; every byte is "
        "the one that was written."
    )
    console.print_whole(whole_bundle(["logits", "tokens"]))
    assert "2 of 3 tables have no page checksums" in printed()


def test_lines_tell_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([0.0, 0.0, 10.0, 10.0, 20.0, 20.0])
    # The module's name alone: other threads of this process read the real clock.
    monkeypatch.setattr(console, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    report = console.LineReport()
    # What an earlier run finished is no part of the rate.
    for done in (1_000, 2_000, 4_000):
        report("count", done, 10_000)
    assert capsys.readouterr().err.splitlines() == [
        "count: 1,000 of 10,000",
        "count: 2,000 of 10,000, 100/s, 80 s left",
        "count: 4,000 of 10,000, 150/s, 40 s left",
    ]
