"""The latents that tell two sets of examples apart, as a table."""

import pyarrow as pa

from analysis.bundle import Bundle
from analysis.bundle.positions import Unit
from analysis.labels.profiles.main_values import counts_of_values
from analysis.runtime.numbers import count, fraction
from analysis.selection.example_ranking import CANDIDATES, DRAWS, rank_by_examples
from charts.core.cache import cached
from charts.core.figure import CaptionedTable, caption_of
from charts.core.names import with_names

COLUMNS = (
    "latent", "label", "auc", "p_value", "naming_auc", "active_first", "active_second", "density",
    "top_tokens",
)  # fmt: skip

FEW_COLUMNS, FEW_VALUES = 2, 3
"""Columns, and values of each, that are named as examples."""


@cached
def example_values(bundle: Bundle) -> dict[str, list[str]]:
    """Some columns of the corpus and the values of most documents in each, for a hint."""
    counts = counts_of_values(bundle)
    return {
        name: [*counts[name].values[:FEW_VALUES], *["…"][: len(counts[name].values) - FEW_VALUES]]
        for name in list(counts)[:FEW_COLUMNS]
    }


@cached
def example_table(bundle: Bundle, first: str, second: str, unit: Unit) -> CaptionedTable:
    """The latents that are more active in the first set than in the second, best AUC first.

    Raises InputError as `rank_by_examples`.
    """
    ranking = rank_by_examples(bundle, first, second, unit)
    rows = bundle.latents.select(["latent", "label", "density", "top_tokens"])
    rows = with_names(bundle, rows.take(pa.array(ranking.latents)))
    for name, values in (
        ("auc", ranking.auc),
        ("p_value", ranking.p_values),
        ("naming_auc", ranking.naming_auc),
        ("active_first", ranking.active_first),
        ("active_second", ranking.active_second),
    ):
        rows = rows.append_column(name, pa.array(values))
    held_out, naming = ranking.counts["held out"], ranking.counts["naming"]
    others = f"in {second}" if second.strip() else "in all others"
    null = sorted(ranking.null.tolist())
    return CaptionedTable(
        name="example-latents",
        title=f"Latents more active in {first} than {others}",
        rows=rows.select(list(COLUMNS)),
        caption=caption_of(
            bundle,
            unit=unit,
            held_out=f"{count(held_out[0])} against {count(held_out[1])}",
            for_the_choice=f"{count(naming[0])} against {count(naming[1])}",
        ),
        note=(
            f"AUC on held-out documents, N = {count(held_out[0])} {unit}s of the first set and "
            f"{count(held_out[1])} of the second: the probability that a {unit} of the first has "
            f"the larger maximum; 0.5 is chance. The {CANDIDATES} latents were chosen on other "
            f"documents. With permuted labels the best AUC of the same search is "
            f"{fraction(null[len(null) // 2])} (median of {DRAWS}) and at most "
            f"{fraction(null[-1])}; the p-value compares with these."
        ),
    )
