"""A training's folder: fit to begin in, and what was typed and learnt from there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import InputError
from harness.inspection.bundle_errors import told
from harness.result.folder import no_ground
from harness.system import hardware, versions

if TYPE_CHECKING:
    from model.bundle import Bundle

LEARNT_FROM = "learnt_from.json"


def check_ready(folder: Path, state: str, minutes: float, bundle: Path | None, *, lasting: str = "--minutes") -> None:
    """What a training needs of its places, before it begins.

    Args:
        folder: Of checkpoint and curve.
        state: File that lies in it beside a checkpoint.
        minutes: With none a checkpoint must be there: a network that has learnt nothing replaces none.
        bundle: Folder that is written in the end, if any.
        lasting: Option that says how long.

    Raises:
        InputError: A file where a folder should be, the same folder twice, or no checkpoint.
    """
    for option, place in (("--folder", folder), ("--bundle", bundle)):
        if place is not None and (found := no_ground(place)) is not None:
            raise InputError(f"{option} {place}", "a folder, or a place to make one", found)
    if bundle is not None and folder.resolve() == bundle.resolve():
        raise InputError("--bundle", "another folder than that of the checkpoints", bundle)
    if minutes == 0 and not (folder / state).is_file():
        raise InputError(f"--folder {folder}", f"a checkpoint, where {lasting} is 0", "none")


def check_learnt(steps: int, minutes: float) -> None:
    """A network that has taken no step is put nowhere.

    Raises:
        InputError: None was taken, in all trainings so far.
    """
    if steps == 0:
        raise InputError("--minutes", "enough for a first step", f"{minutes:g}")


def made_on() -> dict[str, Any]:
    """Versions and hardware, for `bundle.toml`."""
    return {**{f"version_{name}": value for name, value in versions().items()}, **hardware()}


def learnt_from(folder: Path, data: str, products: Sequence[str], *, anew: bool) -> dict[str, Any]:
    """Everything that was learnt from in this folder, kept beside the checkpoint: no kit may hold a product of it.

    Args:
        folder: Of the checkpoint.
        data: What is learnt from now.
        products: Of it, that a kit could hold.
        anew: It is; else what stands there counts, if anything does.
    """
    from model.checkpoint import whole_checkpoint, write_state

    path = folder / LEARNT_FROM
    before: dict[str, list[str]] = {"data": [], "products": []}
    if path.exists():
        with told(), whole_checkpoint(folder):
            noted = json.loads(path.read_text(encoding="utf-8"))
            before = {key: [str(value) for value in noted[key]] for key in before}
    elif (folder / "state.json").exists():
        data += ", and what a version before this noted nowhere"
    if anew or not path.exists():
        before["data"] = list(dict.fromkeys([*before["data"], data]))
        before["products"] = sorted({*before["products"], *products})
        folder.mkdir(parents=True, exist_ok=True)
        write_state(path, before)
    return {"data": "; ".join(before["data"]), "products": before["products"]}


def origin_of(bundle: Bundle | None, beside: str | None = None) -> Mapping[str, Any]:
    """What a bundle tells of its marker, or of what stands beside that; nothing without a bundle."""
    of_marker: Mapping[str, Any] = {} if bundle is None or bundle.marker is None else bundle.marker.made_by
    return of_marker if beside is None else of_marker.get(beside, {})


def commands_typed(folder: Path, command: str, begun: Mapping[str, Any]) -> list[str]:
    """Every command that trained in this folder, this one last; kept beside the checkpoint.

    Args:
        folder: Of the training.
        command: What was typed now.
        begun: What a bundle tells of the network that is begun with where there is no checkpoint: its commands come
            first.
    """
    path = folder / "commands.txt"
    folder.mkdir(parents=True, exist_ok=True)
    before = [] if path.exists() else begun.get("commands", [])
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{typed}\n" for typed in (*before, command))
    return path.read_text(encoding="utf-8").splitlines()
