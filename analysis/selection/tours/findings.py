"""What a tour can show, as the file of tours names it. `finding_evidence.py` tests it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from analysis.bundle import Space

Latents = Annotated[tuple[int, ...], Field(min_length=1, max_length=50)]


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SharedTokens(_Finding):
    """Two latents fire on the same tokens, beyond sharing documents."""

    kind: Literal["shared_tokens"]
    a: int
    b: int


class FiresOn(_Finding):
    """Every one of several latents fires in more documents with a value than by chance."""

    kind: Literal["fires_on"]
    latents: Latents
    column: str
    value: str


class NotTogether(_Finding):
    """Fewer than half of a cluster's members fire where the other members fire."""

    kind: Literal["not_together"]
    cluster: int


class BeyondChance(_Finding):
    """A larger share of clusters reappears than where there is nothing to find."""

    kind: Literal["beyond_chance"]
    space: Space


class SameInLanguages(_Finding):
    """A latent fires on the same passages in three or more languages."""

    kind: Literal["same_in_languages"]
    latent: int


Finding = Annotated[
    SharedTokens | FiresOn | NotTogether | BeyondChance | SameInLanguages,
    Field(discriminator="kind"),
]
