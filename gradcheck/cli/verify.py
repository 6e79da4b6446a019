"""`gradcheck verify`: are the hand gradients right? Of the user's own functions, of the two networks, of a grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gradcheck.cli import options
from gradcheck.cli.kernel import kernel
from gradcheck.cli.subcommands import Subcommand, Typed, typed
from gradcheck.cli.threads import largest_product, threads_for
from gradcheck.errors import ArgumentError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from gradcheck.two_layer_relu.problem import Shape

SIGNATURE = 'the shapes are missing: pass --signature "(n,d),(d,h)->()" or the like'

cases_option = click.option(
    "--max-examples", type=click.IntRange(min=1), default=50, show_default=True, help="Cases to draw."
)


class Verify(click.Group):
    """The group; `gradcheck verify` without a command's name is the one that the rest of the line means."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """Return the names of the commands, in the order in which they stand here."""
        return list(self.commands)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command's name first; see `meant`."""
        completing = ctx.resilient_parsing and not args
        return super().parse_args(ctx, args if completing else meant(args, self))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the commands, and the options of a bare `gradcheck verify`."""
        found = super().shell_complete(ctx, incomplete)
        if incomplete.startswith("-"):
            found += [c for c in self.commands["networks"].shell_complete(ctx, incomplete) if c.value != "--help"]
        return found


def meant(args: list[str], group: click.Group) -> list[str]:
    """Return the line with its command's name in front.

    Examples
    --------
    >>> meant(["mine:loss", "--signature", "(n)"], verify)
    ['functions', 'mine:loss', '--signature', '(n)']
    >>> meant(["--sweep", "page.html", "--jobs", "2"], verify)
    ['sweep', 'page.html', '--jobs', '2']

    """
    found = typed(args, [*group.commands.values(), group])
    if found.words and found.words[0] in group.commands:
        at = args.index(found.words[0])
        return [found.words[0], *args[:at], *args[at + 1 :]]
    if not found.words and {"--help", "-h"} & set(args):
        return args
    return _chosen(found, args)


def _chosen(found: Typed, args: list[str]) -> list[str]:
    if target := found.values.get("--kernel"):
        return ["kernel", target, *_without("--kernel", args)]
    if "--exact" in found.options:
        return ["exact", *(word for word in args if word != "--exact")]
    if page := found.values.get("--sweep"):
        return ["sweep", page, *_without("--sweep", args)]
    if found.words:
        return ["file" if found.words[0].endswith(".py") else "functions", *args]
    if (signature := found.values.get("--signature", "")).endswith(".py"):  # the shapes are in the file
        return ["file", signature, *_without("--signature", args)]
    return ["networks", *args]


def _without(option: str, args: list[str]) -> list[str]:
    """Leave an option and its value out."""
    at = next(i for i, word in enumerate(args) if word.partition("=")[0] == option)
    return args[:at] + args[at + (1 if "=" in args[at] else 2) :]


@click.group(cls=Verify)
@click.option("--exact", is_flag=True, expose_value=False, help="The same as `gradcheck verify exact`.")
@click.option(
    "--sweep", metavar="PAGE.html", expose_value=False, help="The same as `gradcheck verify sweep PAGE.html`."
)
@click.option("--kernel", metavar="MODULE:NAME", expose_value=False, help="The same as `gradcheck kernel MODULE:NAME`.")
def verify() -> None:
    """Check hand gradients: your own functions', or those of the two networks that come with gradcheck.

    \b
      gradcheck verify mine:loss mine:gradient --signature "(n,d),(d,h)->()"
      gradcheck verify checks.py
      gradcheck verify

    The command's name may be left out: module:function means functions, FILE.py means file, and anything else
    networks, as does nothing at all.
    """  # noqa: D301  the backspace itself keeps click from filling the paragraph


@verify.command(cls=Subcommand, short_help="Your own gradient, on drawn inputs.")
@click.argument("targets", nargs=-1, metavar="LOSS [GRADIENT]", required=True)
@click.option(
    "--signature",
    metavar="TEXT|FILE.toml",
    help='Shapes of the arguments, such as "(n,d),(d,h)->()"; or a file that describes each by name.',
)
@cases_option
@click.option("--max-side", type=click.IntRange(min=1), default=6, show_default=True, help="Largest size to draw.")
@click.option("--boundary", is_flag=True, help="Draw zeros, one ulp round 1 and subnormals too.")
@click.option("--positive", is_flag=True, help="Draw positive entries only.")
@click.option("--range", "interval", nargs=2, type=float, metavar="LOW HIGH", help="Draw entries between these.")
@options.dtype_option
@click.option("--backend", type=click.Choice(["numpy", "torch"]), default="numpy", show_default=True, help="Of arrays.")
@options.rtol_option
@options.seed_option
@options.threads_option
@options.json_option
@options.report_option
def functions(*, targets: tuple[str, ...], threads: int | None, **given: Any) -> None:
    """Check your own gradient on drawn inputs; shrink a failure to the smallest case, and print what repeats it.

    LOSS and GRADIENT are package.module:function. GRADIENT returns one array for each argument of LOSS; LOSS alone
    should return (loss, gradients).

    \b
      gradcheck verify mine:loss mine:gradient --signature "(n,d),(d,h)->()"

    A FILE.toml has a line for each argument: its shape, a table of shapes for an argument that is a dict, or a shape
    with what may stand in it.

    \b
      x = "(n,d)"
      labels = {shape = "(n)", integers = [0, 9]}
      [params]
      w = "(d,10)"
      scale = {shape = "(10)", positive = true}
    """  # noqa: D301  see verify
    from gradcheck.cli.verify_functions import Drawing, verify_functions  # noqa: PLC0415  needs other packages

    if len(targets) > 2:
        raise ArgumentError(f"got {len(targets)} functions, wanted the loss and its gradient")
    if given["signature"] is None:
        raise ArgumentError(SIGNATURE)
    if given["positive"] and given["interval"]:
        raise ArgumentError("--positive and --range both say what to draw: leave one of them out")
    if given["boundary"] and (given["positive"] or given["interval"]):
        raise ArgumentError("--boundary draws zeros, which --positive and --range leave out: leave one of them out")
    json_path, report_path = given.pop("json_path"), given.pop("report_path")
    options.check_folder("--json", json_path)
    options.check_folder("--report", report_path)
    with threads_for(threads, flop=0):
        code = verify_functions(targets, Drawing(**given), json_path=json_path, report_path=report_path)
    click.get_current_context().exit(code)


verify.add_command(kernel)


@verify.command(cls=Subcommand, short_help="A Python file of checks under @given.")
@click.argument("path", metavar="FILE.py", type=click.Path(path_type=Path))
@cases_option
@options.seed_option
@options.threads_option
@options.json_option
def file(*, path: Path, max_examples: int, seed: int, threads: int | None, json_path: Path | None) -> None:
    """Run a Python file's functions under Hypothesis's @given, which call gradcheck.assert_gradient.

    Shapes, dtypes and tolerances are decided in the file.
    """
    from gradcheck.cli.verify_file import verify_file  # noqa: PLC0415  needs other packages

    options.check_folder("--json", json_path)
    with threads_for(threads, flop=0):
        code = verify_file(path, max_examples=max_examples, seed=seed, json_path=json_path)
    click.get_current_context().exit(code)


@verify.command(cls=Subcommand, short_help="The two networks that come with gradcheck.")
@options.network_options
@options.device_option
@options.backend_option
@options.threads_option
@options.json_option
def networks(
    *,
    shape: Shape,
    dtype: str,
    seed: int,
    device: str,
    backend: str,
    threads: int | None,
    json_path: Path | None,
) -> None:
    """Check the two networks: their gradients of x, y, w1, w2 against finite differences and torch.autograd.

    On normal data, and on the ReLU boundary, where some hidden units are exactly 0.
    """
    from gradcheck.cli.verify_networks import verify_networks  # noqa: PLC0415  needs other packages
    from gradcheck.two_layer_relu.network_check import Settings  # noqa: PLC0415

    options.check_folder("--json", json_path)
    with threads_for(threads, flop=largest_product(shape)):
        settings = Settings(shape=shape, dtype=dtype, seed=seed, device=device)
        code = verify_networks(settings, backend, json_path)
    click.get_current_context().exit(code)


@verify.command(cls=Subcommand, short_help="The NumPy network in exact arithmetic.")
@options.network_options
@options.json_option
def exact(*, shape: Shape, dtype: str, seed: int, json_path: Path | None) -> None:
    """Judge the NumPy network's formula in exact rational arithmetic: right or not, with no tolerance."""
    from gradcheck.cli.verify_exact import verify_exact  # noqa: PLC0415  needs other packages

    options.check_folder("--json", json_path)
    click.get_current_context().exit(verify_exact(shape, dtype=dtype, seed=seed, json_path=json_path))


