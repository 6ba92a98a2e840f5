"""Inspection workers in processes of their own, for the wall clock, and the frames they are to find.

Frames are drawn before the line starts, into one file that every process maps: nothing is copied between processes but
the name of a strip and its scores.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.errors import DetectorError, InputError
from harness.geometry import Geometry
from harness.inspection.detector import Inspection, inspection_key, look_ahead
from harness.inspection.verdict import decide
from harness.line import Answer, Fed, WallClock
from harness.qualification.inspector import Inspector, Judged, frame_check_of, judge
from harness.qualification.setup import Setup

STARTING_S = 300.0
"""A worker that has not said it is ready by then will not be."""

SPARE_BYTES = 2**30

SOON_S = 0.015
"""Three polls of the line: a strip that was waiting for this worker has been handed over by then. It comes before the
next one's early frames; else a line that is late once would pay for work ahead twice over, and stay late."""

NICENESS = 10
"""Of a worker, so that the line is never kept from a poll: the machine's controller is a computer of its own."""


@dataclass(frozen=True)
class Job:
    """All that a worker process needs to make its detector again; sent once.

    Attributes:
        again: Sets up what the scenario names; only its detector is used.
        level: float32 (region,), the thresholds that reach the gate.
        spool: The file of frames.
        shape: (acquisitions, frames, height, width) of it.
        geometry: Of the frames.
    """

    again: Callable[[], Setup]
    level: NDArray[np.float32]
    spool: Path
    shape: tuple[int, ...]
    geometry: Geometry


@contextlib.contextmanager
def spooled(
    inspector: Inspector, feed: Sequence[Fed], progress: Callable[[int], None] = lambda done: None
) -> Iterator[tuple[Path, tuple[int, ...]]]:
    """Frames of a whole feed in one temporary file, in the feed's order; gone at the end.

    Yields:
        (file, (acquisitions, frames, height, width)), uint8.

    Raises:
        InputError: Not enough room for it.
    """
    geometry = inspector.source.geometry
    shape = (len(feed), len(geometry.frames), *geometry.frame_shape)
    with tempfile.TemporaryDirectory(prefix="frames-") as folder:
        needed, free = int(np.prod(shape)), shutil.disk_usage(folder).free
        if needed + SPARE_BYTES > free:
            raise InputError(folder, f"{needed / 1e9:.1f} GB of room for the frames of {len(feed)} strips",
                             f"{free / 1e9:.1f} GB")  # fmt: skip
        path = Path(folder) / "frames.u8"
        with path.open("wb") as file:
            for done, fed in enumerate(feed, start=1):
                np.ascontiguousarray(inspector.frames(fed.product, fed.run)).tofile(file)
                progress(done)
        yield path, shape


class WorkerProcess:
    """One worker, started at once; `ready` waits for it. A worker that dies is started again.

    Args:
        job: What it needs.
        feed: In the spool's order.
        inspector: Gets the scores of every answer, and says which recipe it is.
    """

    def __init__(self, job: Job, feed: Sequence[Fed], inspector: Inspector) -> None:
        self._job = job
        self._place = {(fed.product, fed.run): place for place, fed in enumerate(feed)}
        self._inspector = inspector
        self._fed: Fed | None = None
        self.started = 0
        """Times that a process was started; more than 1 when one died."""
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a forked TensorFlow hangs
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, self._job), daemon=True)
        self.process.start()
        theirs.close()
        self.started += 1

    def ready(self) -> None:
        """Waits until the detector is loaded.

        Raises:
            DetectorError: It could not be.
        """
        try:
            said = self._pipe.recv() if self._pipe.poll(STARTING_S) else f"nothing for {STARTING_S:g} s"
        except (EOFError, OSError):
            said = "the end of its process"
        if said != _READY:
            raise DetectorError("inspection worker", "a detector that is ready", said)

    def begin(self, fed: Fed) -> None:
        """Tell of a strip whose last frame has not come yet."""
        self._send(fed, whole=False)

    def submit(self, fed: Fed) -> None:
        """Hand over a strip."""
        self._fed = fed
        self._send(fed, whole=True)

    def _send(self, fed: Fed, *, whole: bool) -> None:
        task = Task(self._place[fed.product, fed.run], inspection_key(fed.product, fed.run), fed.warm_up, whole)
        with contextlib.suppress(OSError):  # a worker that is gone is seen by `poll`
            self._pipe.send(task)

    def poll(self) -> Answer | None:
        """Its answer; scores that are no numbers, and so a reject, where its process has died.

        Raises:
            DetectorError: The detector raised something.
        """
        fed = self._fed
        if fed is None:
            return None
        try:
            said = self._pipe.recv() if self._pipe.poll() else _READY
        except (EOFError, OSError):
            self._pipe.close()
            self._start()
            scores = np.full(self._job.geometry.shape, np.nan, np.float32)
            said = Judged(scores, decide(scores, self._job.level), {}, ""), time.monotonic_ns()
        if said == _READY:  # not done, or only just started again
            return None
        if isinstance(said, str):
            raise DetectorError("inspection worker", "scores", said)
        judged, done_ns = said
        return Answer(self._inspector.keep(fed, judged), done_ns)

    def close(self) -> None:
        """Ends the process."""
        self._pipe.close()
        self.process.terminate()
        self.process.join()


