"""Every table and column of a bundle, with unit and meaning.

Longer than 400 lines because every column is declared here, once.
"""

from typing import Literal, get_args

import pyarrow as pa

from analysis.bundle.manifest import SPACES, Space
from analysis.bundle.ranges import Range, unit_range

SCHEMA_VERSION = 3
CLUSTER_COLUMNS: dict[Space, str] = {"decoder": "cluster", "cooccurrence": "cluster_cooccurrence"}
"""The column of the latent table that holds a latent's cluster of the level shown first."""
EVERY_PAIR_UP_TO = 1_000
"""A level with more clusters stores only the strongest pairs of clusters; other levels, all."""

_WORD = pa.dictionary(pa.int32(), pa.string())
ContextKind = Literal["top", "interval", "random"]


def column(
    name: str,
    kind: pa.DataType,
    unit: str,
    meaning: str,
    nullable: bool = False,
    values: Range | None = None,
    words: tuple[str, ...] = (),
) -> pa.Field:
    """One column of a bundle table. Its unit, meaning and range are stored in the file.

    `values` is the range of the values, by default that of the unit; for words, `words` is the
    complete list. Every row that is read is checked against them (`row_checks.py`).
    """
    stated = ", ".join(words) or str(unit_range(unit) if values is None else values)
    return pa.field(name, kind, nullable, {"unit": unit, "meaning": meaning, "range": stated})


def _latent(name: str, meaning: str, nullable: bool = False) -> pa.Field:
    return column(name, pa.int32(), "id", meaning, nullable, Range.LATENT)


def _cluster(name: str, meaning: str, nullable: bool = False) -> pa.Field:
    return column(name, pa.int32(), "id", meaning, nullable, Range.CLUSTER)


def _space() -> pa.Field:
    return column("space", _WORD, "word", "what makes the latents similar", words=SPACES)


def _document(meaning: str) -> pa.Field:
    return column("document", pa.int64(), "id", meaning, values=Range.DOCUMENT)


def _position(meaning: str) -> pa.Field:
    return column("position", pa.int32(), "tokens", meaning, values=Range.AT_LEAST_ZERO)


def _tokens(name: str, meaning: str) -> pa.Field:
    return column(name, pa.list_(pa.string()), "text", meaning, values=Range.TOKEN)


def _value_of_document() -> tuple[pa.Field, pa.Field]:
    return (
        column("column", _WORD, "text", "a column of the corpus, such as language"),
        column("value", _WORD, "text", "a value of documents in this column"),
    )


_PROFILE = (
    column(
        "active_tokens",
        pa.int64(),
        "tokens",
        "active tokens in documents with the value",
        values=Range.AT_LEAST_ZERO,
    ),
    column(
        "documents",
        pa.int32(),
        "documents",
        "documents with the value in which it fires; if it is active in most documents, those in "
        "which it is more active than in its median document",
    ),
    column(
        "expected",
        pa.float32(),
        "documents",
        "mean of documents if documents of similar length had each other's values",
    ),
    column(
        "q_value",
        pa.float32(),
        "probability",
        "Benjamini-Hochberg q-value of as many documents or more, over all rows of the column",
    ),
    column(
        "smallest_lift",
        pa.float32(),
        "ratio",
        "smallest documents / expected that the test could have shown; null if there is none",
        True,
    ),
)
_TERM = pa.struct([("term", pa.string()), ("score", pa.float32()), ("latents", pa.int32())])
_INTRUDER = column(
    "intruder",
    pa.float32(),
    "fraction",
    "trials in which words give away a foreign context; chance is 0.2",
    True,
)
_EXPLANATION_COLUMNS = [
    column("explanation", pa.string(), "text", "imported or proposed; empty if there is none"),
    column("explanation_source", _WORD, "text", "imported: FILE, model: NAME, or empty"),
]

