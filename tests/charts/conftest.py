"""Fixture of a tiny bundle: random data, consistent in every table, with hostile text."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from analysis.bundle import (
    SCHEMA_VERSION,
    TABLES,
    Bundle,
    ClusterLevel,
    CorpusSource,
    LevelName,
    Manifest,
    MapQuality,
    MaskSummary,
    Parameters,
    RelationFamily,
    SaeSource,
    SelfCheck,
    publish,
    write_table,
)
from analysis.cooccurrence.pair import Pair, read_pair
from charts.core import cache
from tests.planted_profiles import write_profiles

LATENTS, DOCUMENTS, LENGTH, CLUSTERS = 120, 12, 130, 8
NEXT_CLUSTER = CLUSTERS + CLUSTERS // 4
"""The first cluster by co-occurrence, after the two levels of the decoder."""
TOGETHER = 6
"""Clusters by co-occurrence."""
DEAD, DENSE, KEPT_OUT = 4, 3, 10
ULTRALOW = (12, 23, 51)
"""Flagged by hand: with this few tokens, no latent has a density below 1e-6."""
LISTED = {"duplicate": 6, "implication": 12, "exclusive": 9, "absorption_candidate": 0}
HOSTILE = [
    "<script>alert(1)</script>", "$x$", "=cmd()", "\u202egnp.exe", "a\0b", "x" * 10_000,
    "\n", " the", "日本語", "Привет", "&lt;", "-1", "@SUM", "</script><!--",
    "e" + "\u0301" * 5,
    "\ttab", "\\", "'", '"', "😀",
]  # fmt: skip
LANGUAGES = ["en", "fr", HOSTILE[0]] * 4
GENRES = ["letters", "", "code", "code"] * 3
WORDS = ["river", "court", "import", "Wort", "king", "sea", "tree", "return", "loop", "maison"]


def _vocabulary(rng: np.random.Generator) -> list[str]:
    return [f" {word}{i}" for word in WORDS for i in rng.integers(0, 99, 6)] + HOSTILE


def active_matrix(rng: np.random.Generator) -> np.ndarray:
    """Activations [tokens, latents] float32 with 11 significant bits, planted in groups."""
    tokens = DOCUMENTS * LENGTH
    density = 10 ** rng.uniform(-2.6, -1.2, LATENTS)
    density[:DEAD] = 0.0
    density[DEAD : DEAD + DENSE] = [0.3, 0.5, 0.2]
    group = np.arange(LATENTS) % CLUSTERS
    topic = rng.random((tokens, CLUSTERS)) < 0.15
    chance = density * np.where(topic[:, group], 4.0, 0.5)
    active = rng.random((tokens, LATENTS)) < chance
    values = np.float32(rng.gamma(2.0, 3.0, active.shape) + 0.1) * active
    bits = values.view(np.uint32) & np.uint32(0xFFFFE000)
    return bits.view(np.float32)


def _latents(x: np.ndarray, kept: np.ndarray, document: np.ndarray, rng: Any) -> pa.Table:
    active = x > 0
    n = active.sum(0)
    density = n / kept.sum()
    flag = np.where(n == 0, "dead", np.where(density > 0.1, "dense", "live")).astype(object)
    flag[list(ULTRALOW)] = "ultralow"
    group = np.arange(LATENTS) % CLUSTERS
    centre = rng.uniform(-8, 8, (CLUSTERS, 2))
    place = (centre[group] + rng.normal(0, 0.5, (LATENTS, 2))).astype(np.float32)
    dead = n == 0

    def each(compute: Any) -> pa.Array:
        values = [float(compute(x[active[:, i], i])) if n[i] else None for i in range(LATENTS)]
        return pa.array(values, pa.float32())

    cluster = np.where(np.arange(LATENTS) % 11 == 0, -1, group)
    return pa.table(
        {
            "latent": np.arange(LATENTS, dtype=np.int32),
            "active_tokens": n.astype(np.int64),
            "active_documents": [len(np.unique(document[active[:, i]])) for i in range(LATENTS)],
            "density": density,
            "mean": each(np.mean),
            "std": each(np.std),
            "median": each(np.median),
            "p90": each(lambda v: np.quantile(v, 0.9)),
            "max": each(np.max),
            "flag": pa.array(flag.tolist()).dictionary_encode(),
            "decoder_norm": np.ones(LATENTS, np.float32),
            "x": pa.array(place[:, 0], mask=dead),
            "y": pa.array(place[:, 1], mask=dead),
            "map_recall": pa.array(rng.random(LATENTS).astype(np.float32), mask=dead),
            "map_agreement": pa.array(np.linspace(0, 1, LATENTS, dtype=np.float32), mask=dead),
            "x_cooccurrence": pa.array(place[:, 1], mask=dead),
            "y_cooccurrence": pa.array(place[:, 0], mask=dead),
            "moved": pa.array(np.linspace(1, 0, LATENTS, dtype=np.float32), mask=dead),
            "cluster": pa.array(cluster.astype(np.int32), mask=(cluster < 0) | dead),
            "cluster_cooccurrence": pa.array(
                (NEXT_CLUSTER + np.arange(LATENTS) % TOGETHER).astype(np.int32), mask=dead
            ),
            "label": [
                HOSTILE[i % len(HOSTILE)] if i % 5 == 0 else f"{WORDS[i % 10]} and {WORDS[i % 7]}"
                for i in range(LATENTS)
            ],
            "top_tokens": [
                [HOSTILE[i % len(HOSTILE)], f" {WORDS[i % 10]}"] for i in range(LATENTS)
            ],
            **{name: [_label_scores(i)[name] for i in range(LATENTS)] for name in _label_scores(0)},
        }
    )


def _label_scores(i: int) -> dict[str, Any]:
    """Scores and explanation of latent i; every fourth has none."""
    scored = i % 4 > 0
    return {
        "label_precision": 0.9 - 0.1 * (i % 4) if scored else None,
        "label_recall": 0.1 * (i % 4) if scored else None,
        "label_lift": 20.0 / (i % 4) if scored else None,
        "label_contexts": 40 if scored else 3,
        "outside_label": 0.2 * (i % 4) if scored else None,
        "explanation": HOSTILE[i % len(HOSTILE)] if scored else "",
        "explanation_source": "imported: explanations.csv" if scored else "",
        "explanation_precision": 0.5 if scored else None,
        "explanation_recall": 0.25 if scored else None,
    }


def _member_scores(i: int) -> dict[str, Any]:
    """Scores, explanation and source of cluster i; every fourth has none."""
    scored = i % 4 > 0
    return {
        "evidence": f"7 of 9 members fire most on “{HOSTILE[i % len(HOSTILE)]}”.",
        "member_lift": 5.0 * i if scored else None,
        "member_share": 0.2 * (i % 4) if scored else None,
        "member_lift_other_words": 1.5 * i if scored else None,
        "explanation": HOSTILE[i % len(HOSTILE)] if scored else "",
        "explanation_source": "imported: explanations.csv" if scored else "",
        "explanation_lift": 2.5 if scored else None,
        "main_source": HOSTILE[i % len(HOSTILE)] if i % 3 == 0 else "",
        "main_source_share": 0.6 if i % 3 == 0 else 0.3,
    }


def _clusters(latents: pa.Table) -> tuple[pa.Table, pa.Table]:
    cluster = latents["cluster"].to_numpy(zero_copy_only=False)
    x, y = (latents[name].to_numpy(zero_copy_only=False) for name in ("x", "y"))
    other = latents["cluster_cooccurrence"].to_numpy(zero_copy_only=False) - NEXT_CLUSTER
    rows: list[dict[str, Any]] = []
    members: list[dict[str, Any]] = []
    for space, level, width in (("decoder", 0, 1), ("decoder", 1, 4), ("cooccurrence", 0, 1)):
        count, of_latent = (CLUSTERS, cluster) if space == "decoder" else (TOGETHER, other)
        for i in range(count // width):
            inside = np.flatnonzero(of_latent // width == i)
            own = len(rows)
            stability, bootstrap = 0.3 + 0.09 * i, 0.25 + 0.09 * i
            rows.append(
                {
                    "cluster": own,
                    "space": space,
                    "level": level,
                    "parent": CLUSTERS + i // 4 if (space, level) == ("decoder", 0) else None,
                    "size": len(inside),
                    "label": HOSTILE[i] if i < 2 else f"{WORDS[i]}, {WORDS[i - 1]}",
                    "terms": [{"term": WORDS[i], "score": 1.0, "latents": 3}],
                    "raised": [{"term": HOSTILE[i], "score": 1.0, "latents": 2}],
                    "explained": [],
                    **_member_scores(own),
                    "stability": stability,
                    "bootstrap": bootstrap,
                    "stability_null": 0.4,
                    "bootstrap_null": 0.55,
                    "believable": stability >= 0.5 and bootstrap > 0.55,
                    "x": float(np.nanmedian(x[inside])),
                    "y": float(np.nanmedian(y[inside])),
                }
            )
            members += [
                {"latent": int(m), "space": space, "level": level, "cluster": own} for m in inside
            ]
    members.sort(key=lambda row: (row["latent"], row["cluster"]))
    tables = [
        pa.Table.from_pylist(t, TABLES[name])
        for t, name in ((rows, "clusters"), (members, "memberships"))
    ]
    return tables[0], tables[1]


def _scored(table: pa.Table, name: str) -> pa.Table:
    """The table with random values in its columns of label scores and explanations."""
    rng = np.random.default_rng(13)
    rows = table.num_rows
    for field in TABLES[name]:
        place = table.schema.get_field_index(field.name)
        if place >= 0 and table[field.name].null_count < rows:
            continue
        if pa.types.is_floating(field.type):
            values = pa.array(rng.random(rows), field.type, mask=rng.random(rows) < 0.2)
        elif pa.types.is_integer(field.type):
            values = pa.array(rng.integers(5, 50, rows), field.type)
        elif pa.types.is_list(field.type):
            values = pa.array([[]] * rows, field.type)
        else:
            values = pa.array([""] * rows, pa.string()).cast(field.type)
        if place >= 0:
            table = table.set_column(place, field.name, values)
        else:
            table = table.append_column(field.name, values)
    return table


def _cluster_tables(
    clusters: pa.Table, memberships: pa.Table, x: np.ndarray, document: np.ndarray, kept: int
) -> dict[str, pa.Table]:
    """The complete cluster table, the pairs of clusters, and random components."""
    ids, latents = (memberships[name].to_numpy() for name in ("cluster", "latent"))
    active = np.stack([(x[:, latents[ids == c]] > 0).any(1) for c in range(clusters.num_rows)], 1)
    density = (x > 0).sum(0) / kept
    added = {
        "active_tokens": active.sum(0),
        "active_documents": [len(np.unique(document[column])) for column in active.T],
        "mean_density": [density[latents[ids == c]].mean() for c in range(clusters.num_rows)],
    }
    for name, values in added.items():
        kind = TABLES["clusters"].field(name).type
        place = clusters.schema.get_field_index(name)
        clusters = clusters.set_column(place, name, pa.array(values, kind))
    names = zip(clusters["space"].to_pylist(), clusters["level"].to_pylist(), strict=True)
    level, joint = np.array([f"{a} {b}" for a, b in names]), active.T.astype(np.int64) @ active
    a, b = np.nonzero(np.triu(joint, 1) * (level[:, None] == level))
    pairs = clusters.select(["space", "level", "cluster"]).take(a)
    pairs = pairs.append_column("other", pa.array(b)).append_column(
        "joint_tokens", pa.array(joint[a, b])
    )
    rng = np.random.default_rng(11)
    order = np.argsort(ids, kind="stable")
    loadings = [rng.normal(size=4).astype(np.float32) for _ in order]
    count = clusters.num_rows
    return {
        "clusters": _scored(clusters, "clusters"),
        "cluster_pairs": pairs,
        "cluster_components": pa.table(
            {
                "cluster": np.repeat(np.arange(count), 4),
                "component": np.tile(np.arange(1, 5), count),
                "share": np.tile([0.5, 0.25, 0.125, 0.0625], count),
                "tokens": np.repeat(active.sum(0), 4),
            }
        ),
        "cluster_loadings": pa.table(
            {"cluster": ids[order], "latent": latents[order], "loadings": loadings}
        ),
    }


def _partners(x: np.ndarray, document: np.ndarray) -> pa.Table:
    active = (x > 0).astype(np.int64)
    joint = active.T @ active
    lengths = np.linalg.norm(x, axis=0)
    with np.errstate(invalid="ignore"):
        pearson = np.corrcoef(x.T)
    rows = []
    for i in range(LATENTS):
        order = [j for j in np.argsort(-joint[i], kind="stable") if j != i and joint[i, j] >= 3]
        for j in sorted(order[:16]):
            both = (active[:, i] & active[:, j]).astype(bool)
            documents = len(np.unique(document[both]))
            cosine = float(x[:, i] @ x[:, j]) / float(lengths[i] * lengths[j])
            rows.append((i, j, int(joint[i, j]), documents, cosine, float(pearson[i, j])))
    names = TABLES["partners"].names
    return pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))


def _relations(x: np.ndarray, kept: np.ndarray) -> pa.Table:
    """Pairs with their true counts and arbitrary relations; some latents are dense."""
    active, rows = x[kept] > 0, []
    for i, relation in enumerate(word for word, count in LISTED.items() for _ in range(count)):
        a, b = DEAD + i, DEAD + i + CLUSTERS
        one, two, joint = (
            active[:, a].sum(),
            active[:, b].sum(),
            (active[:, a] & active[:, b]).sum(),
        )
        expected = one * two / len(active)
        rows.append(
            {
                "a": a,
                "b": b,
                "relation": relation,
                "joint_tokens": joint,
                "expected": expected,
                "p_b_given_a": joint / one,
                "p_a_given_b": joint / two,
                "lift": joint / expected,
                "phi": np.corrcoef(active[:, a], active[:, b])[0, 1],
                "q_value": 0.001 * (i + 1),
                "p_value": 0.0001 * (i + 1),
                "expected_shifted": 1.5 * expected,
                "cosine": 0.5 if i % 2 else None,
                "parent": 50 + i % 2 if relation == "exclusive" else None,
            }
        )
    return pa.Table.from_pylist(rows, TABLES["relations"])


def _contexts(x: np.ndarray, rng: Any) -> pa.Table:
    rows = []
    for latent in range(LATENTS):
        active = np.flatnonzero(x[:, latent] > 0)
        if len(active) == 0:
            continue
        best = active[np.argsort(-x[active, latent], kind="stable")]
        picks = {"top": best[:5], "interval": best[:: max(len(best) // 5, 1)][:5]}
        picks["random"] = rng.choice(active, min(5, len(active)), replace=False)
        for kind, rowset in picks.items():
            for row in rowset:
                document, position = divmod(int(row), LENGTH)
                rows.append(
                    {
                        "latent": latent,
                        "kind": kind,
                        "activation": float(x[row, latent]),
                        "document": document,
                        "position": position,
                    }
                )
    return pa.Table.from_pylist(rows, TABLES["contexts"])


def _logits(vocabulary: list[str], rng: Any) -> pa.Table:
    rows = []
    for latent in range(LATENTS):
        words = rng.choice(len(vocabulary), 20, replace=False)
        size = np.sort(rng.gamma(2, 0.1, 10).astype(np.float32))[::-1]
        for sign, part in (("positive", words[:10]), ("negative", words[10:])):
            for rank, word in enumerate(part):
                effect = float(size[rank]) * (1 if sign == "positive" else -1)
                rows.append(
                    {
                        "latent": latent,
                        "sign": sign,
                        "rank": rank,
                        "token": vocabulary[word],
                        "effect": effect,
                    }
                )
    return pa.Table.from_pylist(rows, TABLES["logits"])


def _neighbours(rng: Any) -> pa.Table:
    decoder = rng.normal(size=(LATENTS, 8))
    decoder /= np.linalg.norm(decoder, axis=1, keepdims=True)
    cosine = decoder @ decoder.T
    np.fill_diagonal(cosine, -2)
    order = np.argsort(-cosine, axis=1)[:, :10]
    return pa.table(
        {
            "latent": np.repeat(np.arange(LATENTS), 10),
            "rank": np.tile(np.arange(10), LATENTS),
            "neighbour": order.ravel(),
            "cosine": np.take_along_axis(cosine, order, 1).ravel().astype(np.float32),
        }
    )


def _null_tables() -> dict[str, pa.Table]:
    """A draw of each space: four clusters of the decoder, none by co-occurrence."""
    latents = np.repeat(np.arange(DEAD, LATENTS), 2)
    is_decoder = np.tile([False, True], LATENTS - DEAD)
    on_map = latents % 10 != 0
    cluster = latents % 5
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(2, len(latents))).astype(np.float32)
    partner = np.where(latents % 2 == 0, latents + 1, latents - 1)
    sizes = np.bincount(cluster[is_decoder], minlength=5)[:4]
    return {
        "null_latents": pa.table(
            {
                "latent": latents,
                "space": np.where(is_decoder, "decoder", "cooccurrence"),
                "x": pa.array(x, mask=~on_map),
                "y": pa.array(y, mask=~on_map),
                "cluster": pa.array(cluster, mask=~is_decoder | (cluster == 4)),
                "partner": pa.array(partner, mask=latents % 8 == 0),
                "strength": pa.array(latents / np.float32(1_000), mask=latents % 8 == 0),
            }
        ),
        "null_clusters": pa.table(
            {
                "cluster": np.arange(4),
                "space": ["decoder"] * 4,
                "level": [0] * 4,
                "parent": pa.array([None] * 4, pa.int32()),
                "size": sizes,
                "stability": [0.3, 0.5, 0.7, 0.9],
                "bootstrap": [0.4, 0.4, 0.6, 0.95],
            }
        ),
    }


def _manifest(kept: int, x: np.ndarray, on_map: int) -> Manifest:
    return Manifest(
        schema_version=SCHEMA_VERSION,
        sae=SaeSource(
            name="tiny", format="saelens", architecture="topk", d_in=8, d_sae=LATENTS, d_out=8,
            hook_point="blocks.1.hook_resid_post", hook_module="model.layers.1", k=8,
            normalisation="none", applies_b_dec_to_input=True, notes=[], content_hash="0" * 16,
        ),
        model=None,
        corpus=CorpusSource(name="tiny corpus", kind="corpus", content_hash="1" * 16),
        parameters=Parameters(minimum_joint=3, partners_kept=16),
        tokens=kept,
        documents=DOCUMENTS,
        mask=MaskSummary(
            policy="special tokens are excluded at every position",
            special_token_ids=[0], special_tokens=KEPT_OUT, sink_tokens=0,
        ),
        active_rule="activation > 0",
        self_check=SelfCheck(explained_variance=0.9, l0=float((x > 0).sum() / kept), tokens=kept),
        map=MapQuality(
            trustworthiness=0.962, knn_recall=0.31, latents=on_map, left_out=LATENTS - on_map,
            graph="exact",
        ),
        clustering=[
            ClusterLevel(
                space=space, level=level, clusters=count, noise=noise, stability=0.8 + 0.1 * level,
                shown_first=level == 0, null_draws=5, null_latents=LATENTS, null_stability=0.1,
            )
            for (space, level), count, noise in (
                (LevelName("decoder", 0), CLUSTERS, 12),
                (LevelName("decoder", 1), CLUSTERS // 4, 12),
                (LevelName("cooccurrence", 0), TOGETHER, 0),
            )
        ],
        relations=[
            RelationFamily(
                relation=relation, rule=f"listed where {relation}", family="co-occurring pairs",
                tested=400, listed=listed,
            )
            for relation, listed in LISTED.items()
        ],
        versions={},
        timings={},
    )  # fmt: skip


def make_bundle(folder: Path, seed: int = 7) -> Bundle:
    """Write and publish the bundle under a folder."""
    rng = np.random.default_rng(seed)
    vocabulary = _vocabulary(rng)
    words = [vocabulary[i] for i in rng.integers(0, len(vocabulary), DOCUMENTS * LENGTH)]
    document = np.repeat(np.arange(DOCUMENTS), LENGTH)
    kept = np.ones(len(words), dtype=bool)
    kept[:: len(words) // KEPT_OUT] = False
    x = active_matrix(rng) * kept[:, None]
    latents = _latents(x, kept, document, rng)
    clusters, memberships = _clusters(latents)
    by_latent, by_token = np.nonzero(x.T), np.nonzero(x)
    tables = {
        "latents": _scored(latents, "latents"),
        "neighbours": _neighbours(rng),
        "partners": _partners(x, document),
        **_cluster_tables(clusters, memberships, x, document, int(kept.sum())),
        "memberships": memberships,
        **_null_tables(),
        "relations": _relations(x, kept),
        "contexts": _contexts(x, rng),
        "logits": _logits(vocabulary, rng),
        "documents": pa.table(
            {
                "document": np.arange(DOCUMENTS),
                "title": [f"Document {i} {HOSTILE[i]}"[:80] for i in range(DOCUMENTS)],
                "source": ["planted"] * DOCUMENTS,
                "tokens": np.bincount(document, kept).astype(np.int32),
            }
        ),
        "tokens": pa.table(
            {
                "document": document,
                "position": np.arange(len(words)) % LENGTH,
                "token": pa.array(words).dictionary_encode(),
                "kept": kept,
                "active_latents": (x > 0).sum(1),
            }
        ),
        "activations_by_latent": pa.table(
            {"token": by_latent[1], "activation": x[by_latent[1], by_latent[0]]}
        ),
        "activations_by_token": pa.table({"latent": by_token[1]}),
    }
    work = folder / "work"
    work.mkdir()
    for name, table in tables.items():
        write_table(work, name, table)
    write_profiles(work, tables, {"language": LANGUAGES, "genre": GENRES})
    on_map = int((x > 0).any(0).sum())
    return publish(work, _manifest(int(kept.sum()), x, on_map), folder / "tiny")


@pytest.fixture(autouse=True)
def _without_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tests draw the same figure with another constant of its module."""
    monkeypatch.setattr(cache._results, "limit", 0)


def with_tables(bundle: Bundle, **tables: Any) -> Bundle:
    """The bundle with other tables."""
    changed = replace(bundle)
    vars(changed).update(tables)
    return changed


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("bundle"))


A, B = 5, 13
"""The latents of `pair`."""


@pytest.fixture(scope="module")
def pair(tiny: Bundle) -> Pair:
    return read_pair(tiny, A, B, threshold=2.0, window=50)


@pytest.fixture(scope="module")
def active(tiny: Bundle) -> np.ndarray:
    """Which of the two is active on each kept token [kept, 2]."""
    x = np.zeros((tiny.tokens.num_rows, 2))
    for i, latent in enumerate((A, B)):
        rows, values = tiny.activations.of_latent(latent)
        x[rows, i] = values
    return x[tiny.tokens["kept"].to_numpy(zero_copy_only=False)] > 2.0
