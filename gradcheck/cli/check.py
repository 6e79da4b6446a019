"""`gradcheck check LOSS GRADIENT --point data.npz`: the user's gradient at one point."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcheck.cli import options
from gradcheck.cli.threads import product_of, threads_for
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

TARGET = "MODULE:NAME"
FORMS = ("vjp", "jvp", "backward")
ELSEWHERE = {"json_path", "report_path", "threads"}


@click.command()
@click.argument("targets", nargs=-1, metavar="LOSS [GRADIENT]", required=True)
@click.option(
    "--point",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The arguments: a .npz of arrays by name, or the .npy of one.",
)
@click.option("--vjp", metavar=TARGET, help="The claim, in place of GRADIENT: vjp(cotangent, *args).")
@click.option("--jvp", metavar=TARGET, help="The claim, in place of GRADIENT: jvp(tangents, *args).")
@click.option(
    "--backward", metavar=TARGET, help="The claim of a LOSS that returns (out, cache): backward(dout, cache)."
)
@click.option("--dtype", type=click.Choice(options.DTYPES), help="Of the floating-point arrays; by default as saved.")
@click.option("--backend", type=click.Choice(["numpy", "torch"]), default="numpy", show_default=True, help="Of arrays.")
@options.rtol_option
@click.option("--confidence", type=float, default=0.9999, show_default=True, help="Of the interval of an error.")
@click.option("--probes", type=click.IntRange(min=2), default=4, show_default=True, help="Directions an argument.")
@click.option("--oracle", help="Where slopes come from: finite differences (by default), autograd or exact.")
@click.option("--kink", help="Require this convention at kinks: right, left or midpoint.")
@click.option("--kink-of", metavar=TARGET, help="kink_of(*args) returns the kink variable, h of max(h, 0).")
@click.option("--max-evaluations", type=click.IntRange(min=1), help="Evaluations of LOSS to spend at most.")
@options.seed_option
@options.threads_option
@options.json_option
@options.report_option
def check(
    *,
    targets: tuple[str, ...],
    point: Path,
    threads: int | None,
    json_path: Path | None,
    report_path: Path | None,
    dtype: str | None,
    backend: str,
    **judging: Any,
) -> None:
    """Check your own gradient at one point: print the report, and exit with its verdict.

    LOSS and GRADIENT are package.module:function. GRADIENT returns one array for each argument of LOSS; LOSS alone
    should return (loss, gradients). The point is what numpy.savez writes, the arguments by name:

    \b
      numpy.savez("data.npz", x=x, w=w)
      gradcheck check mine:loss mine:gradient --point data.npz

    An argument that is a dict is saved by its keys: numpy.savez("data.npz", **{"params.w": w, "params.b": b}).
    """  # noqa: D301  the backspace itself keeps click from filling the paragraph
    from gradcheck.arrays import total_size  # noqa: PLC0415  needs NumPy
    from gradcheck.cli.point import load  # noqa: PLC0415
    from gradcheck.cli.show import EXIT_CODES, print_report, result_console, write_json  # noqa: PLC0415
    from gradcheck.search.calls import leaves_of, ordered  # noqa: PLC0415
    from gradcheck.search.user_functions import find_function  # noqa: PLC0415

    options.check_folder("--json", json_path)
    options.check_folder("--report", report_path)
    claims = {name: judging.pop(name) for name in FORMS}
    _check_claim(targets, claims)
    args = load(point, dtype=dtype, library=backend)
    found = {name: find_function(target) for name, target in claims.items() if target is not None}
    if judging["kink_of"] is not None:
        judging["kink_of"] = find_function(judging["kink_of"])
    f, *gradient = (find_function(target) for target in targets)
    args = ordered(f, args)
    with threads_for(threads, flop=product_of(total_size(leaves_of(args)))):
        report = _judged(f, gradient[0] if gradient else None, args, {**found, **judging})
    report = replace(report, repeat=_command())
    print_report(result_console(), report)
    if report_path is not None:  # first: its ending may be refused, and then nothing is written
        report.save(report_path)
    if json_path is not None:
        write_json(json_path, report.to_dict())
    click.get_current_context().exit(EXIT_CODES[report.verdict])


def _judged(f: Callable[..., Any], gradient: Callable[..., Any] | None, args: Any, given: dict[str, Any]) -> Any:
    """Check, and show on standard error that it lasts."""
    from gradcheck.check import check as judged  # noqa: PLC0415  needs NumPy
    from gradcheck.cli.progress import progress  # noqa: PLC0415

    with progress(None, "checking"):
        return judged(f, gradient, args, **given)


def _command() -> str:
    """Return the command that was typed, without what only says where results go."""
    ctx = click.get_current_context()
    words = []
    for param in ctx.command.params:
        if ctx.get_parameter_source(param.name or "") is not click.core.ParameterSource.COMMANDLINE:
            continue
        value = ctx.params[param.name or ""]
        if isinstance(param, click.Argument):
            words += value
        elif param.name not in ELSEWHERE:
            words += [param.opts[0], str(value)]
    seed = [] if "--seed" in words else ["--seed", str(ctx.params["seed"])]
    return shlex.join(["gradcheck", "check", *words, *seed])


def _check_claim(targets: tuple[str, ...], claims: dict[str, str | None]) -> None:
    """Refuse more than one claim."""
    given = [f"--{name}" for name, target in claims.items() if target is not None]
    if len(targets) > 2:
        raise ArgumentError(f"got {len(targets)} functions, wanted the loss and its gradient")
    if len(given) + len(targets) > 2:
        claim = given[0] if len(targets) == 2 else given[1]
        raise ArgumentError(f"{claim} is a second claim: pass one of GRADIENT, --vjp, --jvp and --backward")
