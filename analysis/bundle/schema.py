"""Every table and column of a bundle, with its unit and its meaning."""

from typing import Literal

import pyarrow as pa

SCHEMA_VERSION = 2
EVERY_PAIR_UP_TO = 1_000
"""Clusters of a level of which every pair that meets is stored; of more, the strongest pairs."""

ContextKind = Literal["top", "interval", "random"]


def column(
    name: str, kind: pa.DataType, unit: str, meaning: str, nullable: bool = False
) -> pa.Field:
    """One column of a bundle table, with its unit and its meaning kept in the file itself."""
    return pa.field(name, kind, nullable, {"unit": unit, "meaning": meaning})


_WORD = pa.dictionary(pa.int32(), pa.string())
_TERM = pa.struct([("term", pa.string()), ("score", pa.float32()), ("latents", pa.int32())])
_NAME_COLUMNS = [
    column("label_precision", pa.float32(), "fraction", "active where the label predicts", True),
    column("label_recall", pa.float32(), "fraction", "predicted by the label where active", True),
    column("label_lift", pa.float32(), "ratio", "precision / share of words; 1 = chance", True),
    column("label_contexts", pa.int32(), "words", "held-out words on which it is active"),
    column("explanation", pa.string(), "text", "as others call it; empty where nobody does"),
    column("explanation_source", _WORD, "text", "imported: FILE, model: NAME, or empty"),
    column("explanation_precision", pa.float32(), "fraction", "active where its words are", True),
    column("explanation_recall", pa.float32(), "fraction", "its words are where active", True),
]
"""A name's score on held-out documents (`labels/scoring.py`), of latents and of clusters."""

