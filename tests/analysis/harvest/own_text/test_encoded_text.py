"""The arrays of an encoded text."""

import numpy as np

from analysis.harvest.own_text.encoded_text import EncodedText


def test_the_arrays_are_those_of_the_lists() -> None:
    encoded = EncodedText(
        tokens=("a", "b", "c"),
        kept=(False, True, True),
        active=(0, 2, 1),
        latents=(3, 5, 4),
        activations=(0.5, 1.25, 2.0),
        all_tokens=7,
    )
    assert encoded.token_places.tolist() == [1, 1, 2]
    assert encoded.latent_ids.tolist() == [3, 5, 4]
    assert encoded.values.tolist() == [0.5, 1.25, 2.0] and encoded.values.dtype == np.float32
    assert encoded.is_kept.tolist() == [False, True, True]
    assert EncodedText.model_validate_json(encoded.model_dump_json()) == encoded
