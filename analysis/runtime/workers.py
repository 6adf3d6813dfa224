"""Run the pieces of a long step in this process, or on the workers of a Dask cluster.

A step is cut into numbered pieces, and each piece writes one file to a folder that all workers
share. The file is written under a temporary name and renamed (`whole_file`), so a piece is finished
if and only if its file is whole; no other state is kept. A lost worker therefore costs only its
current piece, and an interrupted step resumes with the missing pieces on any number of workers.
"""

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import numba

from analysis.runtime.durable import is_whole, same_folder
from analysis.runtime.errors import InputError, ResumableError
from analysis.runtime.storage import clear_storage_errors

if TYPE_CHECKING:
    from distributed import Client, Future

RETRIES = 2
"""Number of retries for failures other than bad input."""
_LOOK_AGAIN_SECONDS = 1.0
"""Interval of the search for new workers while no piece finishes."""
_OWN_PACKAGE = __name__.partition(".")[0]
_ONE_PIECE = threading.Lock()

Task = Callable[[int], None]
"""Writes the file of one piece, using all cores. It is sent to other machines, so it must be
picklable, name files by absolute paths, and read everything it needs from them. It may raise
InputError."""
File = Callable[[int], Path]
"""Returns the absolute path of a piece's file; all files are in one folder."""
Finished = Callable[[int], None]
"""Called with each finished piece, including those that were finished before."""


class Workers(Protocol):
    """Runs pieces of work."""

    def run(
        self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
    ) -> None:
        """Call task(piece) for each piece whose file is not whole (`is_whole`).

        On return, every file is whole. An exception of a task is raised here, and pieces that were
        not started are left undone.
        """


def open_workers(scheduler: str | None) -> Workers:
    """This process, or a scheduler's cluster.

    Raises InputError if no scheduler or no worker answers.
    """
    if scheduler is None:
        return LocalWorkers()
    workers = DaskWorkers(scheduler)
    workers.check()
    return workers


class LocalWorkers:
    """This process: one piece after another, in order."""

    def run(
        self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
    ) -> None:
        """See `Workers.run`."""
        finished = finished or _ignore
        for piece in _undone(pieces, file, finished):
            task(piece)
            finished(piece)


@dataclass(frozen=True)
class DaskWorkers:
    """The workers of a Dask cluster.

    Each worker runs one piece at a time with all of its threads. Workers may join and leave: the
    piece of a lost worker is given to another one.
    """

    address: str
    """Of the scheduler, such as `tcp://10.0.0.5:8786`."""
    patience: float = 30.0
    """Seconds to wait for the scheduler, and for its first worker."""
    without_workers: float = 300.0
    """Seconds to wait for another worker after the last one was lost."""
    seen_within: float = 60.0
    """Seconds within which a file that a worker wrote must be visible here."""

    def check(self) -> None:
        """Raise InputError if no scheduler answers at the address, or it has no worker."""
        with self._client():
            pass

    def run(
        self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
    ) -> None:
        """See `Workers.run`; pieces finish in any order.

        Also raises InputError if no scheduler or worker answers, or a worker does not see the
        folder or cannot import Clearwater; and ResumableError if the scheduler or the workers are
        lost.
        """
        finished = finished or _ignore
        undone = _undone(pieces, file, finished)
        piece = next(undone, None)
        if piece is None:
            return
        with (
            self._scheduler_may_stop(),
            self._client() as client,
            _mark(file(piece).parent) as mark,
        ):
            worker_seen = time.monotonic()
            under_way: dict[Future[InputError | None], tuple[int, str]] = {}
            ended: SimpleQueue[Future[InputError | None]] = SimpleQueue()
            try:
                while piece is not None or under_way:
                    present = client.nthreads().keys()
                    if present:
                        worker_seen = time.monotonic()
                        if lost := _without_worker(client, under_way, present):
                            again = [under_way.pop(future)[0] for future in lost]
                            client.cancel(lost)
                            undone = chain(_undone(again, file, finished), undone)
                            piece = next(undone, None) if piece is None else piece
                    elif time.monotonic() - worker_seen > self.without_workers:
                        raise self._workers_lost()
                    busy = {worker for _, worker in under_way.values()}
                    for worker in sorted(present - busy):
                        if piece is None:
                            break
                        future = _submitted(client, worker, task, piece, file(piece), mark)
                        under_way[future] = piece, worker
                        future.add_done_callback(ended.put)
                        piece = next(undone, None)
                    with suppress(Empty):
                        future = ended.get(timeout=_LOOK_AGAIN_SECONDS)
                        if future in under_way:
                            made, _ = under_way.pop(future)
                            self._take(future, file(made))
                            finished(made)
            finally:
                client.cancel(list(under_way))

    @contextmanager
    def _scheduler_may_stop(self) -> Iterator[None]:
        """Raise ResumableError in place of what distributed raises without a scheduler."""
        from distributed.client import ClosedClientError  # noqa: PLC0415
        from distributed.comm.core import CommClosedError  # noqa: PLC0415 - as below

        try:
            yield
        except (CommClosedError, ClosedClientError, TimeoutError) as error:
            raise self._scheduler_lost() from error

    def _scheduler_lost(self) -> ResumableError:
        return ResumableError(
            f"{self.address}: the scheduler has stopped; start it again, then run the same "
            "command to resume."
        )

    def _workers_lost(self) -> ResumableError:
        return ResumableError(
            f"{self.address}: the scheduler has lost its last worker and has had none for "
            f"{self.without_workers:.0f} seconds; start some, then run the same command to resume."
        )

    @contextmanager
    def _client(self) -> Iterator["Client"]:
        from distributed import Client  # noqa: PLC0415 - not needed without a cluster

        # What it logs about a lost scheduler is raised here, in one sentence.
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
        try:
            client = Client(self.address, timeout=self.patience, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{self.address}: no Dask scheduler answers; start one with `dask scheduler` and "
                "give the address that it prints."
            ) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=self.patience)
            except TimeoutError as error:
                raise InputError(
                    f"{self.address}: the scheduler has no worker; start some with "
                    f"`python -m dask worker {self.address}`."
                ) from error
            yield client

    def _take(self, future: "Future[InputError | None]", file: Path) -> None:
        """Raise the error of a piece that has ended, or wait until its file is visible here."""
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415 - as above

        try:
            problem = future.result()
        except KilledWorker as error:
            raise ResumableError(
                f"{self.address}: several workers were lost while writing {file.name}, probably "
                "because they ran out of memory; give them more memory, or lower --memory."
            ) from error
        except CancelledError as error:
            raise self._scheduler_lost() from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != _OWN_PACKAGE:
                raise
            raise ResumableError(
                f"{self.address}: a worker cannot import Clearwater; start it in Clearwater's "
                f"folder with `.venv/bin/python -m dask worker {self.address}`."
            ) from error
        if problem is not None:
            raise problem
        waiting_since = time.monotonic()
        while not file.exists():  # a network file system may show it some seconds late
            if time.monotonic() - waiting_since > self.seen_within:
                raise ResumableError(
                    f"{file}: a worker wrote this file, but it is not visible here; put the bundle "
                    "into a folder that all machines share."
                )
            time.sleep(0.05)


