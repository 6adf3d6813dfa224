"""Whether a pair co-occurs by chance: the tests in plain words, and the pair's listed relations."""

import math

import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle
from analysis.cooccurrence.association import LEVEL, POWER
from analysis.cooccurrence.pair import Pair
from analysis.cooccurrence.power import is_too_rare
from analysis.cooccurrence.significance import PairTest
from analysis.runtime import numbers
from charts.relations import RELATIONS
from charts.tables import pair_tests_table, tested_pair
from pages.widgets.export_menu import head_with_export, with_view
from pages.widgets.markdown import plain

SIGNIFICANT = 0.001
"""p below which the answer is yes. It is strict, because readers look at many pairs."""
_HEADER = (
    "| question | answer | observed | expected ± standard deviation | p, as many or more "
    "| p, as few or fewer |\n|---|---|--:|--:|--:|--:|\n"
)
_CAVEAT = (
    f"A lift is detectable if pairs with that lift have p ≤ {LEVEL:g} with a probability of at "
    f"least {numbers.percent(POWER)}. "
    "Each p is for this one pair and is not corrected for looking at many pairs; the q of a listed "
    "relation is. Bursts mislead the test by token: two unrelated latents that are active in "
    "the same documents pass it."
)


def pair_tests(bundle: Bundle, pair: Pair) -> None:
    """Each question with its null, the observed and expected counts, and both p-values."""
    with st.container(border=True, gap="xsmall"):
        head_with_export("**Is it chance?**", with_view(pair_tests_table(bundle, pair.a, pair.b)))
        tests = tested_pair(bundle, pair.a, pair.b)
        st.markdown(_HEADER + "\n".join(_row(test) for test in tests))
        threshold = bundle.manifest.parameters.active_threshold
        rule = f" The tests use the threshold of the bundle, activation > {threshold:g}."
        st.caption(_CAVEAT + (rule if pair.threshold > threshold else ""))
        _listed(bundle, pair)


def _row(test: PairTest) -> str:
    method = "exact" if test.exact else "approximate"
    cells = (
        f"**{plain(test.question)}** If {plain(test.null)}; {method}",
        answer(test),
        f"{numbers.count(test.observed)} {plain(test.statistic)}",
        f"{numbers.short(test.expected)} ± {numbers.short(test.std)}",
        plain(numbers.probability(test.p_more)),
        plain(numbers.probability(test.p_fewer)),
    )
    return "| " + " | ".join(cells) + " |"


def answer(test: PairTest) -> str:
    """Whether the pair co-occurs more or less often than under the null, or is too rare to tell."""
    if test.expected == 0:
        return "undefined: one of them is never active here"
    if test.p_more < SIGNIFICANT:
        return f"more than by chance (p < {SIGNIFICANT:g})"
    if test.p_fewer < SIGNIFICANT:
        return f"less than by chance (p < {SIGNIFICANT:g})"
    return _undecided(test.smallest_lift)


def _undecided(lift: float | None) -> str:
    """What no difference means, given the smallest lift that the test could have shown."""
    unclear = f"no clear difference from chance (p ≥ {SIGNIFICANT:g})"
    if lift is None:
        return unclear
    if not math.isfinite(lift):
        return "too rare to tell: in these documents no lift is detectable"
    if is_too_rare(lift):
        return f"too rare to tell: only a lift of {numbers.short(lift)} or more is detectable"
    return f"{unclear}; a lift of {numbers.short(lift)} or more is detectable"


def _listed(bundle: Bundle, pair: Pair) -> None:
    """The relations in which the pair is listed, with the q-value of their family."""
    rows = bundle.relations.of([pair.a, pair.b])
    is_pair = pc.or_(
        pc.and_(pc.equal(rows["a"], pair.a), pc.equal(rows["b"], pair.b)),
        pc.and_(pc.equal(rows["a"], pair.b), pc.equal(rows["b"], pair.a)),
    )
    listed = rows.filter(is_pair).to_pylist()
    rules = {rule.relation: rule for rule in bundle.manifest.relations}
    for row in listed:
        rule, name = rules[row["relation"]], RELATIONS[row["relation"]]
        if row["relation"] == "implication":
            name = f"implication, {row['a']} ⇒ {row['b']}"
        parent = f" Both imply {row['parent']}." if row["parent"] is not None else ""
        q = numbers.probability(row["q_value"])
        st.markdown(
            f"Listed as **{plain(name)}**, q {plain(q if q.startswith('below') else f'= {q}')}."
            f"{parent} The q-value accounts for all tests of its family: "
            f"{plain(rule.family, 1000)}",
            help=plain(rule.rule, 2000),
        )
    if not listed:
        st.markdown("The pair is not listed in any relation.")
