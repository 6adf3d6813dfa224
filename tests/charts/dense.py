"""Dense arrays of the activations of a bundle, used as an oracle."""

import numpy as np

from analysis.bundle import Bundle


def dense_matrix(bundle: Bundle) -> np.ndarray:
    """Activations [tokens, latents] bool from the file sorted by latent."""
    active = np.zeros((bundle.tokens.num_rows, bundle.latents.num_rows), bool)
    for latent in range(bundle.latents.num_rows):
        active[bundle.activations.of_latent(latent)[0], latent] = True
    return active


def phi(active: np.ndarray, kept: np.ndarray, a: int, b: int) -> float:
    return float(np.corrcoef(active[kept, a], active[kept, b])[0, 1])
