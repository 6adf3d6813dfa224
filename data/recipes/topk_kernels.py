"""The sparse part of the training step of a TopK SAE, in numba.

Only k of the F latents are active on a token, so after the dense product of the encoder, all work
is on k rows per token: reconstruction, backward pass, sum of the gradients per latent, and the Adam
step. On two cores this is three times as fast as dense autograd. All arrays are float32 and
C-contiguous; n tokens, F latents, d the width of the model, k places for active latents per token.

A Matryoshka SAE reconstructs the input with each of G nested prefixes of its latents, and its error
is the mean over the prefixes. A latent of group g is in the prefixes g to G - 1; all latents of
another SAE are in group 0 of 1.
"""

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON = 0.9, 0.999, 1e-8


def _compiled(kernel: Any) -> Any:
    return numba.njit(parallel=True, fastmath=True, cache=True)(kernel)


@_compiled
def prefix_errors(
    x: Floats, W_dec: Floats, b_dec: Floats, ids: Ids, values: Floats, groups: Ids, prefixes: int
) -> tuple[Floats, Floats]:
    """Errors x_hat - x of all latents [n, d], and summed errors [n, G, d].

    ids and values [n, k] are the active latents and their activations; a value of 0 is inactive.
    groups [F] is the group of each latent, `prefixes` is G. The summed error of a group is the sum
    of the errors of the prefixes that contain it, divided by G: the gradient of half the mean
    squared error by what a latent of the group adds.
    """
    tokens, d = x.shape
    errors = np.empty_like(x)
    summed = np.zeros((tokens, prefixes, d), np.float32)
    share = np.float32(1) / np.float32(prefixes)
    for t in numba.prange(tokens):
        for c in range(d):
            summed[t, 0, c] = b_dec[c] - x[t, c]
        for i in range(ids.shape[1]):
            value, row = values[t, i], W_dec[ids[t, i]]
            if value > 0:
                part = summed[t, groups[ids[t, i]]]
                for c in range(d):
                    part[c] += value * row[c]
        for g in range(1, prefixes):
            for c in range(d):
                summed[t, g, c] += summed[t, g - 1, c]
        for c in range(d):
            errors[t, c] = summed[t, prefixes - 1, c]
            summed[t, prefixes - 1, c] *= share
        for g in range(prefixes - 2, -1, -1):
            for c in range(d):
                summed[t, g, c] = summed[t, g, c] * share + summed[t, g + 1, c]
    return errors, summed


@_compiled
def activation_slopes(
    W_dec: Floats, ids: Ids, values: Floats, summed: Floats, groups: Ids
) -> Floats:
    """Gradients of half the squared error by the activations [n, k]; 0 where inactive."""
    slopes = np.zeros_like(values)
    for t in numba.prange(values.shape[0]):
        for i in range(values.shape[1]):
            if values[t, i] > 0:
                row = W_dec[ids[t, i]]
                part = summed[t, groups[ids[t, i]]]
                total = np.float32(0)
                for c in range(row.size):
                    total += part[c] * row[c]
                slopes[t, i] = total
    return slopes


@numba.njit(cache=True)
def entries_by_latent(ids: Ids, values: Floats, latents: int) -> tuple[Ids, Ids]:
    """Starts [F + 1] and flat indices [n active] of the active entries, sorted by latent."""
    starts = np.zeros(latents + 1, np.int64)
    flat_ids, flat_values = ids.ravel(), values.ravel()
    for place in range(flat_ids.size):
        if flat_values[place] > 0:
            starts[flat_ids[place] + 1] += 1
    starts = np.cumsum(starts)
    ends = starts[:-1].copy()
    places = np.empty(starts[-1], np.int64)
    for place in range(flat_ids.size):
        if flat_values[place] > 0:
            latent = flat_ids[place]
            places[ends[latent]] = place
            ends[latent] += 1
    return starts, places


@_compiled
def gradients(
    centred: Floats,
    summed: Floats,
    values: Floats,
    slopes: Floats,
    starts: Ids,
    places: Ids,
    groups: Ids,
) -> tuple[Floats, Floats, Floats]:
    """Gradients of half the mean squared error: W_enc [F, d], W_dec [F, d] and b_enc [F].

    centred [n, d] is the encoder's input, x - b_dec; summed [n, G, d] of `prefix_errors`.
    """
    tokens, d = centred.shape
    latents, k = len(starts) - 1, values.shape[1]
    encoder = np.zeros((latents, d), np.float32)
    decoder = np.zeros((latents, d), np.float32)
    bias = np.zeros(latents, np.float32)
    for latent in numba.prange(latents):
        for entry in range(starts[latent], starts[latent + 1]):
            t, i = places[entry] // k, places[entry] % k
            value, slope = values[t, i] / tokens, slopes[t, i] / tokens
            bias[latent] += slope
            error = summed[t, groups[latent]]
            for c in range(d):
                decoder[latent, c] += value * error[c]
                encoder[latent, c] += slope * centred[t, c]
    return encoder, decoder, bias


@_compiled
def adam_rows(
    weights: Floats, gradient: Floats, m: Floats, v: Floats, lr: float, step: int, unit: bool
) -> None:
    """One step of Adam on weights [rows, d], in place; `unit` keeps each row at length 1.

    With `unit`, the part of the gradient along the row is removed before the moments are updated.
    """
    rate = np.float32(lr * np.sqrt(1 - ADAM_BETA2**step) / (1 - ADAM_BETA1**step))
    b1, b2 = np.float32(ADAM_BETA1), np.float32(ADAM_BETA2)
    epsilon, one = np.float32(ADAM_EPSILON), np.float32(1)
    for j in numba.prange(weights.shape[0]):
        row, g = weights[j], gradient[j]
        along = np.float32(0)
        if unit:
            for c in range(row.size):
                along += g[c] * row[c]
        length = np.float32(0)
        for c in range(row.size):
            slope = g[c] - along * row[c]
            m[j, c] = b1 * m[j, c] + (one - b1) * slope
            v[j, c] = b2 * v[j, c] + (one - b2) * slope * slope
            row[c] -= rate * m[j, c] / (np.sqrt(v[j, c]) + epsilon)
            length += row[c] * row[c]
        if unit:
            scale = one / np.sqrt(length)
            for c in range(row.size):
                row[c] *= scale
