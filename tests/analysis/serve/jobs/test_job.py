"""Jobs belong to the requester of the block in which they are made."""

import operator

import pytest

from analysis.serve.jobs.job import Job, Requester, on_behalf_of


def test_a_job_belongs_to_who_has_asked_for_it() -> None:
    ada = Requester("ada", "page 1")
    with on_behalf_of(ada):
        assert Job(operator.add, (1, 2), "Sum").requester == ada
        with pytest.raises(ValueError, match="lost"), on_behalf_of(Requester("bob")):
            assert Job(operator.add, (1, 2), "Sum").requester.user == "bob"
            raise ValueError("lost")
        assert Job(operator.add, (1, 2), "Sum").requester == ada
    assert Job(operator.add, (1, 2), "Sum").requester == Requester()


def test_a_job_is_cancelled_for_ever() -> None:
    job = Job(operator.add, (1, 2), "Sum")
    assert not job.is_cancelled
    job.cancel()
    assert job.is_cancelled