@verify.command(cls=Subcommand, short_help="The networks over a grid, as a page.")
@click.argument("page", metavar="PAGE.html", type=click.Path(dir_okay=False, path_type=Path))
@options.grid_options
@options.backend_option
@click.option("--jobs", type=click.IntRange(1, 1024), help="Processes for the cells; by default 1.")
@click.option("--dask", metavar="ADDRESS", help="Run the cells on the Dask cluster with this scheduler.")
def sweep(
    *,
    page: Path,
    shapes: tuple[Shape, ...],
    dtypes: tuple[str, ...],
    devices: tuple[str, ...],
    seeds: tuple[int, ...],
    backend: str,
    jobs: int | None,
    dask: str | None,
) -> None:
    """Check the networks over a grid, and write a page; goes on after an interruption.

    --shape, --dtype, --device and --seed may be given several times. The results are kept beside the page, as
    PAGE.jsonl, and a grid that is another's part adds to it.
    """
    if jobs is not None and dask is not None:
        raise ArgumentError("--jobs is for processes of this machine, and --dask for a cluster: leave one of them out")
    from gradcheck.cli.verify_networks import available  # noqa: PLC0415  needs other packages
    from gradcheck.cli.verify_sweep import verify_sweep  # noqa: PLC0415
    from gradcheck.sweeps.sweep import grid  # noqa: PLC0415

    given = {"shapes": shapes, "dtypes": dtypes, "devices": devices, "seeds": seeds}
    cells = grid(**{name: value for name, value in given.items() if value}, backends=available(backend)[0])  # type: ignore[arg-type]  # each is its own
    click.get_current_context().exit(verify_sweep(cells, page, jobs=jobs or 1, dask=dask))
