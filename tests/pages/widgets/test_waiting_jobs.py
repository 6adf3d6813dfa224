"""The files for which a page waits: their places, the button that cancels, and problems."""

import operator
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from analysis.runtime.errors import InputError
from analysis.serve.jobs.job import CancelledJobError, Job, Requester
from pages.widgets import waiting_jobs
from pages.widgets.markdown import plain
from pages.widgets.waiting_jobs import problems_of, problems_shown_on


class Queue:
    """A line whose jobs are where a test puts them."""

    def __init__(self) -> None:
        self.all: list[Job] = []

    def jobs(self) -> list[Job]:
        return list(self.all)

    def place(self, job: Job) -> int:
        waiting = [one for one in self.all if not one.is_running]
        return waiting.index(job) + 1 if job in waiting else 0


def _app() -> None:
    from pages.widgets.waiting_jobs import waiting_jobs  # noqa: PLC0415

    waiting_jobs()


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    one = Queue()
    monkeypatch.setattr(waiting_jobs, "shared_line", lambda: one)
    monkeypatch.setattr(waiting_jobs, "requester", lambda: Requester("ada", "page 1"))
    yield one
    waiting_jobs._problems.clear()


def job(title: str, page: str = "page 1", **more: Any) -> Job:
    return Job(operator.add, (1, 1), title, requester=Requester("ada", page), **more)


def test_without_jobs_nothing_is_shown(queue: Queue) -> None:
    queue.all = [job("Other", "page 2"), job("Clusters", has_progress=True)]
    app = AppTest.from_function(_app).run()
    assert not app.exception
    assert not app.button and not app.markdown and not app.toast


def test_the_jobs_of_the_page_have_places_and_can_be_cancelled(queue: Queue) -> None:
    queue.all = [job("Densities", is_running=True), job("Other", "page 2"), job("*Flags*")]
    app = AppTest.from_function(_app).run()
    assert [one.value for one in app.markdown] == [
        "Densities: is being made",
        f"{plain('*Flags*')}: place 2 in the queue",
    ]
    assert [one.label for one in app.button] == ["Cancel", "Cancel"]
    app.button[1].click().run()
    assert [one.is_cancelled for one in queue.all] == [False, False, True]


def test_why_a_file_was_not_made_is_shown_once_on_its_page(
    queue: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    for page, error in (
        ("page 1", InputError("/srv/x.parquet: is *damaged*.")),
        ("page 1", CancelledJobError("was cancelled.")),
        ("page 1", KeyError("secret")),
        ("page 2", InputError("elsewhere")),
    ):
        with pytest.raises(type(error)), problems_shown_on(page):
            raise error
    app = AppTest.from_function(_app).run()
    first, second = (one.value for one in app.toast)
    assert first == plain("x.parquet: is *damaged*.")
    assert "Something went wrong while making a file" in second and "secret" not in second
    assert not app.run().toast
    assert problems_of("page 2") == ["elsewhere"]
    caplog.clear()  # the bug was meant
