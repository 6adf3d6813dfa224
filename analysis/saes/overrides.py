"""What a user says of an SAE against, or beyond, what its file says.

Each changes how the SAE encodes, and so its content hash, and leaves a note.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from analysis.runtime.errors import InputError
from analysis.saes.sparse_autoencoder import Normalisation, SparseAutoencoder
from analysis.saes.weights import folded_scale, positive
from analysis.settings import SaeReading


@dataclass(frozen=True)
class Overrides(SaeReading):
    """Settings that replace what the SAE's files say; see `SaeReading` for the fields."""

    def applied(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        """The SAE with these settings in place of its own; format and transpose are the reader's.

        InputError: there is no such normalisation, or a scale that is not positive.
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
            sae = sae.noting("Both matrices were read the other way round, by hand.")
        return sae

    def _centred(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.centre_input in (None, sae.centre_input):
            return sae
        state = "on" if self.centre_input else "off"
        return sae.noting(
            f"Centring of the input was switched {state} by hand.", centre_input=self.centre_input
        )

    def _subtracting(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.subtract_b_dec in (None, sae.applies_b_dec_to_input):
            return sae
        if self.subtract_b_dec and sae.d_in != sae.d_out:
            raise InputError(
                f"b_dec has {sae.d_out} values and the input {sae.d_in}, so it cannot be "
                "subtracted; leave --subtract-b-dec out."
            )
        state = "on" if self.subtract_b_dec else "off"
        return sae.noting(
            f"Subtracting b_dec from the input was switched {state} by hand.",
            applies_b_dec_to_input=self.subtract_b_dec,
        )

    def _normalised(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.normalise in (None, sae.normalisation):
            return sae
        if self.normalise not in get_args(Normalisation):
            raise InputError(
                f"There is no normalisation {self.normalise!r:.40}; choose one of "
                f"{', '.join(get_args(Normalisation))}."
            )
        return sae.noting(
            f"The normalisation {self.normalise} was given by hand.", normalisation=self.normalise
        )

    def _scaled(self, sae: SparseAutoencoder) -> SparseAutoencoder:
        if self.input_scale is None:
            return sae
        scale = positive(self.input_scale, "--input-scale", sae.format)
        return folded_scale(sae, scale, scale).noting(
            f"The input scale {scale:.6g}, given by hand, was folded into the weights."
        )
