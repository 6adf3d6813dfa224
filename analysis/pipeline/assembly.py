"""Make a bundle of finished steps: assemble its manifest from their records, and publish it."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq

from analysis.bundle import (
    SCHEMA_VERSION,
    TABLES,
    Bundle,
    CorpusSource,
    Manifest,
    ModelSource,
    SaeSource,
    SelfCheck,
    publish,
)
from analysis.labels.cluster_scores import space_shown_first
from analysis.pipeline.artifacts import (
    DOCUMENTS,
    DRAW_NULLS,
    FIND_CLUSTERS,
    FIND_RELATIONS,
    HARVEST,
    LAY_OUT,
    LAY_OUT_COOCCURRENCE,
    LOGIT_EFFECTS,
    NAME,
    READ_IN_ORDER,
)
from analysis.pipeline.building import Building

RECORDED_PACKAGES = (
    "torch",
    "transformers",
    "numpy",
    "pyarrow",
    "numba",
    "umap-learn",
    "fast_hdbscan",
)


@dataclass(frozen=True)
class Provenance:
    """What a bundle was made from, and whether the SAE was read correctly."""

    sae: SaeSource
    model: ModelSource | None
    corpus: CorpusSource
    self_check: SelfCheck


def assemble(build: Building, origin: Provenance, timings: Mapping[str, float]) -> Manifest:
    """The manifest of a bundle whose steps are all finished; `timings` in seconds."""
    harvested = build.record(HARVEST)
    levels = build.record(FIND_CLUSTERS).levels
    null_maps = build.record(DRAW_NULLS).maps
    labels = build.record(NAME).summary
    shown = {level.name for level in levels if level.shown_first}
    first, reason = space_shown_first(
        [one for one in labels.levels if (one.space, one.level) in shown]
    )
    return Manifest(
        schema_version=SCHEMA_VERSION,
        sae=origin.sae,
        model=origin.model,
        corpus=origin.corpus,
        parameters=build.parameters,
        tokens=harvested.tokens,
        documents=pq.read_metadata(build.path(DOCUMENTS)).num_rows,
        mask=harvested.mask,
        active_rule=f"activation > {build.parameters.active_threshold:g}",
        self_check=origin.self_check,
        no_logit_effects=build.record(LOGIT_EFFECTS).reason,
        map=build.record(LAY_OUT).quality,
        map_cooccurrence=build.record(LAY_OUT_COOCCURRENCE).quality,
        null_map=null_maps.get("decoder"),
        null_map_cooccurrence=null_maps.get("cooccurrence"),
        clustering=levels,
        clusters_shown_first=first,
        relations=build.record(FIND_RELATIONS).families,
        labels=labels.model_copy(update={"shown_first_reason": reason}),
        reading=build.record(READ_IN_ORDER).summary,
        versions={name: version(name) for name in RECORDED_PACKAGES},
        timings=dict(timings),
    )


def finish(build: Building, origin: Provenance, timings: dict[str, float], out: Path) -> Bundle:
    """Publish the bundle, whose steps are all finished, and remove the working folder."""
    manifest = assemble(build, origin, timings)
    written = {
        Path(path).stem: digest
        for path, digest in build.work.hashes().items()
        if Path(path).stem in TABLES and path.startswith("tables/")
    }
    bundle = publish(build.work.tables, manifest, out, written)
    build.work.remove()
    return bundle
