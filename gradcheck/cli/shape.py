"""The option --shape: the four sizes of the two-layer network, as N,D_in,H,D_out; once, or several times."""

from __future__ import annotations

import click

from gradcheck.two_layer_relu.problem import Shape

__all__ = ["shape_option", "shapes_option"]


def _parse(ctx: click.Context, param: click.Parameter, value: str) -> Shape:
    """Read four integers of at least 0, with commas between them."""
    sizes = value.split(",")
    if len(sizes) != 4 or not all(size.strip().isdecimal() for size in sizes):
        raise click.BadParameter(
            f"got {value!r}, but should be four integers such as 64,1000,100,10.", ctx=ctx, param=param
        )
    return Shape(*map(int, sizes))


def _parse_all(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[Shape, ...]:
    return tuple(_parse(ctx, param, value) for value in values)


METAVAR, DEFAULT, HELP = "N,D_in,H,D_out", "64,1000,100,10", "Samples, inputs, hidden units, outputs."

shape_option = click.option("--shape", metavar=METAVAR, default=DEFAULT, show_default=True, callback=_parse, help=HELP)
shapes_option = click.option(
    "--shape",
    "shapes",
    metavar=METAVAR,
    default=[DEFAULT],
    show_default=True,
    callback=_parse_all,
    multiple=True,
    help=HELP,
)
