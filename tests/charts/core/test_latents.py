"""The check of the latent that a chart is asked for."""

import pytest

from analysis.bundle import Bundle
from analysis.runtime.errors import InputError
from charts.core.latents import check_latent


def test_the_first_and_the_last_latent_pass(tiny: Bundle) -> None:
    for latent in (0, tiny.latents.num_rows - 1):
        check_latent(tiny, latent)


@pytest.mark.parametrize("latent", [-1, 120])
def test_the_error_gives_the_ids_that_exist(tiny: Bundle, latent: int) -> None:
    with pytest.raises(
        InputError, match=f"^{tiny.name}: there is no latent {latent}; choose one from 0 to 119"
    ):
        check_latent(tiny, latent)
