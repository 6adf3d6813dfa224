"""Whether a reader who sees a cluster's name and ten contexts calls the name right.

    .venv/bin/python -m bench.bench_names write BUNDLE FOLDER [CLUSTERS] [SEED]
    .venv/bin/python -m bench.bench_names score FOLDER

`write` draws CLUSTERS (default 50) reproducible clusters of the level that is shown first and
writes two sheets and an answer file for each. Every cluster is on both sheets with the same
contexts, once with its own name and once with that of another cluster; which is which is in
`key.json`. Give each sheet to another reader, who answers the question at its top in
`answers-1.csv` or `answers-2.csv`. `score` counts the names called right, own and shuffled.

A context is a window around a token of the held-out documents, which had no part in the name. It is
drawn in proportion to the activation of a member, and the members are drawn at random.
"""

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.bundle import Bundle, open_bundle
from analysis.labels.split import split_tokens
from analysis.labels.units import token_units

CONTEXTS = 10
BEFORE, AFTER = 14, 8
"""Tokens that are shown before and after the marked one."""

QUESTION = """Each name stands above ten places in texts of several languages. One piece of text is
**[marked]** in each. Write y if the name describes the marked pieces as far as it claims to, and n
if it does not or could stand above any other list.

- Dots separate what a name lists. A word stands for its other forms too.
- "words with -j- (Ejemplo)": the marked piece is the j inside of a word, such as Ejemplo.
- "text after …": the marked piece comes directly after that.
- "+ others" at the end: fewer than half of the pieces are what the name lists.
- "mixed" at the beginning: hardly any are, and nothing else is common.
"""


@dataclass(frozen=True)
class Item:
    """A cluster on the sheets."""

    cluster: int
    name: str
    contexts: list[str]


def write(path: str, folder: str, clusters: str = "50", seed: str = "0") -> None:
    """Write both sheets, their answer files and the key."""
    bundle = open_bundle(Path(path))
    random = np.random.default_rng(int(seed))
    items = drawn(bundle, int(clusters), random)
    # Everyone gets the name of another cluster: a shift of a random order has no fixed place.
    order = random.permutation(len(items))
    shuffled = {
        items[a].cluster: items[b].name for a, b in zip(order, np.roll(order, 1), strict=True)
    }
    own_first = random.random(len(items)) < 0.5
    Path(folder).mkdir(parents=True, exist_ok=True)
    key: dict[str, list[dict[str, object]]] = {}
    for sheet in (1, 2):
        lines, rows = [QUESTION], []
        for number, place in enumerate(random.permutation(len(items)).tolist(), start=1):
            item, own = items[place], bool(own_first[place]) == (sheet == 1)
            name = item.name if own else shuffled[item.cluster]
            lines += [f"## {number}. {name}", "", *(f"- {text}" for text in item.contexts), ""]
            rows.append({"number": number, "cluster": item.cluster, "name": name, "own": own})
        key[str(sheet)] = rows
        (Path(folder) / f"sheet-{sheet}.md").write_text("\n".join(lines), encoding="utf-8")
        with (Path(folder) / f"answers-{sheet}.csv").open("w", newline="") as file:
            csv.writer(file).writerows(
                [["number", "right"], *([row["number"], ""] for row in rows)]
            )
    (Path(folder) / "key.json").write_text(json.dumps(key, indent=1, ensure_ascii=False))
    print(f"{len(items)} clusters of {bundle.name} on two sheets in {folder}")


def drawn(bundle: Bundle, count: int, random: np.random.Generator) -> list[Item]:
    """Random reproducible clusters with a name, and their contexts."""
    level = bundle.manifest.first_level()
    rows = bundle.clusters.to_pylist()
    fit = [
        row
        for row in rows
        if level is not None
        and (row["space"], row["level"]) == (level.space, level.level)
        and row["label"]
        and row["believable"] is not False
    ]
    chosen = random.permutation(len(fit))[:count]
    held_out = split_tokens(bundle.tokens, bundle.manifest.parameters.seed).held_out
    windows = Windows(bundle)
    members = bundle.memberships.to_pandas().groupby("cluster")["latent"].apply(np.array)
    dense = np.array(bundle.latents["flag"].to_pylist()) == "dense"
    items = []
    for row in (fit[i] for i in chosen):
        ids = members[row["cluster"]]
        contexts = windows.of(ids[~dense[ids]], held_out, random)
        items.append(Item(row["cluster"], row["label"], contexts))
    return items


class Windows:
    """Windows of the corpus with one marked token."""

    def __init__(self, bundle: Bundle) -> None:
        """Read the tokens of the bundle."""
        self.activations = bundle.activations
        self.document = bundle.tokens["document"].to_numpy()
        self.units = token_units(bundle.tokens)

    def of(
        self, members: np.ndarray, held_out: np.ndarray, random: np.random.Generator
    ) -> list[str]:
        """Up to CONTEXTS windows around held-out tokens on which the members are active."""
        texts: list[str] = []
        for latent in random.permutation(np.repeat(members, CONTEXTS)):
            tokens, values = self.activations.of_latent(int(latent))
            kept = held_out[tokens]
            if len(texts) < CONTEXTS and kept.any():
                chance = values[kept].astype(np.float64)
                row = int(random.choice(tokens[kept], p=chance / chance.sum()))
                if (text := self.around(row)) not in texts:
                    texts.append(text)
        return texts

    def around(self, row: int) -> str:
        """The window around a row of the token table, in one line."""
        unit = int(self.units.of_row[row])
        places = range(max(unit - BEFORE, 0), min(unit + AFTER + 1, len(self.units.code)))
        text = ""
        for place in places:
            if self.document[self.units.starts[place]] == self.document[row]:
                part = self.units.texts[self.units.code[place]]
                marked = f"{' ' * part.startswith(' ')}**[{part.strip(' ')}]**"
                text += marked if place == unit else part
        return " ".join(text.split())


def score(folder: str) -> None:
    """Print how many names are called right, own and shuffled."""
    key = json.loads((Path(folder) / "key.json").read_text())
    right, answered = {True: 0, False: 0}, {True: 0, False: 0}
    for sheet, rows in key.items():
        file = Path(folder) / f"answers-{sheet}.csv"
        answers = {int(row["number"]): row["right"] for row in csv.DictReader(file.open())}
        for row in rows:
            answer = answers.get(row["number"], "").strip().lower()
            answered[row["own"]] += answer != ""
            right[row["own"]] += answer in ("y", "yes", "1")
    print(f"own names called right:      {right[True]} of {answered[True]} answered")
    print(f"shuffled names called right: {right[False]} of {answered[False]} answered")


if __name__ == "__main__":
    command, *given = sys.argv[1:] or [""]
    if command == "write" and len(given) > 1:
        write(*given)
    elif command == "score" and given:
        score(given[0])
    else:
        print(__doc__)
