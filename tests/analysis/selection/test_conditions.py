"""From values to conditions; `test_parser.py` tests the texts and their errors."""

import pytest

from analysis.runtime.errors import InputError
from analysis.selection import Between, Compare, Latents, Pattern, Span, parse
from analysis.selection.conditions import EXAMPLES, FUNCTIONS, comparison, pattern, unescaped


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_an_example_that_can_be_read(name: str) -> None:
    assert str(parse(EXAMPLES[name])) == EXAMPLES[name]


def test_a_string_is_read_without_its_quotes_and_escapes() -> None:
    assert unescaped('"a \\"b\\" \\\\ \\\n"') == 'a "b" \\ \n'


def test_comparisons() -> None:
    assert comparison("max", ">=", ["2"]) == Compare("max", ">=", 2)
    assert comparison("max", "=", ["2..1"]) == Between("max", 1, 2)
    assert comparison("latent", "=", ["9", "4..2"]) == Latents((Span(2, 4), 9))
    with pytest.raises(InputError, match=r"max takes a finite number, not 1\.\.2"):
        comparison("max", "<", ["1..2"])
    with pytest.raises(InputError, match="max takes a finite number, not inf"):
        comparison("max", "=", ["1..inf"])


def test_regular_expressions_that_need_more_than_linear_time_are_refused() -> None:
    assert pattern("/(a+)+$/", 0) == Pattern("(a+)+$")  # linear in RE2
    with pytest.raises(InputError, match=r"at character 5 cannot be read \(invalid escape"):
        pattern(r"/(a)\1/", 4)
