"""The whole pipeline, as its own table of contents: from a saved SAE to a published bundle.

Every step writes its tables into the working folder and is skipped when an interrupted build goes
on. The model is held only while text runs through it; after that no step holds more than the
memory setting and what belongs to one row per latent.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.bundle import (
    SCHEMA_VERSION,
    TABLES,
    Activations,
    Bundle,
    ClusterLevel,
    CommunityLevel,
    LabelSummary,
    LatentTable,
    Manifest,
    MapQuality,
    MaskSummary,
    Parameters,
    RelationFamily,
    SaeSource,
    SelfCheck,
    check_destination,
    document_rows,
    open_activations,
    publish,
    write_table,
)
from analysis.clusters.activity import cluster_activity
from analysis.clusters.hierarchy import cluster, place
from analysis.clusters.principal_components import write_components
from analysis.cooccurrence.communities import find_communities
from analysis.cooccurrence.partner_graph import partner_graph
from analysis.cooccurrence.partners import count_partners
from analysis.cooccurrence.relations import find_relations
from analysis.cooccurrence.strongest import Ranking
from analysis.decoder.graph import NeighbourGraph, decoder_graph, graph_of_table, neighbour_table
from analysis.decoder.umap_map import Layout, layout, layout_by_cooccurrence, moved
from analysis.harvest.hooks import spelled_hook_point
from analysis.harvest.self_check import judge
from analysis.harvest.source import ActivationsSource, Source, TextAddress, TextSource
from analysis.harvest.store import write_activation_tables
from analysis.labels.columns import label_tables
from analysis.labels.material import Material
from analysis.labels.requested import NO_SOURCES, LabelSources
from analysis.latents.contexts import write_contexts
from analysis.latents.logits import logit_effects
from analysis.latents.statistics import latent_statistics
from analysis.runtime.errors import InputError
from analysis.runtime.workers import Workers, open_workers
from analysis.runtime.working_folder import Result, WorkingFolder, open_working_folder
from analysis.saes import Overrides, SparseAutoencoder, describe, load_sae

Report = Callable[[str, int, int], None]
"""Called with a step's name, how many of its pieces are done, and how many there are."""

VERSIONS_TOLD = (
    "torch",
    "transformers",
    "numpy",
    "pyarrow",
    "numba",
    "umap-learn",
    "fast_hdbscan",
    "scikit-network",
)


@dataclass(frozen=True)
class BuildRequest:
    """What a bundle is to be built from: model and corpus, or activations made elsewhere."""

    sae: str
    out: Path
    parameters: Parameters
    model: str | None = None
    corpus: Path | None = None
    activations: Path | None = None
    tokens_file: Path | None = None
    hook: str | None = None
    prepend_bos: bool | None = None
    """Begin each block with BOS; None: as the SAE says that it was trained."""
    overrides: Overrides | None = None
    """How to read the SAE. They change its content hash, hence what can be gone on with."""
    labels: LabelSources = NO_SOURCES
    """Explanations from elsewhere; other ones do not make a build begin anew."""
    memory_bytes: int = 512_000_000
    """For counting and sorting. It shapes how the work is cut up, never the result."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers harvest and count; None: this process does."""


def build_bundle(request: BuildRequest, report: Report | None = None) -> Bundle:
    """Make a bundle, going on where an interrupted build of the same inputs was.

    Raises InputError for input that cannot be used; then nothing stands at `request.out`.
    """
    check_destination(request.out)
    workers = open_workers(request.scheduler)
    sae = load_sae(request.sae, request.overrides, allow_pickle=True)
    request.labels.check(sae.d_sae)
    request = _settled(request, sae)
    source = open_source(request, sae)
    work = open_working_folder(request.out, _inputs(request, sae, source))
    build = _Build(request, sae, source, work, workers, report or _silent)
    build.forget_other_labels()
    for step in work.finished():
        build.report(f"{step.replace('_', ' ')}, done before", 1, 1)
    try:
        steps = {step.__name__: work.run(step.__name__, step) for step in build.steps()}
    except InputError:
        if not work.finished():
            work.remove()
        raise
    bundle = publish(work.tables, build.manifest(steps), request.out)
    work.remove()
    return bundle


