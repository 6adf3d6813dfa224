"""Steps count by their estimated time."""

from analysis.pipeline.whole_build import NAME, WholeBuild


def test_the_whole_is_reported_after_the_steps() -> None:
    seen: list[tuple[str, int, int]] = []
    whole = WholeBuild(lambda *report: seen.append(report), {"a": 30.0, "b": 10.0, "c": 60.0})
    whole.begin("a")
    whole("step a", 0, 10)
    whole("step a", 5, 10)
    whole.end("a")
    whole.end("b")  # finished in an earlier run
    whole.begin("c")
    whole("step c", 3, 10)
    whole("names proposed", 1, 10)  # never goes back
    whole.end("c")
    assert [(done, total) for name, done, total in seen if name == NAME] == [
        (0, 100), (15, 100), (30, 100), (40, 100), (58, 100), (100, 100),
    ]  # fmt: skip
    assert [one for one in seen if one[0] != NAME] == [
        ("step a", 0, 10), ("step a", 5, 10), ("step c", 3, 10), ("names proposed", 1, 10),
    ]  # fmt: skip


def test_without_estimates_nothing_is_divided() -> None:
    whole = WholeBuild(lambda *report: None, {})
    whole.begin("a")
    whole("a", 0, 0)
    whole.end("a")
    assert whole.reported == 0
