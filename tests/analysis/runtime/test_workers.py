"""Pieces of work on this machine and on a real Dask cluster of two processes."""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PosixPath
from threading import Timer

import pytest
from distributed import LocalCluster

from analysis.runtime.durable import is_whole, sums_of, whole_file
from analysis.runtime.errors import InputError, ResumableError
from analysis.runtime.workers import DaskWorkers, LocalWorkers, Workers, open_workers

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["local", "dask"])
def workers(request: pytest.FixtureRequest) -> Workers:
    if request.param == "local":
        return LocalWorkers()
    return DaskWorkers(request.getfixturevalue("cluster").scheduler_address)


@dataclass(frozen=True)
class Square:
    """Writes a piece's square, and notes that it began."""

    folder: Path
    refuses: int | None = None
    fails: int | None = None
    kills_its_worker: int | None = None

    def file(self, piece: int) -> Path:
        return self.folder / f"{piece}.txt"

    def __call__(self, piece: int) -> None:
        with (self.folder / f"began-{piece}").open("a") as log:
            log.write(f"{os.getpid()}\n")
        if piece == self.refuses:
            raise InputError(f"piece {piece}: cannot be squared; give another.")
        if piece == self.fails:
            raise ZeroDivisionError("once more")
        if piece == self.kills_its_worker and self.began(piece) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        with whole_file(self.file(piece)) as unfinished:
            unfinished.write_text(str(piece**2))

    def began(self, piece: int) -> int:
        log = self.folder / f"began-{piece}"
        return len(log.read_text().splitlines()) if log.exists() else 0


def files(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.glob("*.txt")}


def test_each_missing_piece_is_made_once(workers: Workers, tmp_path: Path) -> None:
    task = Square(tmp_path)
    with whole_file(task.file(4)) as unfinished:
        unfinished.write_text("made before")
    for damaged in (7, 8):
        with whole_file(task.file(damaged)) as unfinished:
            unfinished.write_text("made before")
    task.file(7).write_text("made befOre")
    sums_of(task.file(8)).unlink()
    reported: list[int] = []
    workers.run(task, range(12), task.file, reported.append)
    expected = {f"{i}.txt": str(i**2) for i in range(12)} | {"4.txt": "made before"}
    assert files(tmp_path) == expected
    assert sorted(reported) == list(range(12))
    assert [task.began(i) for i in range(12)] == [int(i != 4) for i in range(12)]
    assert len(list(tmp_path.iterdir())) == 2 * 12 + 11


def test_what_a_task_raises_is_raised(workers: Workers, tmp_path: Path) -> None:
    refusing = Square(tmp_path, refuses=0)
    with pytest.raises(InputError, match=r"^piece 0: cannot be squared; give another\.$"):
        workers.run(refusing, range(50), refusing.file)
    assert refusing.began(0) == 1 and refusing.began(40) == 0
    failing = Square(tmp_path, fails=0)
    with pytest.raises(ZeroDivisionError, match="once more"):
        workers.run(failing, range(2), failing.file)
    assert not failing.file(0).exists()
    # The refusing task began it once, and on a cluster it is tried again twice.
    assert failing.began(0) == 1 + (1 if isinstance(workers, LocalWorkers) else 3)


def test_a_lost_worker_costs_only_its_piece(cluster: LocalCluster, tmp_path: Path) -> None:
    task = Square(tmp_path, kills_its_worker=3)
    DaskWorkers(cluster.scheduler_address).run(task, range(20), task.file)
    assert files(tmp_path) == {f"{i}.txt": str(i**2) for i in range(20)}
    assert [task.began(i) for i in range(20)] == [1 + (i == 3) for i in range(20)]


@dataclass(frozen=True)
class Meeting:
    """Pieces 0 and 1 wait for each other."""

    folder: Path

    def file(self, piece: int) -> Path:
        return self.folder / f"{piece}.txt"

    def __call__(self, piece: int) -> None:
        (self.folder / f"began-{piece}").touch()
        while not (self.folder / f"began-{1 - piece}").exists():
            time.sleep(0.01)
        with whole_file(self.file(piece)) as unfinished:
            unfinished.write_text(str(os.getpid()))


@dataclass(frozen=True)
class AllLost(Meeting):
    """Pieces 0 and 1 wait for each other and end their processes; the second time they are made."""

    def __call__(self, piece: int) -> None:
        again = (self.folder / f"began-{piece}").exists()
        if not again:
            super().__call__(piece)
            self.file(piece).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        with whole_file(self.file(piece)) as unfinished:
            unfinished.write_text("made")


