"""What every command shows on the terminal: messages and progress, on standard error, and itself as it can be typed."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

messages = Console(stderr=True, soft_wrap=True, highlight=False, emoji=False)

Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON on standard output.")]


@contextmanager
def bar() -> Iterator[Any]:
    """A progress bar a stage, with the time left; gives the callable that moves it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=messages, transient=False) as progress:
        tasks: dict[str, Any] = {}

        def move(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            progress.update(tasks[stage], completed=done, total=total)

        yield move


def command_line(name: str, *arguments: object, **options: object) -> str:
    """A command as it can be typed again.

    >>> command_line("validate", "scenarios/knapp.toml", seed=7, quick=True, out=None)
    'python -m harness validate scenarios/knapp.toml --seed 7 --quick'
    """
    words = ["python", "-m", "harness", name, *(str(argument) for argument in arguments)]
    for option, value in options.items():
        flag = "--" + option.replace("_", "-")
        if value is True:
            words.append(flag)
        elif isinstance(value, tuple):
            words += [word for item in value for word in (flag, str(item))]
        elif value is not None and value is not False:
            words += [flag, str(value)]
    return shlex.join(words)
