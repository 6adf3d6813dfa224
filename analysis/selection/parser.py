"""Parse the text of a selection by recursive descent.

    either     = all { "|" all }
    all        = one { [ "&" ] one }
    one        = "!" one | "(" either ")" | condition
    condition  = STRING | PATTERN | WORD | name "(" values ")" | column SIGN values
    values     = value { "," value }

Conditions side by side are joined by and, so that plain words are a search for all of them. The
words `and`, `or` and `not` mean `&`, `|` and `!`.
"""

from analysis.runtime.errors import InputError
from analysis.selection.conditions import (
    EXAMPLES,
    FUNCTIONS,
    comparison,
    no_function,
    pattern,
    quoted,
    unescaped,
)
from analysis.selection.grammar import And, Everything, Not, Or, Search, Selection
from analysis.selection.lexer import Token, tokens_of

LONGEST_TEXT = 20_000
"""Characters."""
DEEPEST_NESTING = 50
MOST_CONDITIONS = 100
"""Each can take milliseconds to evaluate."""


def parse(text: str) -> Selection:
    """Read a selection; an empty text selects everything.

    Raises InputError with one sentence that gives the character at which reading failed.
    """
    if len(text) > LONGEST_TEXT:
        raise InputError(
            f"Selection: the text has {len(text):,} characters, but at most {LONGEST_TEXT:,} are "
            "allowed; shorten it."
        )
    reader = _Reader(list(tokens_of(text)))
    return reader.whole() if reader.tokens else Everything()


class _Reader:
    """The tokens of one selection and the position that has been read."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.conditions = 0

    def whole(self) -> Selection:
        selection = self._either()
        if self.position < len(self.tokens):
            raise self._unexpected("& or |", "; put text with signs in quotes")
        return selection

    def _either(self) -> Selection:
        parts = [self._all()]
        while self._take("|"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Selection:
        parts = [self._one()]
        while self._take("&") or self._begins_condition():
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _one(self) -> Selection:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            raise InputError(
                f"Selection: parentheses and negations are nested deeper than {DEEPEST_NESTING}; "
                "simplify it."
            )
        try:
            if self._take("!"):
                return Not(self._one())
            if self._take("("):
                inner = self._either()
                self._expect(")")
                return inner
            return self._condition()
        finally:
            self.depth -= 1

    def _condition(self) -> Selection:
        token = self._next("a condition")
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            raise InputError(
                f"Selection: the text has more than {MOST_CONDITIONS} conditions; simplify it, or "
                "list ids as in latent=3,14."
            )
        if token.kind == "string":
            return Search(unescaped(token.text))
        if token.kind == "pattern":
            return pattern(token.text, token.place)
        if token.kind == "symbol":
            self.position -= 1
            raise self._unexpected("a condition")
        if self._is_next("("):
            if token.text in FUNCTIONS:
                return self._call(token)
            if token.kind == "word" and self.tokens[self.position].place == token.end:
                raise no_function(token.text, token.place)
        if self._is_next("<", "<=", ">", ">=", "=", "~"):
            sign = self._next("a comparison").text
            return comparison(token.text, sign, self._values())
        return Search(token.text)

    def _call(self, name: Token) -> Selection:
        self._expect("(")
        values = self._values()
        if not self._take(")"):
            raise self._unexpected(")", f"; write it like {EXAMPLES[name.text]}")
        try:
            return FUNCTIONS[name.text](list(values))
        except InputError:
            raise
        except (ValueError, TypeError, IndexError) as error:
            call = f"{name.text}({','.join(values)})"
            raise InputError(
                f"Selection: {quoted(call)} cannot be read; write it like {EXAMPLES[name.text]}."
            ) from error

    def _values(self) -> list[str]:
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        return values

    def _value(self) -> str:
        token = self._next("a value")
        if token.kind == "symbol":
            self.position -= 1
            raise self._unexpected("a value")
        return token.text

    def _is_next(self, *symbols: str) -> bool:
        if self.position >= len(self.tokens):
            return False
        token = self.tokens[self.position]
        return token.kind == "symbol" and token.text in symbols

    def _begins_condition(self) -> bool:
        """Whether a condition follows directly: conditions side by side are joined by and."""
        if self.position >= len(self.tokens):
            return False
        return self.tokens[self.position].kind != "symbol" or self._is_next("(", "!")

    def _take(self, symbol: str) -> bool:
        is_next = self._is_next(symbol)
        self.position += is_next
        return is_next

    def _expect(self, symbol: str) -> None:
        if not self._take(symbol):
            raise self._unexpected(symbol)

    def _next(self, expected: str) -> Token:
        if self.position >= len(self.tokens):
            raise self._unexpected(expected)
        self.position += 1
        return self.tokens[self.position - 1]

    def _unexpected(self, expected: str, remedy: str = "") -> InputError:
        if self.position >= len(self.tokens):
            return InputError(f"Selection: the text ends where {expected} is expected{remedy}.")
        token = self.tokens[self.position]
        return InputError(
            f"Selection: expected {expected} at character {token.place + 1}, got "
            f"{quoted(token.text)}{remedy}."
        )
