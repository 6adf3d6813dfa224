"""The plan of a build: what it will read, how long it takes and what it needs, before it starts.

Time and space are estimates. The harvest is timed on a few blocks, and the neighbours on a block of
pairs; the other steps take as long as those of the demo did, by activations (tokens × L0) and
latents.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.runtime import numbers
from analysis.runtime.errors import InputError

STEP_SECONDS: Mapping[str, tuple[float, float]] = {
    "store": (0.5, 0.0),
    "effects_on_logits": (0.0, 1.0),
    "describe_latents": (0.3, 0.0),
    "pick_contexts": (0.5, 0.0),
    "count_partners": (1.0, 0.0),
    "find_relations": (1.0, 0.0),
    "lay_out": (0.0, 1.2),
    "lay_out_by_cooccurrence": (0.0, 0.2),
    "link_latents": (0.3, 0.0),
    "draw_nulls": (3.0, 1.8),
    "find_clusters": (0.0, 0.6),
    "measure_clusters": (0.5, 0.0),
    "profile_by_documents": (0.2, 0.4),
    "read_in_order": (0.1, 0.2),
    "intruder_test": (0.6, 0.5),
    "name_latents_and_clusters": (0.5, 0.2),
}
"""Seconds of each other step for a million activations and a thousand latents, on two cores."""
BUNDLE_BYTES = (5.0, 8.0, 1_500.0)
"""Bytes of a bundle for an activation, a token and a latent."""
WORKING_BYTES = (9.0, 24.0, 1_500.0)
"""Bytes beside it while it is made: shards, blocks of tokens, and tables between steps."""


@dataclass(frozen=True)
class Space:
    """Bytes that are needed and that are free."""

    needed: int
    free: int | None
    """None if it is unknown."""

    def check(self, what: str, where: str, remedy: str) -> None:
        """Raises InputError if less is free than needed."""
        if self.free is not None and self.needed > self.free:
            raise InputError(
                f"{where}: the build needs about {_size(self.needed)} of {what}, but "
                f"{_size(self.free)} are free; {remedy}."
            )

    def __str__(self) -> str:
        free = "" if self.free is None else f" ({_size(self.free)} are free)"
        return f"about {_size(self.needed)}{free}"


@dataclass(frozen=True)
class BuildPlan:
    """What a build will do, and what was assumed."""

    latents: int
    tokens: int
    """Kept tokens, estimated."""
    l0: float
    """Active latents of a token, measured or stated."""
    blocks: int
    block_tokens: int
    documents: int | None
    """None if activations are imported."""
    device: str
    seconds: Mapping[str, float] = field(repr=False)
    """Estimated time of each step."""
    disk: Space
    memory: Space
    notes: tuple[str, ...] = ()
    """What was chosen, assumed or repaired."""

    def check(self, out: str) -> None:
        """Raises InputError if there is too little disk or memory."""
        self.disk.check("disk", out, "free some space, or give fewer --tokens")
        self.memory.check("memory", out, "give less --memory, or use a larger machine")

    def rows(self) -> list[tuple[str, str | None]]:
        """The plan as names and values."""
        corpus = f"about {numbers.count(self.tokens)}"
        if self.documents is not None:
            corpus += (
                f" of {numbers.count(self.documents)} documents, in {numbers.count(self.blocks)} "
                f"blocks of at most {self.block_tokens}"
            )
        harvest = self.seconds.get("harvest", 0.0)
        rate = f", {numbers.count(round(self.tokens / harvest))} tokens/s" if harvest > 0 else ""
        timed = f"about {numbers.duration(harvest)}{rate}" if harvest else None
        return [
            ("plan: tokens", corpus),
            ("latents", f"{numbers.count(self.latents)}, L0 about {numbers.short(self.l0)}"),
            ("device", self.device),
            ("time", f"about {numbers.duration(sum(self.seconds.values()))}"),
            ("of which the harvest", timed),
            ("disk", str(self.disk)),
            ("memory", str(self.memory)),
            *(("note", note) for note in self.notes),
        ]


def step_seconds(
    activations: float, latents: int, harvest: float, neighbours: float
) -> dict[str, float]:
    """The estimated time of every step; `harvest` and `neighbours` in seconds."""
    millions, thousands = activations / 1e6, latents / 1e3
    others = {name: a * millions + b * thousands for name, (a, b) in STEP_SECONDS.items()}
    return {"harvest": harvest, "find_neighbours": neighbours, **others}


def disk_bytes(activations: float, tokens: int, latents: int) -> int:
    """What a build needs on the disk, with its working folder."""
    sizes = zip(BUNDLE_BYTES, WORKING_BYTES, (activations, tokens, latents), strict=True)
    return round(sum((bundle + working) * number for bundle, working, number in sizes))


def memory_bytes(setting: int, tokens: int, latents: int, width: int) -> int:
    """What the steps need in memory at most, in addition to the model and the SAE."""
    return round(setting + 4 * latents * width + 16 * tokens + 200 * latents)


def _size(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
