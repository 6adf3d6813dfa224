"""Check on a few hundred real tokens whether an SAE was read correctly.

With a wrong orientation, a lost normalisation or a wrong layer, an SAE still opens and returns
activations. But its explained variance (centred, 1 - FVU, in float64) is low, or its L0 differs
from the one that the file states. In that case the SAE is measured with each setting changed in
turn, and the best change is reported with its command-line option.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import log, sqrt
from pathlib import Path

import torch
from torch import Tensor

from analysis.harvest.conventions import model_positions
from analysis.harvest.corpus import WHOLE, CorpusChoice, Document, read_corpus
from analysis.harvest.forward import hook_in, hooked_activations
from analysis.harvest.hooks import ANY_MODULE, HookPoint, parse_hook_point
from analysis.harvest.mask import MaskPolicy, batch_mask, kept_mask, reference_norm
from analysis.harvest.models import LanguageModel
from analysis.harvest.token_blocks import TokenBlock, batches, token_blocks
from analysis.runtime.errors import InputError
from analysis.saes.overrides import Overrides
from analysis.saes.sparse_autoencoder import SparseAutoencoder

LEAST_EXPLAINED = 0.3
"""Below this, an SAE was read wrongly or belongs to another model."""
USUAL_EXPLAINED = 0.6
"""Most published SAEs of a residual stream explain more than this."""
L0_FACTOR = 1.5
"""Largest allowed ratio between measured and advertised L0, in either direction."""
CLEARLY_LESS = 0.8
"""A change is recommended if it lowers the unexplained variance to at most this fraction."""

TOKENS_PER_DOCUMENT = 96
BLOCK_TOKENS = 2 * TOKENS_PER_DOCUMENT
NEIGHBOURING_LAYERS = (-2, -1, 1, 2)


@dataclass(frozen=True)
class Verdict:
    """Whether the numbers are as expected, and a sentence with the numbers."""

    fits: bool | None
    """None if there is nothing to compare with."""
    sentence: str


@dataclass(frozen=True)
class Measured:
    """L0 and explained variance of an SAE on a sample of tokens."""

    tokens: int
    l0: float
    """Mean active latents per token."""
    explained_variance: float | None
    """Centred; None for a transcoder, whose output belongs to another hook point."""


@dataclass(frozen=True)
class Tried:
    """The SAE measured with one setting changed."""

    change: str
    """For example "without centring the input"."""
    option: str
    """The command-line option that makes this change."""
    measured: Measured


@dataclass(frozen=True)
class SelfCheckReport:
    """The outcome of a self-check on real tokens."""

    hook: HookPoint
    measured: Measured
    verdict: Verdict
    tried: tuple[Tried, ...] = ()
    """Best first; empty if the SAE fits well without changes."""
    advice: str | None = None
    """One sentence with a recommendation; None if nothing was tried."""


@dataclass(frozen=True)
class Sample:
    """The tokens of a self-check: a model and its input text."""

    language_model: LanguageModel
    corpus: Path
    tokens: int = 300
    prepend_bos: bool = False
    choice: CorpusChoice = WHOLE
    block_tokens: int | None = None
    """At most this many tokens are read at once; None: as many as the model has positions."""

    def blocks(self) -> Iterator[TokenBlock]:
        """Yield blocks with the first tokens of each document, so that no single text dominates."""
        model, kept = self.language_model, 0
        most = self.block_tokens or model_positions(model) or BLOCK_TOKENS
        policy = self.policy
        for document in read_corpus(self.corpus, self.choice):
            wanted = min(TOKENS_PER_DOCUMENT, self.tokens - kept)
            if wanted <= 0:
                return
            block = next(
                token_blocks(
                    [_beginning(document)],
                    model.tokenizer,
                    min(BLOCK_TOKENS, most),
                    wanted,
                    special_token_ids=policy.special_token_ids,
                    sink_positions=policy.sink_positions,
                    prepend_bos=self.prepend_bos,
                ),
                None,
            )
            if block is not None:
                mask = kept_mask(block.token_ids, policy.special_token_ids, policy.sink_positions)
                kept += int(mask.sum())
                yield block

    @property
    def policy(self) -> MaskPolicy:
        """The mask policy of a build: special tokens and attention sinks."""
        special = tuple(sorted(self.language_model.special_token_ids))
        return MaskPolicy(special_token_ids=special)

    def activations(self, hook: HookPoint) -> Tensor:
        """Activations [n, d] of the kept tokens at a hook point, float32.

        Raises InputError if there are none.
        """
        parts, median = [], None
        for batch in batches(self.blocks(), batch_tokens=512):
            hooked = hooked_activations(self.language_model, hook, batch.token_ids)
            norms = torch.linalg.vector_norm(hooked, dim=-1, dtype=torch.float32).cpu().numpy()
            median = reference_norm(batch.attention_mask, norms) if median is None else median
            kept, _ = batch_mask(batch.token_ids, batch.attention_mask, norms, median, self.policy)
            parts.append(hooked[torch.from_numpy(kept).to(hooked.device)].float().cpu())
        if not parts or sum(map(len, parts)) == 0:
            raise InputError(f"{self.corpus}: no token is left after masking; give more text.")
        return torch.cat(parts)


def judge(explained_variance: float | None, l0: float, advertised_l0: float | None) -> Verdict:
    """The verdict on a measured explained variance and L0 (latents per token).

    `explained_variance` is None for imported activations, and for transcoders, whose output belongs
    to another hook point.
    """
    faults = []
    # `not >=` also catches NaN.
    if explained_variance is not None and not explained_variance >= LEAST_EXPLAINED:
        faults.append(
            f"only {explained_variance:.2f} of the variance is explained, but at least "
            f"{LEAST_EXPLAINED:g} is expected"
        )
    if advertised_l0 and not advertised_l0 / L0_FACTOR <= l0 <= advertised_l0 * L0_FACTOR:
        faults.append(f"L0 is {l0:.1f}, but the file states {advertised_l0:.4g}")
    if faults:
        return Verdict(False, f"It does not fit: {', and '.join(faults)}.")
    stated = (
        f"as the file states ({advertised_l0:.4g})"
        if advertised_l0
        else "for which the file states no value"
    )
    if explained_variance is None:
        only_l0 = f"L0 is {l0:.1f}, {stated}; explained variance is not known here."
        if advertised_l0:
            return Verdict(True, f"It fits as far as it can be checked: {only_l0}")
        return Verdict(None, f"It cannot be checked: {only_l0}")
    numbers = f"{explained_variance:.2f} of the variance is explained and L0 is {l0:.1f}, {stated}"
    if explained_variance < USUAL_EXPLAINED:
        return Verdict(
            True, f"It fits poorly: {numbers}; most SAEs explain more than {USUAL_EXPLAINED:g}."
        )
    return Verdict(True, f"It fits: {numbers}.")


def _beginning(document: Document) -> Document:
    """Enough of a document for its tokens in a sample."""
    ids = document.token_ids
    return replace(
        document,
        text=document.text[: 20 * TOKENS_PER_DOCUMENT],
        token_ids=None if ids is None else ids[: 4 * TOKENS_PER_DOCUMENT],
    )


def measure(sae: SparseAutoencoder, x: Tensor) -> Measured:
    """L0 and explained variance of inputs [n, d_in], the variance in float64."""
    rows, latents, values = sae.encode_sparse(x)
    explained = None
    if sae.is_autoencoder:
        wide = x.double()
        missed = wide - sae.decode_sparse(rows, latents, values, x).double()
        variance = (wide - wide.mean(dim=0)).square().sum().item()
        explained = 1 - missed.square().sum().item() / variance if variance > 0 else 0.0
    return Measured(len(x), len(rows) / len(x), explained)


def self_check(
    sae: SparseAutoencoder,
    sample: Sample,
    hook_name: str | None = None,
    overrides: Overrides | None = None,
) -> SelfCheckReport:
    """Measure an SAE on real tokens; if it does not fit, also with each setting changed.

    `overrides` are the overrides with which it was read. Raises InputError if no hook point is
    known, or the model's width there is not the SAE's.
    """
    name = hook_name or sae.hook_point
    if name is None:
        raise InputError(
            "The SAE does not name its hook point; give it with --hook, such as --hook "
            "blocks.12.hook_resid_post."
        )
    hook = hook_in(sample.language_model, parse_hook_point(name))
    x = sample.activations(hook)
    if x.shape[1] != sae.d_in:
        raise InputError(
            f"{sample.language_model.name}: has {x.shape[1]} values per token at {hook}, but the "
            f"SAE reads {sae.d_in}; choose the model and hook point that it was trained on."
        )
    measured = measure(sae, x)
    verdict = judge(measured.explained_variance, measured.l0, sae.advertised_l0)
    explained = measured.explained_variance
    usual = explained is None or explained >= USUAL_EXPLAINED
    elsewhere = _elsewhere(hook, sae.hook_point)
    if verdict.fits is not False and usual and not elsewhere:
        return SelfCheckReport(hook, measured, verdict)
    if elsewhere:
        sentence = f"{verdict.sentence} This is at {hook}; the file names {sae.hook_point}."
        verdict = replace(verdict, sentence=sentence)
    tried = [
        *_other_readings(sae, x, overrides or Overrides()),
        *_other_bos(sae, sample, hook),
        *_other_hooks(sae, sample, hook),
    ]
    tried.sort(key=lambda other: _misfit(other.measured, sae.advertised_l0))
    return SelfCheckReport(hook, measured, verdict, tuple(tried), _advice(sae, measured, tried))


def _misfit(measured: Measured, advertised_l0: float | None) -> tuple[bool, float]:
    """Sort key, best first: fitting readings, then by explained variance, or L0 if it is unknown.

    Variance is rounded to two decimals, so that ties go to the first change.
    """
    verdict = judge(measured.explained_variance, measured.l0, advertised_l0)
    if measured.explained_variance is not None:
        return verdict.fits is False, -round(measured.explained_variance, 2)
    return verdict.fits is False, abs(log(max(measured.l0, 1e-3) / (advertised_l0 or 1)))


def _advice(sae: SparseAutoencoder, measured: Measured, tried: list[Tried]) -> str | None:
    """A recommendation in one sentence: the best change, or that none helps."""
    if not tried:
        return None
    best = tried[0]
    fits = judge(best.measured.explained_variance, best.measured.l0, sae.advertised_l0).fits
    now, then = measured.explained_variance, best.measured.explained_variance
    if (
        fits
        and now is not None
        and then is not None
        and judge(now, measured.l0, sae.advertised_l0).fits
    ):
        fits = 1 - then <= CLEARLY_LESS * (1 - now)
    if not fits:
        return (
            f"None of {len(tried)} changes fits much better (the best, {best.change}: "
            f"{_numbers(best.measured)}); check the model, the format and the layer."
        )
    better = "fits better" if judge(now, measured.l0, sae.advertised_l0).fits else "would fit"
    return f"It {better} {best.change} ({_numbers(best.measured)}); give {best.option}."


def _numbers(measured: Measured) -> str:
    explained = measured.explained_variance
    variance = "" if explained is None else f"{explained:.2f} of the variance explained, "
    return f"{variance}L0 {measured.l0:.1f}"


def _other_readings(sae: SparseAutoencoder, x: Tensor, overrides: Overrides) -> Iterator[Tried]:
    """Measure the SAE on the same inputs with one setting changed at a time."""
    for change, option, other in _changed(sae, x, overrides):
        yield Tried(change, option, measure(other, x))


def _changed(
    sae: SparseAutoencoder, x: Tensor, overrides: Overrides
) -> Iterator[tuple[str, str, SparseAutoencoder]]:
    if sae.d_in == sae.d_sae == sae.d_out:
        transposed = replace(sae, W_enc=sae.W_enc.T, W_dec=sae.W_dec.T)
        option = "--no-transpose" if overrides.transpose else "--transpose"
        yield "with both matrices transposed", option, transposed
    centred = not sae.centre_input
    yield (
        f"{'with' if centred else 'without'} centring the input",
        "--centre-input" if centred else "--no-centre-input",
        Overrides(centre_input=centred).applied(sae),
    )
    if sae.d_in == sae.d_out:
        subtracts = not sae.applies_b_dec_to_input
        yield (
            f"{'with' if subtracts else 'without'} subtracting b_dec from the input",
            "--subtract-b-dec" if subtracts else "--no-subtract-b-dec",
            Overrides(subtract_b_dec=subtracts).applied(sae),
        )
    scale = sqrt(sae.d_in) / x.norm(dim=1).mean().item()
    for factor, change in ((scale, "scaled to a mean norm of √d_in"), (1 / scale, "scaled back")):
        option = f"--input-scale {factor:.4g}"
        yield f"with the input {change}", option, Overrides(input_scale=factor).applied(sae)
    for kind in ("none", "constant_norm_rescale", "layer_norm"):
        if kind != sae.normalisation:
            other = Overrides(normalise=kind).applied(sae)
            yield f"with the normalisation {kind}", f"--normalise {kind}", other


def _other_bos(sae: SparseAutoencoder, sample: Sample, hook: HookPoint) -> Iterator[Tried]:
    """Measure the unchanged SAE on text with BOS instead of without, or the other way round."""
    other = replace(sample, prepend_bos=not sample.prepend_bos)
    if other.prepend_bos and sample.language_model.tokenizer.bos_token_id is None:
        return
    yield Tried(
        f"{'with' if other.prepend_bos else 'without'} BOS",
        "--prepend-bos" if other.prepend_bos else "--no-prepend-bos",
        measure(sae, other.activations(hook)),
    )


def _other_hooks(sae: SparseAutoencoder, sample: Sample, hook: HookPoint) -> Iterator[Tried]:
    """Measure the unchanged SAE at the hook point of its file and at neighbouring ones."""
    swapped = {"resid_pre": "resid_post", "resid_post": "resid_pre"}.get(hook.site, hook.site)
    if hook.site == ANY_MODULE:
        return
    hook = HookPoint(hook.layer, hook.site)
    around = [replace(hook, layer=hook.layer + step) for step in NEIGHBOURING_LAYERS]
    own: list[HookPoint] = []
    if _elsewhere(hook, sae.hook_point):
        own = [parse_hook_point(str(sae.hook_point))]
    seen = {_depth(hook)}
    for other in (*own, replace(hook, site=swapped), *around):
        if not 0 <= other.layer < sample.language_model.n_layers or _depth(other) in seen:
            continue
        seen.add(_depth(other))
        try:
            x = sample.activations(other)
        except InputError:  # this layer has no such tensor
            continue
        if x.shape[1] == sae.d_in:
            yield Tried(f"at {other}", f"--hook {other}", measure(sae, x))


def _elsewhere(hook: HookPoint, own: str | None) -> bool:
    """Whether the hook point differs from the one that the file names."""
    try:
        return own is not None and _depth(hook) != _depth(parse_hook_point(own))
    except InputError:
        return False


def _depth(hook: HookPoint) -> int:
    """Equal for two names of one tensor: resid_pre of a layer, resid_post of the previous one."""
    return hook.layer + (hook.site != "resid_pre")
