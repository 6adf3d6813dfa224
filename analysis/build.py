"""The pipeline's table of contents: from a saved SAE to a published bundle.

Each step declares what it reads and writes; its body is in `analysis/pipeline/steps.py`. Steps
write into a working folder, and a finished step is skipped when an interrupted build is resumed.
The language model is needed by the first steps only and is released after them. From there on, no
step holds more than the memory setting and a few numbers per latent, token and document.

Longer than 400 lines because every step of the pipeline is listed here.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from analysis.bundle import (
    SCHEMA_VERSION,
    Bundle,
    Parameters,
    SelfCheck,
    check_destination,
)
from analysis.harvest.corpus import CorpusChoice
from analysis.harvest.hooks import spelled_hook_point
from analysis.harvest.hub_corpus import repository_named
from analysis.harvest.self_check import judge
from analysis.harvest.source import ActivationsSource, Source, TextAddress, TextSource
from analysis.labels.requested import LabelSources, checked_labels
from analysis.pipeline import cluster_steps, reading_steps, steps
from analysis.pipeline.artifacts import (
    ACTIVE_TOKENS,
    BY_LATENT,
    BY_TOKEN,
    CLUSTER_COMPONENTS,
    CLUSTER_LOADINGS,
    CLUSTER_PAIRS,
    CLUSTER_PROFILES,
    CLUSTER_TREE,
    CLUSTERS,
    CONTEXTS,
    COOCCURRENCE_MAP_COLUMNS,
    COUNT_PARTNERS,
    DESCRIBE,
    DOCUMENT_VALUES,
    DOCUMENTS,
    DRAW_NULLS,
    FIND_CLUSTERS,
    FIND_NEIGHBOURS,
    FIND_RELATIONS,
    HARVEST,
    INTRUDER_TEST,
    INTRUDERS_OF_CLUSTERS,
    INTRUDERS_OF_LATENTS,
    LATENT_PROFILES,
    LATENTS,
    LAY_OUT,
    LAY_OUT_COOCCURRENCE,
    LINK_LATENTS,
    LINKS,
    LOGIT_EFFECTS,
    LOGITS,
    MAP_COLUMNS,
    MEASURE_CLUSTERS,
    MEASURED_CLUSTERS,
    MEMBERSHIPS,
    NAME,
    NEAREST,
    NEIGHBOUR_HEAPS,
    NEIGHBOURS,
    NULL_CLUSTERS,
    NULL_CUTS,
    NULL_DRAWS,
    NULL_LATENTS,
    PARTNER_BLOCKS,
    PARTNERS,
    PICK_CONTEXTS,
    PROFILE,
    READ_IN_ORDER,
    READING_OF_CLUSTERS,
    READING_OF_LATENTS,
    RELATIONS,
    SHARDS,
    SHOWN_CLUSTERS,
    STATISTICS,
    STORE,
    TOKENS,
)
from analysis.pipeline.assembly import Provenance, finish
from analysis.pipeline.build_plan import BuildPlan
from analysis.pipeline.building import (
    Building,
    Step,
    forget_other_labels,
    forget_unfinished,
    run_steps,
)
from analysis.pipeline.first_checks import check_request
from analysis.pipeline.preflight import preflight
from analysis.pipeline.refresh import refreshed
from analysis.pipeline.whole_build import WholeBuild
from analysis.runtime.errors import InputError, ResumableError
from analysis.runtime.progress import SILENT, Progress, Report
from analysis.runtime.workers import Workers, open_workers
from analysis.runtime.working_folder import claimed, open_working_folder
from analysis.saes import SparseAutoencoder, describe, load_sae
from analysis.saes.overrides import as_overrides
from analysis.settings import BuildRequest, RefreshRequest

ACTIVATIONS = (TOKENS, BY_LATENT, ACTIVE_TOKENS)
"""The files that are needed to read the activations of a latent."""


def source_steps(source: Source) -> tuple[Step[Any], ...]:
    """The steps that need the model and the corpus, or the imported file."""
    return (
        Step(HARVEST, partial(steps.harvest, source=source), writes=(SHARDS,)),
        Step(
            STORE,
            partial(steps.store, source=source),
            reads=(SHARDS,),
            writes=(TOKENS, DOCUMENTS, DOCUMENT_VALUES, BY_TOKEN, BY_LATENT, ACTIVE_TOKENS),
            title="sort by latent",
        ),
        Step(LOGIT_EFFECTS, partial(steps.effects_on_logits, source=source), writes=(LOGITS,)),
    )


ACTIVATION_STEPS: tuple[Step[Any], ...] = (
    Step(
        DESCRIBE,
        steps.describe_latents,
        reads=(*ACTIVATIONS, HARVEST),
        writes=(STATISTICS,),
        title="latents",
    ),
    Step(PICK_CONTEXTS, steps.pick_contexts, reads=ACTIVATIONS, writes=(CONTEXTS,)),
    Step(
        COUNT_PARTNERS,
        steps.count_partners,
        reads=ACTIVATIONS,
        writes=(PARTNERS,),
        resumes_from=(PARTNER_BLOCKS,),
    ),
    Step(
        FIND_NEIGHBOURS,
        steps.find_neighbours,
        reads=(ACTIVE_TOKENS,),
        writes=(NEIGHBOURS, NEAREST),
        resumes_from=(NEIGHBOUR_HEAPS,),
    ),
    Step(
        FIND_RELATIONS,
        steps.find_relations,
        reads=(*ACTIVATIONS, HARVEST, PARTNERS, NEIGHBOURS),
        writes=(RELATIONS,),
    ),
    Step(
        LAY_OUT,
        steps.lay_out,
        reads=(NEIGHBOURS, FIND_NEIGHBOURS, ACTIVE_TOKENS),
        writes=(MAP_COLUMNS,),
        title="map",
    ),
    Step(
        LAY_OUT_COOCCURRENCE,
        steps.lay_out_by_cooccurrence,
        reads=(MAP_COLUMNS, LAY_OUT, PARTNERS, ACTIVE_TOKENS, HARVEST),
        writes=(COOCCURRENCE_MAP_COLUMNS,),
        title="map of co-occurrence",
    ),
    Step(
        LINK_LATENTS,
        cluster_steps.link_latents,
        reads=(*ACTIVATIONS, STATISTICS),
        writes=(LINKS,),
        title="links of co-occurrence",
    ),
    Step(
        DRAW_NULLS,
        cluster_steps.draw_nulls,
        reads=(*ACTIVATIONS, STATISTICS, MAP_COLUMNS, LAY_OUT),
        writes=(NULL_CUTS, NULL_LATENTS, NULL_CLUSTERS),
        resumes_from=(NULL_DRAWS,),
    ),
    Step(
        FIND_CLUSTERS,
        cluster_steps.find_clusters,
        reads=(NEAREST, LINKS, NULL_CUTS, STATISTICS, ACTIVE_TOKENS),
        writes=(MEMBERSHIPS, CLUSTER_TREE, SHOWN_CLUSTERS),
        title="clusters",
    ),
    Step(
        MEASURE_CLUSTERS,
        steps.measure_clusters,
        reads=(*ACTIVATIONS, BY_TOKEN, HARVEST, CLUSTER_TREE, MEMBERSHIPS),
        writes=(CLUSTER_PAIRS, MEASURED_CLUSTERS, CLUSTER_COMPONENTS, CLUSTER_LOADINGS),
    ),
    Step(
        PROFILE,
        steps.profile_by_documents,
        reads=(*ACTIVATIONS, DOCUMENTS, DOCUMENT_VALUES, CLUSTER_TREE, MEMBERSHIPS),
        writes=(LATENT_PROFILES, CLUSTER_PROFILES),
        title="profiles by document",
    ),
    Step(
        READ_IN_ORDER,
        reading_steps.read_in_order,
        reads=(*ACTIVATIONS, STATISTICS, RELATIONS, MEMBERSHIPS, CLUSTER_TREE, FIND_CLUSTERS),
        writes=(READING_OF_LATENTS, READING_OF_CLUSTERS),
    ),
    Step(
        INTRUDER_TEST,
        reading_steps.intruder_test,
        reads=(*ACTIVATIONS, STATISTICS, MEMBERSHIPS, CLUSTER_TREE),
        writes=(INTRUDERS_OF_LATENTS, INTRUDERS_OF_CLUSTERS),
    ),
    Step(
        NAME,
        steps.name_latents_and_clusters,
        reads=(
            *ACTIVATIONS,
            BY_TOKEN,
            STATISTICS,
            MAP_COLUMNS,
            COOCCURRENCE_MAP_COLUMNS,
            SHOWN_CLUSTERS,
            MEMBERSHIPS,
            MEASURED_CLUSTERS,
            READING_OF_LATENTS,
            READING_OF_CLUSTERS,
            INTRUDERS_OF_LATENTS,
            INTRUDERS_OF_CLUSTERS,
            CONTEXTS,
            DOCUMENTS,
            LOGITS,
            RELATIONS,
        ),
        writes=(LATENTS, CLUSTERS),
    ),
)
"""The steps that need only the SAE, the stored activations and the logit effects."""


def build_bundle(
    request: BuildRequest,
    report: Report | None = None,
    show_plan: Callable[[BuildPlan], None] | None = None,
) -> Bundle:
    """Build a bundle, or resume an interrupted build of the same inputs.

    `report` is called with a step's name, the pieces done and all pieces; `show_plan` once, before
    the harvest. Raises InputError for input that cannot be used, then nothing is written to
    `request.out`; if another process builds the same bundle; and, as ResumableError, for a full
    disk or a lost scheduler.
    """
    with claimed(request.out):
        return _build(request, report, show_plan)


def plan_build(request: BuildRequest, report: Report | None = None) -> BuildPlan:
    """The plan of a build, after every check. Raises InputError as a build; writes nothing."""
    return _prepare(request, report).plan


def refresh_bundle(request: RefreshRequest, report: Report | None = None) -> Bundle:
    """Make a new bundle from an old one, or resume an interrupted refresh.

    `report` is called with a step's name, the pieces done and all pieces. Raises InputError if the
    bundle is damaged, the SAE is not the one it was built from, a setting of the harvest is
    changed, or another process writes the same bundle.
    """
    with claimed(request.out):
        check_destination(request.out)
        progress = SILENT if report is None else Progress(report=report)
        return refreshed(request, ACTIVATION_STEPS, progress)


class _Prepared(NamedTuple):
    """The checked input of a build, and its plan."""

    workers: Workers
    sae: SparseAutoencoder
    labels: LabelSources
    source: TextSource | ActivationsSource
    plan: BuildPlan


def _prepare(request: BuildRequest, report: Report | None) -> _Prepared:
    check_destination(request.out)
    workers = open_workers(request.scheduler)
    check_request(request)
    sae = load_sae(request.sae, as_overrides(request.overrides), allow_pickle=True)
    labels = checked_labels(request.labels, sae)
    source = _open_source(request, sae)
    progress = SILENT if report is None else Progress(report=report)
    plan = preflight(source, labels, request.out, request.memory_bytes, progress)
    return _Prepared(workers, sae, labels, source, plan)


def _build(
    request: BuildRequest,
    report: Report | None,
    show_plan: Callable[[BuildPlan], None] | None,
) -> Bundle:
    workers, sae, labels, source, plan = _prepare(request, report)
    parameters = source.parameters
    if show_plan is not None:
        show_plan(plan)
    whole = WholeBuild(SILENT.report if report is None else report, plan.seconds)
    progress = Progress(report=whole)
    work = open_working_folder(request.out, _inputs(parameters, sae, source))
    build = Building(sae, parameters, labels, request.memory_bytes, workers, work, progress, whole)
    forget_unfinished(build, (*source_steps(source), *ACTIVATION_STEPS))
    forget_other_labels(build)
    try:
        timings = run_steps(build, source_steps(source))
    except ResumableError:
        raise
    except InputError:
        if not work.has_records():
            work.remove()
        raise
    origin = _provenance(request, build, source)
    del source  # and with it the language model
    timings |= run_steps(build, ACTIVATION_STEPS)
    return finish(build, origin, timings, request.out)


def _open_source(request: BuildRequest, sae: SparseAutoencoder) -> TextSource | ActivationsSource:
    """The model and the corpus, or the activations file, of a request that `check_request` passed.

    What the request leaves open is set as the SAE and the model state it. Raises InputError if
    model, corpus or activations do not fit the SAE.
    """
    source: TextSource | ActivationsSource
    parameters = request.parameters
    if request.dtype is not None:
        parameters = parameters.model_copy(update={"dtype": request.dtype})
    if request.activations is not None:
        source = ActivationsSource(sae, request.activations, request.tokens_file, parameters)
    else:
        assert request.model is not None and request.corpus is not None
        address = TextAddress(
            _full_path(request.sae),
            as_overrides(request.overrides),
            _full_path(request.model),
            _corpus_path(request.corpus),
            request.hook,
            parameters,
            CorpusChoice(request.split, request.text_column),
            request.device,
            request.batch_tokens,
        )
        source = TextSource(sae, address).settled(request.prepend_bos, request.block_tokens)
    source.check()
    return source


def _full_path(name: str) -> str:
    """An absolute path for machines that share the folder; other names are returned unchanged."""
    path = Path(name).expanduser()
    return str(path.absolute()) if path.exists() else name


def _corpus_path(corpus: Path) -> Path:
    """An absolute path; the id of a dataset on the hub is returned unchanged."""
    path = corpus.expanduser()
    return path.absolute() if path.exists() or not repository_named(str(corpus)) else corpus


class BuildInputs(BaseModel):
    """Everything that the result depends on: only a build with equal inputs can be resumed."""

    model_config = ConfigDict(frozen=True)

    sae: str
    model: str | None
    corpus: str
    hook: str | None
    parameters: Parameters
    schema_version: int = SCHEMA_VERSION


def _inputs(parameters: Parameters, sae: SparseAutoencoder, source: Source) -> BuildInputs:
    model, corpus = source.summary()
    return BuildInputs(
        sae=sae.content_hash,
        model=model.content_hash if model else None,
        corpus=corpus.content_hash,
        hook=source.hook_module(),
        parameters=parameters,
    )


def _provenance(request: BuildRequest, build: Building, source: Source) -> Provenance:
    model, corpus = source.summary()
    harvested = build.record(HARVEST)
    verdict = judge(harvested.explained_variance, harvested.l0, build.sae.advertised_l0)
    hook = request.hook or build.sae.hook_point
    return Provenance(
        sae=describe(
            build.sae,
            Path(request.sae).name if Path(request.sae).exists() else request.sae,
            hook_point=spelled_hook_point(hook) if hook else None,
            hook_module=source.hook_module(),
        ),
        model=model,
        corpus=corpus,
        self_check=SelfCheck(
            explained_variance=harvested.explained_variance,
            l0=harvested.l0,
            tokens=harvested.tokens,
            fits=verdict.fits,
            verdict=verdict.sentence,
        ),
    )
