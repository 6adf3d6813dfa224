"""Write the list of modules in docs/architecture.md from the code.

    python docs/modules.py

Each module is listed with its docstring, the names of its functions and classes, and the numbers
and lists that it defines: constants, fields with a default and default arguments. A reader who
wants to change something finds the file without searching.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- modules -->\n", "<!-- end of modules -->\n"
FOLDERS = ("analysis", "charts", "pages", "bench", "data/recipes", "deploy")
"""Each of these and each folder below them is one table."""
TESTS = ("tests", "tests/faults", "tests/browser")
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
            yield f"| {title} | what it does | functions and classes | numbers and lists |"
            yield "|---|---|---|---|"
            yield "\n".join(rows) + "\n"


def _folders() -> Iterator[Path]:
    for name in FOLDERS:
        top = ROOT / name
        if top.is_dir():
            yield top
            yield from sorted(f for f in top.rglob("*") if f.is_dir() and f.name != "__pycache__")
    yield from (ROOT / name for name in TESTS)


def _is_test(module: Path) -> bool:
    return module.name.startswith("test_")


def _row(module: Path) -> str:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    parts = tree.body
    functions = [p.name for p in parts if isinstance(p, ast.FunctionDef | ast.ClassDef)]
    listed = _listed(functions), _listed([*_constants(tree), *_defaults(tree)])
    return (
        f"| `{module.name}` | {_prose(ast.get_docstring(tree) or '')} | {listed[0]} | {listed[1]} |"
    )


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _prose(docstring: str) -> str:
    """The paragraphs of a docstring as one cell of a table, without formulas and examples."""
    paragraphs = (p for p in docstring.split("\n\n") if not p.startswith("    "))
    return " ".join(" ".join(p.split()) for p in paragraphs).replace("|", "\\|")


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


def _defaults(tree: ast.Module) -> Iterator[str]:
    """Fields of classes and arguments of public functions whose default is a number."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            fields = [field for field in node.body if isinstance(field, ast.AnnAssign)]
            names = [
                field.target.id
                for field in fields
                if isinstance(field.target, ast.Name) and _is_number(field.value)
            ]
            if names:
                yield f"{node.name}({', '.join(names)})"
        if isinstance(node, ast.FunctionDef) and not node.name.startswith(("_", "main")):
            arguments = node.args
            pairs = [
                *zip(reversed(arguments.args), reversed(arguments.defaults), strict=False),
                *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
            ]
            names = [argument.arg for argument, value in pairs if _is_number(value)]
            if names:
                yield f"{node.name}({', '.join(names)})"


def _is_number(value: ast.expr | None) -> bool:
    """A number, or a pydantic field with a number as its default."""
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Name)
        and value.func.id == "Field"
    ):
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        value = given.get("default") or (value.args[0] if value.args else None)
    if not isinstance(value, ast.Constant) or isinstance(value.value, bool):
        return False
    return isinstance(value.value, int | float)


def _is_setting(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float)
    return isinstance(value, ast.Tuple | ast.List | ast.Dict | ast.Set | ast.BinOp | ast.UnaryOp)


def main() -> None:
    """Rewrite the document."""
    ARCHITECTURE.write_text(described(ARCHITECTURE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