def _submitted(
    client: "Client", worker: str, task: Task, piece: int, file: Path, mark: Path
) -> "Future[InputError | None]":
    """A piece that is given to a worker, or to another one if this one is lost."""
    return client.submit(
        _run_piece,
        task,
        piece,
        file,
        mark,
        pure=False,
        retries=RETRIES,
        workers=[worker],
        allow_other_workers=True,
    )


def _without_worker(
    client: "Client",
    under_way: "Mapping[Future[InputError | None], tuple[int, str]]",
    present: Collection[str],
) -> "list[Future[InputError | None]]":
    """The pieces that no worker will run, because all workers were lost at once.

    The scheduler gives the piece of a lost worker to another one. But if none is left, it waits for
    the worker that the piece was submitted for, although others may run it.
    """
    left = [
        future
        for future, (_, worker) in under_way.items()
        if worker not in present and not future.done()
    ]
    if not left:
        return []
    running = {key for keys in client.processing().values() for key in keys}
    return [future for future in left if future.key not in running and not future.done()]


def _ignore(piece: int) -> None:
    """Do nothing when a piece is finished."""


def _undone(pieces: Iterable[int], file: File, finished: Finished) -> Iterator[int]:
    """The pieces whose file is not whole when their turn comes; reports the others finished."""
    for piece in pieces:
        if is_whole(file(piece)):
            finished(piece)
        else:
            file(piece).unlink(missing_ok=True)  # damaged, or written by an older version
            yield piece


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A file with a unique name, by which a worker checks that it sees the same folder."""
    mark = folder / f".shared-{uuid4().hex}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def _run_piece(task: Task, piece: int, file: Path, mark: Path) -> InputError | None:
    """On a worker: run one piece unless its file exists; InputError is returned, not raised.

    So is the error of a disk.
    A raised error would be retried. A worker runs one piece at a time, however many threads it
    has: the piece uses them all, and neither the model nor the compiled code is reentrant.
    """
    with _ONE_PIECE:
        if not mark.exists():
            return ResumableError(
                f"{mark.parent}: the worker on {socket.gethostname()} does not see this folder; "
                "put the bundle into a folder that all machines share under the same path."
            )
        if file.exists():
            return None
        _use_all_threads()
        try:
            with clear_storage_errors(file.parent), same_folder(file.parent):
                task(piece)
        except InputError as error:
            return error
    return None


def _use_all_threads() -> None:
    """Use as many threads as the worker was started with.

    A nanny starts workers with OMP_NUM_THREADS=1, which torch obeys, while numba would use all
    cores of a machine that runs several workers. Torch is configured only if it is loaded.
    """
    from distributed import get_worker  # noqa: PLC0415 - only called on a worker

    threads = get_worker().state.nthreads
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(min(threads, most))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
