"""The verdict, the numbers against plain formulas, and whether a planted fault is detected."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.harvest.forward import hook_in
from analysis.harvest.hooks import HookPoint
from analysis.harvest.mask import kept_mask
from analysis.harvest.self_check import (
    Measured,
    Sample,
    SelfCheckReport,
    Tried,
    _advice,
    _misfit,
    _other_bos,
    _other_hooks,
    judge,
    measure,
    self_check,
)
from analysis.runtime.errors import InputError
from analysis.saes import Overrides, SparseAutoencoder
from tests.analysis.harvest.tiny_model import D_MODEL, WORDS, tiny_language_model


@pytest.mark.parametrize(
    ("explained", "l0", "promised", "fits", "sentence"),
    [
        (0.83, 32.0, 32, True, "0.83 of the variance"),
        (0.83, 21.0, 32, False, "L0 is 21.0, but the file states 32"),
        (0.83, 48.0, 32, True, "It fits: 0.83"),
        (0.83, 20.0, 30, True, "It fits: 0.83"),
        (0.3, 32.0, 32, True, "It fits poorly: 0.30"),
        (0.6, 32.0, 32, True, "It fits: 0.60"),
        (0.83, 32.0, None, True, "the file states no value"),
        (0.83, 49.0, 32, False, "L0 is 49.0"),
        (0.29, 32.0, 32, False, "only 0.29 of the variance"),
        (float("nan"), 32.0, 32, False, "only nan"),
        (0.45, 32.0, None, True, "most SAEs explain more than 0.6"),
        (None, 40.0, 32, True, "as far as it can be checked"),
        (None, 40.0, None, None, "It cannot be checked"),
        (0.1, 400.0, 32, False, "expected, and L0 is 400.0"),
    ],
)
def test_the_verdict(
    explained: float | None, l0: float, promised: float | None, fits: bool | None, sentence: str
) -> None:
    verdict = judge(explained, l0, promised)
    assert verdict.fits is fits and sentence in verdict.sentence
    assert verdict.sentence.endswith(".") and "\n" not in verdict.sentence


def test_a_change_is_recommended_if_it_explains_clearly_more(sae: SparseAutoencoder) -> None:
    """Of an unexplained 0.5 a change must leave at most 0.8 x 0.5 = 0.4."""
    now = Measured(100, 8.0, 0.5)

    def advice(explained: float) -> str:
        tried = [Tried("with a change", "--change", Measured(100, 8.0, explained))]
        return str(_advice(sae, now, tried))

    assert advice(0.61).startswith("It fits better with a change")
    assert advice(0.61).endswith("give --change.")
    assert advice(0.59).startswith("None of 1 changes fits much better")
    assert _advice(sae, now, []) is None


def test_the_best_change_comes_first() -> None:
    """What fits precedes what does not; then explained variance decides, or else L0."""
    good, better = Measured(100, 30.0, 0.7), Measured(100, 30.0, 0.8)
    misfit = Measured(100, 90.0, 0.95)
    assert sorted([misfit, good, better], key=lambda m: _misfit(m, 30)) == [better, good, misfit]
    assert _misfit(Measured(100, 30.0, 0.801), 30) == _misfit(Measured(100, 30.0, 0.799), 30)
    near, far = Measured(100, 33.0, None), Measured(100, 24.0, None)
    assert sorted([far, near], key=lambda m: _misfit(m, 30)) == [near, far]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Forty texts of random words, read by a model of two layers."""
    rng = np.random.default_rng(3)
    file = tmp_path_factory.mktemp("corpus") / "words.jsonl"
    texts = [" ".join(rng.choice(WORDS, 60)) for _ in range(40)]
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    language_model = tiny_language_model()
    # Fresh weights add next to nothing to the residual stream: make layer 0 write as trained ones.
    language_model.model.model.layers[0].mlp.down_proj.weight.mul_(1000)
    return Sample(language_model, file, tokens=400)


def fitted(x: torch.Tensor, hook: str, k: int = 8) -> SparseAutoencoder:
    """A top-k SAE that explains x well: plus and minus its principal directions about the mean."""
    mean = x.mean(dim=0)
    directions = torch.linalg.svd(x - mean, full_matrices=False).Vh
    W_dec = torch.cat([directions, -directions])
    return SparseAutoencoder(
        format="saelens",
        architecture="topk",
        W_enc=W_dec.T.contiguous(),
        W_dec=W_dec,
        b_enc=torch.zeros(len(W_dec)),
        b_dec=mean,
        applies_b_dec_to_input=True,
        k=k,
        hook_point=hook,
    )


@pytest.fixture(scope="module")
def sae(sample: Sample) -> SparseAutoencoder:
    return fitted(sample.activations(HookPoint(1, "resid_pre")), "blocks.1.hook_resid_pre")


