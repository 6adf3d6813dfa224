"""Run the benchmarks and print `docs/benchmarks.md` from their results, with the machine's facts.

    python -m bench [NAME ...] [--only-print]

Without a NAME every benchmark of RUNS is run, each in a process of its own, one after the other
(about an hour on two cores). A result is written to `bench/results/` as soon as it is there, so a
run that is stopped loses only the benchmark that it was at, and one can be repeated alone.
Nothing else should run meanwhile: the load of the machine before each run stands beside its result.

`bench_points` fetches packages from npm. A benchmark that needs a larger bundle than the demo is
not in RUNS; its file says how to run it.
"""

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
RUNS = {
    "bench_first_paint": "3",
    "bench_browser": "data/demo --rounds 5",
    "bench_points": "",
    "bench_reruns": "data/demo",
    "bench_load": "",
    "bench_own_text": "",
    "bench_selection": "",
    "bench_open_sae": "",
    "bench_harvest": "",
    "bench_cooccurrence": "against",
    "bench_map": "",
    "bench_memory": "",
    "bench_map_settings": "",
    "bench_name_share": "data/demo",
    "bench_tests": "200",
}
"""The arguments of every benchmark that is run."""
PACKAGES = ("numpy", "numba", "torch", "umap-learn", "scikit-learn", "pyarrow", "streamlit")


@dataclass(frozen=True)
class Result:
    """What one benchmark printed, and where and when."""

    name: str
    arguments: str
    commit: str
    finished: str
    """The day, in UTC."""
    machine: str
    packages: str
    load: float
    """The load average of the last minute before the run: what else used the machine."""
    seconds: float
    output: str


def machine() -> str:
    """Processor, cores, memory, system and Python, in one sentence."""
    model = platform.processor() or platform.machine()
    facts = Path("/proc/cpuinfo")
    if facts.exists():
        names = [line for line in facts.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = f"{platform.system()} {platform.machine()}"
    return (
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, {system}, "
        f"Python {platform.python_version()}"
    )


def run(name: str, arguments: str) -> Result:
    """Run one benchmark in a process of its own.

    Raises
    ------
    subprocess.CalledProcessError
        If the benchmark fails; what it wrote to the error stream has been shown.
    """
    load, began = os.getloadavg()[0], time.monotonic()
    command = [sys.executable, "-m", f"bench.{name}", *arguments.split()]
    output = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    ).stdout.strip()
    return Result(
        name,
        arguments,
        commit,
        datetime.now(UTC).date().isoformat(),
        machine(),
        ", ".join(f"{package} {version(package)}" for package in PACKAGES),
        round(load, 2),
        round(time.monotonic() - began, 1),
        output,
    )


def stored(folder: Path) -> list[Result]:
    """The results in a folder, in the order of RUNS."""
    results = [Result(**json.loads(file.read_text())) for file in sorted(folder.glob("*.json"))]
    order = list(RUNS)
    return sorted(results, key=lambda result: order.index(result.name))


def document(results: list[Result]) -> str:
    """The text of `docs/benchmarks.md`."""
    parts = [
        "# Benchmarks\n\n"
        "Printed by `python -m bench` from `bench/results/`; do not edit. Each section says what "
        "its benchmark measures and against what, which command to run, and on which machine it "
        "ran. Times differ between machines; ratios, which are measured interleaved in one run, "
        "differ less. A target that is stated and not met is missed on that machine.\n"
    ]
    for result in results:
        text = (ROOT / "bench" / f"{result.name}.py").read_text()
        parts.append(_section(result, ast.get_docstring(ast.parse(text)) or ""))
    return "\n".join(parts)


def _section(result: Result, docstring: str) -> str:
    paragraphs = [part for part in docstring.split("\n\n") if not part.startswith("    ")]
    command = f"python -m bench.{result.name} {result.arguments}".strip()
    return (
        f"## {paragraphs[0].rstrip('.:')}\n\n"
        + "".join(f"{part}\n\n" for part in paragraphs[1:])
        + f"`{command}`, {result.finished}, commit {result.commit}, {result.seconds:.0f} s, load "
        f"before the run {result.load:.1f}. {result.machine}; {result.packages}.\n\n"
        f"```text\n{result.output}\n```\n"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the number of benchmarks that failed."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(RUNS)}")
    parser.add_argument("--only-print", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(RUNS):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    RESULTS.mkdir(exist_ok=True)
    failed = 0
    for name in [] if options.only_print else options.names or RUNS:
        print(f"{name} {RUNS[name]}", flush=True)
        try:
            result = run(name, RUNS[name])
        except subprocess.CalledProcessError:
            failed += 1
            continue
        text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
        (RESULTS / f"{name}.json").write_text(text + "\n")
        DOCUMENT.write_text(document(stored(RESULTS)))
    DOCUMENT.write_text(document(stored(RESULTS)))
    return failed


if __name__ == "__main__":
    sys.exit(main())
