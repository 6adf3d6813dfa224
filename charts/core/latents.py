"""Check the latent that a chart is asked for."""

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError


def check_latent(bundle: Bundle, latent: int) -> None:
    """Raise InputError unless the bundle has this latent."""
    count = bundle.latents.num_rows
    if not 0 <= latent < count:
        raise InputError(
            f"{bundle.name}: there is no latent {latent}; choose one from 0 to {count - 1}."
        )
