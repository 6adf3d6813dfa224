"""Who does the work of a long step: this process alone, or the workers of a Dask cluster.

A step is cut into numbered pieces, and each piece makes one file in a folder that all workers
share. The file is written under another name and renamed (`whole_file`): a piece is done when its
file is there, whoever made it, and nothing else is remembered anywhere. So a worker that is lost
costs the piece that it was at, and a step that was interrupted goes on with the pieces that are
missing, with as many workers as there are then.
"""

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

import numba

from analysis.runtime.errors import InputError

if TYPE_CHECKING:
    from distributed import Client, Future

RETRIES = 2
"""A piece that fails for another reason than its input is tried again so often."""
_LOOK_AGAIN_SECONDS = 1.0
"""New workers are seen so often, whatever the pieces do."""
_ALONE = threading.Lock()

Task = Callable[[int], None]
"""Makes the file of one piece with all cores that there are. It goes to other machines, so it is
picklable, names files by absolute paths, and finds in them all that it needs. InputError may be
raised."""
File = Callable[[int], Path]
"""The absolute path of a piece's file, all in one folder."""
Finished = Callable[[int], None]
"""Is told each piece whose file is there, also those that were there before."""


class Workers(Protocol):
    """Does pieces of work."""

    def run(
        self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
    ) -> None:
        """Call task(piece) for each piece whose file is not there; all files are there after it.

        What a task raises is raised here, then the pieces that were not begun are left undone.
        """


def open_workers(scheduler: str | None) -> Workers:
    """This process, or the cluster at a scheduler's address; InputError: nobody answers there."""
    if scheduler is None:
        return LocalWorkers()
    workers = DaskWorkers(scheduler)
    workers.check()
    return workers


@contextmanager
def whole_file(file: Path) -> Iterator[Path]:
    """A path to write to, which becomes `file` at the end and is removed after an exception.

    Its name is nobody else's: two workers may make the same piece when one was taken for lost.
    """
    unfinished = file.with_name(f"{file.stem}.{uuid4().hex}.unfinished")
    try:
        yield unfinished
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.replace(file)


class LocalWorkers:
    """This process: one piece after the other, in order."""

    def run(
        self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
    ) -> None:
        """As `Workers.run`."""
        finished = finished or _tell_nobody
        for piece in _undone(pieces, file, finished):
            task(piece)
            finished(piece)


@dataclass(frozen=True)
class DaskWorkers:
    """The workers of a Dask cluster.

    Each worker has one piece at a time and gives it all of its threads. Workers may come and go:
    the piece of a lost one goes to another.
    """

    address: str
    """Of the scheduler, as `tcp://10.0.0.5:8786`."""
    patience: float = 30.0
    """Seconds to wait for the scheduler and for its first worker."""
    seen_within: float = 60.0
    """Seconds after which a file that a worker wrote must be seen here."""

    def check(self) -> None:
        """InputError where no scheduler answers at the address, or it has no worker."""
        with self._client():
            pass

    def run(
        self, task: Task, pieces: Iterable[int], file: File, finished: Finished | None = None
    ) -> None:
        """As `Workers.run`, in any order.

        InputError also: no scheduler or worker answers, a worker does not see the folder or has no
        Clearwater, or a piece has lost one worker after the other.
        """
        finished = finished or _tell_nobody
        undone = _undone(pieces, file, finished)
        piece = next(undone, None)
        if piece is None:
            return
        with self._client() as client, _mark(file(piece).parent) as mark:
            under_way: dict[Future[InputError | None], tuple[int, str]] = {}
            ended: SimpleQueue[Future[InputError | None]] = SimpleQueue()
            try:
                while piece is not None or under_way:
                    busy = {worker for _, worker in under_way.values()}
                    for worker in sorted(client.nthreads().keys() - busy):
                        if piece is None:
                            break
                        future = client.submit(
                            _run_piece,
                            task,
                            piece,
                            file(piece),
                            mark,
                            pure=False,
                            retries=RETRIES,
                            workers=[worker],
                            allow_other_workers=True,  # where this one is lost
                        )
                        under_way[future] = piece, worker
                        future.add_done_callback(ended.put)
                        piece = next(undone, None)
                    with suppress(Empty):
                        future = ended.get(timeout=_LOOK_AGAIN_SECONDS)
                        made, _ = under_way.pop(future)
                        self._take(future, file(made))
                        finished(made)
            finally:
                client.cancel(list(under_way))

    @contextmanager
    def _client(self) -> Iterator["Client"]:
        from distributed import Client  # noqa: PLC0415 - one machine does not need it

        try:
            client = Client(self.address, timeout=self.patience, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise InputError(
                f"{self.address}: no Dask scheduler answers there; start one with `dask scheduler` "
                "and give the address that it prints."
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
        """Raise what went wrong with a piece that has ended; wait until its file is seen here."""
        from distributed import CancelledError, KilledWorker  # noqa: PLC0415 - as above

        try:
            problem = future.result()
        except KilledWorker as error:
            raise InputError(
                f"{self.address}: several workers were lost while they made {file.name}, most "
                "likely for want of memory; give them more of it, or lower --memory."
            ) from error
        except CancelledError as error:
            raise InputError(
                f"{self.address}: the scheduler has gone; start it again and give the same "
                "command, which goes on where it was."
            ) from error
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != __package__:
                raise
            raise InputError(
                f"{self.address}: a worker does not find Clearwater's modules; start it in "
                f"Clearwater's folder with `.venv/bin/python -m dask worker {self.address}`."
            ) from error
        if problem is not None:
            raise problem
        waiting_since = time.monotonic()
        while not file.exists():  # a network's file system may show it some seconds late
            if time.monotonic() - waiting_since > self.seen_within:
                raise InputError(
                    f"{file}: a worker wrote this file, but it is not seen here; put the bundle "
                    "into a folder that all machines share."
                )
            time.sleep(0.05)


def _tell_nobody(piece: int) -> None:
    """Finished, and nobody asked."""


def _undone(pieces: Iterable[int], file: File, finished: Finished) -> Iterator[int]:
    """The pieces whose file is not there when their turn comes; tells the others as finished."""
    for piece in pieces:
        if file(piece).exists():
            finished(piece)
        else:
            yield piece


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A new file by whose name workers know that they see this folder and not one called alike."""
    mark = folder / f".shared-{uuid4().hex}"
    mark.touch()
    try:
        yield mark
    finally:
        mark.unlink(missing_ok=True)


def _run_piece(task: Task, piece: int, file: Path, mark: Path) -> InputError | None:
    """On a worker: make one piece unless its file is there; InputError is returned, not raised.

    Raised it would be tried again. A piece is alone in its process, whatever the worker's threads:
    it uses them all itself, and neither a model nor compiled code may be entered twice.
    """
    with _ALONE:
        if not mark.exists():
            return InputError(
                f"{mark.parent}: the worker on {socket.gethostname()} does not see this folder; "
                "put the bundle into a folder that all machines share under the same path."
            )
        if file.exists():
            return None
        _use_all_threads()
        try:
            task(piece)
        except InputError as error:
            return error
    return None


def _use_all_threads() -> None:
    """Give a piece the threads that its worker was started with.

    A nanny starts workers with OMP_NUM_THREADS=1, which torch would follow, and numba would take
    all cores of a machine that has several workers. Torch is told only where the task brought it.
    """
    from distributed import get_worker  # noqa: PLC0415 - only a worker comes here

    threads = get_worker().state.nthreads
    most = numba.config.NUMBA_NUM_THREADS  # type: ignore[attr-defined]
    numba.set_num_threads(min(threads, most))
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(threads)
