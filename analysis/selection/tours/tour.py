"""The tours of a bundle: saved views, a sentence about each, and the finding that it shows.

They are written by hand into the file `tours.json` beside the manifest (docs/tours.md). A tour is
shown only while its finding holds, so an outdated sentence disappears with the finding.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from analysis.bundle import Bundle
from analysis.bundle.kept_for_bundle import kept_for_bundle
from analysis.runtime.errors import InputError
from analysis.selection.tours.findings import Finding

if TYPE_CHECKING:  # its libraries take as long as the rest of the first page
    from analysis.selection.tours.finding_evidence import Evidence

TOURS = "tours.json"
MOST_BYTES = 100_000
SIGNIFICANT = 0.05
"""The largest q of a finding that holds."""


class Tour(BaseModel):
    """A saved view and what it shows."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=400)

    title: str = Field(min_length=1)
    sentence: str = Field(min_length=1)
    page: Literal["map", "clusters", "cooccurrence", "pair", "latent"]
    query: dict[str, str]
    """The parameters of the link without the bundle, as in docs/urls.md."""
    finding: Finding


@dataclass(frozen=True)
class CheckedTour:
    """A tour with the evidence for its finding."""

    tour: Tour
    evidence: "Evidence"

    @property
    def holds(self) -> bool:
        """Whether the finding is there in this bundle."""
        return self.evidence.q <= SIGNIFICANT


class TourFile(BaseModel):
    """What the file of tours holds."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_max_length=400)

    about: str = ""
    """Sentences about the text of the bundle, which the introduction of the Overview ends with."""
    tours: list[Tour]

    @model_validator(mode="before")
    @classmethod
    def _with_tours_only(cls, value: object) -> object:
        """A list has tours and no sentences about the text."""
        return {"tours": value} if isinstance(value, list) else value


def read_tours(bundle: Bundle) -> TourFile:
    """The file of tours; empty without one. Raises InputError if it cannot be read."""
    file = bundle.path / TOURS
    try:
        if not file.exists():
            return TourFile(tours=[])
        if file.stat().st_size > MOST_BYTES:
            raise InputError(f"{file}: has more than {MOST_BYTES:,} bytes; write fewer tours.")
        return TourFile.model_validate_json(file.read_bytes())
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}).") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InputError(f"{file}: {where}: {first['msg']}; correct it or remove it.") from error


@kept_for_bundle
def checked_tours(bundle: Bundle) -> list[CheckedTour]:
    """The tours of a bundle with their findings tested again on its tables.

    Raises InputError if the file cannot be read, or names a latent or cluster that is not there.
    """
    # Imported here because a page shows its figures before the tours are tested.
    from analysis.selection.tours.finding_evidence import evidence_of  # noqa: PLC0415

    tours = read_tours(bundle).tours
    return [CheckedTour(tour, evidence_of(bundle, tour.finding)) for tour in tours]
