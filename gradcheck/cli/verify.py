"""`gradcheck verify`: are the hand gradients right? Of the two networks, of a grid of them, or of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gradcheck.cli.shape import shapes_option
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from gradcheck.two_layer_relu.problem import Shape

__all__ = ["verify"]

OF_NETWORKS = ("shapes", "devices", "exact", "sweep", "jobs", "dask")
OF_SWEEPS = ("jobs", "dask")
NOT_OF_SWEEPS = ("exact", "json_path")
GRID = ("shapes", "dtypes", "devices", "seeds")  # several values each, with --sweep
INSIDE_FILES = ("max_side", "boundary", "rtol", "dtypes", "backend")
OF_FUNCTIONS = ("signature", "max_examples", "max_side", "boundary", "rtol")


@click.command()
@click.argument("targets", nargs=-1, metavar="[LOSS [GRADIENT] | FILE.py]")
@click.option("--signature", metavar="TEXT", help='Shapes of the functions\' arguments, such as "(n,d),(d,h)->()".')
@click.option("--max-examples", type=click.IntRange(min=1), default=50, show_default=True, help="Cases to draw.")
@click.option("--max-side", type=click.IntRange(min=1), default=6, show_default=True, help="Largest size to draw.")
@click.option("--boundary", is_flag=True, help="Draw zeros, one ulp round 1 and subnormals too.")
@click.option(
    "--rtol",
    type=click.FloatRange(min=0, min_open=True),
    help="Relative error to allow; by default every significant one is a FAIL.",
)
@click.option("--exact", is_flag=True, help="Judge the NumPy network in exact arithmetic.")
@shapes_option
@click.option(
    "--dtype",
    "dtypes",
    type=click.Choice(["float64", "float32"]),
    default=["float64"],
    show_default=True,
    multiple=True,
)
@click.option(
    "--device",
    "devices",
    default=["cpu"],
    show_default=True,
    multiple=True,
    help="Where Torch computes, such as cuda.",
)
@click.option("--backend", type=click.Choice(["all", "numpy", "torch"]), default="all", show_default=True)
@click.option(
    "--seed",
    "seeds",
    type=click.IntRange(min=0),
    default=[0],
    show_default=True,
    multiple=True,
    help="Of the data and the directions.",
)
@click.option(
    "--sweep",
    metavar="PAGE.html",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Check the networks over a grid and write a page; goes on after an interruption.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=1, show_default=True, help="Processes for the sweep's cells."
)
@click.option("--dask", metavar="ADDRESS", help="Run the sweep's cells on the Dask cluster with this scheduler.")
@click.option(
    "--json",
    "json_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the results to this file as well.",
)
@click.pass_context
def verify(
    ctx: click.Context,
    *,
    targets: tuple[str, ...],
    signature: str | None,
    max_examples: int,
    max_side: int,
    boundary: bool,
    rtol: float | None,
    exact: bool,
    shapes: tuple[Shape, ...],
    dtypes: tuple[str, ...],
    devices: tuple[str, ...],
    backend: str,
    seeds: tuple[int, ...],
    sweep: Path | None,
    jobs: int,
    dask: str | None,
    json_path: Path | None,
) -> None:
    """Check hand gradients: of the two networks, or of your own functions.

    Without arguments both networks' gradients (x, y, w1, w2) are held against finite differences and against
    torch.autograd, on normal data and on the ReLU boundary, where some hidden units are exactly 0.

    With your own loss and gradient, cases are drawn from the signature; a failure is shrunk to the smallest sizes and
    the simplest numbers, and printed with a program that repeats it:

    \b
      gradcheck verify mine:loss mine:gradient --signature "(n,d),(d,h)->()"

    --sweep checks the networks over a grid instead: with it --shape, --dtype, --device and --seed may be given several
    times.

    LOSS alone should return (loss, gradients). A FILE.py has functions under Hypothesis's @given that call
    gradcheck.assert_gradient; --signature FILE.py means the same.
    """  # noqa: D301  the backspace itself keeps click from filling the paragraph
    if not targets and (signature or "").endswith(".py"):  # the shapes are in the file: it is the target
        targets, signature = (str(signature),), None
    _check_fit(ctx, targets, signature)
    if sweep is not None:
        from gradcheck.cli.verify_networks import available  # noqa: PLC0415  each needs other packages
        from gradcheck.cli.verify_sweep import verify_sweep  # noqa: PLC0415
        from gradcheck.sweeps.sweep import grid  # noqa: PLC0415

        given = {name: ctx.params[name] for name in _typed(ctx, GRID)}
        ctx.exit(verify_sweep(grid(**given, backends=available(backend)[0]), sweep, jobs=jobs, dask=dask))
    (shape, *_), (dtype, *_), (device, *_), (seed, *_) = shapes, dtypes, devices, seeds
    if json_path is not None and not json_path.parent.is_dir():
        raise ArgumentError(
            f"--json is {str(json_path)!r}, but there is no directory {str(json_path.parent)!r}: make it first."
        )
    if exact:
        from gradcheck.cli.verify_exact import verify_exact  # noqa: PLC0415

        ctx.exit(verify_exact(shape, dtype=dtype, seed=seed, json_path=json_path))
    if targets and targets[0].endswith(".py"):
        from gradcheck.cli.verify_file import verify_file  # noqa: PLC0415

        ctx.exit(verify_file(Path(targets[0]), max_examples=max_examples, seed=seed, json_path=json_path))
    if targets:
        from gradcheck.cli.verify_functions import verify_functions  # noqa: PLC0415

        ctx.exit(
            verify_functions(
                targets,
                str(signature),
                max_examples=max_examples,
                max_side=max_side,
                boundary=boundary,
                rtol=rtol,
                dtype=dtype,
                library="torch" if backend == "torch" else "numpy",
                seed=seed,
                json_path=json_path,
            )
        )
    from gradcheck.cli.verify_networks import verify_networks  # noqa: PLC0415
    from gradcheck.two_layer_relu.network_check import Settings  # noqa: PLC0415

    ctx.exit(verify_networks(Settings(shape=shape, dtype=dtype, seed=seed, device=device), backend, json_path))


def _check_fit(ctx: click.Context, targets: tuple[str, ...], signature: str | None) -> None:
    """Refuse arguments that do not go together."""
    if targets:
        _check_targets(ctx, targets, signature)
    else:
        for name in _typed(ctx, OF_FUNCTIONS):
            raise ArgumentError(
                f"{_option(ctx, name)} is for your own functions: name them, as in `gradcheck verify mymodule:loss "
                'mymodule:gradient --signature "(n,d),(d,h)->()"`'
            )
    if ctx.params["sweep"] is None:
        for name in _typed(ctx, OF_SWEEPS):
            raise ArgumentError(f"{_option(ctx, name)} is for a sweep: add --sweep PAGE.html, or leave it out")
        for name in GRID:
            if len(ctx.params[name]) > 1:
                raise ArgumentError(
                    f"{_option(ctx, name)} was given {len(ctx.params[name])} times: only --sweep takes several"
                )
    else:
        for name in _typed(ctx, NOT_OF_SWEEPS):
            raise ArgumentError(
                f"{_option(ctx, name)} does not go with --sweep, which writes its results beside its page"
            )
    if len(_typed(ctx, OF_SWEEPS)) > 1:
        raise ArgumentError("--jobs is for processes of this machine, and --dask for a cluster: leave one of them out")


def _check_targets(ctx: click.Context, targets: tuple[str, ...], signature: str | None) -> None:
    for name in _typed(ctx, OF_NETWORKS):
        raise ArgumentError(f"{_option(ctx, name)} is for the two networks: leave it out with {targets[0]}")
    is_file = targets[0].endswith(".py")
    if is_file:
        signed = ["signature"] if signature is not None else []
        for name in [*signed, *_typed(ctx, INSIDE_FILES)]:
            raise ArgumentError(f"{_option(ctx, name)} is decided inside {targets[0]}: leave it out")
    elif signature is None:
        raise ArgumentError('the shapes are missing: pass --signature "(n,d),(d,h)->()" or the like')
    if len(targets) > (1 if is_file else 2):
        want = "one Python file at a time" if is_file else "the loss and its gradient"
        raise ArgumentError(f"got {len(targets)} arguments, but should be {want}")


def _typed(ctx: click.Context, names: tuple[str, ...]) -> list[str]:
    """Return those of the options that were given, not left at their defaults."""
    default = {None, click.core.ParameterSource.DEFAULT}
    return [name for name in names if ctx.get_parameter_source(name) not in default]


def _option(ctx: click.Context, name: str) -> str:
    """Return how the option is typed: ``--json`` for json_path."""
    return next(param.opts[0] for param in ctx.command.params if param.name == name)
