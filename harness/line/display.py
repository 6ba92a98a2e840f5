"""A bounded queue to an operator's display, which must never delay a verdict.

The line says something and goes on. A thread hands it to the display in order; while the display is busy, or hangs, the
oldest of what waits is dropped and counted. The display itself is any call that takes a message; none stands here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, Thread
from typing import Generic, TypeVar

Message = TypeVar("Message")

WAITING = 64
"""Messages that wait for a display unless said otherwise: some half a minute of slots."""


class Display(Generic[Message]):
    """What the line tells an operator.

    Args:
        reader: The display. What it raises ends the showing and nothing else.
        limit: Messages that may wait, >= 1.

    >>> seen = []
    >>> display = Display(seen.append)
    >>> display.show("slot 1")
    >>> display.close(patience_s=60)
    >>> seen, display.sent, display.dropped
    (['slot 1'], 1, 0)
    """

    def __init__(self, reader: Callable[[Message], None], *, limit: int = WAITING) -> None:
        self._reader = reader
        self._waiting: deque[Message] = deque(maxlen=limit)
        self._change = Condition()  # held for as long as it takes to move a message, never while one is shown
        self._closed = False
        self.sent = 0
        """Messages that the line gave."""
        self.dropped = 0
        """Those among them that will not be shown."""
        self._thread = Thread(target=self._read, name="display", daemon=True)
        self._thread.start()

    def show(self, message: Message) -> None:
        """Gives a message and returns at once; where there is no room, the oldest that waits is dropped."""
        with self._change:
            self.sent += 1
            self.dropped += self._closed or len(self._waiting) == self._waiting.maxlen
            if not self._closed:
                self._waiting.append(message)
                self._change.notify()

    def close(self, *, patience_s: float = 0.0) -> None:
        """Nothing more will come. What still waits is shown for so long at most; the rest is dropped."""
        with self._change:
            self._closed = True
            self._change.notify()
        self._thread.join(patience_s)
        self._drop_waiting()

    def _read(self) -> None:
        """The thread: message after message, until there are none and none will come."""
        while True:
            with self._change:
                self._change.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                message = self._waiting.popleft()
            try:
                self._reader(message)
            except Exception:  # noqa: BLE001  # whatever is wrong with a display, the line goes on
                with self._change:
                    self._closed = True
                    self.dropped += 1
                self._drop_waiting()
                return

    def _drop_waiting(self) -> None:
        with self._change:
            self.dropped += len(self._waiting)
            self._waiting.clear()
