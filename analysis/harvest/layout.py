"""Measure which modules of a layer hold the tensors of hook points.

Names of modules do not say what a model computes: one family adds the output of `mlp` to the
residual stream, another normalises it first, a third multiplies it by a constant. So one layer is
run on random hidden states. What attention and MLP add are the two tensors a and m, written by
modules of the layer, with resid_pre + a + m = resid_post; constant factors are fitted. Attention is
the one that depends on other tokens, or the first of them if both do.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import torch

from analysis.harvest.hooks import Place
from analysis.harvest.probing import LayerProbe, Seen

LEAST_FACTOR = 1e-3
"""With a smaller factor, a tensor is not part of a sum."""


@dataclass(frozen=True)
class LayerLayout:
    """Where one layer holds its tensors; paths are relative to the layer."""

    places: dict[str, Place]
    """By site. A site that this layer does not have is missing."""
    reason: str
    """Why sites are missing."""


class _Term(NamedTuple):
    """A tensor that a layer adds to the stream, times a constant."""

    tensor: Seen
    factor: float

    @property
    def added(self) -> torch.Tensor:
        return self.tensor.value * self.factor


def measure_layout(probe: LayerProbe) -> LayerLayout:
    """The places of a layer's tensors, apart from its input and output."""
    before, after = probe.at("", "input"), probe.at("", "output")
    if before is None or after is None or before.value.shape != after.value.shape:
        return LayerLayout({}, "its layers do not pass on one vector per token")
    written = _distinct_outputs(probe, before.value, after.value)
    terms = _two_terms(probe, written, before.value, after.value)
    if terms is None:
        return LayerLayout({}, "no two tensors add up to what its layer adds to the stream")
    attention, mlp = terms
    places = {"attn_out": _place(attention), "mlp_out": _place(mlp)}
    middle = _equal(probe, before.value + attention.added)
    if middle is not None and attention.tensor.step < mlp.tensor.step:
        places["resid_mid"] = Place(middle.path, middle.side)
    projection = _projection(probe, attention.tensor)
    if projection is not None:
        places["attn_z"] = Place(projection, "input")
    inside = _mlp_input(probe, mlp.tensor, projection)
    if inside is not None:
        places["mlp_in"] = Place(inside, "input")
    return LayerLayout(places, "no module of this layer reads or writes that tensor")


def _place(term: _Term) -> Place:
    return Place(term.tensor.path, "output", term.factor)


def _distinct_outputs(probe: LayerProbe, before: torch.Tensor, after: torch.Tensor) -> list[Seen]:
    """Tensors as wide as the stream that modules write; of equal ones, that of the outermost."""
    outputs = [
        one
        for one in probe.seen
        if one.side == "output" and one.path and one.value.shape == before.shape
    ]
    outputs.sort(key=lambda one: (one.path.count("."), one.step))
    distinct: list[Seen] = []
    known = [before, after]
    for one in outputs:
        if one.value.abs().max() > 0 and not any(_same(one.value, x, probe) for x in known):
            known.append(one.value)
            distinct.append(one)
    return distinct


def _two_terms(
    probe: LayerProbe, written: list[Seen], before: torch.Tensor, after: torch.Tensor
) -> tuple[_Term, _Term] | None:
    """What attention and the MLP add, in this order; None if no two tensors do."""
    vectors = torch.stack([x.flatten().double() for x in (before, after)])
    vectors = torch.cat([vectors, *(one.value.flatten().double()[None] for one in written)])
    pair = _best_pair(vectors, len(written), probe.tolerance, scaled=False)
    # Some families multiply the whole sum by a constant at the end of a layer.
    pair = pair or _best_pair(vectors, len(written), probe.tolerance, scaled=True)
    if pair is None:
        return _chained(probe, written, before)
    first, second = (_Term(written[i], factor) for i, factor in pair)
    return _attention_first(first, second)


