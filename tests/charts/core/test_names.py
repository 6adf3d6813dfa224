"""Names of latents in charts, tables and lists."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from analysis.bundle import Bundle
from charts.core.names import NAMING_TOKENS, name_by_latent, names_of_latents, with_names


def without_labels(bundle: Bundle, latents: list[int]) -> Bundle:
    """The bundle with some latents that have no label."""
    rows = bundle.latents
    labels = ["" if i in latents else text for i, text in enumerate(rows["label"].to_pylist())]
    other = replace(bundle)
    place = rows.column_names.index("label")
    vars(other)["latents"] = rows.set_column(place, "label", pa.array(labels, pa.string()))
    return other


def test_a_latent_with_a_label_has_it_as_its_name(tiny: Bundle) -> None:
    labels = tiny.latents["label"].to_pylist()
    labelled = [latent for latent, label in enumerate(labels) if label]
    assert labelled
    names = names_of_latents(tiny, np.array(labelled)).to_pylist()
    assert names == [labels[latent] for latent in labelled]


def test_a_latent_without_a_label_has_its_top_tokens_as_its_name(planted_bundle: Bundle) -> None:
    tokens = planted_bundle.latents["top_tokens"].to_pylist()
    active = [latent for latent, top in enumerate(tokens) if top][:4]
    dead = next(latent for latent, top in enumerate(tokens) if not top)
    bundle = without_labels(planted_bundle, [*active, dead])
    names = name_by_latent(bundle, [*active, dead])
    for latent in active:
        assert [name.strip("“”") for name in names[latent].split(", ")] == [
            token.strip() or "␣" * len(token) for token in tokens[latent][:NAMING_TOKENS]
        ]
    assert names[dead] == ""


def test_names_follow_the_order_of_the_rows_and_may_repeat(planted_bundle: Bundle) -> None:
    ids = [8, 3, 8, 0, 3]
    rows = pa.table({"partner": pa.array(ids, pa.int32()), "label": [""] * 5})
    names = with_names(planted_bundle, rows, "partner")["label"].to_pylist()
    known = name_by_latent(planted_bundle, ids)
    assert names == [known[latent] for latent in ids]
    assert len(set(names)) == 3
    empty = names_of_latents(planted_bundle, np.array([], dtype=np.int32))
    assert empty.to_pylist() == []
