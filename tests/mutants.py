"""Mutation testing of the statistics: change one operator or constant, and see if a test fails.

    python -m tests.mutants [--sample 150] [--seed 0] [--minutes 60] [--jobs 2] [PATH ...]

A seeded sample of all mutants of the statistics modules is run. Each runs against one test file,
the one that mirrors its module: `tests/analysis/decoder/test_graph.py` for
`analysis/decoder/graph.py`. A mutant of a module without a test file survives. Each job works in
its own copy of the repository, so the working tree is never changed. Results are appended to
`.mutants/results.jsonl`. A second run resumes, and repeats only mutants whose module or test file
has changed. PATHs restrict the run to these modules.

Compiled kernels are mutated too. Most test files run with `NUMBA_DISABLE_JIT=1`, so that a mutated
kernel is not compiled. The slow ones (NEED_A_BUNDLE, COMPILED) run compiled. Numba does not notice
that the callers of a changed kernel are stale, so for a mutant inside a kernel the cached kernels
of its module, and of all modules that import it, are not used.

Libraries do not fit: mutmut skips decorated functions and therefore every kernel; cosmic-ray has
one test command per session, does not sample or swap arguments, and adds 13 dependencies.
"""

import argparse
import ast
import copy
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / ".mutants" / "results.jsonl"

STATISTICS = (
    "analysis/cooccurrence/*.py",
    "analysis/clusters/*.py",
    "analysis/decoder/map_quality.py",
    "analysis/labels/evidence.py",
    "analysis/labels/scoring.py",
    "analysis/labels/terms.py",
    "analysis/latents/statistics.py",
    "charts/core/measures.py",
)

NEED_A_BUNDLE = ("planted_bundle", "demo_bundle", "DEMO_BUNDLE")
"""A test file that mentions one of these runs compiled: a whole bundle takes minutes without."""
COMPILED = ("tests/analysis/clusters/", "tests/analysis/decoder/")
"""Folders of test files that take minutes without compilation."""

SLOWEST = 5.0
"""A mutant is killed if its tests take longer than this factor times the usual time, plus GRACE."""
GRACE = 90.0

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
NAMES = {"min": "max", "minimum": "maximum", "any": "all", "argmin": "argmax", "sf": "cdf"}
NAMES |= {other: name for name, other in NAMES.items()}
SYMMETRIC = {"min", "max", "minimum", "maximum", "array_equal", "intersect1d", "union1d", "gcd"}


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    path: str
    """Path of the module, relative to the root of the repository."""
    line: int
    before: str
    after: str
    node: int
    """Index of the changed node in the order of `ast.walk`."""
    variant: int
    """Which of the node's variants it is."""
    compiled: bool
    """Whether the change is inside a numba kernel."""

    @property
    def test(self) -> str:
        """The mirrored test file."""
        module = Path(self.path)
        return (Path("tests") / module.parent / f"test_{module.name}").as_posix()

    @property
    def key(self) -> str:
        """Identifies mutant, module and test file by content."""
        contents = [(ROOT / file).read_text() for file in (self.path, self.test)]
        parts = [self.path, str(self.node), str(self.variant), *contents]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def mutants_of(path: str, source: str) -> list[Mutant]:
    """All mutants of a module, in the order of its syntax tree."""
    tree = ast.parse(source)
    skipped = set(_skipped(tree))
    kernels = set(_in_kernels(tree))
    return [
        Mutant(path, node.lineno, _text(node), _text(after), i, v, id(node) in kernels)
        for i, node in enumerate(ast.walk(tree))
        if isinstance(node, ast.expr) and id(node) not in skipped
        for v, after in enumerate(variants(node))
    ]


def mutated(source: str, mutant: Mutant) -> str:
    """The module's source with the mutant's change."""
    tree = ast.parse(source)
    target = next(node for i, node in enumerate(ast.walk(tree)) if i == mutant.node)
    assert isinstance(target, ast.expr)
    return ast.unparse(_Replace(target, variants(target)[mutant.variant]).visit(tree))


class _Replace(ast.NodeTransformer):
    """Replaces one node."""

    def __init__(self, target: ast.expr, replacement: ast.expr) -> None:
        self.target, self.replacement = target, replacement

    def visit(self, node: ast.AST) -> ast.AST:
        """The replacement for the target, and every other node as it is."""
        return self.replacement if node is self.target else self.generic_visit(node)