TABLES: dict[str, pa.Schema] = {
    "latents": pa.schema(
        [
            column("latent", pa.int32(), "id", "index of the latent in the SAE; one row each"),
            column("active_tokens", pa.int64(), "tokens", "kept tokens on which it is active"),
            column("active_documents", pa.int32(), "documents", "documents with an active token"),
            column("density", pa.float64(), "fraction", "active_tokens / kept tokens"),
            column("mean", pa.float32(), "activation", "mean over its active tokens", True),
            column("std", pa.float32(), "activation", "deviation over its active tokens", True),
            column("median", pa.float32(), "activation", "median over its active tokens", True),
            column("p90", pa.float32(), "activation", "90th percentile, active tokens", True),
            column("max", pa.float32(), "activation", "largest activation", True),
            column("flag", _WORD, "word", "live, dead, ultralow or dense, by density"),
            column("decoder_norm", pa.float32(), "norm", "Euclidean norm of its row of W_dec"),
            column("x", pa.float32(), "map", "map coordinate; null where left out", True),
            column("y", pa.float32(), "map", "map coordinate; null where left out", True),
            column("map_recall", pa.float32(), "fraction", "kNN recall@10 of map vs decoder", True),
            column(
                "map_agreement", pa.float32(), "fraction", "10 nearest on map, over seeds", True
            ),
            column("x_cooccurrence", pa.float32(), "map", "on the map of co-occurrence", True),
            column("y_cooccurrence", pa.float32(), "map", "on the map of co-occurrence", True),
            column("moved", pa.float32(), "fraction", "1 - share of 10 nearest on both maps", True),
            column("cluster", pa.int32(), "id", "finest cluster; null = none (noise)", True),
            column("label", pa.string(), "text", "name from its evidence; empty where none"),
            column("top_tokens", pa.list_(pa.string()), "text", "most telling tokens, best first"),
            *_NAME_COLUMNS,
        ]
    ),
    "neighbours": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("rank", pa.int16(), "rank", "0 is the nearest"),
            column("neighbour", pa.int32(), "id", "another latent"),
            column("cosine", pa.float32(), "cosine", "of the two rows of W_dec"),
        ]
    ),
    "partners": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("partner", pa.int32(), "id", "a latent that fires on the same tokens"),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
            column("joint_documents", pa.int32(), "documents", "documents in which both fire"),
            column("activation_cosine", pa.float32(), "cosine", "of the activations; 3 digits"),
        ]
    ),
    "relations": pa.schema(
        [
            column("a", pa.int32(), "id", "a latent; ascending"),
            column("b", pa.int32(), "id", "another; a < b unless a implies b"),
            column(
                "relation",
                _WORD,
                "word",
                "duplicate, implication (a implies b), exclusive or absorption_candidate",
            ),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
            column("expected", pa.float64(), "tokens", "n1 n2 / N: joint tokens of independence"),
            column("p_b_given_a", pa.float64(), "fraction", "of a's active tokens, those with b"),
            column("p_a_given_b", pa.float64(), "fraction", "of b's active tokens, those with a"),
            column("lift", pa.float64(), "ratio", "joint_tokens / expected"),
            column("phi", pa.float64(), "correlation", "Pearson's r of the two activities"),
            column("q_value", pa.float64(), "probability", "Benjamini-Hochberg, in its family"),
            column("p_value", pa.float64(), "probability", "of the circular shift, one-sided"),
            column("expected_shifted", pa.float64(), "tokens", "mean joint tokens under the shift"),
            column("cosine", pa.float32(), "cosine", "of the two rows of W_dec; null if 0", True),
            column("parent", pa.int32(), "id", "exclusive: the latent that both imply", True),
        ]
    ),
    "clusters": pa.schema(
        [
            column("cluster", pa.int32(), "id", "unique over all levels"),
            column("level", pa.int8(), "level", "0 is the finest"),
            column("parent", pa.int32(), "id", "the cluster of the next level around it", True),
            column("size", pa.int32(), "latents", "members"),
            column("active_tokens", pa.int64(), "tokens", "kept tokens with an active member"),
            column("active_documents", pa.int32(), "documents", "documents with such a token"),
            column("mean_density", pa.float32(), "fraction", "mean density of its members"),
            column("label", pa.string(), "text", "its most telling terms"),
            column("terms", pa.list_(_TERM), "terms", "class-based TF-IDF, and members with it"),
            column("raised", pa.list_(_TERM), "terms", "tokens that members' decoder rows raise"),
            column("explained", pa.list_(_TERM), "terms", "words of members' explanations"),
            *_NAME_COLUMNS,
            column("stability", pa.float32(), "fraction", "agreement over seeds; weak below .5"),
            column("bootstrap", pa.float32(), "fraction", "over resampled edges; weak below .5"),
            column("x", pa.float32(), "map", "median x of its members", True),
            column("y", pa.float32(), "map", "median y of its members", True),
        ]
    ),
    "memberships": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("level", pa.int8(), "level", "0 is the finest"),
            column("cluster", pa.int32(), "id", "its cluster at that level; noise has no row"),
        ]
    ),
    "communities": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("level", pa.int8(), "level", "0 is the finest"),
            column("community", pa.int32(), "id", "unique over all levels; in none: no row"),
        ]
    ),
    "cluster_pairs": pa.schema(
        [
            column("level", pa.int8(), "level", "of both clusters"),
            column("cluster", pa.int32(), "id", "a cluster"),
            column("other", pa.int32(), "id", "another one, of a larger id; a pair stands once"),
            column("joint_tokens", pa.int64(), "tokens", "kept tokens on which both are active"),
        ]
    ),
    "cluster_components": pa.schema(
        [
            column("cluster", pa.int32(), "id", "the cluster"),
            column("component", pa.int8(), "rank", "principal component; 1 is the strongest"),
            column("share", pa.float32(), "fraction", "of the reconstruction's variance"),
            column("tokens", pa.int32(), "tokens", "sampled tokens that the components rest on"),
        ]
    ),
    "cluster_loadings": pa.schema(
        [
            column("cluster", pa.int32(), "id", "the cluster"),
            column("latent", pa.int32(), "id", "a member"),
            column("loadings", pa.list_(pa.float32()), "decoder", "its W_dec on each component"),
        ]
    ),
    "contexts": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("kind", _WORD, "word", "top, interval or random"),
            column("activation", pa.float32(), "activation", "on the token that was picked"),
            column("document", pa.int64(), "id", "document of the window"),
            column("position", pa.int32(), "tokens", "position of the picked token in it"),
            column("tokens", pa.list_(pa.string()), "text", "the window, readable"),
            column("activations", pa.list_(pa.float32()), "activation", "one for each token"),
            column("peak", pa.int16(), "index", "where the picked token stands in the window"),
        ]
    ),
    "logits": pa.schema(
        [
            column("latent", pa.int32(), "id", "the latent"),
            column("sign", _WORD, "word", "positive or negative"),
            column("rank", pa.int16(), "rank", "0 is the strongest"),
            column("token", pa.string(), "text", "token of the model's vocabulary, readable"),
            column("effect", pa.float32(), "logit", "unit decoder vector through the unembedding"),
        ]
    ),
    "documents": pa.schema(
        [
            column("document", pa.int64(), "id", "as in the corpus; ascending"),
            column("title", pa.string(), "text", "title"),
            column("source", pa.string(), "text", "where it comes from"),
            column("tokens", pa.int32(), "tokens", "kept tokens"),
        ]
    ),
    "tokens": pa.schema(
        [
            column("document", pa.int64(), "id", "the document; ascending"),
            column("position", pa.int32(), "tokens", "position in the document; ascending"),
            column("token", _WORD, "text", "readable token"),
            column("kept", pa.bool_(), "yes/no", "counted; masked tokens have no activations"),
            column("active_latents", pa.int32(), "latents", "active on it (its L0)"),
        ]
    ),
    "activations_by_latent": pa.schema(
        [
            column("token", pa.uint32(), "row", "row of the token table; ascending in a latent"),
            column("activation", pa.float32(), "activation", "rounded to 11 significant bits"),
        ]
    ),
    "activations_by_token": pa.schema(
        [column("latent", pa.uint32(), "id", "ascending in a token")],
    ),
}
"""Every table and column of a bundle.

`activations_by_latent` holds the active (token, activation) pairs of latent 0, then of latent 1,
and so on: latent i owns the rows between the running sums of `latents.active_tokens`. In the same
way the rows of `activations_by_token` follow `tokens.active_latents`. Activations are stored once,
by latent, as float32 whose last 13 bits are zero: they compress to the size of half precision and
keep the range of single precision.
"""
