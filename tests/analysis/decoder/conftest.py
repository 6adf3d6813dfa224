"""A small planted decoder with its graph and map."""

import numpy as np
import pytest

from analysis.decoder.graph import NeighbourGraph, decoder_graph
from analysis.decoder.umap_map import LatentMap, decoder_map

LEFT_OUT = [3, 77]
GROUPS, MEMBERS = 8, 30


def planted(groups: int, members: int, d: int, noise: float) -> np.ndarray:
    """Decoder float32 [groups * members, d], one group after the other."""
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.normal(size=(groups, d)), members, axis=0)
    return (centres + noise * rng.normal(size=centres.shape)).astype(np.float32)


@pytest.fixture(scope="session")
def decoder() -> np.ndarray:
    return planted(GROUPS, MEMBERS, 32, 0.7)


@pytest.fixture(scope="session")
def eligible(decoder: np.ndarray) -> np.ndarray:
    mask = np.ones(len(decoder), dtype=bool)
    mask[LEFT_OUT] = False
    return mask


@pytest.fixture(scope="session")
def graph(decoder: np.ndarray, eligible: np.ndarray) -> NeighbourGraph:
    return decoder_graph(decoder, eligible=eligible)


@pytest.fixture(scope="session")
def latent_map(decoder: np.ndarray, graph: NeighbourGraph, eligible: np.ndarray) -> LatentMap:
    return decoder_map(decoder, graph, eligible, seed=4, epochs=100)


def nearest_points(points: np.ndarray, k: int = 10) -> list[set[int]]:
    """The k nearest other points of every point, by brute force."""
    flat = points.astype(np.float64)
    apart = ((flat[:, None] - flat[None]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    return [set(row[:k].tolist()) for row in np.argsort(apart, axis=1)]


def nearest_rows(W_dec: np.ndarray, k: int = 10) -> list[set[int]]:
    """The k nearest other rows of every row by cosine, by brute force."""
    unit = W_dec / np.linalg.norm(W_dec, axis=1, keepdims=True)
    cosines = (unit @ unit.T).astype(np.float64)
    np.fill_diagonal(cosines, -np.inf)
    return [set(row[:k].tolist()) for row in np.argsort(-cosines, axis=1)]


def shared(first: list[set[int]], second: list[set[int]]) -> np.ndarray:
    """Share of ten of each set that is in the other."""
    return np.array([len(a & b) / 10 for a, b in zip(first, second, strict=True)])