_READY = "ready"


@dataclass(frozen=True)
class Task:
    """What a worker is asked.

    Attributes:
        place: Of the acquisition in the spool.
        key: See `Inspection`.
        known: See `FrameCheck.find`.
        whole: Its last frame has come: judge it. Else do what needs no last frame, unless another is handed over
            soon, and answer nothing.
    """

    place: int
    key: str
    known: bool
    whole: bool


def _work(pipe: Connection, job: Job) -> None:
    """The process: a detector, and strip after strip until nobody asks any more.

    Its check of frames keeps the last acquisition that it saw itself; with more workers that is not the line's last.
    """
    if hasattr(os, "nice"):  # Windows has none
        os.nice(NICENESS)
    try:
        setup = job.again()
        detector, check = setup.detector, frame_check_of(setup.source)
        frames: NDArray[np.uint8] = np.memmap(job.spool, np.uint8, "r", shape=job.shape)

        def inspection_of(task: Task) -> Inspection:
            return Inspection(task.key, job.geometry, partial(frames.__getitem__, task.place))

        pipe.send(_READY)
        inspection, told = None, None
        while True:
            if told is not None and not pipe.poll(SOON_S):
                inspection, told = inspection_of(told), None
                look_ahead(detector, inspection)
            task: Task = pipe.recv()
            if not task.whole:
                told = task
                continue
            if told is not None and told.key == task.key:
                told = None
            if inspection is None or inspection.key != task.key:
                inspection = inspection_of(task)
            judged = judge(inspection, check, detector, job.level, known=task.known)
            pipe.send((judged, time.monotonic_ns()))
    except EOFError:
        return
    except Exception as error:  # noqa: BLE001  # said by the process that asked
        pipe.send(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def wall_clock(
    again: Callable[[], Setup],
    level: NDArray[np.float32],
    feed: Sequence[Fed],
    inspector: Inspector,
    *,
    workers: int,
    progress: Callable[[int], None],
) -> Iterator[WallClock]:
    """The wall clock with its workers ready and all frames drawn; the workers end with it.

    Args:
        again: See `Job`; it is pickled.
        level: float32 (region,), the thresholds that reach the gate.
        feed: All strips, in order.
        inspector: Of this process: draws the frames and keeps the scores.
        workers: Processes, >= 1.
        progress: Called with the strips drawn so far.

    Raises:
        InputError: No room for the frames, or a detector that does not start.
    """
    with spooled(inspector, feed, progress) as (path, shape), contextlib.ExitStack() as opened:
        job = Job(again, level, path, shape, inspector.source.geometry)
        started = []
        for _ in range(workers):
            started.append(WorkerProcess(job, feed, inspector))
            opened.callback(started[-1].close)
        for worker in started:
            worker.ready()
        yield WallClock(started)
