"""Health numbers and origin of a bundle, against its tables and its manifest."""

from dataclasses import replace
from typing import Any

import pytest
import streamlit as st

from analysis.bundle import Bundle, ModelSource, open_bundle
from analysis.runtime import numbers
from pages.widgets import provenance as provenance_module
from pages.widgets.provenance import (
    checksums,
    health_numbers,
    provenance,
    self_check_warning,
    which_sae,
)
from tests.pages.conftest import ROOT, Open, texts


def changed(bundle: Bundle, part: str, **values: Any) -> Bundle:
    """The bundle with other values in one part of its manifest."""
    new = getattr(bundle.manifest, part).model_copy(update=values)
    return replace(bundle, manifest=bundle.manifest.model_copy(update={part: new}))


def test_health_numbers_are_counted_from_the_tables(planted_bundle: Bundle) -> None:
    flags = planted_bundle.latents["flag"].to_pylist()
    bundle = changed(planted_bundle, "self_check", l0=12.345, explained_variance=0.98765)
    shown = {name: value for name, (value, _) in health_numbers(bundle).items()}
    assert shown["L0"] == "12.3" and shown["Explained variance"] == "0.988"
    assert shown["Dead"] == str(flags.count("dead")) == "6"
    assert shown["Dense"] == str(flags.count("dense")) == "4"
    assert "19,980 tokens" in health_numbers(bundle)["Dead"][1]


@pytest.mark.parametrize(("fits", "warns"), [(False, True), (True, False), (None, False)])
def test_a_failed_self_check_is_a_warning(
    fits: bool | None, warns: bool, planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(st, "warning", warnings.append)
    self_check_warning(changed(planted_bundle, "self_check", fits=fits, verdict="It does not fit"))
    assert warnings == (["It does not fit"] if warns else [])


def listed(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is listed of a bundle."""
    written: list[str] = []
    monkeypatch.setattr(st, "markdown", written.append)
    provenance(bundle)
    return "\n".join(written).replace("\\", "")


def test_settings_of_the_sae_are_listed(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = listed(planted_bundle, monkeypatch)
    sae = planted_bundle.manifest.sae
    assert f"| Width | d_in {sae.d_in}, d_sae 200 latents |" in text
    assert "| Decoder bias | subtracted from the input and added to the output |" in text
    assert f"| SAE hash | {sae.content_hash[:16]} |" in text
    assert "| Kept | 19,980 tokens of 60 documents |" in text
    assert "| Model | none |" in text and "Skip connection" not in text
    other = changed(
        planted_bundle, "sae", applies_b_dec_to_input=False, k=32, has_skip=True, hook_point=None
    )
    text = listed(other, monkeypatch)
    assert "d_sae 200 latents, k = 32 |" in text
    assert "| Decoder bias | only added to the output |" in text
    assert "Skip connection" in text and "| Hook point | not known |" in text


def test_every_level_and_parameter_is_listed(open_page: Open, planted_bundle: Bundle) -> None:
    text = texts(open_page("overview"))
    words = {"decoder": "Decoder", "cooccurrence": "Co-occurrence"}
    for row in planted_bundle.manifest.clustering:
        name = f"{words[row.space]} level {row.level}"
        members = planted_bundle.memberships.to_pandas()
        members = members.query("space == @row.space and level == @row.level")
        without = planted_bundle.latents.num_rows - members["latent"].nunique()
        assert f"| {name} | {row.clusters} clusters, {without} latents in none" in text
    assert "| seed | 3 |" in text


def test_bundles_without_checksums_say_so(planted_bundle: Bundle) -> None:
    assert checksums(planted_bundle).startswith("every table has them")
    older = open_bundle(ROOT / "tests" / "bundles" / "schema-2")
    assert checksums(older).startswith("15 of 15 tables have none, because an older version")


def test_a_newcomer_reads_which_sae_this_is(planted_bundle: Bundle) -> None:
    manifest = planted_bundle.manifest
    text = which_sae(manifest)
    assert text.startswith("Clearwater shows what a sparse autoencoder (SAE) has learned")
    l0 = f"L0 {numbers.short(manifest.self_check.l0)}"
    kind = f"{manifest.sae.architecture}, {l0}"
    assert f"This one ({kind}) is at {manifest.sae.hook_point}. On each" in text
    assert f"its {manifest.sae.d_sae} directions, which are called latents" in text
    assert "N = 19,980 tokens, unless they name another unit, such as the 60 documents" in text
    model = ModelSource.model_construct(name="gpt2")
    assert f"{manifest.sae.hook_point} of gpt2." in which_sae(
        manifest.model_copy(update={"model": model})
    )
    of_topk = changed(planted_bundle, "sae", architecture="topk", k=32)
    measured = changed(of_topk, "self_check", l0=31.96, explained_variance=0.8806)
    assert "This one (TopK, k = 32, L0 32, explained variance 0.881) is" in which_sae(
        measured.manifest
    )
    trained = manifest.sae.model_copy(update={"trained_on": "the Pile"})
    assert f"{manifest.sae.hook_point} and was trained on the Pile. On each" in which_sae(
        manifest.model_copy(update={"sae": trained})
    )


def test_zero_and_empty_values_are_listed_and_absent_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    monkeypatch.setattr(st, "markdown", written.append)
    rows = {"seed": 0, "sink_norm": 0.0, "is_big": False, "policy": "", "hook": None}
    provenance_module._listing("Parameters", rows)
    listed = [line.split("|")[1].strip() for line in written[0].splitlines() if line[:1] == "|"]
    assert listed[2:] == ["seed", "sink norm", "is big", "policy"]
    assert "| seed | 0 |" in written[0]
