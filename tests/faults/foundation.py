"""What a fleet stands on: Postgres, Redis and block storage, with networks and disks that can fail."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from api.cli.stack_folder import StackFolder
from api.usecases.volumes import mark_storage
from shared.db.migrate import migrate, prepare_reader
from shared.db.queries.reader import reader_of
from shared.embedded.postgres import EmbeddedPostgres
from shared.embedded.redis import EmbeddedRedis
from shared.embedded.sockets import make_socket_folder, remove_socket_folder
from shared.ground import Ground
from shared.settings import Settings
from tests.faults import weather
from tests.faults.disk import Disk, a_disk
from tests.faults.member import Member
from tests.faults.proxy import Proxy
from tests.faults.waiting import wait_until

START_SECONDS = 60.0
DATABASE_DISK_MIB = 3072
BLOCKS_DISK_MIB = 512


class Server:
    """Postgres or Redis as a member."""

    def __init__(self, service: EmbeddedPostgres | EmbeddedRedis) -> None:
        program = service.prepare()
        self.member = Member(program.role, program)
        self._service = service

    def bring_up(self) -> None:
        """Start it where it does not run, and wait until it answers."""
        wait_until(self._is_up, START_SECONDS, f"{self.member.name} answers")

    def _is_up(self) -> bool:
        # Recovery on a full disk gives up, and a supervisor would start it again.
        self.member.start()
        return self._service.is_ready()


@dataclass(frozen=True)
class Foundation:
    """The services, and our own way to them past the networks."""

    ground: Ground
    postgres: Server
    redis: Server
    embedded_redis: EmbeddedRedis
    database_network: Proxy
    redis_network: Proxy
    database_disk: Disk | None
    blocks_disk: Disk | None
    blocks: Path
    own_way: dict[str, str]  # as environment

    @property
    def way_of_members(self) -> dict[str, str]:
        """The environment of those that come through the networks."""
        return self.own_way | {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.database_network.port}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_network.port}/0",
        }


@contextmanager
def a_foundation(folder: Path, stack: StackFolder) -> Iterator[Foundation]:
    """Everything up and the schema made; stopped at the end."""
    database, volumes = folder / "database", folder / "volumes"
    blocks = volumes / "blocks"
    with ExitStack() as ends:
        sockets = make_socket_folder(stack.run)
        ends.callback(remove_socket_folder, stack.run)
        database_disk = ends.enter_context(a_disk(database, DATABASE_DISK_MIB))
        blocks_disk = ends.enter_context(a_disk(volumes, BLOCKS_DISK_MIB))
        postgres = EmbeddedPostgres(
            folder=database / "postgres", sockets=sockets / "postgres", log=stack.logs / "postgres.log"
        )
        redis = EmbeddedRedis(folder=stack.redis, sockets=sockets, log=stack.logs / "redis.log")
        servers = [_up(ends, service) for service in (postgres, redis)]
        own_way = {
            "DATABASE_URL": postgres.url,
            "REDIS_URL": redis.url,
            "STORAGE_URL": f"file://{quote(str(blocks))}",
            "SMTP_URL": f"file://{quote(str(stack.mails))}",
        }
        yield Foundation(
            ground=_ground(ends, own_way),
            postgres=servers[0],
            redis=servers[1],
            embedded_redis=redis,
            database_network=_network(ends, sockets / "postgres" / ".s.PGSQL.5432"),
            redis_network=_network(ends, sockets / "redis.sock"),
            database_disk=database_disk,
            blocks_disk=blocks_disk,
            blocks=blocks,
            own_way=own_way,
        )


def _up(ends: ExitStack, service: EmbeddedPostgres | EmbeddedRedis) -> Server:
    server = Server(service)
    ends.callback(server.member.stop)
    server.bring_up()
    return server


def _ground(ends: ExitStack, environment: dict[str, str]) -> Ground:
    ground = Ground.open(Settings.read(environment))
    ends.callback(ground.close)
    migrate(ground.database)
    mark_storage(ground.database, ground.storage)
    prepare_reader(ground.database, reader_of(ground.settings.database_url, ground.settings.reader_url))
    weather.install(ground)
    return ground


def _network(ends: ExitStack, target: Path) -> Proxy:
    proxy = Proxy(target)
    ends.callback(proxy.close)
    return proxy
