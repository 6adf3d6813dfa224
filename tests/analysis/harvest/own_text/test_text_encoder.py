"""A typed text has the activations that a build stores for the same passage."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from analysis.bundle import Bundle, open_bundle
from analysis.harvest.own_text import encoded_text, text_encoder
from analysis.harvest.own_text.encoded_text import EncodedText
from analysis.harvest.own_text.local_files import MODELS
from analysis.harvest.own_text.text_encoder import TextEncoder, answer_all, encoder_of
from analysis.runtime.errors import InputError
from analysis.saes.saelens import save_saelens
from tests.analysis.harvest.own_text.typed_world import BLOCK, documents, sae, write_world
from tests.conftest import DEMO_BUNDLE, ROOT

Activity = dict[tuple[int, int], float]
"""The activation of each token and latent."""


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "bos"])
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Bundle, bool]:
    return write_world(tmp_path_factory.mktemp("typed"), bos=request.param), request.param


@pytest.fixture(scope="module")
def encoder(world: tuple[Bundle, bool]) -> Iterator[TextEncoder]:
    opened = encoder_of(world[0])
    yield opened
    opened.close()


def activity(encoded: EncodedText) -> Activity:
    places = encoded.token_places.tolist()
    pairs = zip(places, encoded.latents, strict=True)
    return dict(zip(pairs, encoded.activations, strict=True))


def stored_activity(bundle: Bundle, document: int, tokens: int) -> Activity:
    """The stored activations of the first tokens of a document."""
    kept = bundle.kept_tokens
    start = int(kept.row_starts[np.flatnonzero(kept.documents == document)[0]])
    values: Activity = {}
    active, _ = bundle.activations.latents_of_tokens(start, start + tokens)
    for latent in np.unique(active).tolist():
        rows, activations = bundle.activations.of_latent(latent)
        for row, value in zip(rows.tolist(), activations.tolist(), strict=True):
            if start <= row < start + tokens:
                values[row - start, latent] = value
    return values


def test_a_passage_of_the_corpus_has_its_stored_activations(
    world: tuple[Bundle, bool], encoder: TextEncoder
) -> None:
    bundle, bos = world
    for document in (0, 3, 7):
        for length in (2, 9, BLOCK - bos):
            text = " ".join(documents()[document].split()[:length])
            encoded = encoder.encode(text)
            expected = stored_activity(bundle, document, length)
            assert len(expected) == 3 * (length - (not bos))
            assert activity(encoded) == expected, (document, length)
            assert encoded.tokens == tuple(text.split())
            assert encoded.kept == (bos, *[True] * (length - 1))


def test_a_longer_text_is_cut_to_a_block(world: tuple[Bundle, bool], encoder: TextEncoder) -> None:
    bundle, bos = world
    encoded = encoder.encode(documents()[2])
    assert (len(encoded.tokens), encoded.all_tokens) == (BLOCK - bos, 40)
    assert activity(encoded) == stored_activity(bundle, 2, BLOCK - bos)


def test_a_text_is_cut_to_the_most_tokens(
    encoder: TextEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_encoder, "MOST_TOKENS", 6)
    assert len(encoder.encode(documents()[2]).tokens) <= 6
    assert encoded_text.MOST_TOKENS == 256


@pytest.mark.parametrize("text", ["", "  ", "<s> </s>"])
def test_a_text_without_a_token_that_counts_is_refused(encoder: TextEncoder, text: str) -> None:
    with pytest.raises(InputError, match="No token of this text is left after masking"):
        encoder.encode(text)


def test_files_of_another_content_are_refused(
    world: tuple[Bundle, bool], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, _ = world
    elsewhere = tmp_path / "typed"
    elsewhere.symlink_to(bundle.path)
    moved = open_bundle(elsewhere)
    save_saelens(sae(seed=1), tmp_path / "sae")
    with pytest.raises(InputError, match="The SAE sae of the bundle is not on this"):
        encoder_of(moved)
    other = tmp_path / "deeper" / "sae"
    save_saelens(sae(), other)
    with pytest.raises(InputError, match="The model model of this bundle is not on"):
        encoder_of(moved)
    monkeypatch.setenv(MODELS, str(bundle.path.parent))
    encoder_of(moved).close()


def test_requests_are_answered_line_by_line(world: tuple[Bundle, bool]) -> None:
    bundle, _ = world
    texts = [documents()[0], "", documents()[1]]
    requests = [json.dumps({"bundle": str(bundle.path), "text": text}) for text in texts]
    answers = io.StringIO()
    answer_all([*requests, "{}"], answers)
    first, refused, second, failed = map(json.loads, answers.getvalue().splitlines())
    assert EncodedText.model_validate(first["encoded"]).tokens[0] == documents()[0].split()[0]
    assert EncodedText.model_validate(second["encoded"]).tokens[0] == documents()[1].split()[0]
    assert refused["problem"].startswith("No token of this text")
    assert failed == {"failure": "KeyError: 'bundle'"}


def test_a_process_that_is_not_asked_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(text_encoder, "IDLE_SECONDS", 0.05)
    monkeypatch.setattr("os._exit", ended.append)

    def late() -> Iterator[str]:
        time.sleep(0.5)
        yield "{}"

    answer_all(late(), io.StringIO())
    assert ended == [0]
    time.sleep(0.2)
    assert ended == [0], "not after the last request"


@pytest.mark.model
def test_the_demo_in_bfloat16_is_close(monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus is read in batches of other shapes, on which bfloat16 products depend."""
    from analysis.harvest.corpus import read_corpus  # noqa: PLC0415 - only here

    monkeypatch.setenv(MODELS, str(ROOT / "data" / "sae"))
    bundle = open_bundle(DEMO_BUNDLE)
    document = next(iter(read_corpus(ROOT / "data" / "corpus" / "demo.parquet")))
    encoder = encoder_of(bundle)
    encoded = encoder.encode(document.text[:4000])
    encoder.close()
    own = activity(encoded)
    expected = stored_activity(bundle, document.index, len(encoded.tokens))
    # Every token but the first, an attention sink.
    assert len(own) == len(expected) == 32 * (len(encoded.tokens) - 1)
    common = own.keys() & expected.keys()
    assert len(common) >= 0.97 * len(expected)
    differences = [abs(own[pair] / expected[pair] - 1) for pair in common]
    assert np.median(differences) < 0.015
    assert np.quantile(differences, 0.99) < 0.1
