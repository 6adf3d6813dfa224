"""The sentence gives each number, its range and what would be better; each map has its quality."""

import subprocess
import sys

import pytest

from analysis.bundle import Bundle, MapQuality
from analysis.decoder.map_verdict import (
    first_map,
    first_map_sentence,
    quality_of_map,
    quality_sentence,
)

LAST = "Distances and gaps between groups mean little on any UMAP."


def sentence_of(quality: MapQuality) -> str:
    """The sentence with plain spaces."""
    return quality_sentence(quality).replace("\u00a0", " ")


def quality(
    recall: float | None, agreement: float | None = 0.8, trustworthiness: float | None = 0.95
) -> MapQuality:
    return MapQuality(
        trustworthiness=trustworthiness,
        knn_recall=recall,
        latents=100,
        left_out=0,
        graph="exact",
        agreement=agreement,
    )


@pytest.mark.parametrize(
    ("recall", "advice"),
    [
        (0.6, "Most neighbours on this map are real: 60 %"),
        (0.59, "Read regions of this map, not single neighbours: 59 %"),
        (0.3, "Read regions of this map, not single neighbours: 30 %"),
        (0.29, "Do not read neighbours off this map; use the neighbour table: 29 %"),
    ],
)
def test_the_advice_follows_from_recall(recall: float, advice: str) -> None:
    assert sentence_of(quality(recall)) == (
        f"{advice} of a latent's ten nearest are among its ten nearest on the map (0 to 100 %; "
        f"60 % or more is good). {LAST}"
    )


@pytest.mark.parametrize(("trustworthiness", "is_weak"), [(0.9, False), (0.89, True)])
def test_low_trustworthiness_is_stated(trustworthiness: float, is_weak: bool) -> None:
    sentence = sentence_of(quality(0.7, trustworthiness=trustworthiness))
    assert ("trustworthiness" in sentence) == is_weak
    assert ("trustworthiness is 0.890 (at most 1; 0.900 or more is good)" in sentence) == is_weak


@pytest.mark.parametrize(("agreement", "is_weak"), [(0.3, False), (0.12, True)])
def test_low_agreement_is_stated(agreement: float, is_weak: bool) -> None:
    sentence = sentence_of(quality(0.7, agreement))
    assert ("another seed keeps 12 % of a latent's ten nearest" in sentence) == is_weak


def test_missing_measures_are_stated() -> None:
    assert quality_sentence(quality(None)) == (
        "Too few latents are on this map to measure its quality."
    )
    missing = "Agreement with other seeds was not measured."
    assert missing in quality_sentence(quality(0.7, None, None))
    assert missing not in quality_sentence(quality(0.7, None, 0.95))


def test_each_map_has_its_own_quality(planted_bundle: Bundle) -> None:
    manifest = planted_bundle.manifest
    assert quality_of_map(manifest, "decoder") is manifest.map
    assert quality_of_map(manifest, "cooccurrence") is manifest.map_cooccurrence
    assert manifest.map != manifest.map_cooccurrence


def test_the_verdict_loads_neither_torch_nor_numba() -> None:
    code = "import sys, analysis.decoder.map_verdict; print({'torch', 'numba'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("decoder", "cooccurrence", "first"),
    [
        (0.4, 0.5, "cooccurrence"),
        (0.5, 0.5, "decoder"),
        (0.5, 0.4, "decoder"),
        (None, 0.4, "cooccurrence"),
        (0.1, None, "decoder"),
        (None, None, "decoder"),
        (None, 0.0, "cooccurrence"),
        (0.0, None, "decoder"),
        (0.0, 0.0, "decoder"),
    ],
)
def test_without_agreement_the_map_with_the_better_recall_opens_first(
    planted_bundle: Bundle, decoder: float | None, cooccurrence: float | None, first: str
) -> None:
    maps = {"map": quality(decoder, 0.9), "map_cooccurrence": quality(cooccurrence, None)}
    manifest = planted_bundle.manifest.model_copy(update=maps)
    assert first_map(manifest) == first
    sentence = first_map_sentence(manifest).replace("\u00a0", " ")
    if decoder is None or cooccurrence is None:
        assert sentence == ""
    else:
        better, worse = max(decoder, cooccurrence), min(decoder, cooccurrence)
        assert f"keeps {better:.0%}".replace("%", " %") in sentence
        assert sentence.endswith(f"{worse:.0%}".replace("%", " %") + ".")
    alone = manifest.model_copy(update={"map_cooccurrence": None})
    assert first_map(alone) == "decoder" and first_map_sentence(alone) == ""


@pytest.mark.parametrize(
    ("decoder", "cooccurrence", "first"),
    [
        ((0.4, 0.6), (0.5, 0.51), "cooccurrence"),
        ((0.4, 0.6), (0.5, 0.5), "decoder"),
        ((0.4, 0.6), (0.5, 0.49), "decoder"),
        ((0.4, 0.2), (0.3, 0.31), "cooccurrence"),
    ],
)
def test_the_map_with_the_better_mean_of_recall_and_agreement_opens_first(
    planted_bundle: Bundle,
    decoder: tuple[float, float],
    cooccurrence: tuple[float, float],
    first: str,
) -> None:
    maps = {"map": quality(*decoder), "map_cooccurrence": quality(*cooccurrence)}
    manifest = planted_bundle.manifest.model_copy(update=maps)
    assert first_map(manifest) == first
    sentence = first_map_sentence(manifest).replace("\u00a0", " ")
    shares = [decoder, cooccurrence] if first == "decoder" else [cooccurrence, decoder]
    (best, kept), (second, others) = shares
    assert f"keeps {best:.0%}".replace("%", " %") in sentence
    assert f"{second:.0%};".replace("%", " %") in sentence
    assert sentence.endswith(f"another seed keeps {kept:.0%} and {others:.0%}.".replace("%", " %"))