TABLES: dict[str, pa.Schema] = {
    "latents": pa.schema(
        [
            _latent("latent", "index of the latent in the SAE"),
            column("active_tokens", pa.int64(), "tokens", "kept tokens on which it is active"),
            column("active_documents", pa.int32(), "documents", "documents with an active token"),
            column("density", pa.float64(), "fraction", "active_tokens / kept tokens"),
            column("mean", pa.float32(), "activation", "mean over its active tokens", True),
            column(
                "std", pa.float32(), "activation", "standard deviation over its active tokens", True
            ),
            column("median", pa.float32(), "activation", "median over its active tokens", True),
            column("p90", pa.float32(), "activation", "90th percentile, active tokens", True),
            column("max", pa.float32(), "activation", "largest activation", True),
            column(
                "flag", _WORD, "word", "by density", words=("live", "dead", "ultralow", "dense")
            ),
            column("decoder_norm", pa.float32(), "norm", "Euclidean norm of its row of W_dec"),
            column("x", pa.float32(), "map", "decoder map; null if not on the map", True),
            column("y", pa.float32(), "map", "decoder map; null if not on the map", True),
            column(
                "map_recall",
                pa.float32(),
                "fraction",
                "recall@10 of the decoder neighbours on the map",
                True,
            ),
            column(
                "map_agreement",
                pa.float32(),
                "fraction",
                "overlap of the 10 nearest on maps of two seeds",
                True,
            ),
            column(
                "x_cooccurrence",
                pa.float32(),
                "map",
                "co-occurrence map; null if not on the map",
                True,
            ),
            column(
                "y_cooccurrence",
                pa.float32(),
                "map",
                "co-occurrence map; null if not on the map",
                True,
            ),
            column(
                "moved",
                pa.float32(),
                "fraction",
                "1 - overlap of the 10 nearest on both maps",
                True,
            ),
            _cluster("cluster", "decoder cluster at the level shown first; null if none", True),
            _cluster(
                "cluster_cooccurrence",
                "co-occurrence cluster at the level shown first; null if none",
                True,
            ),
            column(
                "reading_item",
                pa.int32(),
                "rank",
                "place in the reading order if it is read with its family; 0 is the first",
                True,
                Range.AT_LEAST_ZERO,
            ),
            column(
                "reading_rank",
                pa.int32(),
                "rank",
                "place among the live latents in the reading order",
                True,
                Range.AT_LEAST_ZERO,
            ),
            _INTRUDER,
            column("label", pa.string(), "text", "generated from its evidence; may be empty"),
            _tokens("top_tokens", "highest-scoring tokens, best first"),
            column(
                "label_precision",
                pa.float32(),
                "fraction",
                "share of the held-out words that the label predicts on which it is active",
                True,
            ),
            column(
                "label_recall",
                pa.float32(),
                "fraction",
                "share of the held-out words on which it is active that the label predicts",
                True,
            ),
            column(
                "label_lift",
                pa.float32(),
                "ratio",
                "precision / share of all words; 1 = chance",
                True,
            ),
            column("label_contexts", pa.int32(), "words", "held-out words on which it is active"),
            column(
                "outside_label",
                pa.float32(),
                "fraction",
                "share of its held-out activation on tokens without a term of the label",
                True,
            ),
            *_EXPLANATION_COLUMNS,
            column(
                "explanation_precision",
                pa.float32(),
                "fraction",
                "as label_precision, for the explanation",
                True,
            ),
            column(
                "explanation_recall",
                pa.float32(),
                "fraction",
                "as label_recall, for the explanation",
                True,
            ),
        ]
    ),
    "neighbours": pa.schema(
        [
            _latent("latent", "the latent"),
            column("rank", pa.int16(), "rank", "0 is the nearest"),
            _latent("neighbour", "another latent"),
            column("cosine", pa.float32(), "cosine", "cosine of the two rows of W_dec"),
        ]
    ),
    "partners": pa.schema(
        [
            _latent("latent", "the latent"),
            _latent("partner", "a latent that is active on the same tokens"),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
            column(
                "joint_documents", pa.int32(), "documents", "documents in which both are active"
            ),
            column(
                "activation_cosine", pa.float32(), "cosine", "cosine of the activations, 3 decimals"
            ),
            column(
                "activation_pearson",
                pa.float32(),
                "correlation",
                "Pearson's r of the activations, 3 decimals; null in bundles of schema 2",
                True,
            ),
        ]
    ),
    "relations": pa.schema(
        [
            _latent("a", "first latent; ascending"),
            _latent("b", "second latent; a < b unless a implies b"),
            column(
                "relation",
                _WORD,
                "word",
                "how the two are related; in an implication, a implies b",
                words=("duplicate", "implication", "exclusive", "absorption_candidate"),
            ),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
            column(
                "expected", pa.float64(), "tokens", "n1 n2 / N: joint tokens under independence"
            ),
            column(
                "p_b_given_a", pa.float64(), "fraction", "share of a's active tokens with b active"
            ),
            column(
                "p_a_given_b", pa.float64(), "fraction", "share of b's active tokens with a active"
            ),
            column("lift", pa.float64(), "ratio", "joint_tokens / expected"),
            column("phi", pa.float64(), "correlation", "Pearson's r of the two activities"),
            column(
                "q_value", pa.float64(), "probability", "Benjamini-Hochberg q-value in its family"
            ),
            column("p_value", pa.float64(), "probability", "circular shift test, one-sided"),
            column("expected_shifted", pa.float64(), "tokens", "mean joint tokens under the shift"),
            column(
                "cosine", pa.float32(), "cosine", "of the two rows of W_dec; null if one is 0", True
            ),
            _latent("parent", "exclusive pairs: the latent that both imply", True),
        ]
    ),
    "clusters": pa.schema(
        [
            _cluster("cluster", "unique over all spaces and levels"),
            _space(),
            column("level", pa.int8(), "level", "0 is the finest of its space"),
            _cluster("parent", "cluster of the next coarser level; null at the coarsest", True),
            column("size", pa.int32(), "latents", "number of members"),
            column("active_tokens", pa.int64(), "tokens", "kept tokens with an active member"),
            column("active_documents", pa.int32(), "documents", "documents with an active member"),
            column("mean_density", pa.float32(), "fraction", "mean density of its members"),
            column(
                "reading_item",
                pa.int32(),
                "rank",
                "place in the reading order; 0 is the first",
                True,
                Range.AT_LEAST_ZERO,
            ),
            _INTRUDER,
            column("label", pa.string(), "text", "what several members fire most on"),
            column("evidence", pa.string(), "text", "one sentence: how many members it fits"),
            column(
                "terms",
                pa.list_(_TERM),
                "terms",
                "shared terms, with class-based TF-IDF and number of members",
            ),
            column("raised", pa.list_(_TERM), "terms", "tokens that several members promote"),
            column(
                "explained", pa.list_(_TERM), "terms", "words in explanations of several members"
            ),
            column(
                "member_lift",
                pa.float32(),
                "ratio",
                "held-out activity of a member on the words of the others, 1 = chance; median",
                True,
            ),
            column(
                "member_share", pa.float32(), "fraction", "share of members with a lift >= 5", True
            ),
            column(
                "member_lift_other_words",
                pa.float32(),
                "ratio",
                "as member_lift, without the member's own three most telling words",
                True,
            ),
            *_EXPLANATION_COLUMNS,
            column(
                "explanation_lift",
                pa.float32(),
                "ratio",
                "activity of a member on the words of the explanation, 1 = chance; median",
                True,
            ),
            column(
                "main_source",
                pa.string(),
                "text",
                "source with more than half of its activity; empty if there is none",
            ),
            column(
                "main_source_share",
                pa.float32(),
                "fraction",
                "share of its activity in one source, the largest; null without two sources",
                True,
            ),
            column(
                "stability", pa.float32(), "fraction", "agreement between seeds; weak below 0.5"
            ),
            column(
                "bootstrap",
                pa.float32(),
                "fraction",
                "agreement over resampled latents; weak below 0.5",
            ),
            column(
                "stability_null",
                pa.float32(),
                "fraction",
                "largest stability of a cluster of this level in a null draw; null without draws",
                True,
            ),
            column(
                "bootstrap_null",
                pa.float32(),
                "fraction",
                "largest bootstrap of a cluster of this level in a null draw; null without draws",
                True,
            ),
            column(
                "believable",
                pa.bool_(),
                "yes/no",
                "both at least 0.5 and above their null; null without draws",
                True,
            ),
            column("x", pa.float32(), "map", "median x of its members", True),
            column("y", pa.float32(), "map", "median y of its members", True),
        ]
    ),
    "memberships": pa.schema(
        [
            _latent("latent", "the latent"),
            _space(),
            column("level", pa.int8(), "level", "0 is the finest of its space"),
            _cluster("cluster", "its cluster; a latent without one has no row"),
        ]
    ),
    "null_latents": pa.schema(
        [
            _latent("latent", "the latent whose place a drawn one takes"),
            _space(),
            column("x", pa.float32(), "map", "map of the draw; null if not on the map", True),
            column("y", pa.float32(), "map", "map of the draw; null if not on the map", True),
            column(
                "cluster",
                pa.int32(),
                "id",
                "in null_clusters, at the level shown first; null if none",
                True,
                Range.AT_LEAST_ZERO,
            ),
            _latent("partner", "its nearest vector or strongest partner; null if none", True),
            column(
                "strength",
                pa.float32(),
                "correlation",
                "cosine of the two vectors, or phi of the two activities",
                True,
            ),
        ]
    ),
    "null_clusters": pa.schema(
        [
            column("cluster", pa.int32(), "id", "0 is the first", values=Range.AT_LEAST_ZERO),
            _space(),
            column(
                "level",
                pa.int8(),
                "id",
                "0 is the finest of its space",
                values=Range.AT_LEAST_ZERO,
            ),
            column(
                "parent",
                pa.int32(),
                "id",
                "cluster of the next coarser level; null at the coarsest",
                True,
                Range.AT_LEAST_ZERO,
            ),
            column("size", pa.int32(), "latents", "number of members"),
            column("stability", pa.float32(), "fraction", "agreement between seeds"),
            column("bootstrap", pa.float32(), "fraction", "agreement over resampled latents"),
        ]
    ),
    "cluster_pairs": pa.schema(
        [
            _space(),
            column("level", pa.int8(), "level", "level of both clusters"),
            _cluster("cluster", "a cluster"),
            _cluster("other", "a cluster with a larger id; each pair has one row"),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
        ]
    ),
    "cluster_components": pa.schema(
        [
            _cluster("cluster", "the cluster"),
            column("component", pa.int8(), "rank", "principal component; 1 is the strongest"),
            column(
                "share", pa.float32(), "fraction", "share of the variance of the reconstruction"
            ),
            column("tokens", pa.int32(), "tokens", "tokens sampled for the components"),
        ]
    ),
    "cluster_loadings": pa.schema(
        [
            _cluster("cluster", "the cluster"),
            _latent("latent", "a member"),
            column(
                "loadings",
                pa.list_(pa.float32()),
                "decoder",
                "projection of its W_dec row on each component",
            ),
        ]
    ),
    "contexts": pa.schema(
        [
            _latent("latent", "the latent"),
            column(
                "kind", _WORD, "word", "how the context was picked", words=get_args(ContextKind)
            ),
            column("activation", pa.float32(), "activation", "activation on the picked token"),
            _document("document of the context"),
            _position("position of the picked token in its document"),
        ]
    ),
    "logits": pa.schema(
        [
            _latent("latent", "the latent"),
            column("sign", _WORD, "word", "promoted or suppressed", words=("positive", "negative")),
            column("rank", pa.int16(), "rank", "0 is the strongest"),
            column(
                "token",
                pa.string(),
                "text",
                "token of the model's vocabulary, readable",
                values=Range.TOKEN,
            ),
            column("effect", pa.float32(), "logit", "unit decoder vector times the unembedding"),
        ]
    ),
    "documents": pa.schema(
        [
            _document("as in the corpus; ascending"),
            column("title", pa.string(), "text", "title from the corpus"),
            column("source", pa.string(), "text", "source from the corpus; may be empty"),
            column("tokens", pa.int32(), "tokens", "kept tokens"),
        ]
    ),
    "document_values": pa.schema(
        [
            _document("the document; ascending"),
            *_value_of_document(),
        ]
    ),
    "latent_profiles": pa.schema(
        [_latent("latent", "the latent"), *_value_of_document(), *_PROFILE]
    ),
    "cluster_profiles": pa.schema(
        [_cluster("cluster", "the cluster"), *_value_of_document(), *_PROFILE]
    ),
    "tokens": pa.schema(
        [
            _document("the document; ascending"),
            _position("position in the document; ascending"),
            column("token", _WORD, "text", "readable token", values=Range.TOKEN),
            column(
                "kept", pa.bool_(), "yes/no", "whether it counts; masked tokens have no activations"
            ),
            column("active_latents", pa.int32(), "latents", "active latents on the token (its L0)"),
        ]
    ),
    "activations_by_latent": pa.schema(
        [
            column(
                "token", pa.uint32(), "row", "row of the token table; ascending within a latent"
            ),
            column("activation", pa.float32(), "activation", "rounded to 11 significant bits"),
        ]
    ),
    "activations_by_token": pa.schema(
        [
            column(
                "latent",
                pa.uint32(),
                "id",
                "active latent; ascending within a token",
                values=Range.LATENT,
            )
        ],
    ),
}
"""Every table and column of a bundle.

`activations_by_latent` holds the active (token, activation) pairs of latent 0, then of latent 1,
and so on: latent i has the rows between the running sums of `latents.active_tokens`. In the same
way the rows of `activations_by_token` follow `tokens.active_latents`. Activations are stored once,
by latent, as float32 whose last 13 bits are zero: they compress to the size of half precision and
keep the range of single precision.
"""

