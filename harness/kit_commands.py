"""The commands about kits: draw, check, sheet, import, difficulty.

They are joined in `harness/cli.py`.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from harness.errors import ScenarioError
from harness.terminal import Json, bar

kit_app = typer.Typer(no_args_is_help=True, help="Kits: draw, check.")


@kit_app.command("draw")
def kit_draw(
    name: Annotated[str, typer.Argument(help="knapp, quick or calibration.")] = "knapp",
    seed: Annotated[int | None, typer.Option(help="Another kit of the same kind.")] = None,
    out: Annotated[Path | None, typer.Option(help="Register to write; standard output without.")] = None,
) -> None:
    """Print or write a kit's register."""
    from harness.result.file import write_new
    from harness.strips.kit import register_text

    text = register_text(_kit(name, seed))
    if out is None:
        typer.echo(text, nl=False)
        return
    write_new({out: text})
    typer.echo(out)


@kit_app.command("check")
def kit_check(register: Annotated[Path, typer.Argument(help="Register (CSV).")], as_json: Json = False) -> None:
    """Read a register and say what it holds."""
    from collections import Counter

    from harness.strips.kit import load_register, refuse_undrawable
    from harness.strips.recording import register_of

    beside = register.parent / "recording.toml"  # a recorded set says how many vials and regions it has
    recorded = register.name == "kit.csv" and beside.exists()
    kit = register_of(register.parent) if recorded else load_register(register)
    if not any(strip.path for strip in kit.strips):
        refuse_undrawable(kit, str(register))
    classes = Counter(strip.defect.kind for strip in kit.strips if strip.defect)
    counts = {"defective": sum(classes.values()), "good": len(kit.strips) - sum(classes.values()), "classes": classes}
    typer.echo(json.dumps({**counts, "digest": kit.digest()}) if as_json else
               f"{counts['defective']} defective, {counts['good']} good; "
               + ", ".join(f"{kind} {count}" for kind, count in sorted(classes.items())))  # fmt: skip


@kit_app.command("sheet")
def kit_sheet(
    out: Annotated[Path, typer.Argument(help="PNG to write.")],
    seed: Annotated[int | None, typer.Option(help="Another kit of the standard kind.")] = None,
) -> None:
    """Draw a contact sheet: every class at five sizes, and good strips at their worst."""
    from harness.result.file import check_new_file, write_new
    from harness.strips.renderer import Renderer
    from harness.strips.sheet import contact_sheet

    check_new_file(out)
    picture = io.BytesIO()
    contact_sheet(_kit("knapp", seed), Renderer(seed=7)).save(picture, format="PNG", optimize=True)
    write_new({out: picture.getvalue()})
    typer.echo(out)


@kit_app.command("import")
def kit_import(
    source: Annotated[Path, typer.Argument(help="Flat folder in the MVTec AD layout; 256 x 256 px, 8-bit grey.")],
    folder: Annotated[Path, typer.Argument(help="Folder to make, with `train`, `calibration` and `test` in it.")],
    um_per_px: Annotated[float, typer.Option(min=1e-3, help="Scale of the pictures, um a pixel.")],
    origin: Annotated[str, typer.Option(help="Where the pictures come from.")],
    licence: Annotated[str, typer.Option(help="What allows their use.")],
    defect: Annotated[list[str] | None, typer.Option(help="Its class and ours: `crack=scratch`; repeat.")] = None,
) -> None:
    """Make recordings of a flat folder of pictures, one picture a patch."""
    from harness.result.folder import new_folder
    from harness.strips.flat import import_flat

    classes = {own: ours for own, _, ours in (pair.partition("=") for pair in defect or [])}
    with new_folder(folder) as beside:
        kits = import_flat(source, beside, um_per_px=um_per_px, classes=classes, origin=origin, licence=licence)
    for name, kit in kits.items():
        defective = sum(strip.defect is not None for strip in kit.strips)
        typer.echo(f"{folder / name}: {len(kit.strips)} products, {defective} defective")


@kit_app.command("difficulty")
def kit_difficulty(
    seed: Annotated[int | None, typer.Option(help="Another kit of the standard kind.")] = None,
    runs: Annotated[int, typer.Option(min=1, help="Runs of each product.")] = 2,
    others: Annotated[int, typer.Option(min=0, help="Measure the kits of the seeds 1 to N in its place.")] = 0,
    as_json: Json = False,
) -> None:
    """Compute how hard a kit is; exit 1 when a gate is not met, or with `--others` on more than a tenth of the kits."""
    from harness.difficulty import difficulty, other_kits

    with bar() as progress:
        if others:
            found = list(other_kits(others, runs=runs, progress=progress))
        else:
            found = [difficulty(_kit("knapp", seed), seed=7, runs=runs, progress=progress)]
    told = [one.as_dict() for one in found] if others else found[0].as_dict()
    typer.echo(json.dumps(told, indent=1) if as_json else "\n".join(one.in_words() for one in found))
    raise typer.Exit(0 if sum(one.met for one in found) >= 0.9 * len(found) else 1)


def _kit(name: str, seed: int | None) -> Any:
    """A standard kit, or another of its kind."""
    from harness.strips.kit import STANDARD_SEED, standard_kit

    if name not in ("knapp", "quick", "calibration"):
        raise ScenarioError("kit", "knapp, quick or calibration", name)
    return standard_kit(name, seed=STANDARD_SEED if seed is None else seed)
