"""Mathematics in English and LaTeX: the descriptions of functions in mpmath."""

import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from data.recipes.texts.documents import Section
from data.recipes.texts.packages import fetch

PACKAGE = "pip:mpmath==1.3.0"
LEAST_PARAGRAPHS = 2


def mpmath(cache: Path) -> Iterator[Section]:
    """One section per function, without its examples in Python."""
    folder = fetch(PACKAGE, cache) / "mpmath"
    for path in sorted(folder.rglob("*.py")):
        if "tests" not in path.parts:
            for name, text in described(path.read_text(encoding="utf-8")):
                paragraphs = prose(text)
                if len(paragraphs) >= LEAST_PARAGRAPHS:
                    yield Section(f"mpmath: {name}", paragraphs)


def described(source: str) -> Iterator[tuple[str, str]]:
    """(name, description) of functions and classes, and of the texts that are assigned to names."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            yield node.name, ast.get_docstring(node) or ""
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            target, text = node.targets[0], node.value.value
            if isinstance(target, ast.Name) and isinstance(text, str):
                yield target.id, textwrap.dedent(text)


def prose(text: str) -> list[str]:
    """Paragraphs of reStructuredText, without examples, directives and underlines."""
    paragraphs = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        lines = [
            line
            for line in block.splitlines()
            if not re.fullmatch(r"\s*([-=~*^])\1{2,}\s*", line)
            and not re.match(r"\s*\.\. (math|plot|literalinclude|image|note|code)", line)
        ]
        plain = re.sub(
            r":(?:func|class|meth|mod|ref):`~?([^`<]*?)(?: <[^`]*>)?`",
            r"\1",
            " ".join(line.strip() for line in lines),
        )
        plain = re.sub(r":math:`([^`]*)`", r"\\(\1\\)", plain.replace("``", "`")).strip()
        plain = re.sub(r"::$", ":", plain)
        if plain and ">>>" not in block and "=True" not in plain[:30]:
            paragraphs.append(plain)
    return paragraphs