def variants(node: ast.expr) -> list[ast.expr]:
    """The changes of one node, without its children."""
    changes: list[ast.expr] = []
    match node:
        case ast.Compare(ops=[operator]) if type(operator) in COMPARISONS:
            changes = [_changed(node, ops=[COMPARISONS[type(operator)]()])]
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            changes = [_changed(node, op=OPERATORS[type(operator)]())]
        case ast.BoolOp(op=operator):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            changes = [_changed(node, op=other)]
        case ast.UnaryOp(op=ast.Not() | ast.Invert() | ast.USub(), operand=operand):
            changes = [operand]
        case ast.Constant(value=bool() | int() | float() as value):
            changes = [_changed(node, value=other) for other in _other_values(value)]
        case ast.Name(id=name) if name in NAMES:
            changes = [_changed(node, id=NAMES[name])]
        case ast.Attribute(attr=name) if name in NAMES:
            changes = [_changed(node, attr=NAMES[name])]
        case ast.Call(args=[first, second, *rest]) if _order_matters(node):
            changes = [_changed(node, args=[second, first, *rest])]
    return changes


def _order_matters(call: ast.Call) -> bool:
    name = _text(call.func).rpartition(".")[2]
    return name not in SYMMETRIC and ast.dump(call.args[0]) != ast.dump(call.args[1])


def _other_values(value: bool | int | float) -> list[bool | int | float]:
    """What a constant is replaced with."""
    if isinstance(value, bool):
        return [not value]
    if value == 0:
        return [value + 1]
    return [value * 10, value / 10] if isinstance(value, float) else [value + 1, value - 1]


def _changed(node: ast.expr, **fields: object) -> ast.expr:
    """A shallow copy with other fields."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other


def _text(node: ast.expr) -> str:
    return ast.unparse(node)


def _skipped(tree: ast.Module) -> Iterator[int]:
    """Ids of nodes that change no result: annotations, decorators, texts, errors, memory limits."""
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        match node:
            case ast.FunctionDef():
                parts = [*node.decorator_list, node.returns]
            case ast.ClassDef():
                parts = [*node.decorator_list, *node.bases]
            case ast.arg() | ast.AnnAssign():
                parts = [node.annotation]
            case ast.Assign(targets=[ast.Name(id=name)]) if name.endswith("BYTES"):
                parts = [node]
            case ast.JoinedStr() | ast.Raise() | ast.Assert():
                parts = [node]
        for part in parts:
            yield from (id(child) for child in ast.walk(part)) if part else ()


def _in_kernels(tree: ast.Module) -> Iterator[int]:
    """Ids of the nodes inside functions that numba compiles."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            "njit" in _text(decorator) for decorator in node.decorator_list
        ):
            yield from (id(child) for child in ast.walk(node))


@dataclass(frozen=True)
class Outcome:
    """The result of the tests of a mutant."""

    mutant: Mutant
    killed: bool
    seconds: float


