"""Make a bundle again from its stored activations, without the language model.

Everything that needs the model is copied from the old bundle: tokens, documents, activations and
logit effects as files with the same bytes; explained variance, self-check, mask, and the
descriptions of model and corpus in the manifest. All other tables are computed again, by the steps
that a build runs after its harvest, so a bundle that was written by an older version of Clearwater
becomes one of this version. `analysis/build.py` lists these steps and calls `refreshed`.
"""

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from analysis.bundle import (
    SCHEMA_VERSION,
    Bundle,
    Manifest,
    Parameters,
    open_bundle,
    stored_content_id,
)
from analysis.labels.requested import checked_labels
from analysis.pipeline.artifacts import (
    ACTIVE_TOKENS,
    BY_LATENT,
    BY_TOKEN,
    DOCUMENT_VALUES,
    DOCUMENTS,
    HARVEST,
    LOGIT_EFFECTS,
    LOGITS,
    STORE,
    TOKENS,
)
from analysis.pipeline.assembly import Provenance, finish
from analysis.pipeline.building import (
    Building,
    Step,
    forget_other_labels,
    forget_unfinished,
    run_steps,
)
from analysis.pipeline.records import DoneRecord, HarvestRecord, LogitRecord
from analysis.runtime.errors import InputError
from analysis.runtime.progress import Progress
from analysis.runtime.workers import open_workers
from analysis.runtime.working_folder import open_working_folder
from analysis.saes import SparseAutoencoder, describe, load_sae
from analysis.saes.overrides import as_overrides
from analysis.settings import RefreshRequest

HARVEST_PARAMETERS = (
    "max_tokens",
    "block_tokens",
    "prepend_bos",
    "sink_norm_ratio",
    "active_threshold",
    "dtype",
)
"""These decide which activations are stored, so another value needs a new build."""


def refreshed(
    request: RefreshRequest, activation_steps: Sequence[Step[Any]], progress: Progress
) -> Bundle:
    """The new bundle: the steps of `carried_steps`, then those that need only the activations."""
    old = open_bundle(request.bundle, to_refresh=True)
    parameters = _parameters(old, request)
    sae = load_sae(request.sae, as_overrides(request.overrides), allow_pickle=True)
    _check_sae(old, request, sae)
    _check_content(old)
    labels = checked_labels(request.labels, sae)
    workers = open_workers(request.scheduler)
    inputs = RefreshInputs(bundle=old.manifest.bundle_id, parameters=parameters)
    work = open_working_folder(request.out, inputs)
    build = Building(sae, parameters, labels, request.memory_bytes, workers, work, progress)
    steps = (*carried_steps(old), *activation_steps)
    forget_unfinished(build, steps)
    forget_other_labels(build)
    timings = run_steps(build, steps)
    return finish(build, _provenance(old, sae), timings, request.out)


def carried_steps(old: Bundle) -> tuple[Step[Any], ...]:
    """In place of a build's `source_steps`: the same tables and records, from the old bundle."""
    return (
        Step(HARVEST, partial(_harvest, manifest=old.manifest)),
        Step(
            STORE,
            partial(_store, old=old),
            writes=(TOKENS, DOCUMENTS, DOCUMENT_VALUES, BY_TOKEN, BY_LATENT, ACTIVE_TOKENS),
        ),
        Step(LOGIT_EFFECTS, partial(_effects_on_logits, old=old), writes=(LOGITS,)),
    )


class RefreshInputs(BaseModel):
    """Everything that the result depends on: only a refresh with equal inputs can be resumed."""

    model_config = ConfigDict(frozen=True)

    bundle: str
    parameters: Parameters
    schema_version: int = SCHEMA_VERSION


def _harvest(build: Building, manifest: Manifest) -> HarvestRecord:
    return HarvestRecord(
        tokens=manifest.tokens,
        l0=manifest.self_check.l0,
        explained_variance=manifest.self_check.explained_variance,
        mask=manifest.mask,
    )


def _store(build: Building, old: Bundle) -> DoneRecord:
    for table in (TOKENS, DOCUMENTS, BY_TOKEN, BY_LATENT):
        _take_over(old.path / f"{table.name}.parquet", build.path(table))
    if DOCUMENT_VALUES.name in old.files:
        _take_over(old.path / f"{DOCUMENT_VALUES.name}.parquet", build.path(DOCUMENT_VALUES))
    else:
        build.write(DOCUMENT_VALUES, old.document_values)
    counts = old.latents["active_tokens"].cast(pa.int64())
    build.write(ACTIVE_TOKENS, pa.table({"active_tokens": counts}))
    return DoneRecord()


def _effects_on_logits(build: Building, old: Bundle) -> LogitRecord:
    _take_over(old.path / f"{LOGITS.name}.parquet", build.path(LOGITS))
    return LogitRecord(rows=old.logits.rows, reason=old.manifest.no_logit_effects)


def _take_over(source: Path, target: Path) -> None:
    """Link a file, since bundles never change; copy it where that is not possible."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _parameters(old: Bundle, request: RefreshRequest) -> Parameters:
    stored = old.manifest.parameters
    defaults = {
        name: getattr(Parameters(), name)
        for name, value in old.schema.old_defaults.items()
        if getattr(stored, name) == value
    }
    wanted = request.parameters or stored.model_copy(update=defaults)
    for name in HARVEST_PARAMETERS:
        if getattr(wanted, name) != getattr(stored, name):
            raise InputError(
                f"{old.path}: was built with {name} {getattr(stored, name)}, and a refresh cannot "
                f"change it to {getattr(wanted, name)}; build a new bundle."
            )
    return wanted


def _check_sae(old: Bundle, request: RefreshRequest, sae: SparseAutoencoder) -> None:
    if sae.content_hash != old.manifest.sae.content_hash:
        raise InputError(
            f"{request.sae}: is not the SAE of {old.path} (content {sae.content_hash[:16]}, but "
            f"the bundle has {old.manifest.sae.content_hash[:16]}); give {old.manifest.sae.name} "
            "with the options that the bundle was built with."
        )


def _check_content(old: Bundle) -> None:
    """InputError where a file of the bundle was changed after it was published."""
    if stored_content_id(old.path) != old.manifest.bundle_id:
        raise InputError(
            f"{old.path}: its files do not match its id {old.manifest.bundle_id}, so one of them "
            "is damaged; restore the bundle from a copy, or build it again."
        )


def _provenance(old: Bundle, sae: SparseAutoencoder) -> Provenance:
    """Where the old bundle comes from, with this version's description of the SAE."""
    stored = old.manifest.sae
    return Provenance(
        sae=describe(
            sae, stored.name, hook_point=stored.hook_point, hook_module=stored.hook_module
        ),
        model=old.manifest.model,
        corpus=old.manifest.corpus,
        self_check=old.manifest.self_check,
    )
