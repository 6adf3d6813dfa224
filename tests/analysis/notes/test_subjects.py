"""What notes are about, and how it is named."""

import hashlib

import numpy as np
import pytest

from analysis.notes.subjects import (
    MOST_MEMBERS,
    cluster_subject,
    latent_subject,
    new_collection,
    pair_subject,
)
from analysis.runtime.errors import InputError


def test_a_pair_has_no_order() -> None:
    assert pair_subject(7, 3) == pair_subject(3, 7)
    assert pair_subject(7, 3).key == "3 7" and pair_subject(7, 3).members == (3, 7)
    with pytest.raises(InputError, match="7 was given twice"):
        pair_subject(7, 7)


def test_a_latent_and_a_pair_are_named_by_ids() -> None:
    assert (latent_subject(12).kind, latent_subject(12).key) == ("latent", "12")
    assert latent_subject(12).members == (12,)
    with pytest.raises(InputError, match="-1 is not the id"):
        latent_subject(-1)
    with pytest.raises(InputError, match="2147483648 is not the id"):
        latent_subject(2**31)


def test_a_cluster_is_its_set_of_members() -> None:
    subject = cluster_subject([9, 2, 300, 2])
    assert subject.members == (2, 9, 300)
    assert subject == cluster_subject(np.array([300, 9, 2]))
    assert subject.key == hashlib.sha256(bytes([2, 0, 0, 0, 9, 0, 0, 0, 44, 1, 0, 0])).hexdigest()
    assert cluster_subject([2, 9]).key != subject.key


def test_a_collection_has_an_identity_of_its_own() -> None:
    first, second = new_collection([3, 1]), new_collection([1, 3])
    assert first.members == second.members == (1, 3)
    assert first.key != second.key
    with pytest.raises(InputError, match="needs at least one latent"):
        new_collection([])
    assert len(new_collection(range(MOST_MEMBERS)).members) == MOST_MEMBERS
    with pytest.raises(InputError, match="at most 100,000 latents, and these are 100,001"):
        new_collection(range(MOST_MEMBERS + 1))
