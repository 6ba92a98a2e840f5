"""PackML: the state of the machine in the words of ANSI/ISA-TR88.00.02, and every transition that is allowed.

The ledger holds the state in which each slot was spent. From one to the next the machine takes the shortest way of
published transitions; the states that it only passes there (Aborting, Clearing, Resetting, ...) take no simulated time.

Source:
    States and their numbers: ANSI/ISA-TR88.00.02 (PackTags, `StateCurrent`). Transitions: OPC 30050 v1.01, OPC UA for
    PackML, Tables 6, 8 and 10, with the substates of Cleared and Running written out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import IntEnum
from functools import cache

import numpy as np


class State(IntEnum):
    """The 17 states by their published numbers. What the line means by those it spends slots in stands beside them."""

    CLEARING = 1
    STOPPED = 2
    STARTING = 3  # warm-up strips are loaded
    IDLE = 4
    SUSPENDED = 5  # no strip has come: the cause lies outside of the machine
    EXECUTE = 6  # strips of the kit are loaded
    STOPPING = 7
    ABORTING = 8
    ABORTED = 9  # it stands still after a slip, or after gate and sensor disagreed
    HOLDING = 10
    HELD = 11  # the inspection computer is full: the cause lies within
    UNHOLDING = 12
    SUSPENDING = 13
    UNSUSPENDING = 14
    RESETTING = 15
    COMPLETING = 16  # the last strip is loaded, those on board go to the gate
    COMPLETE = 17

    @property
    def word(self) -> str:
        """The name as a person reads it.

        >>> State(11).word
        'Held'
        """
        return self.name.capitalize()


DONE = {
    State.CLEARING: State.STOPPED,
    State.STARTING: State.EXECUTE,
    State.STOPPING: State.STOPPED,
    State.ABORTING: State.ABORTED,
    State.HOLDING: State.HELD,
    State.UNHOLDING: State.EXECUTE,
    State.SUSPENDING: State.SUSPENDED,
    State.UNSUSPENDING: State.EXECUTE,
    State.RESETTING: State.IDLE,
    State.EXECUTE: State.COMPLETING,
    State.COMPLETING: State.COMPLETE,
}
"""Where an acting state leads when what it does is done."""

_OUTSIDE = frozenset({State.CLEARING, State.STOPPED, State.STOPPING, State.ABORTING, State.ABORTED})
_RUNNING = frozenset(State) - _OUTSIDE
_HOLDABLE = frozenset(
    {State.STARTING, State.EXECUTE, State.UNHOLDING, State.SUSPENDING, State.SUSPENDED, State.UNSUSPENDING}
)

COMMANDS: dict[str, tuple[frozenset[State], State]] = {
    "reset": (frozenset({State.STOPPED, State.COMPLETE}), State.RESETTING),
    "start": (frozenset({State.IDLE}), State.STARTING),
    "hold": (_HOLDABLE, State.HOLDING),
    "unhold": (frozenset({State.HELD}), State.UNHOLDING),
    "suspend": (frozenset({State.EXECUTE}), State.SUSPENDING),
    "unsuspend": (frozenset({State.SUSPENDED}), State.UNSUSPENDING),
    "clear": (frozenset({State.ABORTED}), State.CLEARING),
    "stop": (_RUNNING, State.STOPPING),
    "abort": (frozenset(State) - {State.ABORTING, State.ABORTED}, State.ABORTING),
}
"""From which states a command is obeyed, and where it leads."""


@cache
def leads_to(state: State) -> tuple[State, ...]:
    """The states that one transition leads to: the state's own end first, then the commands it obeys.

    >>> [after.word for after in leads_to(State.ABORTED)]
    ['Clearing']
    """
    done = (DONE[state],) if state in DONE else ()
    return done + tuple(after for obeyed_in, after in COMMANDS.values() if state in obeyed_in)


@cache
def way(start: State, end: State) -> tuple[State, ...]:
    """The states on the shortest way, `end` included and `start` not; the machine is in each of them once.

    >>> [state.word for state in way(State.EXECUTE, State.ABORTED)]
    ['Aborting', 'Aborted']
    >>> [state.word for state in way(State.ABORTED, State.EXECUTE)]
    ['Clearing', 'Stopped', 'Resetting', 'Idle', 'Starting', 'Execute']
    """
    before = {start: start}
    waiting = deque([start])
    while end not in before:
        state = waiting.popleft()
        for after in leads_to(state):
            if after not in before:
                before[after] = state
                waiting.append(after)
    back = [end]
    while before[back[-1]] is not back[-1]:
        back.append(before[back[-1]])
    return tuple(reversed(back[:-1]))


def changes(states: Sequence[int]) -> list[tuple[int, tuple[State, ...]]]:
    """When the state changed, and what was passed: from Stopped before the first slot to Complete after the last.

    Args:
        states: Column `packml` of a ledger, a number a slot.

    >>> [(slot, [state.word for state in passed]) for slot, passed in changes([6, 6, 9])][:2]
    [(0, ['Resetting', 'Idle', 'Starting', 'Execute']), (2, ['Aborting', 'Aborted'])]
    """
    numbers = np.array([State.STOPPED, *states, State.COMPLETE])
    places = np.flatnonzero(numbers[1:] != numbers[:-1])
    return [(int(place), way(State(numbers[place]), State(numbers[place + 1]))) for place in places]
