"""A group of commands that lists what an app has when it is called with the app's name alone."""

from typing import Any

from typer.core import TyperGroup


class OfApp(TyperGroup):
    """`sealane releases shop` is `sealane releases --app shop`; the names of subcommands go before those of apps."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and not args[0].startswith("-") and args[0] not in self.commands:
            args = ["--app", *args]
        return super().parse_args(ctx, args)
