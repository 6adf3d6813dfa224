"""Write the list of modules in docs/architecture.md from the code.

    python docs/modules.py

Each module is listed with the first sentence of its docstring and the numbers and lists that it
defines, so that a reader who wants to change something finds the file without searching.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules -->\n", "<!-- end of modules -->\n"
FOLDERS = ("analysis", "charts", "pages", "bench", "data/recipes", "deploy")
"""Each of these and each folder below them is one table."""
TESTS = ("tests", "tests/faults")
"""Listed without the folders below them, which mirror the folders above, and without test files."""


def described(text: str) -> str:
    """The document with the list of modules in the place of the one between BEGIN and END.

    Raises ValueError if the document lacks one of these lines.
    """
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    if BEGIN not in text or END not in text:
        raise ValueError(f"{ARCHITECTURE.name} lacks the line {BEGIN.strip()} or {END.strip()}.")
    return before + BEGIN + "\n" + "\n".join(_tables()) + "\n" + END + after


def _tables() -> Iterator[str]:
    for folder in _folders():
        modules = [m for m in sorted(folder.glob("*.py")) if m.name != "__init__.py"]
        rows = [_row(module) for module in modules if not _is_test(module)]
        if rows:
            title = f"`{folder.relative_to(ROOT)}/`"
            yield f"| {title} | what it does | numbers and lists to change |\n|---|---|---|"
            yield "\n".join(rows) + "\n"


def _folders() -> Iterator[Path]:
    for name in FOLDERS:
        top = ROOT / name
        if top.is_dir():
            yield top
            yield from sorted(f for f in top.rglob("*") if f.is_dir() and f.name != "__pycache__")
    yield from (ROOT / name for name in TESTS)


def _is_test(module: Path) -> bool:
    return module.name.startswith("test_") or module.name == "conftest.py"


def _row(module: Path) -> str:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    first = (ast.get_docstring(tree) or "").split("\n\n")[0].replace("\n", " ")
    constants = ", ".join(f"`{name}`" for name in _constants(tree))
    return f"| `{module.name}` | {_cell(first)} | {constants} |"


def _cell(text: str) -> str:
    """Text that does not end the cell of a Markdown table."""
    return text.replace("|", "\\|")


def _constants(tree: ast.Module) -> Iterator[str]:
    """Public constants that hold numbers, or lists and dictionaries of literals."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.AnnAssign):
            target = node.target
        if not isinstance(target, ast.Name) or not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        if target.id.isupper() and not target.id.startswith("_") and _is_setting(node.value):
            yield target.id


def _is_setting(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float)
    return isinstance(value, ast.Tuple | ast.List | ast.Dict | ast.Set | ast.BinOp | ast.UnaryOp)


def main() -> None:
    """Rewrite the document."""
    ARCHITECTURE.write_text(described(ARCHITECTURE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