def test_the_sample_holds_kept_tokens_of_many_documents(sample: Sample) -> None:
    assert len(sample.activations(HookPoint(1, "resid_pre"))) == 400
    blocks = list(sample.blocks())
    assert len({block.document for block in blocks}) == len(blocks) > 4


def test_a_long_document_gives_at_most_96_tokens(tmp_path: Path) -> None:
    file = tmp_path / "long.jsonl"
    long = json.dumps({"text": " ".join(WORDS * 6)}) + "\n"
    file.write_text(long * 4)
    sample = Sample(tiny_language_model(), file, tokens=200)
    policy = sample.policy
    kept = [
        int(kept_mask(block.token_ids, policy.special_token_ids, policy.sink_positions).sum())
        for block in sample.blocks()
    ]
    assert kept == [96, 96, 8]


def test_measured_as_the_formulas_say(sample: Sample, sae: SparseAutoencoder) -> None:
    x = sample.activations(HookPoint(1, "resid_pre"))
    measured = measure(sae, x)
    wide, output = x.double().numpy(), sae.reconstruct(x).double().numpy()
    fvu = ((wide - output) ** 2).sum() / ((wide - wide.mean(axis=0)) ** 2).sum()
    assert measured.explained_variance == pytest.approx(1 - fvu, abs=1e-6)
    assert measured.l0 == pytest.approx((sae.encode(x) > 0).sum(dim=1).double().mean().item())
    assert measured.tokens == 400


def test_an_sae_that_fits_is_not_read_otherwise(sample: Sample, sae: SparseAutoencoder) -> None:
    report = self_check(sae, sample)
    assert report.verdict.fits and not report.tried and report.advice is None


def checked(sae: SparseAutoencoder, sample: Sample, hook: str | None = None) -> SelfCheckReport:
    report = self_check(sae, sample, hook)
    assert report.tried
    return report


def test_a_wrong_layer_is_found(sample: Sample, sae: SparseAutoencoder) -> None:
    """One latent a word explains the embedding, and not what layer 0 makes of it."""
    words = sample.language_model.model.get_input_embeddings().weight.clone()
    units = words / words.norm(dim=1, keepdim=True)
    reader = replace(
        sae,
        W_enc=units.T,
        W_dec=units,
        b_enc=torch.zeros(len(units)),
        b_dec=torch.zeros(D_MODEL),
        k=1,
    )
    assert self_check(reader, sample, "blocks.0.hook_resid_pre").verdict.fits
    report = checked(reader, sample, "blocks.0.hook_resid_post")
    assert report.verdict.fits is False
    assert report.advice and "--hook blocks.0.hook_resid_pre" in report.advice


def test_a_lost_scale_is_found(sample: Sample) -> None:
    """Weights as they were in training on inputs of norm √d_in: the scale was never folded."""
    x = sample.activations(HookPoint(0, "resid_pre"))
    scale = D_MODEL**0.5 / x.norm(dim=1).mean().item()
    whole = fitted(x, "blocks.0.hook_resid_pre")
    # A bias is what makes the scale matter: without one, relu and top-k know no units.
    whole = replace(whole, architecture="standard", k=None, b_enc=whole.b_enc - 0.1 / scale)
    assert self_check(whole, sample).verdict.fits
    lost = Overrides(input_scale=1 / scale).applied(whole)
    lost = replace(lost, b_enc=whole.b_enc * scale, W_enc=whole.W_enc, W_dec=whole.W_dec)
    report = checked(lost, sample)
    assert report.verdict.fits is False
    option = f"--input-scale {scale:.4g}"
    found = next(other for other in report.tried if other.option == option)
    assert found.measured.explained_variance == pytest.approx(
        report.tried[0].measured.explained_variance, abs=0.02
    )
    assert report.advice and "It would fit" in report.advice
    given = Overrides(input_scale=float(f"{scale:.4g}")).applied(lost)
    assert self_check(given, sample).verdict.fits


def test_a_lost_transpose_is_found(sample: Sample, sae: SparseAutoencoder) -> None:
    square = replace(
        sae,
        W_enc=sae.W_enc[:, :D_MODEL].contiguous(),
        W_dec=sae.W_dec[:D_MODEL],
        b_enc=torch.full((D_MODEL,), 20.0),
        b_dec=sae.b_dec - 20 * sae.W_dec[:D_MODEL].sum(dim=0),
        applies_b_dec_to_input=False,
        k=D_MODEL,
    )
    assert self_check(square, sample).verdict.fits
    wrong = replace(square, W_enc=square.W_enc.T, W_dec=square.W_dec.T)
    report = checked(wrong, sample)
    assert report.tried[0].option == "--transpose"