OPTIONAL_TABLES = (
    "null_latents",
    "null_clusters",
    "document_values",
    "latent_profiles",
    "cluster_profiles",
)
"""Tables that a bundle of this version may lack, if it was made before they were; then they are
empty."""

TABLE_TITLES = {
    "latents": "One row per latent; row i is latent i.",
    "neighbours": "Nearest latents by the cosine of their W_dec rows. Sorted by latent.",
    "partners": "Strongest co-occurrence partners of each latent. Sorted by latent.",
    "relations": "Duplicates, implications, exclusive pairs, absorption candidates. Sorted by a.",
    "clusters": "One row per cluster of every space and level. Sorted by cluster.",
    "memberships": "The clusters of each latent. Sorted by latent and cluster.",
    "null_latents": "What chance looks like: one draw of each space in which there is nothing to "
    "find. Sorted by latent. Bundles that were made before this table lack it.",
    "null_clusters": "The clusters of these draws, which are as many as chance makes. Sorted by "
    "cluster. Bundles that were made before this table lack it.",
    "cluster_pairs": "Joint tokens of two clusters of the same space and level.",
    "cluster_components": "Principal components of each cluster's part of the reconstruction.",
    "cluster_loadings": "Projections of the members' W_dec rows on these components.",
    "contexts": "Active tokens that show what a latent responds to. Windows around them are read "
    "from `tokens`. Sorted by latent.",
    "logits": "Promoted and suppressed tokens; empty without a model. Sorted by latent.",
    "documents": "One row per document.",
    "document_values": "The values of each document in the columns of the corpus, such as its "
    "language; columns with many values are left out. Sorted by document. Bundles that were made "
    "before this table lack it.",
    "latent_profiles": "Where each latent fires, by the values of the documents. A row for each "
    "value of a column on whose documents it is active; `source` is a column too. Sorted by "
    "latent. Bundles that were made before this table lack it.",
    "cluster_profiles": "The same for each cluster, whose active tokens are those of its members. "
    "Sorted by cluster. Bundles that were made before this table lack it.",
    "tokens": "The token table: one row per token of the corpus, masked tokens included.",
    "activations_by_latent": "The activations in latent order.",
    "activations_by_token": "The active latents in token order.",
}
"""What a row of each table is."""
