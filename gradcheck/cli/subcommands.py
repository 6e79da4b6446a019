"""A group whose first word may be left out: what else was typed says which of its commands is meant.

`gradcheck verify mine:loss mine:gradient` is `gradcheck verify functions mine:loss mine:gradient`. What a command does
not take is refused with the name of the one that does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Iterable


class Typed(NamedTuple):
    """The words of a command line, told apart."""

    options: list[str]  # each as often as it was typed: --seed
    words: list[str]  # those that are neither an option nor its value
    values: dict[str, str]  # the last value of each option


def typed(args: Iterable[str], commands: Iterable[click.Command]) -> Typed:
    """Tell options, their values and words apart, as any of the commands would."""
    valued = {name: 0 if option.is_flag else option.nargs for command in commands for name, option in _options(command)}
    found = Typed([], [], {})
    rest = iter(args)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "--":
            found.words.extend(rest)
        elif word == "-h" or not name.startswith("--"):
            found.words.extend([] if word == "-h" else [word])
        else:
            found.options.append(name)
            taken = [value] if equals else []
            taken += [next(rest, "") for _ in range(valued.get(name, 0) - len(taken))]
            if taken:
                found.values[name] = taken[0]
    return found


def _options(command: click.Command) -> Iterable[tuple[str, click.Option]]:
    return ((name, param) for param in command.params if isinstance(param, click.Option) for name in param.opts)


class Subcommand(click.Command):
    """A command that refuses an option typed twice, and tells whose an option is that it does not have."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse; see the class."""
        options = typed(args, [self]).options
        known = dict(_options(self))
        for name in dict.fromkeys(options):
            if name in known and not known[name].multiple and options.count(name) > 1:
                raise click.UsageError(f"{name} was given {options.count(name)} times, wanted it once.", ctx)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            others = [other for other in self._beside(ctx) if error.option_name in dict(_options(other))]
            if not others:
                raise
            names = " and ".join(f"`gradcheck verify {other.name}`" for other in others)
            raise click.UsageError(
                f"{error.option_name} is an option of {names}, not of `{ctx.command_path}`.", ctx
            ) from error

    def _beside(self, ctx: click.Context) -> list[click.Command]:
        group = ctx.parent.command if ctx.parent is not None else None
        return list(group.commands.values()) if isinstance(group, click.Group) else []