def test_a_transcoder_has_no_explained_variance(sample: Sample, sae: SparseAutoencoder) -> None:
    transcoder = replace(
        sae, undoes_normalisation=False, hook_point_out="blocks.1.hook_mlp_out", k=4
    )
    report = self_check(transcoder, sample, "blocks.1.mlp.hook_in")
    assert report.measured.explained_variance is None
    assert "explained variance is not known" in report.verdict.sentence


def test_a_model_of_another_width_is_reported(sample: Sample, sae: SparseAutoencoder) -> None:
    narrow = replace(sae, W_enc=sae.W_enc[:8])
    with pytest.raises(InputError, match=r"16 values per token at blocks\.1\.hook_resid_pre"):
        self_check(narrow, sample)
    with pytest.raises(InputError, match="give it with --hook"):
        self_check(replace(sae, hook_point=None), sample)


def reported(
    measured: Measured, sae: SparseAutoencoder, sample: Sample, patch: pytest.MonkeyPatch
) -> SelfCheckReport:
    """The report on an SAE for which every reading gives the same numbers."""
    patch.setattr("analysis.harvest.self_check.measure", lambda *_: measured)
    return self_check(sae, sample)


@pytest.mark.parametrize(
    ("explained", "is_tried"), [(0.6, False), (0.5999, True), (None, False), (0.29, True)]
)
def test_other_readings_are_tried_below_the_usual_explained_variance(
    explained: float | None,
    is_tried: bool,
    sae: SparseAutoencoder,
    sample: Sample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = reported(Measured(100, 8.0, explained), sae, sample, monkeypatch)
    assert bool(report.tried) == is_tried


def test_other_readings_are_tried_at_another_hook_point(
    sae: SparseAutoencoder, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis.harvest.self_check.measure", lambda *_: Measured(100, 8.0, 0.9))
    assert self_check(sae, sample, "blocks.1.hook_resid_post").tried
    # Two names of one place.
    assert not self_check(sae, sample, "blocks.0.hook_resid_post").tried


def test_two_layers_on_either_side_are_tried(
    sae: SparseAutoencoder, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A layer's input is the output of the layer before it, which is not tried twice."""
    monkeypatch.setattr(Sample, "activations", lambda *_: torch.zeros(1, D_MODEL))
    monkeypatch.setattr("analysis.harvest.self_check.measure", lambda *_: Measured(100, 8.0, 0.1))
    six = replace(
        sample, language_model=replace(sample.language_model, n_layers=6, layers_loaded=2)
    )
    assert [one.option for one in _other_hooks(sae, six, HookPoint(3, "resid_post"))] == [
        "--hook blocks.1.hook_resid_pre",
        "--hook blocks.3.hook_resid_pre",
        "--hook blocks.1.hook_resid_post",
        "--hook blocks.4.hook_resid_post",
        "--hook blocks.5.hook_resid_post",
    ]
    last = [one.option for one in _other_hooks(sae, six, HookPoint(5, "resid_post"))]
    assert last[-1] == "--hook blocks.3.hook_resid_post" and not any("6" in one for one in last)


def test_a_sample_has_three_hundred_tokens_by_default(sample: Sample) -> None:
    default = Sample(sample.language_model, sample.corpus)
    assert len(default.activations(HookPoint(0, "resid_pre"))) == 300


def test_explained_variance_is_compared_to_two_decimals() -> None:
    first, second = (_misfit(Measured(100, 30.0, value), 30) for value in (0.72, 0.71))
    assert first < second


def test_a_change_that_leaves_exactly_four_fifths_is_recommended(sae: SparseAutoencoder) -> None:
    tried = [Tried("with a change", "--change", Measured(100, 8.0, 0.6))]
    assert str(_advice(sae, Measured(100, 8.0, 0.5), tried)).endswith("give --change.")


def test_bos_is_tried_with_and_without(sae: SparseAutoencoder, sample: Sample) -> None:
    hook = hook_in(sample.language_model, HookPoint(1, "resid_post"))
    ((_, option, measured),) = [
        (one.change, one.option, one.measured) for one in _other_bos(sae, sample, hook)
    ]
    assert option == "--prepend-bos"
    assert measured == measure(sae, replace(sample, prepend_bos=True).activations(hook))
    with_bos = replace(sample, prepend_bos=True)
    assert [one.option for one in _other_bos(sae, with_bos, hook)] == ["--no-prepend-bos"]
    tokenizer = tiny_language_model().tokenizer
    tokenizer.bos_token = None
    without = replace(sample, language_model=replace(sample.language_model, tokenizer=tokenizer))
    assert list(_other_bos(sae, without, hook)) == []