def _best_pair(
    vectors: torch.Tensor, count: int, tolerance: float, *, scaled: bool
) -> tuple[tuple[int, float], tuple[int, float]] | None:
    """The two of `count` vectors that explain what is added, with their factors.

    Rows of `vectors` are the layer's input, its output and the candidates. Factors of 1 are
    preferred, then the order of the candidates.
    """
    before, after = vectors[0], vectors[1]
    target = after if scaled else after - before
    gram, along, size = vectors @ vectors.T, vectors @ target, target @ target
    best, best_key = None, (3,)
    for i, j in combinations(range(count), 2):
        used = [0, i + 2, j + 2] if scaled else [i + 2, j + 2]
        inner = gram[used][:, used]
        solution = torch.linalg.lstsq(inner, along[used, None], driver="gelsd").solution[:, 0]
        missed = size - 2 * solution @ along[used] + solution @ inner @ solution
        factors = (solution[1:] / solution[0] if scaled else solution).tolist()
        if missed > tolerance**2 * size or min(factors) < LEAST_FACTOR:
            continue
        snapped = [1.0 if abs(f - 1) < max(1e-3, tolerance) else f for f in factors]
        key = (sum(f != 1.0 for f in snapped),)
        if key < best_key:
            best, best_key = ((i, snapped[0]), (j, snapped[1])), key
    return best


def _chained(
    probe: LayerProbe, written: list[Seen], before: torch.Tensor
) -> tuple[_Term, _Term] | None:
    """Attention and MLP in a layer that adds a third tensor or normalises its sums.

    Each is added to a tensor of the layer, and another module reads the sum.
    """
    attention = _added_to(probe, before, [one for one in written if one.mixes], -1)
    if attention is None:
        return None
    after_it = [one for one in written if one.step > attention.tensor.step]
    bases = [before + attention.added, *(one.value for one in after_it)]
    terms = (_added_to(probe, base, after_it, attention.tensor.step) for base in bases)
    mlp = next((term for term in terms if term is not None), None)
    return None if mlp is None else (attention, mlp)


def _added_to(
    probe: LayerProbe, base: torch.Tensor, candidates: list[Seen], after_step: int
) -> _Term | None:
    """The first of the candidates that is added to `base`, where some module reads the sum."""
    sums = [
        one
        for one in probe.seen
        if one.step > after_step and one.value.shape == base.shape and one.path
    ]
    for candidate in candidates:
        x = candidate.value
        for one in sums:
            rest = one.value - base
            factor = float((rest * x).sum() / x.square().sum())
            near = (rest - factor * x).norm() <= probe.tolerance * rest.norm()
            if near and factor > LEAST_FACTOR and rest.norm() > LEAST_FACTOR * base.norm():
                return _Term(candidate, 1.0 if abs(factor - 1) < 1e-3 else factor)
    return None


def _attention_first(one: _Term, other: _Term) -> tuple[_Term, _Term]:
    if one.tensor.mixes != other.tensor.mixes:
        return (one, other) if one.tensor.mixes else (other, one)
    return (one, other) if one.tensor.step < other.tensor.step else (other, one)


def _equal(probe: LayerProbe, value: torch.Tensor) -> Seen | None:
    """The outermost module's tensor with this value, inputs before outputs."""
    same = [
        one
        for one in probe.seen
        if one.path and one.value.shape == value.shape and _same(one.value, value, probe)
    ]
    return min(
        same, key=lambda one: (one.side == "output", one.path.count("."), one.step), default=None
    )


def _same(one: torch.Tensor, other: torch.Tensor, probe: LayerProbe) -> bool:
    return bool((one - other).norm() <= probe.tolerance * other.norm())


def _projection(probe: LayerProbe, attention: Seen) -> str | None:
    """The last matrix that attention multiplies by: its input holds the outputs of the heads."""
    products = [
        one
        for one in probe.seen
        if one.side == "output"
        and one.path in probe.matrices
        and one.mixes
        and one.step <= attention.step
        and probe.at(one.path, "input") is not None
    ]
    return max(products, key=lambda one: one.step).path if products else None


def _mlp_input(probe: LayerProbe, mlp: Seen, projection: str | None) -> str | None:
    """The outermost module of the MLP that reads what the MLP reads."""
    inside = [path for path in probe.matrices if path.startswith(f"{mlp.path}.")]
    if inside and probe.at(mlp.path, "input") is not None:
        return mlp.path
    done = probe.at(projection, "output") if projection else None
    reads = [
        one
        for one in probe.seen
        if one.side == "input"
        and one.path in probe.matrices
        and one.step > (done.step if done else -1)
    ]
    if not reads:
        return None
    first = min(reads, key=lambda one: one.step)
    parts = first.path.split(".")
    around = (".".join(parts[:n]) for n in range(1, len(parts)))
    for path in around:
        outer = probe.at(path, "input")
        if (
            outer is not None
            and outer.value.shape == first.value.shape
            and _same(outer.value, first.value, probe)
        ):
            return path
    return first.path
