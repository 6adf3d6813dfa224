"""What the command line prints: bars while it works, tables of names and values when it is done.

Printing knows the summaries alone, never a file or a model, so that it loads no torch.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from analysis.bundle import TABLES, LabelSummary, Manifest, SaeSource

if TYPE_CHECKING:
    from analysis.harvest.self_check import Measured, SelfCheckReport

out = Console()
err = Console(stderr=True)

ACTIVATIONS = {
    "topk": "the {k} largest pre-activations of a token",
    "jumprelu": "pre-activations above each latent's own threshold",
    "standard": "ReLU, pre-activations above 0",
    "gated": "pre-activations that each latent's gate lets through",
}
NORMALISATIONS = {
    "none": "none",
    "constant_norm_rescale": "each token scaled to the norm √d_in (constant_norm_rescale)",
    "layer_norm": "each token by its mean and deviation (layer_norm)",
}
NORMS = {"min": "least", "p05": "5 %", "median": "median", "p95": "95 %", "max": "largest"}


class RateColumn(ProgressColumn):
    """Pieces a second."""

    def render(self, task: Task) -> Text:
        """The rate as text; empty before it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f}/s".rjust(9) if speed else " " * 9)


class ConsoleReport:
    """Shows each step of a build as a bar with its rate and the time that is left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say that `done` of `total` pieces of a step are done."""
        if step not in self._tasks:
            # The first report carries what an earlier run had finished: the rate starts there.
            self._tasks[step] = self._progress.add_task(step, total=total, completed=done)
        self._progress.update(self._tasks[step], completed=done, total=total)


