"""A manifest with given counts, for tests of single checks."""

from analysis.bundle import (
    ClusterLevel,
    CorpusSource,
    Manifest,
    MapQuality,
    MaskSummary,
    Parameters,
    RelationFamily,
    SaeSource,
    SelfCheck,
)
from analysis.bundle.ranges import Limits


def manifest() -> Manifest:
    """10 latents, 100 kept of 120 tokens in 7 documents, 5 clusters, 2 relations."""
    levels = [
        ClusterLevel(
            space="decoder", level=i, clusters=n, noise=0, stability=1.0, shown_first=i == 0
        )
        for i, n in ((0, 3), (1, 2))
    ]
    return Manifest(
        schema_version=3,
        sae=SaeSource(
            name="sae",
            format="saelens",
            architecture="standard",
            d_in=4,
            d_sae=10,
            d_out=4,
            hook_point=None,
            hook_module=None,
            k=None,
            normalisation="none",
            applies_b_dec_to_input=True,
            notes=[],
            content_hash="00",
        ),
        model=None,
        corpus=CorpusSource(name="corpus", kind="activations", content_hash="00"),
        parameters=Parameters(),
        tokens=100,
        documents=7,
        mask=MaskSummary(policy="some", special_token_ids=[], special_tokens=15, sink_tokens=5),
        active_rule="activation > 0",
        self_check=SelfCheck(explained_variance=None, l0=1.0, tokens=100),
        map=MapQuality(
            trustworthiness=None, knn_recall=None, latents=10, left_out=0, graph="exact"
        ),
        clustering=levels,
        relations=[
            RelationFamily(relation="duplicate", rule="", family="", tested=2, listed=2),
        ],
        versions={"numpy": "2"},
        timings={"harvest": 1.0},
    )


def limits() -> Limits:
    """The limits of this manifest."""
    return Limits.of(manifest(), token_rows=120)
