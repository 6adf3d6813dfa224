"""Latents that fire nearly together with another one, against all pairs of all latents."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.bundle import Bundle
from analysis.cooccurrence import near_copies as module
from analysis.cooccurrence.near_copies import CopiesPerToken, copies_per_token, near_copies


def by_brute_force(bundle: Bundle, least_phi: float, least_joint: int) -> list[int]:
    """The correlation of every two latents as active or not, on all kept tokens."""
    kept = bundle.tokens["kept"].to_numpy(zero_copy_only=False).astype(bool)
    active = np.zeros((bundle.latents.num_rows, len(kept)))
    for latent in range(len(active)):
        active[latent, bundle.activations.of_latent(latent)[0]] = 1
    active = active[:, kept]
    joint = active @ active.T
    with np.errstate(divide="ignore", invalid="ignore"):
        phi = np.nan_to_num(np.corrcoef(active), nan=-1)
    near = (phi >= least_phi - 1e-9) & (joint >= least_joint) & ~np.eye(len(active), dtype=bool)
    return np.flatnonzero(near.any(axis=1)).tolist()


def with_minimum(bundle: Bundle, least_joint: int) -> Bundle:
    parameters = bundle.manifest.parameters.model_copy(update={"minimum_joint": least_joint})
    return replace(bundle, manifest=bundle.manifest.model_copy(update={"parameters": parameters}))


def test_a_pair_with_exactly_the_minimum_of_joint_tokens_counts(planted_bundle: Bundle) -> None:
    tokens = [set(planted_bundle.activations.of_latent(i)[0].tolist()) for i in range(200)]
    copies = near_copies(planted_bundle).tolist()
    partner = {
        i: max((len(tokens[i] & tokens[j]), j) for j in range(200) if j != i) for i in copies
    }
    latent, (joint, other) = max(partner.items(), key=lambda item: item[1])
    for least, expected in ((joint, {latent, other}), (joint + 1, set())):
        assert set(near_copies(with_minimum(planted_bundle, least)).tolist()) == expected


@pytest.mark.parametrize(("least_phi", "least_joint"), [(0.8, 10), (0.4, 10), (0.8, 60)])
def test_all_latents_with_a_near_copy_are_listed(
    planted_bundle: Bundle,
    monkeypatch: pytest.MonkeyPatch,
    least_phi: float,
    least_joint: int,
) -> None:
    monkeypatch.setattr(module, "NEARLY_TOGETHER", least_phi)
    bundle = with_minimum(planted_bundle, least_joint)
    expected = by_brute_force(planted_bundle, least_phi, least_joint)
    assert 0 < len(expected) < planted_bundle.latents.num_rows
    assert near_copies(bundle).tolist() == expected


def test_the_near_copies_that_fire_at_once_are_counted_on_kept_tokens(
    planted_bundle: Bundle,
) -> None:
    kept = np.flatnonzero(planted_bundle.tokens["kept"].to_numpy())
    sets = [set(planted_bundle.activations.of_latent(i)[0]) for i in near_copies(planted_bundle)]
    at_once = [count for token in kept if (count := sum(token in one for one in sets))]
    counted = copies_per_token(planted_bundle)
    assert (counted.tokens, counted.most) == (len(at_once), max(at_once))
    assert counted.mean == pytest.approx(sum(at_once) / len(at_once))


def test_without_near_copies_nothing_fires_at_once(
    planted_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "NEARLY_TOGETHER", 1.1)
    bundle = replace(planted_bundle, manifest=planted_bundle.manifest.model_copy())
    assert copies_per_token(bundle) == CopiesPerToken(0, 0.0, 0)
