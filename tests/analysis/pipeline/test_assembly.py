"""The manifest holds the numbers of the tables and of the steps, each in its own field."""

from importlib.metadata import version

import pyarrow.parquet as pq

from analysis.bundle import CorpusSource, ModelSource, SaeSource, SelfCheck
from analysis.labels.cluster_scores import space_shown_first
from analysis.pipeline.artifacts import FIND_CLUSTERS, LAY_OUT, LAY_OUT_COOCCURRENCE, NAME
from analysis.pipeline.assembly import Provenance, assemble
from tests.analysis.pipeline.conftest import Finished


def test_numbers_are_those_of_the_tables(finished: Finished) -> None:
    origin = Provenance(
        sae=SaeSource(
            name="n", format="f", architecture="a", d_in=1, d_sae=2, d_out=3, hook_point=None,
            hook_module=None, k=None, normalisation="none", applies_b_dec_to_input=False,
            notes=[], content_hash="h",
        ),
        model=ModelSource(
            name="m", architecture="A", layers=1, d_model=2, dtype="float32", content_hash="c"
        ),
        corpus=CorpusSource(name="t", kind="corpus", content_hash="d"),
        self_check=SelfCheck(explained_variance=0.5, l0=3.0, tokens=9, verdict="v"),
    )  # fmt: skip
    made = assemble(finished.build, origin, finished.timings)
    assert (made.sae, made.model, made.corpus) == (origin.sae, origin.model, origin.corpus)
    assert made.self_check == origin.self_check
    assert (made.tokens, made.documents) == (1_200, 12)
    assert made.active_rule == "activation > 0"
    assert made.parameters == finished.build.parameters
    tables = finished.build.work.tables
    clusters = pq.read_table(tables / "clusters.parquet").to_pylist()
    names = [(row["space"], row["level"]) for row in clusters]
    assert [level.clusters for level in made.clustering] == [
        names.count(level.name) for level in made.clustering
    ]
    assert {level.space for level in made.clustering} == {"decoder", "cooccurrence"}
    relation = pq.read_table(tables / "relations.parquet")["relation"].to_pylist()
    assert {f.relation: f.listed for f in made.relations} == {
        f.relation: relation.count(f.relation) for f in made.relations
    }
    assert made.map == finished.build.record(LAY_OUT).quality
    assert made.map_cooccurrence == finished.build.record(LAY_OUT_COOCCURRENCE).quality
    assert made.map != made.map_cooccurrence
    assert made.clustering == finished.build.record(FIND_CLUSTERS).levels
    summary = finished.build.record(NAME).summary
    shown = {level.name for level in made.clustering if level.shown_first}
    first = space_shown_first([one for one in summary.levels if (one.space, one.level) in shown])
    assert made.labels is not None
    assert (made.clusters_shown_first, made.labels.shown_first_reason) == first
    assert made.labels.model_copy(update={"shown_first_reason": ""}) == summary
    assert made.timings == finished.timings
    assert made.versions["numpy"] == version("numpy")