class LineReport:
    """Says where a build is in a line at each tenth of a step, for logs and pipes."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, step: str, done: int, total: int) -> None:
        """Say that `done` of `total` pieces of a step are done."""
        tenth = 10 * done // max(total, 1)
        if self._said.get(step) != tenth:
            self._said[step] = tenth
            err.print(f"{step}: {done:,} of {total:,}", highlight=False, soft_wrap=True)


@contextmanager
def bars() -> Iterator[ConsoleReport | LineReport]:
    """Bars on the error stream, one for each step that reports; lines where it is no terminal."""
    if not err.is_terminal:
        yield LineReport()
        return
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<28}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        RateColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        yield ConsoleReport(progress)


def print_error(error: Exception) -> None:
    """One sentence on the error stream."""
    err.print(Text.assemble(("Error: ", "red"), str(error)), soft_wrap=True)


def print_files(files: Iterable[Path]) -> None:
    """Where something was written."""
    for file in files:
        out.print(f"Wrote {file}", soft_wrap=True, markup=False)


def print_left_out(error: Exception) -> None:
    """Why something was left out of a list."""
    err.print(Text.assemble(("Left out: ", "yellow"), str(error)), soft_wrap=True)


def print_bundle(made: Manifest, path: Path) -> None:
    """What a bundle is, and whether its SAE was read rightly."""
    check = made.self_check
    explained = check.explained_variance
    rows = [
        ("bundle", f"{path}  ({made.bundle_id}, schema {made.schema_version})"),
        ("SAE", f"{made.sae.name}: {made.sae.architecture}, {made.sae.d_sae:,} latents"),
        ("hook point", both_spellings(made.sae.hook_point, made.sae.hook_module)),
        ("model", made.model.name if made.model else "none; activations were imported"),
        ("corpus", made.corpus.name),
        ("counted", f"{made.tokens:,} tokens in {made.documents:,} documents"),
        ("mask", made.mask.policy),
        ("active rule", made.active_rule),
        ("L0", f"{check.l0:.1f} latents per token"),
        ("explained variance", _explained(explained, check.tokens)),
        ("self-check", check.verdict),
    ]
    rows += [
        (
            f"clusters, level {level.level}",
            f"{level.clusters:,}, with {level.noise:,} live latents in none; seeds agree by "
            f"{level.stability:.2f}",
        )
        for level in made.clustering
    ]
    if made.labels:
        rows.append(("labels", _label_summary(made.labels)))
    rows.append(("seconds", ", ".join(f"{k} {v:,.0f}" for k, v in made.timings.items())))
    _print_rows(rows)


def print_columns() -> None:
    """Every table and column of a bundle, with its unit and meaning."""
    for name, schema in TABLES.items():
        table = Table("column", "type", "unit", "meaning", title=f"{name}.parquet")
        for entry in schema:
            said = {key.decode(): value.decode() for key, value in entry.metadata.items()}
            table.add_row(entry.name, str(entry.type), said["unit"], said["meaning"])
        out.print(table)


def print_bundles(found: Iterable[tuple[str, Manifest]]) -> None:
    """One line for each bundle."""
    names = ("bundle", "id", "SAE", "latents", "tokens", "model")
    table = Table(*(Column(name, overflow="fold") for name in names))
    for name, made in found:
        table.add_row(
            name,
            made.bundle_id,
            made.sae.name,
            f"{made.sae.d_sae:,}",
            f"{made.tokens:,}",
            made.model.name if made.model else "imported",
        )
    out.print(table)


def print_sae(summary: SaeSource, title: str, model_name: str | None) -> None:
    """What a saved SAE is; `title` names its format, `model_name` its model."""
    kind = "transcoder" if summary.hook_point_out or summary.d_out != summary.d_in else "SAE"
    width = f"{summary.d_in:,} values in, {summary.d_sae:,} latents, {summary.d_out:,} values out"
    active = ACTIVATIONS[summary.architecture].format(k=summary.k)
    promised = summary.advertised_l0
    rows = [
        ("format", f"{title} ({summary.format})"),
        ("architecture", f"{summary.architecture} {kind}: {active}"),
        ("width", f"{width} (d_in, d_sae, d_out)"),
        ("model", model_name or "not said"),
        ("hook point", both_spellings(summary.hook_point, summary.hook_module)),
        ("output hook point", summary.hook_point_out),
        ("advertised L0", f"{promised:.4g} latents per token" if promised else "not said"),
        ("normalisation", NORMALISATIONS[summary.normalisation]),
        ("centring", "each token's mean is removed first" if summary.centre_input else "none"),
        ("b_dec", b_dec_use(summary.applies_b_dec_to_input)),
        ("skip connection", "W_skip·x is added to the output" if summary.has_skip else None),
        ("decoder norms", decoder_norms(summary.decoder_norms)),
        ("content hash", summary.content_hash[:16]),
    ]
    rows += [("note", note) for note in summary.notes]
    _print_rows(rows)


def print_self_check(report: "SelfCheckReport", advertised_l0: float | None) -> None:
    """The verdict on an SAE and, where it does not fit, what else was tried."""
    measured = report.measured
    place = both_spellings(str(report.hook), f"{report.hook.module}:{report.hook.side}")
    explained = (
        "not computed: a transcoder's output belongs at another hook point than its input"
        if measured.explained_variance is None
        else _explained(measured.explained_variance, measured.tokens)
    )
    promised = "nothing promised" if advertised_l0 is None else f"{advertised_l0:.4g} promised"
    _print_rows(
        [
            ("checked at", place),
            ("explained variance", explained),
            ("L0", f"{measured.l0:.1f} latents per token, {promised}"),
            ("self-check", report.verdict.sentence),
            ("advice", report.advice),
        ]
    )
    if report.tried:
        # Lines are left whole, so that an option can be copied.
        table = Table.grid(padding=(0, 2))
        table.add_row("read otherwise", "variance", "L0", "option", style="bold")
        for other in report.tried:
            table.add_row(
                other.said, _variance(other.measured), f"{other.measured.l0:.1f}", other.option
            )
        out.print(table, soft_wrap=True, markup=False)


def print_conversion(folder: Path, notes: Iterable[str]) -> None:
    """Where a converted SAE is, and what was folded or assumed on the way."""
    _print_rows([("written", f"{folder} (SAELens)"), *(("note", note) for note in notes)])


def both_spellings(hook_point: str | None, module: str | None) -> str:
    """A hook point as TransformerLens and as Hugging Face spell it."""
    if hook_point is None:
        return "not said; give it by --hook"
    if module is None:
        return hook_point
    return f"{hook_point} (TransformerLens)  =  {module} (Hugging Face)"


def b_dec_use(applies_to_input: bool) -> str:
    """Whether and how the decoder's bias is used."""
    added = "added to the output"
    return f"subtracted from the input, and {added}" if applies_to_input else f"only {added}"


def decoder_norms(norms: dict[str, float]) -> str:
    """Quantiles of the decoder vectors' norms in words."""
    return ", ".join(f"{NORMS[name]} {norms[name]:.3g}" for name in NORMS if name in norms)


def _label_summary(labels: LabelSummary) -> str:
    given = ""
    if labels.explanations:
        given = (
            f"; {labels.explained:,} latents and clusters explained "
            f"({', '.join(labels.explanations)}), {labels.explanations_scored:,} of them scored: "
            "the others predict no held-out word, or fire too rarely"
        )
    others = "other" if labels.held_out_documents == 1 else "others"
    return (
        f"made from {labels.naming_documents:,} documents, scored on {labels.held_out_words:,} "
        f"words of {labels.held_out_documents:,} {others}{given}"
    )


def _explained(explained: float | None, tokens: int) -> str:
    if explained is None:
        return "not known for imported activations and transcoders"
    return f"{explained:.3f} (centred, {tokens:,} tokens)"


def _variance(measured: "Measured") -> str:
    explained = measured.explained_variance
    return "–" if explained is None else f"{explained:.3f}"


def _print_rows(rows: Iterable[tuple[str, str | None]]) -> None:
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        if value:
            table.add_row(name, value)
    out.print(table, soft_wrap=True, markup=False)
