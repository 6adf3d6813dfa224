"""What a note can be about: a latent, a pair of latents, a cluster or a collection of latents.

A latent and a pair are named by ids, which are those of one decoder matrix. A cluster is its set of
members, because the ids of clusters change with every build. A collection is a fixed set of latents
that a reader has named; it has an identity of its own, so that it can be renamed.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import uuid4

import numpy as np

from analysis.bundle import Space
from analysis.runtime.errors import InputError

Kind = Literal["latent", "pair", "cluster", "collection"]
MOST_MEMBERS = 100_000
"""Latents of a collection or a cluster with a note."""


@dataclass(frozen=True)
class ClusterOrigin:
    """Where a cluster was when its note was written."""

    bundle: str
    """The id of the bundle."""
    cluster: int
    space: Space


@dataclass(frozen=True)
class Subject:
    """What one note is about. `kind` and `key` identify it among the subjects of one SAE."""

    kind: Kind
    key: str
    members: tuple[int, ...]
    """The latents, ascending: one, two, or those of the set."""
    origin: ClusterOrigin | None = None
    """Of a cluster."""


def latent_subject(latent: int) -> Subject:
    """A latent by its id."""
    return Subject("latent", str(latent), _members([latent]))


def pair_subject(a: int, b: int) -> Subject:
    """Two latents, in any order. Raises InputError if they are one."""
    members = _members([a, b])
    if len(members) != 2:
        raise InputError(f"A pair is two latents, but {a} was given twice; choose another one.")
    return Subject("pair", " ".join(map(str, members)), members)


def cluster_subject(members: Iterable[int], origin: ClusterOrigin | None = None) -> Subject:
    """A set of latents that a clustering has found."""
    own = _members(members)
    return Subject("cluster", members_key(own), own, origin)


def new_collection(members: Iterable[int]) -> Subject:
    """A new collection of latents. Raises InputError if there are none, or too many."""
    own = _members(members)
    if not own:
        raise InputError("A collection needs at least one latent; select some.")
    return Subject("collection", uuid4().hex, own)


def members_key(members: Iterable[int]) -> str:
    """SHA-256 of a set of latents, which identifies a cluster in every bundle of an SAE."""
    ordered = np.array(sorted(set(members)), dtype="<i4")
    return hashlib.sha256(ordered.tobytes()).hexdigest()


def _members(members: Iterable[int]) -> tuple[int, ...]:
    own = tuple(sorted({int(member) for member in members}))
    if len(own) > MOST_MEMBERS:
        raise InputError(
            f"A note can be about at most {MOST_MEMBERS:,} latents, and these are {len(own):,}; "
            "select fewer."
        )
    if own and not 0 <= own[0] <= own[-1] < 2**31:
        raise InputError(f"{own[0] if own[0] < 0 else own[-1]} is not the id of a latent.")
    return own
