"""`longshore token`: a token for a data service."""

import re
from pathlib import Path

import click

from api.cli import terminal
from api.cli.connecting import chosen_service, connected
from api.cli.options import data_dir_option, json_option, service_option
from api.usecases import tokens
from api.usecases.services import active_secrets
from shared.errors import NameRefused

_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class Lifetime(click.ParamType[int]):
    """A duration such as `90s`, `15m`, `12h` or `30d`, in seconds."""

    name = "duration"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds, at least one."""
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,8})([smhd]?)", value)
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 15m, 12h or 30d.", param, ctx)
        return int(found[1]) * _UNIT_SECONDS[found[2] or "s"]


@click.command()
@service_option
@click.option(
    "--lifetime", type=Lifetime(), default="1d", show_default=True, help="Such as 90s, 15m, 12h or 30d."
)
@click.option("--forever", is_flag=True, help="A token that does not expire.")
@data_dir_option
@json_option
def token(
    *, service_name: str | None, lifetime: int, forever: bool, data_dir: Path | None, as_json: bool
) -> None:
    """Print a token for the HTTP API, signed with the newest secret of the data service.

    \b
    Examples:
      curl -H "Authorization: Bearer $(longshore token)" http://127.0.0.1:8080/__resources/imports
      longshore token --service films --lifetime 15m
    """
    with connected(data_dir) as ground:
        service = chosen_service(ground, service_name)
        secrets = active_secrets(ground, service)
    if not secrets:
        raise NameRefused(
            f"The data service {service.name!r} has no secret: `longshore services rotate-secret`."
        )
    minted = tokens.mint(secrets[0], None if forever else lifetime)
    if as_json:
        terminal.print_json({"service": service.name, "token": minted})
    else:
        terminal.out().print(minted)
