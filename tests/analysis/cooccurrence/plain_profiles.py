"""Position profiles in plain Python: an oracle for `position_profile` and the tests that use it."""

from collections import Counter

import numpy as np

EDGES = (1, 3, 7, 15, 23, 31, 39, 47, 55, 63)
BINS = 70


def bin_of(before: int, length: int) -> int:
    """The bin of the token of a document of `length` tokens that has `before` tokens before it."""
    after = length - 1 - before
    nearest = min(before, after)
    if nearest < 63 and nearest < length // 8:
        edge = sum(nearest >= end for end in EDGES)
        return edge + 10 if after < before else edge
    return 20 + 50 * before // length


def bins_of_documents(lengths: list[int]) -> np.ndarray:
    return np.array([bin_of(i, length) for length in lengths for i in range(length)])


def expected_joint(stretch: np.ndarray, bins: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """The mean joint count under the corrected shift; stretch, bins and bits a, b are [tokens]."""
    share = {k: count / len(bins) for k, count in Counter(bins.tolist()).items()}

    def profile(bits: np.ndarray) -> tuple[dict[int, float], float]:
        n, documents = bits.sum(), len(set(stretch[bits].tolist()))
        if documents < 2:
            return dict.fromkeys(share, 1.0), np.inf
        counts = Counter(bins[bits].tolist())
        cells = Counter(zip(stretch[bits].tolist(), bins[bits].tolist(), strict=True))
        noise = sum(m * m / share[k] for (_, k), m in cells.items()) / n**2
        rates = {k: counts[k] / n / share[k] for k in share}
        return rates, noise * documents / (documents - 1)

    (of_a, noise_a), (of_b, noise_b) = profile(a), profile(b)
    if not np.isfinite(noise_a * noise_b):
        noise_a = noise_b = np.inf
    pairs = Counter[int]()
    across = 0
    for s, k in zip(stretch[a].tolist(), bins[a].tolist(), strict=True):
        elsewhere = b & (stretch != s)
        pairs[k] += int((elsewhere & (bins == k)).sum())
        across += int(elsewhere.sum())
    together = {k: pairs[k] / across / share[k] ** 2 if across else 1.0 for k in share}
    signal = max(1.0, (sum(share[k] * together[k] for k in share) - 1) ** 2)
    weight = signal / (signal + noise_a * noise_b / len(share)) if across else 0.0
    total = 0.0
    for each in np.unique(stretch):
        inside = stretch == each
        own = bins[inside].tolist()
        first, second = sum(of_a[k] for k in own), sum(of_b[k] for k in own)
        both = sum(together[k] for k in own)
        ratio = 1 + weight * (len(own) * both / (first * second) - 1) if first * second else 1.0
        total += a[inside].sum() * b[inside].sum() / len(own) * ratio
    return float(total)
