"""What --shape means: the four sizes of the two-layer network, as N,D_in,H,D_out."""

from __future__ import annotations

import click

from gradcheck.cli.memory import fits, said
from gradcheck.two_layer_relu.problem import Shape

COPIES = 2  # at the least: the arrays, and their gradients


def parse_shape(ctx: click.Context, param: click.Parameter, value: str) -> Shape:
    """Read four integers of at least 0, with commas between them; refuse what no memory here holds."""
    sizes = value.split(",")
    if len(sizes) != 4 or not all(size.strip().isascii() and size.strip().isdecimal() for size in sizes):
        raise click.BadParameter(f"got {value!r}, wanted four integers such as 64,1000,100,10.", ctx=ctx, param=param)
    if max(map(len, sizes)) > 18:  # below 2^63, as NumPy's sizes are
        raise click.BadParameter(f"got {value!r}: no array is that large.", ctx=ctx, param=param)
    shape = Shape(*map(int, sizes))
    n, d_in, h, d_out = shape
    needed = 8 * COPIES * (n * d_in + n * d_out + d_in * h + h * d_out + n * h)
    if not fits(needed):
        raise click.BadParameter(f"got {value!r}, which needs at least {said(needed)}.", ctx=ctx, param=param)
    return shape


def parse_shapes(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[Shape, ...]:
    """Read several."""
    return tuple(parse_shape(ctx, param, value) for value in values)
