"""Progress reaches one receiver under the name of its step."""

from analysis.runtime.progress import SILENT, Progress


def test_a_report_has_its_name_and_both_numbers() -> None:
    heard: list[tuple[str, int, int]] = []

    def report(name: str, done: int, total: int) -> None:
        heard.append((name, done, total))

    progress = Progress("map", report)
    progress(1, 3)
    progress.named("clusters")(2, 5)
    progress(3, 3)
    assert heard == [("map", 1, 3), ("clusters", 2, 5), ("map", 3, 3)]


def test_silence_accepts_every_report() -> None:
    SILENT(1, 2)
    SILENT.named("map")(2, 2)
