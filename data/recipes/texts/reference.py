"""Reference texts and code: WordNet as a dictionary, the source of Python's standard library."""

import ast
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.recipes.texts.documents import SHORTEST, Section
from data.recipes.texts.packages import fetch

LEXICOGRAPHER_FILES = (
    "adjectives", "relational adjectives", "adverbs", "top-level nouns", "acts", "animals",
    "artifacts", "attributes", "body parts", "cognition", "communication", "events", "feelings",
    "food", "groups", "places", "motives", "natural objects", "people", "natural phenomena",
    "plants", "possession", "processes", "quantities", "relations", "shapes", "states",
    "substances", "time", "verbs of the body", "verbs of change", "verbs of cognition",
    "verbs of communication", "verbs of competition", "verbs of consumption", "verbs of contact",
    "verbs of creation", "verbs of emotion", "verbs of motion", "verbs of perception",
    "verbs of possession", "verbs of social interaction", "stative verbs", "verbs of weather",
    "participial adjectives",
)  # fmt: skip
"""Topics of the lexicographer files 0 to 44 of WordNet, in order (lexnames, section 5)."""

PARTS_OF_SPEECH = {"n": "noun", "v": "verb", "a": "adjective", "s": "adjective", "r": "adverb"}
NOT_FOR_A_DEMO = re.compile(
    r"offensive|slur|derogatory|disparag|obscen|vulgar|taboo|insult|racis|sexual|genital", re.I
)


def dictionary_entry(line: str) -> tuple[int, str, str] | None:
    """A WordNet data line as (lexicographer file, head word, entry); None if it is excluded."""
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    if NOT_FOR_A_DEMO.search(gloss):
        return None
    count = int(fields[3], 16)
    words = [re.sub(r"\(\w+\)$", "", w).replace("_", " ") for w in fields[4 : 4 + 2 * count : 2]]
    gloss = re.sub(r"\s+", " ", gloss).strip().rstrip(";")
    gloss = re.sub(r';\s*"', '. "', gloss, count=1)
    end = "" if gloss.endswith(('"', ".", "!", "?")) else "."
    entry = f"{', '.join(words)} ({PARTS_OF_SPEECH[fields[2]]}): {gloss}{end}"
    return int(fields[1]), words[0], entry


def wordnet(cache: Path) -> Iterator[Section]:
    """Glosses as dictionary entries, grouped by lexicographer file."""
    folder = fetch("apt:wordnet-base", cache) / "usr/share/wordnet"
    topics: dict[int, list[tuple[str, str]]] = {}
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines():
            entry = None if line.startswith("  ") else dictionary_entry(line)
            if entry:
                topics.setdefault(entry[0], []).append(entry[1:])
    for topic, entries in sorted(topics.items()):
        for run in runs(entries, 5500):
            title = f"Dictionary of {LEXICOGRAPHER_FILES[topic]}: {run[0][0]} to {run[-1][0]}"
            yield Section(title, [text for _, text in run])


def runs(entries: Iterable[tuple[str, str]], characters: int) -> Iterator[list[tuple[str, str]]]:
    """Consecutive (head word, entry) pairs in runs of just over `characters`."""
    run: list[tuple[str, str]] = []
    for entry in entries:
        if sum(len(text) for _, text in run) > characters:
            yield run
            run = []
        run.append(entry)
    if run:
        yield run


LEFT_OUT_MODULES = re.compile(
    r"(^|/)(test|tests|idlelib|lib2to3|site-packages|encodings|pydoc_data|ensurepip|turtledemo|"
    r"__phello__|config-|_sysconfigdata|this\.py|antigravity\.py|__hello__)"
)


def python_library(_: Path) -> Iterator[Section]:
    """The source of the standard library, cut between functions and methods.

    Modules with their own copyright line are excluded; the rest belongs to the Python Software
    Foundation, under one licence.
    """
    root = Path(sys.base_prefix) / f"lib/python{sys.version_info.major}.{sys.version_info.minor}"
    for path in sorted(root.rglob("*.py")):
        module = path.relative_to(root).as_posix()
        if LEFT_OUT_MODULES.search(module):
            continue
        code = path.read_text(encoding="utf-8", errors="replace")
        if re.search(r"copyright|licen[cs]e", code, re.IGNORECASE) or len(code) < SHORTEST:
            continue
        yield Section(f"Python: {module}", code_blocks(code))


def code_blocks(code: str) -> list[str]:
    """Source code cut before each definition of a module or of a class in it."""
    tree = ast.parse(code)
    nodes = list(tree.body)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            nodes.extend(node.body[1:])
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    starts = {
        min([node.lineno, *(d.lineno for d in node.decorator_list)]) - 1
        for node in nodes
        if isinstance(node, kinds)
    }
    lines = code.splitlines()
    cuts = sorted({0, *starts, len(lines)})
    blocks = ["\n".join(lines[a:b]).strip("\n").rstrip() for a, b in itertools.pairwise(cuts)]
    return [block for block in blocks if block.strip()]
