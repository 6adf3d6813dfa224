"""Sources of explanations in addition to the latents' own evidence: a file and a language model.

They affect only the labelling: a build with other sources resumes with the same harvest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from analysis.harvest.hooks import parse_hook_point
from analysis.harvest.models import check_model
from analysis.labels.endpoint import Endpoint
from analysis.labels.explanation_records import SaeIdentity, explanation_files
from analysis.labels.explanations import read_explanations
from analysis.labels.proposers import LocalModel, Proposer
from analysis.runtime.content import content_hash
from analysis.runtime.errors import InputError
from analysis.saes import SparseAutoencoder
from analysis.settings import LabelSettings


@dataclass(frozen=True)
class LabelSources(LabelSettings):
    """The label settings of a build, and the sources that they refer to; all are optional."""

    sae: SaeIdentity = field(default_factory=SaeIdentity)
    """What explanations may call the SAE."""

    def check(self, latents: int) -> None:
        """Raises InputError if a setting is missing, contradicts another or exceeds `latents`."""
        if self.model is not None and self.endpoint is not None:
            raise InputError("Give either --label-model or --label-endpoint, not both.")
        if (self.endpoint is None) != (self.endpoint_model is None):
            raise InputError("Give --label-endpoint and --label-endpoint-model together.")
        if self.latents and self.model is None and self.endpoint is None:
            raise InputError("--label-latents needs --label-model or --label-endpoint.")
        self.imported(latents)
        self.proposer()

    def check_proposer(self) -> None:
        """Raises InputError if the language model is not there or its server does not answer."""
        if self.model is not None:
            check_model(self.model)
        elif isinstance(endpoint := self.proposer(), Endpoint):
            endpoint.check()

    def fingerprint(self) -> Mapping[str, Any]:
        """Everything that the labels depend on, as JSON; empty without sources."""
        settings = {
            "explanations": self.explanations
            and [
                self.explanations.name,
                content_hash(explanation_files(self.explanations, self.sae)),
            ],
            "model": self.model,
            "endpoint": self.endpoint,
            "endpoint_model": self.endpoint_model,
            "latents": self.latents,
        }
        return {name: value for name, value in settings.items() if value}

    def imported(self, latents: int) -> "Imported":
        """The explanations of the file; none without a file."""
        if self.explanations is None:
            return Imported("", {})
        name = f"imported: {self.explanations.name}"
        return Imported(name, read_explanations(self.explanations, latents, self.sae))

    def proposer(self) -> Proposer | None:
        """The language model, if there is one; it is loaded on first use."""
        if self.model is not None:
            return LocalModel(self.model)
        if self.endpoint is not None and self.endpoint_model is not None:
            return Endpoint(self.endpoint, self.endpoint_model)
        return None


def checked_labels(settings: LabelSettings, sae: SparseAutoencoder) -> LabelSources:
    """The label sources. Raises InputError if they contradict each other or do not fit the SAE."""
    sources = LabelSources(**asdict(settings) | {"sae": identity_of(sae)})
    sources.check(sae.d_sae)
    return sources


def identity_of(sae: SparseAutoencoder) -> SaeIdentity:
    """What explanations may call the SAE."""
    named = sae.metadata.get("neuronpedia_id")
    try:
        layer = parse_hook_point(sae.hook_point).layer if sae.hook_point else None
    except InputError:
        layer = None
    return SaeIdentity(named if isinstance(named, str) and named else None, layer)


@dataclass(frozen=True)
class Imported:
    """The explanations of a file."""

    source: str
    """Its name in the bundle."""
    texts: Mapping[int, str] = field(repr=False)
    """Explanation of each latent that has one."""