def _settled(request: BuildRequest, sae: SparseAutoencoder) -> BuildRequest:
    """The request with what it left to the SAE written into its parameters."""
    bos = request.prepend_bos
    if bos is None:
        bos = request.activations is None and sae.metadata.get("prepend_bos") is True
    settled = request.parameters.model_copy(update={"prepend_bos": bos})
    return replace(request, parameters=settled)


def open_source(request: BuildRequest, sae: SparseAutoencoder) -> Source:
    """The model and corpus, or the activations file, checked against the SAE.

    InputError where neither or both are given, or where they do not fit the SAE.
    """
    source: TextSource | ActivationsSource
    if request.activations is not None:
        if request.model is not None or request.corpus is not None:
            raise InputError("Give either --activations or --model with --corpus, not both.")
        source = ActivationsSource(
            sae, request.activations, request.tokens_file, request.parameters
        )
    elif request.model is None or request.corpus is None:
        raise InputError("Give --model and --corpus, or --activations with what another tool made.")
    else:
        source = TextSource(
            sae,
            TextAddress(
                _full_path(request.sae),
                request.overrides,
                _full_path(request.model),
                request.corpus.absolute(),
                request.hook,
                request.parameters,
            ),
        )
    source.check()
    return source


def _full_path(name: str) -> str:
    """A path that holds on machines that share the folder; a name that is none stays."""
    path = Path(name).expanduser()
    return str(path.absolute()) if path.exists() else name


def _inputs(request: BuildRequest, sae: SparseAutoencoder, source: Source) -> Result:
    """All that the result depends on: another build with the same inputs may go on with it."""
    model, corpus = source.summary()
    return {
        "sae": sae.content_hash,
        "model": model.content_hash if model else None,
        "corpus": corpus.content_hash,
        "hook": source.hook_module(),
        "parameters": request.parameters.model_dump(),
        "schema_version": SCHEMA_VERSION,
    }


def _silent(step: str, done: int, total: int) -> None:
    """Report to nobody."""


