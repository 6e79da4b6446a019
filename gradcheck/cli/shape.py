"""The option --shape: the four sizes of the two-layer network, as N,D_in,H,D_out."""

from __future__ import annotations

import click

from gradcheck.two_layer_relu.problem import Shape

__all__ = ["shape_option"]


def _parse(ctx: click.Context, param: click.Parameter, value: str) -> Shape:
    """Read four integers of at least 0, with commas between them."""
    sizes = value.split(",")
    if len(sizes) != 4 or not all(size.strip().isdecimal() for size in sizes):
        raise click.BadParameter(
            f"got {value!r}, but should be four integers such as 64,1000,100,10.", ctx=ctx, param=param
        )
    return Shape(*map(int, sizes))


shape_option = click.option(
    "--shape",
    metavar="N,D_in,H,D_out",
    default="64,1000,100,10",
    show_default=True,
    callback=_parse,
    help="Samples, inputs, hidden units, outputs.",
)