def test_pieces_go_on_after_all_workers_were_lost_at_once(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    task = AllLost(tmp_path)
    DaskWorkers(cluster.scheduler_address).run(task, range(2), task.file)
    assert [task.file(i).read_text() for i in range(2)] == ["made"] * 2


def test_both_processes_work_at_once(cluster: LocalCluster, tmp_path: Path) -> None:
    task = Meeting(tmp_path)
    DaskWorkers(cluster.scheduler_address).run(task, range(2), task.file)
    assert len({*files(tmp_path).values(), str(os.getpid())}) == 3


def test_ctrl_c_leaves_the_rest_undone(workers: Workers, tmp_path: Path) -> None:
    task = Square(tmp_path)

    def stop(piece: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workers.run(task, range(1000), task.file, stop)
    assert task.began(999) == 0


class Elsewhere(PosixPath):
    """A folder that only this process sees: on a worker its path leads to nothing."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path, ("/nowhere", *self.parts[-2:])


def test_a_folder_that_is_not_shared_is_refused(cluster: LocalCluster, tmp_path: Path) -> None:
    task = Square(tmp_path)
    with pytest.raises(InputError, match=r"does not see this folder; put the bundle into"):
        DaskWorkers(cluster.scheduler_address).run(
            task, range(3), lambda piece: Elsewhere(task.file(piece))
        )
    assert task.began(0) == 0


@dataclass(frozen=True)
class Late(Square):
    """Its files appear a while after a piece has ended, as on a network file system."""

    def __call__(self, piece: int) -> None:
        Timer(0.5, super().__call__, [piece]).start()


def test_a_file_that_arrives_late_is_waited_for(cluster: LocalCluster, tmp_path: Path) -> None:
    task = Late(tmp_path)
    arrived: list[bool] = []
    DaskWorkers(cluster.scheduler_address).run(
        task, range(2), task.file, lambda piece: arrived.append(task.file(piece).exists())
    )
    assert arrived == [True, True]


def test_a_file_that_does_not_arrive_is_an_error(cluster: LocalCluster, tmp_path: Path) -> None:
    task = Square(tmp_path)
    workers = DaskWorkers(cluster.scheduler_address, seen_within=0.1)
    with pytest.raises(InputError, match="it is not visible here; put the bundle into"):
        workers.run(task, range(3), lambda piece: tmp_path / f"{piece}.other")


@dataclass(frozen=True)
class Importing:
    """Fails as on a worker where a module is not installed."""

    module: str

    def __call__(self, piece: int) -> None:
        raise ModuleNotFoundError(f"No module named {self.module!r}", name=self.module)


def test_a_worker_without_clearwater_is_refused(cluster: LocalCluster, tmp_path: Path) -> None:
    workers = DaskWorkers(cluster.scheduler_address)
    with pytest.raises(InputError, match="a worker cannot import Clearwater; start it in"):
        workers.run(Importing("analysis.harvest"), range(1), Square(tmp_path).file)
    with pytest.raises(ModuleNotFoundError, match="analysistools"):
        workers.run(Importing("analysistools"), range(1), Square(tmp_path).file)


def test_no_scheduler_or_no_worker_is_refused(tmp_path: Path) -> None:
    task = Square(tmp_path)
    for address in ("tcp://127.0.0.1:1", "nonsense://"):
        with pytest.raises(InputError, match="no Dask scheduler answers; start one"):
            DaskWorkers(address, patience=0.2).run(task, range(3), task.file)
    with LocalCluster(n_workers=0, dashboard_address=":0") as empty:
        workers = DaskWorkers(empty.scheduler_address, patience=0.2)
        with pytest.raises(InputError, match="the scheduler has no worker; start some with"):
            workers.check()


@dataclass(frozen=True)
class Full:
    """Fails as on a worker whose disk is full, and counts how often it is tried."""

    folder: Path

    def file(self, piece: int) -> Path:
        return self.folder / f"{piece}.txt"

    def __call__(self, piece: int) -> None:
        with (self.folder / "began").open("a") as log:
            log.write("x")
        raise OSError(errno.ENOSPC, "No space left on device", "/elsewhere/0.unfinished")


def test_a_full_disk_of_a_worker_is_named_and_not_tried_again(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    task = Full(tmp_path)
    with pytest.raises(ResumableError, match=f"^{tmp_path}: the disk is full; free some space"):
        DaskWorkers(cluster.scheduler_address).run(task, range(1), task.file)
    assert (tmp_path / "began").read_text() == "x"


@dataclass(frozen=True)
class GivenUp(Square):
    """While the piece is made, its folder is renamed and another build makes a new one."""

    def __call__(self, piece: int) -> None:
        self.folder.rename(self.folder.with_name("aside"))
        self.folder.mkdir()
        super().__call__(piece)


def test_a_piece_of_a_build_that_was_given_up_is_not_adopted(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    folder = tmp_path / "shards"
    folder.mkdir()
    task = GivenUp(folder)
    with pytest.raises(ResumableError, match="a file was removed while it was in use"):
        DaskWorkers(cluster.scheduler_address).run(task, range(1), task.file)
    assert [file.name for file in folder.iterdir()] == ["began-0"]
    assert not task.file(0).exists()


@contextmanager
def own_cluster() -> Iterator[tuple[str, subprocess.Popen[bytes], subprocess.Popen[bytes]]]:
    """A scheduler and a worker in processes that can be killed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    dask = [sys.executable, "-m", "dask"]
    with ExitStack() as stack:
        parts = []
        for arguments in (
            ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
            ["worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny"],
        ):
            part = subprocess.Popen([*dask, *arguments], stderr=subprocess.DEVNULL, cwd=ROOT)
            stack.callback(part.wait)
            stack.callback(part.kill)
            parts.append(part)
        yield address, parts[0], parts[1]


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("scheduler", "the scheduler has stopped; start it again, then run the same command"),
        ("worker", "has lost its last worker and has had none for 1 seconds; start some, then"),
    ],
)
def test_a_lost_cluster_leaves_the_rest_undone(tmp_path: Path, lost: str, message: str) -> None:
    task = Square(tmp_path)
    with own_cluster() as (address, scheduler, worker):

        def lose(piece: int) -> None:
            (scheduler if lost == "scheduler" else worker).kill()

        workers = DaskWorkers(address, without_workers=1.0)
        with pytest.raises(ResumableError, match=message):
            workers.run(task, range(1000), task.file, lose)
    assert is_whole(task.file(0)) and not task.file(999).exists()


def test_without_a_scheduler_this_process_works() -> None:
    assert isinstance(open_workers(None), LocalWorkers)


def test_a_cluster_is_waited_for_as_documented() -> None:
    workers = DaskWorkers("tcp://127.0.0.1:1")
    waits = (workers.patience, workers.without_workers, workers.seen_within)
    assert waits == (30.0, 300.0, 60.0)