@dataclass(frozen=True)
class _Build:
    """The steps of one build, in order, each a method that writes tables and says what it found."""

    request: BuildRequest
    sae: SparseAutoencoder
    source: Source
    work: WorkingFolder
    workers: Workers
    report: Report

    def steps(self) -> tuple[Callable[[], Result], ...]:
        """The table of contents."""
        return (
            self.harvest,
            self.store,
            self.describe_latents,
            self.pick_contexts,
            self.count_partners,
            self.find_communities,
            self.find_neighbours,
            self.find_relations,
            self.lay_out,
            self.lay_out_by_cooccurrence,
            self.find_clusters,
            self.measure_clusters,
            self.effects_on_logits,
            self.name_latents_and_clusters,
        )

    @property
    def settings(self) -> Parameters:
        return self.request.parameters

    def tell(self, step: str) -> Callable[[int, int], None]:
        return lambda done, total: self.report(step, done, total)

    def harvest(self) -> Result:
        """Run model and SAE over the corpus, or read the activations, into shards."""
        return self.source.harvest(
            self.work.shards,
            self.request.memory_bytes,
            self.workers,
            self.tell("harvest, tokens"),
        )

    def store(self) -> Result:
        """Write the tokens, the documents, and the activations by token and by latent."""
        tell = self.tell("sort by latent")
        tell(0, 1)
        write_activation_tables(
            self.work.shards,
            self.work.tables,
            self.sae.d_sae,
            documents=self.source.documents(),
            memory_bytes=self.request.memory_bytes,
        )
        tell(1, 1)
        return {}

    def describe_latents(self) -> Result:
        """Density, moments, quantiles and flag of every latent."""
        tell = self.tell("latents")
        tell(0, self.sae.d_sae)
        statistics = latent_statistics(
            self._activations(),
            document_rows(self.work.tables),
            self._tokens(),
            memory_bytes=self.request.memory_bytes,
        )
        norms = self.sae.decoder_norms().numpy()
        pq.write_table(
            statistics.append_column("decoder_norm", pa.array(norms)),
            self.work.scratch / "statistics.parquet",
        )
        tell(self.sae.d_sae, self.sae.d_sae)
        return {}

    def pick_contexts(self) -> Result:
        """Top, interval and random contexts of every latent."""
        rows = write_contexts(
            self._activations(),
            document_rows(self.work.tables),
            self.work.tables,
            parameters=self.settings,
            memory_bytes=self.request.memory_bytes,
            progress=self.tell("contexts, latents"),
        )
        return {"rows": rows}

    def count_partners(self) -> Result:
        """Count every pair exactly and keep the strongest partners."""
        rows = count_partners(
            self._activations(),
            document_rows(self.work.tables),
            pq.read_table(self.work.tables / "tokens.parquet", columns=["kept"])["kept"].to_numpy(),
            self.work.tables,
            self.work.scratch / "partners",
            Ranking(self.settings.partners_kept, self.settings.minimum_joint),
            workers=self.workers,
            memory_bytes=self.request.memory_bytes,
            progress=self.tell("co-occurrence, latents"),
        )
        return {"rows": rows}

    def find_communities(self) -> Result:
        """Communities of latents that fire together, at several levels, with their stability."""
        tell = self.tell("communities")
        tell(0, 1)
        statistics = pq.read_table(
            self.work.scratch / "statistics.parquet", columns=["active_tokens", "flag"]
        )
        found = find_communities(
            LatentTable(self.work.tables / "partners.parquet"),
            statistics["active_tokens"].to_numpy(),
            self._tokens(),
            dense=np.asarray(pc.equal(statistics["flag"].cast("string"), "dense")),
            partners_kept=self.settings.partners_kept,
            minimum_joint=self.settings.minimum_joint,
            seed=self.settings.seed,
        )
        write_table(self.work.tables, "communities", found.table)
        tell(1, 1)
        return {"levels": [level.model_dump() for level in found.levels]}

    def find_neighbours(self) -> Result:
        """The one cosine kNN graph of the decoder."""
        tell = self.tell("neighbours")
        tell(0, 1)
        graph = decoder_graph(
            self._decoder(),
            eligible=self._alive(),
            k=self.settings.neighbours,
            seed=self.settings.seed,
        )
        write_table(self.work.tables, "neighbours", neighbour_table(graph))
        tell(1, 1)
        return {"how": graph.how, "recall": graph.recall}

    def find_relations(self) -> Result:
        """Duplicates, implications, exclusive siblings and absorption candidates."""
        found = find_relations(
            self._activations(),
            self._tokens(),
            self.work.tables,
            self._decoder(),
            memory_bytes=self.request.memory_bytes,
            report=self.report,
        )
        return {"families": [family.model_dump() for family in found]}

    def lay_out(self) -> Result:
        """The map, and how far it can be trusted."""
        tell = self.tell("map")
        tell(0, 1)
        placed = layout(
            self._decoder(),
            self._graph(),
            self._alive(),
            seed=self.settings.seed,
            epochs=self.settings.epochs,
        )
        columns = {
            "x": placed.x,
            "y": placed.y,
            "map_recall": placed.recall,
            "map_agreement": placed.agreement,
        }
        self._write_columns("map", columns)
        tell(1, 1)
        return {"quality": placed.quality.model_dump()}

    def lay_out_by_cooccurrence(self) -> Result:
        """The map of what fires together, and which latents lie elsewhere on it."""
        tell = self.tell("map of co-occurrence")
        tell(0, 1)
        drawn = pq.read_table(self.work.scratch / "map.parquet")
        beside = Layout(
            x=drawn["x"].to_numpy(),
            y=drawn["y"].to_numpy(),
            recall=drawn["map_recall"].to_numpy(),
            agreement=drawn["map_agreement"].to_numpy(),
            quality=MapQuality.model_validate(self._said("lay_out")["quality"]),
        )
        graph = partner_graph(
            pq.read_table(
                self.work.tables / "partners.parquet", columns=["latent", "partner", "joint_tokens"]
            ),
            pq.read_table(self.work.scratch / "statistics.parquet", columns=["active_tokens"]),
            self._tokens(),
            k=self.settings.neighbours,
        )
        placed = layout_by_cooccurrence(
            graph, beside, seed=self.settings.seed, epochs=self.settings.epochs
        )
        columns = {
            "x_cooccurrence": placed.x,
            "y_cooccurrence": placed.y,
            "moved": moved(beside, placed),
        }
        self._write_columns("map_cooccurrence", columns)
        tell(1, 1)
        return {"quality": placed.quality.model_dump()}

    def find_clusters(self) -> Result:
        """Clusters at several levels, with their stability."""
        tell = self.tell("clusters")
        tell(0, 1)
        found = cluster(
            self._decoder(),
            self._graph(),
            self._alive(),
            seed=self.settings.seed,
            minimum_cluster=self.settings.minimum_cluster,
            epochs=self.settings.epochs,
        )
        write_table(self.work.tables, "memberships", found.memberships)
        pq.write_table(found.clusters, self.work.scratch / "clusters.parquet")
        finest = pa.array(found.finest, mask=found.finest < 0)
        pq.write_table(pa.table({"cluster": finest}), self.work.scratch / "finest.parquet")
        tell(1, 1)
        return {"levels": [level.model_dump() for level in found.levels]}

    def measure_clusters(self) -> Result:
        """How often clusters are active, alone and together, and what each of them writes."""
        clusters = pq.read_table(self.work.scratch / "clusters.parquet")
        memberships = pq.read_table(self.work.tables / "memberships.parquet")
        counted = cluster_activity(
            self._activations(),
            document_rows(self.work.tables),
            clusters,
            memberships,
            self._tokens(),
            memory_bytes=self.request.memory_bytes,
        )
        write_table(self.work.tables, "cluster_pairs", counted.pairs)
        for column in counted.clusters.column_names:
            clusters = clusters.append_column(column, counted.clusters[column])
        pq.write_table(clusters, self.work.scratch / "measured.parquet")
        write_components(
            self._activations(),
            self._decoder(),
            clusters,
            memberships,
            self.work.tables,
            memory_bytes=self.request.memory_bytes,
            progress=self.tell("components, clusters"),
        )
        return {"pairs": counted.pairs.num_rows}

    def effects_on_logits(self) -> Result:
        """Tokens that each latent pushes up and down; none where no model was run."""
        rows = TABLES["logits"].empty_table()
        if (vocabulary := self.source.vocabulary()) is not None:
            rows = logit_effects(
                self._decoder(),
                vocabulary.unembedding,
                vocabulary.tokens,
                memory=self.request.memory_bytes,
                report=self.tell("logit effects, latents"),
            )
        write_table(self.work.tables, "logits", rows)
        return {"rows": rows.num_rows}

    def name_latents_and_clusters(self) -> Result:
        """Labels with evidence and score; then the latent and the cluster tables are complete."""
        scratch, tables = self.work.scratch, self.work.tables
        latents = pq.read_table(scratch / "statistics.parquet")
        placed = pq.read_table(scratch / "map.parquet")
        together = pq.read_table(scratch / "map_cooccurrence.parquet")
        for part in (placed, together, pq.read_table(scratch / "finest.parquet")):
            for column in part.column_names:
                latents = latents.append_column(column, part[column])
        memberships = pq.read_table(tables / "memberships.parquet")
        x, y = (placed[axis].to_numpy() for axis in ("x", "y"))
        clusters = place(pq.read_table(scratch / "measured.parquet"), memberships, x, y)
        labelled = label_tables(
            Material(tables, self._activations(), latents, clusters, memberships),
            self.request.labels,
            seed=self.settings.seed,
            kept_answers=scratch / "answers.jsonl",
            memory=self.request.memory_bytes,
            report=self.report,
        )
        write_table(tables, "latents", labelled.latents)
        write_table(tables, "clusters", labelled.clusters)
        asked = self.request.labels.asked()
        return {"summary": labelled.summary.model_dump(), "asked": asked}

    def forget_other_labels(self) -> None:
        """Label again where an interrupted build had finished with other sources of labels."""
        step = self.name_latents_and_clusters.__name__
        if (
            step in self.work.finished()
            and self._said(step)["asked"] != self.request.labels.asked()
        ):
            self.work.forget(step)

    def manifest(self, steps: dict[str, Result]) -> Manifest:
        """What the bundle says of itself."""
        model, corpus = self.source.summary()
        harvested = steps["harvest"]
        explained, l0 = harvested["explained_variance"], harvested["l0"]
        verdict = judge(explained, l0, self.sae.advertised_l0)
        return Manifest(
            schema_version=SCHEMA_VERSION,
            sae=self._sae_source(),
            model=model,
            corpus=corpus,
            parameters=self.settings,
            tokens=harvested["tokens"],
            documents=pq.read_metadata(self.work.tables / "documents.parquet").num_rows,
            mask=MaskSummary.model_validate(harvested["mask"]),
            active_rule=f"activation > {self.settings.active_threshold:g}",
            self_check=SelfCheck(
                explained_variance=explained,
                l0=l0,
                tokens=harvested["tokens"],
                fits=verdict.fits,
                verdict=verdict.sentence,
            ),
            map=MapQuality.model_validate(steps["lay_out"]["quality"]),
            map_cooccurrence=MapQuality.model_validate(steps["lay_out_by_cooccurrence"]["quality"]),
            clustering=[ClusterLevel.model_validate(v) for v in steps["find_clusters"]["levels"]],
            communities=[
                CommunityLevel.model_validate(v) for v in steps["find_communities"]["levels"]
            ],
            relations=[
                RelationFamily.model_validate(v) for v in steps["find_relations"]["families"]
            ],
            labels=LabelSummary.model_validate(steps["name_latents_and_clusters"]["summary"]),
            versions={name: version(name) for name in VERSIONS_TOLD},
            timings={name: step["seconds"] for name, step in steps.items()},
        )

    def _said(self, step: str) -> Result:
        return self.work.said(step)

    def _tokens(self) -> int:
        """Kept tokens."""
        return int(self._said("harvest")["tokens"])

    def _activations(self) -> Activations:
        return open_activations(self.work.tables, self.sae.d_sae)

    def _decoder(self) -> npt.NDArray[np.float32]:
        return self.sae.W_dec.float().numpy()

    def _alive(self) -> npt.NDArray[np.bool_]:
        """The latents that are on the map and in the clusters: those that fired at all."""
        active = pq.read_table(self.work.scratch / "statistics.parquet", columns=["active_tokens"])[
            "active_tokens"
        ]
        return np.asarray(active.to_numpy() > 0)

    def _write_columns(self, name: str, columns: dict[str, np.ndarray]) -> None:
        """Keep columns of the latent table until it is complete; NaN becomes null."""
        pq.write_table(
            pa.table({k: pa.array(v, mask=~np.isfinite(v)) for k, v in columns.items()}),
            self.work.scratch / f"{name}.parquet",
        )

    def _graph(self) -> NeighbourGraph:
        said = self._said("find_neighbours")
        table = pq.read_table(self.work.tables / "neighbours.parquet")
        return graph_of_table(table, self.sae.d_sae, said["how"], said["recall"])

    def _sae_source(self) -> SaeSource:
        said = describe(self.sae)
        name = self.request.sae
        hook = self.request.hook or said.hook_point
        shared = said.model_dump(include=set(SaeSource.model_fields) - {"name", "hook_point"})
        return SaeSource(
            name=Path(name).name if Path(name).exists() else name,
            hook_point=spelled_hook_point(hook) if hook else None,
            hook_module=self.source.hook_module(),
            **shared,
        )
