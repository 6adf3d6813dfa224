"""User settings that replace or complete those of a saved SAE.

Each changes how the SAE encodes, and therefore its content hash, and adds a note.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import get_args

from analysis.runtime.errors import InputError
from analysis.saes.folding import folded_scale
from analysis.saes.sparse_autoencoder import Normalisation, SparseAutoencoder
from analysis.saes.weights import positive
from analysis.settings import SaeReading


@dataclass(frozen=True)
class Overrides(SaeReading):
    """Settings that replace those of a saved SAE; see `SaeReading` for the fields."""

    def applied(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        """Return the SAE with these settings; format and transpose were applied on reading.

        Raises InputError if the normalisation is unknown, the scale is not positive, or b_dec
        cannot be subtracted.
        """
        changes: tuple[Callable[[SparseAutoencoder], SparseAutoencoder], ...] = (
            self._centred,
            self._subtracting,
            self._normalised,
            self._scaled,
        )
        for change in changes:
            sae = change(sae)
        if self.transpose:
            sae = sae.noting("Both matrices were transposed, as requested.")
        return sae

    def _centred(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.centre_input in (None, sae.centre_input):
            return sae
        state = "on" if self.centre_input else "off"
        return sae.noting(
            f"Centring of the input was switched {state}, as requested.",
            centre_input=self.centre_input,
        )

    def _subtracting(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.subtract_b_dec in (None, sae.applies_b_dec_to_input):
            return sae
        if self.subtract_b_dec and sae.d_in != sae.d_out:
            raise InputError(
                f"b_dec has {sae.d_out} values and the input {sae.d_in}, so it cannot be "
                "subtracted; omit --subtract-b-dec."
            )
        state = "on" if self.subtract_b_dec else "off"
        return sae.noting(
            f"Subtracting b_dec from the input was switched {state}, as requested.",
            applies_b_dec_to_input=self.subtract_b_dec,
        )

    def _normalised(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.normalise in (None, sae.normalisation):
            return sae
        if self.normalise not in get_args(Normalisation):
            raise InputError(
                f"The normalisation {self.normalise!r:.40} is unknown; choose one of "
                f"{', '.join(get_args(Normalisation))}."
            )
        return sae.noting(
            f"The normalisation was set to {self.normalise}, as requested.",
            normalisation=self.normalise,
        )

    def _scaled(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.input_scale is None:
            return sae
        scale = positive(self.input_scale, "--input-scale", sae.format)
        return folded_scale(sae, scale, scale).noting(
            f"The requested input scale {scale:.6g} was folded into the weights."
        )


def as_overrides(reading: SaeReading | None) -> Overrides | None:
    """The reader's own form of the settings."""
    return None if reading is None else Overrides(**asdict(reading))
