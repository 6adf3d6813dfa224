"""The text of a selection reads back as the same selection, and errors are one sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.bundle import SPACES
from analysis.notes.note_content import STATUSES, cleaned
from analysis.runtime.errors import InputError
from analysis.selection import (
    FLAGS,
    LONGEST_TEXT,
    MAP_COLUMNS,
    NUMERIC_COLUMNS,
    RELATIONS,
    And,
    Between,
    Box,
    Cluster,
    Compare,
    Everything,
    Flag,
    HasStatus,
    InCollection,
    InContext,
    Lasso,
    Latents,
    Near,
    Not,
    Noted,
    Or,
    Partners,
    Pattern,
    Profile,
    Related,
    Search,
    Selection,
    Span,
    Tagged,
    Unclustered,
    parse,
)
from analysis.selection.conditions import LARGEST_NUMBER, LONGEST_PATTERN
from analysis.selection.parser import DEEPEST_NESTING, MOST_CONDITIONS

numbers = st.floats(allow_nan=False, allow_infinity=False)
spans = st.tuples(st.integers(0, 99), st.integers(1, 999_999)).map(
    lambda start: Span(start[0], start[0] + start[1])
)
ids = st.lists(st.integers(0, 999_999) | spans, min_size=1, max_size=4, unique=True).map(
    lambda values: tuple(
        sorted(values, key=lambda one: one if isinstance(one, Span) else (one, one))
    )
)
pieces = ["a", r"\d+", "[a-z]", r"\/", "(x|y)", " ", '"', "é?", r"\\", "&"]
patterns = st.lists(st.sampled_from(pieces), min_size=1, max_size=5).map("".join)
tags = st.from_regex(r"[a-z0-9é][a-z0-9é_.:/+-]{0,6}", fullmatch=True) | st.sampled_from(
    ["and", "or", "1..2", "1e5"]
)
names = st.text(max_size=9).map(lambda name: " ".join(cleaned(name).split())).filter(bool)
atoms: st.SearchStrategy[Selection] = st.one_of(
    st.builds(Latents, ids),
    st.builds(Cluster, ids),
    st.builds(Unclustered, st.sampled_from((None, *SPACES))),
    st.builds(Flag, st.sets(st.sampled_from(FLAGS), min_size=1).map(lambda s: tuple(sorted(s)))),
    st.builds(
        Compare,
        st.sampled_from(NUMERIC_COLUMNS),
        st.sampled_from(["<", "<=", ">", ">=", "="]),
        numbers,
    ),
    st.builds(Compare, st.just("latent"), st.sampled_from(["<", "<=", ">", ">="]), numbers),
    st.builds(
        lambda column, ends: Between(column, min(ends), max(ends)),
        st.sampled_from(NUMERIC_COLUMNS),
        st.tuples(numbers, numbers),
    ),
    st.builds(Search, st.text(max_size=12)),
    st.builds(Pattern, patterns),
    st.builds(InContext, st.text(max_size=12)),
    st.builds(Tagged, st.sets(tags, min_size=1).map(lambda s: tuple(sorted(s)))),
    st.builds(
        HasStatus,
        st.sets(st.sampled_from((*STATUSES, "none")), min_size=1).map(lambda s: tuple(sorted(s))),
    ),
    st.builds(Noted, st.text(max_size=12)),
    st.builds(InCollection, st.sets(names, min_size=1).map(lambda s: tuple(sorted(s)))),
    st.builds(Related, st.integers(0, 9999), st.sampled_from((None, *RELATIONS))),
    st.builds(Related, st.none(), st.sampled_from(RELATIONS)),
    st.builds(Profile, st.text(max_size=9), st.text(max_size=9), st.none() | st.floats(0, 1)),
    st.builds(
        lambda x, y, on_map: Box(min(x), max(x), min(y), max(y), on_map),
        st.tuples(numbers, numbers),
        st.tuples(numbers, numbers),
        st.sampled_from(list(MAP_COLUMNS)),
    ),
    st.builds(
        Lasso,
        st.lists(st.tuples(numbers, numbers), min_size=3, max_size=5).map(tuple),
        st.sampled_from(list(MAP_COLUMNS)),
    ),
    st.builds(Near, st.integers(0, 9999), st.one_of(st.none(), st.integers(1, 99))),
    st.builds(
        Partners, st.integers(0, 9999), st.sampled_from(["phi", "jaccard"]), st.integers(1, 99)
    ),
)


def _combined(parts: st.SearchStrategy[Selection]) -> st.SearchStrategy[Selection]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(st.builds(And, several), st.builds(Or, several), st.builds(Not, parts))


selections = st.recursive(atoms, _combined, max_leaves=6)


@given(selections)
def test_text_reads_back_as_the_same_selection(selection: Selection) -> None:
    assert parse(str(selection)) == selection


@given(st.text(max_size=60))
def test_any_text_is_a_selection_or_one_sentence(text: str) -> None:
    try:
        assert parse(str(parse(text))) == parse(text)
    except InputError as error:
        assert str(error).startswith("Selection: ")
        assert str(error).endswith(".")


@pytest.mark.parametrize(
    ("text", "selection"),
    [
        ("", Everything()),
        ("whale", Search("whale")),
        ("feature=3", Latents((3,))),
        ("cluster = 12 and not flag=dead", And((Cluster((12,)), Not(Flag(("dead",)))))),
        (
            "max>1 & max<2 | latent=5",
            Or((And((Compare("max", ">", 1), Compare("max", "<", 2))), Latents((5,)))),
        ),
        ("cluster = none , decoder", Unclustered("decoder")),
        ("New York", And((Search("New"), Search("York")))),
        ('"New York"', Search("New York")),
        ("New York | whale", Or((And((Search("New"), Search("York"))), Search("whale")))),
        (
            "whale !dead (a | b)",
            And((Search("whale"), Not(Search("dead")), Or((Search("a"), Search("b"))))),
        ),
        ("density<1 whale", And((Compare("density", "<", 1), Search("whale")))),
        ("python 3", And((Search("python"), Search("3")))),
        ("density=1e-4..1e-2", Between("density", 1e-4, 1e-2)),
        ("max = 3..-.5", Between("max", -0.5, 3)),
        ("x=-2..-1", Between("x", -2, -1)),
        ("latent=3,20..30,14", Latents((3, 14, Span(20, 30)))),
        ("latent=5..3,5..5,5", Latents((Span(3, 5), 5))),
        ("cluster=3..4", Cluster((Span(3, 4),))),
        ("latent>=100", Compare("latent", ">=", 100)),
        ("latent=100", Latents((100,))),
        ("intruder>0.2", Compare("intruder", ">", 0.2)),
        ("/wh[a-z]le/", Pattern("wh[a-z]le")),
        (r"/a\/b|c d/ & x", And((Pattern(r"a\/b|c d"), Search("x")))),
        ("/home/user", Search("/home/user")),
        ("and/or", Search("and/or")),
        ("relation(7)", Related(7)),
        ("relation(7,implication)", Related(7, "implication")),
        ("relation(duplicate)", Related(None, "duplicate")),
        ("profile(language,fr)", Profile("language", "fr")),
        ("profile(language,pt-BR,.5)", Profile("language", "pt-BR", 0.5)),
        ('profile("the class",1, 1)', Profile("the class", "1", 1)),
        ('profile(genre,"and",0)', Profile("genre", "and", 0)),
        ('context("New York")', InContext("New York")),
        ("context(whale)", InContext("whale")),
        ("tag=Days,b,days", Tagged(("b", "days"))),
        ('tag="and" , 1e5', Tagged(("1e5", "and"))),
        ("status=none,checked", HasStatus(("checked", "none"))),
        ("note~days & note", And((Noted("days"), Search("note")))),
        ('note~"New York"', Noted("New York")),
        ('collection=Suspects,"my  list"', InCollection(("Suspects", "my list"))),
        ("context", Search("context")),
        ("near (7)", Near(7)),
        ("dog (cat)", And((Search("dog"), Search("cat")))),
        (f"/{'a' * LONGEST_PATTERN}/", Pattern("a" * LONGEST_PATTERN)),
        ("near(7,3)", Near(7, 3)),
        ("partners(7)", Partners(7, "phi", 20)),
        ("partners(7,lift)", Partners(7, "lift", 20)),
        ("partners(7,lift,3)", Partners(7, "lift", 3)),
        ("latent=999999999", Latents((999_999_999,))),
        ("near(999999999,999999999)", Near(LARGEST_NUMBER, LARGEST_NUMBER)),
        ("near(0,1)", Near(0, 1)),
        ("partners(0,phi,1)", Partners(0, "phi", 1)),
        ("x" * LONGEST_TEXT, Search("x" * LONGEST_TEXT)),
        ("box(2,-1,5,0)", Box(-1, 2, 0, 5)),
        ("box(2,-1,5,0,cooccurrence)", Box(-1, 2, 0, 5, "cooccurrence")),
        ("lasso(0,0, 2,-1, 1,3.5)", Lasso(((0, 0), (2, -1), (1, 3.5)))),
        ("lasso(0,0,2,-1,1,3,cooccurrence)", Lasso(((0, 0), (2, -1), (1, 3)), "cooccurrence")),
        (f"lasso({','.join(['1'] * 200)})", Lasso(((1, 1),) * 100)),
    ],
)
def test_spellings(text: str, selection: Selection) -> None:
    assert parse(text) == selection


@pytest.mark.parametrize(
    "text",
    [
        "cluster=", "cluster=none,3", "cluster=none,decoder,decoder", "cluster=none,map",
        "density<", "(whale", "whale)", '"open', "box(1,2,3)",
        "near()", "near(x)", "partners(1,nothing)", "colour=3", "density<abc", "latent=-1",
        "flag=happy", "& whale", "max=1,2", "(" * 200, "x" * 30_000, "density<1e999",
        "near(1,2,3)", "latent=99999999999",
        "box(1,2,3,4,sideways)", "box(1,2,3,4,decoder,5)", "lasso(1,2,3,4)",
        "lasso()", "lasso(decoder)", "lasso(1,2,3,4,5,6,7)", "lasso(1,2,3,4,5,inf)",
        "lasso(1,2,3,4,5,6,sideways)", f"lasso({','.join(['1'] * 202)})",
        "box(1,2,3,inf)", "latent=1000000000",
        "x" * (LONGEST_TEXT + 1), "partners(x)", "partners(1,phi,2,3)", "density<1..2",
        "density=1..", "density=1..x",
        "latent=3..", "latent=..3", "latent=3..x", "near(3..4)", "relation()", "relation(sibling)",
        "relation(1,sibling)", "relation(1,duplicate,3)", "relation(duplicate,1)", "context()",
        "context(a b)", 'context("a","b")', "/(/", r"/(a)\1/", "/a(?=b)/", "/a{2000}/",
        f"/{'a' * 201}/", "neer(3)", "profile(language)", "profile(language,fr,2)",
        "profile(language,fr,-0.1)", "profile(language,fr,x)", "profile(language,fr,0.5,1)",
    ],
)  # fmt: skip
def test_bad_text_is_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match=r"^Selection: .*\.$"):
        parse(text)


def test_the_number_of_conditions_has_a_limit() -> None:
    assert len(str(parse("|".join(["a"] * MOST_CONDITIONS)))) > MOST_CONDITIONS
    with pytest.raises(InputError, match="more than 100 conditions"):
        parse("|".join(["a"] * (MOST_CONDITIONS + 1)))
    with pytest.raises(InputError, match="more than 100 conditions"):
        parse("(" + "&".join(["!a"] * MOST_CONDITIONS) + ") | max>1")


def test_nesting_has_a_limit() -> None:
    assert str(parse("!" * (DEEPEST_NESTING - 1) + "a")) == "!" * (DEEPEST_NESTING - 1) + '"a"'
    with pytest.raises(InputError, match="deeper than 50"):
        parse("!" * DEEPEST_NESTING + "a")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("density < )", "expected a value at character 11, got )"),
        ("density<", "the text ends where a value is expected"),
        ("(whale", "the text ends where ) is expected"),
        ("whale)", "expected & or | at character 6, got )"),
        ('a & "b', "the quote at character 5 is not closed; add a quote."),
        ("colour=3", "there is no column colour to compare"),
        ("tag=a!", "the text ends where a condition is expected"),
        ('tag="two words"', "in tag=, 'two words' is not a tag"),
        ('tag=""', "tag= takes tags, such as tag=polysemantic,days"),
        ("status=done", "there is no status done; choose one of open, checked, unclear, none"),
        ('collection=" "', 'takes the name of a collection, such as collection="my list"'),
        ("note~a,b", 'takes one text, not 2; write it like note~"New York"'),
        ("flag=happy", "there is no flag happy; choose one of live, dead, ultralow, dense"),
        ("max=1,2", "max= takes one number, not 2"),
        ("density<abc", "density takes a finite number, not abc"),
        ("lasso(1,2,3,4)", "the x and y of 3 to 100 corners, not 4 numbers; write it like lasso("),
        ("densty<1", "did you mean density? Otherwise choose one of latent, cluster, flag"),
        ("neer(3)", "no function neer() at character 1; write near(4122,10), or put the text in"),
        ("a & whale(3)", "there is no function whale() at character 5"),
        ("context(a b)", 'expected ) at character 11, got b; write it like context("New York")'),
        ("New York, NY", "got ,; put text with signs in quotes"),
        ("a /(b/", "the regular expression at character 3 cannot be read (missing ): (b); correct"),
        (f"/{'a' * 201}/", "at character 1 has 201 characters, but at most 200 are allowed"),
        ("max=1,2", "for a range write it like max=1..2"),
        ("density<1..2", "density takes a finite number, not 1..2"),
        (
            "relation(1,sibling)",
            "there is no relation sibling; choose one of duplicate, implication",
        ),
        (
            "profile(language,fr,2)",
            "the share in profile() is from 0 to 1, not 2; write it like profile(language,fr,0.5)",
        ),
        ("profile(language)", "profile(language) cannot be read; write it like profile("),
        ("latent=3..x", "an id in latent= must be a whole number"),
        ("near(1,2,3)", "near(1,2,3) cannot be read; write it like near(4122,10)"),
        ("near(x)", "the id in near() must be a whole number from 0 to 999,999,999, not x"),
        ("near(-1)", "the id in near() must be a whole number from 0"),
        ("near(1000000000)", "the id in near() must be a whole number"),
        ("near(5,99999999999999999999)", "the count in near() must be a whole number from 1 to"),
        ("near(5,0)", "from 1 to 999,999,999, not 0; write it like near(4122,10)"),
        ("near(5,2.5)", "not 2.5"),
        ("partners(4122,phi,-3)", "the count in partners() must be a whole number from 1 to"),
        (
            "partners(-3)",
            "the id in partners() must be a whole number from 0 to 999,999,999, not -3",
        ),
        ("partners(1,nothing)", "there is no measure nothing; choose one of phi, jaccard"),
        ("latent=-1", "an id in latent= must be a whole number from 0 to 999,999,999, not -1"),
        ("cluster=" + "9" * 9000, "not " + "9" * 40 + "; write it like cluster=3,14"),
    ],
)
def test_errors_name_the_place_and_the_remedy(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse(text)
    assert message in str(error.value)


def test_communities_of_an_old_link_get_a_sentence() -> None:
    with pytest.raises(InputError, match="community= is of an earlier version; latents that fire"):
        parse("density<0.1 & community=3")
