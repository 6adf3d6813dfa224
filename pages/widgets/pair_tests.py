"""What chance alone says about a pair: the tests, in plain words, and its listed relations."""

import pyarrow.compute as pc
import streamlit as st

from analysis.bundle import Bundle
from analysis.cooccurrence.pair import Pair
from analysis.cooccurrence.significance import PairTest, tests_of_pair
from analysis.runtime import numbers
from charts.relations import RELATIONS
from pages.widgets.text import plain

SURE = 0.001
"""Below it the answer is yes: strict, since a reader looks at many pairs."""


def pair_tests(bundle: Bundle, pair: Pair) -> None:
    """Each question with its null, what was observed and expected, and both p-values."""
    with st.container(border=True, gap="xsmall"):
        st.markdown("**Is it chance?**")
        own = bundle.manifest.parameters.active_threshold
        lines = "\n".join(
            _row(test) for test in _tested(bundle.manifest.bundle_id, pair.a, pair.b, bundle)
        )
        st.markdown(
            "| question | answer | observed | expected ± sd | p, as many or more "
            "| p, as few or fewer |\n|---|---|--:|--:|--:|--:|\n" + lines
        )
        st.caption(
            "p is of this one pair, not corrected for looking at many; the q of a listed relation "
            "is. By token the test is fooled by bursts: two latents that have nothing to do with "
            "each other, but come in the same documents, pass it."
            + (
                f" The tests keep to the rule of the bundle, activation > {own:g}."
                if pair.threshold > own
                else ""
            )
        )
        _listed(bundle, pair)


@st.cache_data(show_spinner=False, max_entries=256)
def _tested(bundle_id: str, a: int, b: int, _bundle: Bundle) -> tuple[PairTest, ...]:
    return tests_of_pair(_bundle, a, b)


def _row(test: PairTest) -> str:
    how = "exact" if test.exact else "approximated"
    cells = (
        f"**{plain(test.question)}** If {plain(test.null)}; {how}",
        _answer(test),
        f"{numbers.count(test.observed)} {plain(test.statistic)}",
        f"{numbers.short(test.expected)} ± {numbers.short(test.std)}",
        plain(numbers.probability(test.p_more)),
        plain(numbers.probability(test.p_fewer)),
    )
    return "| " + " | ".join(cells) + " |"


def _answer(test: PairTest) -> str:
    """In words: clearly more or fewer than chance, or nothing that chance would not do."""
    if test.expected == 0:
        return "cannot be asked: one of them is never active here"
    if test.p_more < SURE:
        return "more than chance (p < .001)"
    if test.p_fewer < SURE:
        return "fewer than chance (p < .001)"
    return "not clearly other than chance (p ≥ .001)"


def _listed(bundle: Bundle, pair: Pair) -> None:
    """The relations in which the pair is listed, with the q-value of their family."""
    rows = bundle.relations.of([pair.a, pair.b])
    ends = pc.or_(
        pc.and_(pc.equal(rows["a"], pair.a), pc.equal(rows["b"], pair.b)),
        pc.and_(pc.equal(rows["a"], pair.b), pc.equal(rows["b"], pair.a)),
    )
    found = rows.filter(ends).to_pylist()
    families = {said.relation: said for said in bundle.manifest.relations}
    for row in found:
        said = families[row["relation"]]
        name = RELATIONS[row["relation"]]
        if row["relation"] == "implication":
            name = f"implication, {row['a']} ⇒ {row['b']}"
        parent = f" Both imply {row['parent']}." if row["parent"] is not None else ""
        q = numbers.probability(row["q_value"])
        st.markdown(
            f"Listed as **{plain(name)}**, q {plain(q if q.startswith('<') else f'= {q}')}."
            f"{parent} q corrects for: {plain(said.family, 1000)}",
            help=plain(said.rule, 2000),
        )
    if not found:
        st.markdown("It is listed in none of the relations.")