class Workplace:
    """A copy of the repository in which one job runs tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = folder / ".numba"
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.splitlines():
            source, target = ROOT / name, folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                # Data files are large and never change.
                if name.startswith("data/") and source.suffix != ".py":
                    target.symlink_to(source)
                else:
                    shutil.copy2(source, target)

    def failure(self, test: str, limit: float, *, changed: str = "") -> str:
        """The output of a test file that fails or exceeds `limit` seconds; empty if it passes.

        `changed` is a module whose kernels were changed.
        """
        environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        if runs_compiled(test):
            environment["NUMBA_CACHE_DIR"] = str(self._cache_without(changed))
        else:
            environment["NUMBA_DISABLE_JIT"] = "1"
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
        try:
            done = subprocess.run(
                [*command, "--hypothesis-seed=0"],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"It takes longer than {limit:.0f} seconds."
        return f"{done.stdout}{done.stderr}\n" if done.returncode else ""

    def _cache_without(self, changed: str) -> Path:
        """The folder of cached kernels; without stale ones if a module was changed."""
        if not changed:
            return self.cache
        names = {Path(path).stem for path in importers_of(changed)}
        partial_cache = self.folder / ".numba-partial"
        shutil.rmtree(partial_cache, ignore_errors=True)
        return shutil.copytree(
            self.cache,
            partial_cache,
            ignore=lambda _, files: {name for name in files if name.partition(".")[0] in names},
        )

    def run(self, mutant: Mutant, limit: float) -> Outcome:
        """Test one mutant, and restore the module."""
        file = self.folder / mutant.path
        source = file.read_text()
        began = time.perf_counter()
        try:
            file.write_text(mutated(source, mutant))
            changed = mutant.path if mutant.compiled else ""
            killed = self.failure(mutant.test, limit, changed=changed) != ""
        finally:
            file.write_text(source)
        return Outcome(mutant, killed, time.perf_counter() - began)


def importers_of(path: str) -> set[str]:
    """A module and all modules of `analysis` that import it, directly or not."""
    sources = {
        file.relative_to(ROOT).as_posix(): file.read_text()
        for file in ROOT.glob("analysis/**/*.py")
    }
    importers: set[str] = set()
    following = {path}
    while following:
        importers |= following
        dotted = [one.removesuffix(".py").replace("/", ".") for one in following]
        imports = tuple(f"from {name} import" for name in dotted)
        following = {
            other for other, text in sources.items() if any(line in text for line in imports)
        } - importers
    return importers


def chosen_mutants(paths: list[str], sample: int, seed: int) -> list[Mutant]:
    """A seeded sample of the mutants of the modules, in random order."""
    every = [mutant for path in paths for mutant in mutants_of(path, (ROOT / path).read_text())]
    return random.Random(seed).sample(every, min(sample, len(every)))


def runs_compiled(test: str) -> bool:
    """Whether a test file is too slow without compilation."""
    text = (ROOT / test).read_text()
    return test.startswith(COMPILED) or any(name in text for name in NEED_A_BUNDLE)


def _earlier() -> dict[str, dict[str, object]]:
    """Results of earlier runs, by the key of the mutant."""
    if not RESULTS.exists():
        return {}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {row["key"]: row for row in rows}


def _record(outcome: Outcome) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    row = {"key": outcome.mutant.key, "killed": outcome.killed, "seconds": outcome.seconds}
    with RESULTS.open("a") as file:
        file.write(json.dumps(row | asdict(outcome.mutant)) + "\n")


def _show(mutant: Mutant, verdict: str) -> None:
    print(
        f"{verdict:8}  {mutant.path}:{mutant.line}  {mutant.before}  →  {mutant.after}", flush=True
    )


def _baselines(workplace: Workplace, tests: list[str]) -> dict[str, float]:
    """Seconds of each test file without a mutant. SystemExit: one fails."""
    seconds: dict[str, float] = {}
    for test in tests:
        for _ in range(2 if runs_compiled(test) else 1):  # the first run compiles
            began = time.perf_counter()
            if output := workplace.failure(test, 600):
                raise SystemExit(f"{output}{test} fails without any mutant.")
            seconds[test] = time.perf_counter() - began
    return seconds


def run(mutants: list[Mutant], minutes: float, jobs: int) -> list[Outcome]:
    """Test the mutants until the time is up; reuse results of earlier runs."""
    ends = time.monotonic() + 60 * minutes
    earlier = _earlier()
    outcomes: list[Outcome] = []
    waiting: list[Mutant] = []
    for mutant in mutants:
        if not (ROOT / mutant.test).exists():
            outcomes.append(Outcome(mutant, False, 0.0))
        elif mutant.key in earlier:
            outcomes.append(Outcome(mutant, bool(earlier[mutant.key]["killed"]), 0.0))
        else:
            waiting.append(mutant)
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(jobs) as pool:
        free: Queue[Workplace] = Queue()
        for job in range(jobs):
            free.put(Workplace(Path(temporary) / str(job)))

        def work(mutant: Mutant) -> Outcome | None:
            if time.monotonic() > ends:
                return None
            workplace = free.get()
            limit = GRACE + SLOWEST * seconds[mutant.test]
            try:
                outcome = workplace.run(mutant, limit)
            finally:
                free.put(workplace)
            _record(outcome)
            _show(mutant, "killed" if outcome.killed else "SURVIVED")
            return outcome

        first = free.get()
        seconds = _baselines(first, sorted({mutant.test for mutant in waiting}))
        free.put(first)
        tested = [outcome for outcome in pool.map(work, waiting) if outcome]
    return outcomes + tested


def report(outcomes: list[Outcome], of: int) -> str:
    """A Markdown table of scores by module, and the list of the survivors."""
    lines = ["| module | mutants | killed |", "|---|--:|--:|"]
    for path in sorted({outcome.mutant.path for outcome in outcomes}):
        own = [outcome for outcome in outcomes if outcome.mutant.path == path]
        lines.append(f"| `{path}` | {len(own)} | {sum(outcome.killed for outcome in own)} |")
    killed = sum(outcome.killed for outcome in outcomes)
    share = 100 * killed / max(len(outcomes), 1)
    lines.append(f"| all | {len(outcomes)} | {killed} ({share:.0f} %) |")
    if len(outcomes) < of:
        lines.append(f"\n{of - len(outcomes)} of {of} mutants are not tested yet; run it again.")
    survivors = [outcome.mutant for outcome in outcomes if not outcome.killed]
    if survivors:
        lines += ["\nSurvivors:\n"]
    for mutant in sorted(survivors, key=lambda one: (one.path, one.line)):
        lines.append(f"- `{mutant.path}:{mutant.line}`: `{mutant.before}` → `{mutant.after}`")
    return "\n".join(lines)


def statistics_modules() -> list[str]:
    """The modules whose mutants are sampled, from the root of the repository."""
    files = {file for pattern in STATISTICS for file in ROOT.glob(pattern)}
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


def main() -> None:
    """Read the options, run, and print the scores."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("paths", nargs="*", help="modules; by default all statistics modules")
    parser.add_argument("--sample", type=int, default=150, help="how many mutants")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=60, help="no mutant starts after these")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chosen = chosen_mutants(options.paths or statistics_modules(), options.sample, options.seed)
    outcomes = run(chosen, options.minutes, options.jobs)
    print("\n" + report(outcomes, len(chosen)))


if __name__ == "__main__":
    main()
