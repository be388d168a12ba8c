"""Every setting of every process, read once from the environment and frozen.

A missing or unusable value, and any unknown name that starts with `LONGSHORE_`, is refused by name:
a misspelt setting must not silently mean its default.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from marshmallow import RAISE, Schema, ValidationError, fields, post_load, validate, validates_schema

from shared.addresses import Network, is_host_name, network_of
from shared.documentids import MAX_BLOCK_BYTES, MAX_BLOCKS
from shared.errors import SettingsInvalid
from shared.storage.access import BucketAccess

MIB = 1024 * 1024
PREFIX = "LONGSHORE_"
_OTLP = "http/protobuf"
Proxy: TypeAlias = Network | str  # a str is the name of a host
_UNPREFIXED = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SMTP_URL")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a process needs to know. URLs may carry passwords and are kept out of `repr`."""

    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    storage_url: str = field(repr=False)
    bucket_access: BucketAccess = field(default_factory=BucketAccess)
    reader_url: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = "longshore@localhost"
    public_url: str = "http://localhost:8080"
    link_days: float = 7.0
    upload_days: float = 7.0
    block_days: float | None = None
    upload_limit_bytes: int = 16 * 1024 * MIB
    export_file_bytes: int = 1024 * MIB
    base_domain: str = "localhost"
    default_service: str = "default"
    block_limit_bytes: int = 20 * MIB
    rejections_kept: int = 100_000
    open_imports: int = 1000
    jobs_an_hour: int = 1000
    requests_a_minute: int = 30_000
    address_requests_a_minute: int = 1200
    import_blocks: int = 100_000
    stored_bytes: int = 1024 * 1024 * MIB
    batch_lines: int = 8_000
    # A worker holds two batches, each twice: with 4 MiB documents of 20 kB took it to 159 MB, with 2 MiB to
    # 146 (2026-11-26).
    batch_bytes: int = 2 * MIB
    template_seconds: float = 60.0
    import_workers: int = 8
    worker_processes: int | None = None
    pulse_file: str | None = None
    service_workers: int | None = None
    service_long_jobs: int = 1
    lease_seconds: float = 10.0
    sweep_seconds: float = 2.0
    attempts: int = 5
    patience_seconds: float = 3600.0
    retry_seconds: float = 1.0
    database_pool: int = 10
    drain_seconds: float = 0.0
    metrics_token: str | None = field(default=None, repr=False)
    metrics_port: int | None = None
    trusted_proxies: tuple[Proxy, ...] = ()
    cors_origins: tuple[str, ...] = ()
    is_traced: bool = False
    log_format: str = "auto"
    log_level: str = "info"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings that `environment` holds. Raises SettingsInvalid, which names each wrong one."""
        given = {name: environment[name] for name in _UNPREFIXED if environment.get(name)}
        given |= {name: value for name, value in environment.items() if name.startswith(PREFIX)}
        try:
            settings: Settings = Environment().load(given)
        except ValidationError as error:
            raise SettingsInvalid(_explain(error.messages_dict)) from error
        return replace(
            settings, bucket_access=BucketAccess.read(environment), is_traced=_is_traced(environment)
        )


def _is_traced(environment: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables name a collector. Raises SettingsInvalid for one that speaks gRPC."""
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    is_disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if is_disabled or not any(map(environment.get, endpoints)):
        return False
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if environment.get(name, _OTLP) != _OTLP:
            expected = f"must be {_OTLP}, at the port where the collector speaks it (4318)."
            raise SettingsInvalid(_explain({name: [expected]}))
    return environment.get("OTEL_TRACES_EXPORTER", "otlp") != "none"


def _positive(kind: type[fields.Integer] | type[fields.Float]) -> fields.Field[Any]:
    return kind(validate=validate.Range(min=0, min_inclusive=False))


_UNGUESSABLE = "must have 16 characters or more, and no spaces."
_EXPECTED_POSTGRES = "must begin with postgresql://."


def _url(*schemes: str, data_key: str) -> fields.Field[Any]:
    """A URL of one of the schemes. The message does not repeat it: it may carry a password."""
    expected = f"must begin with {' or '.join(f'{scheme}://' for scheme in schemes)}."
    known = validate.Regexp(f"({'|'.join(schemes)})://.", error=expected)
    return fields.String(required=True, data_key=data_key, validate=known)


class Origins(fields.Field[tuple[str, ...]]):
    """Origins of pages, separated by commas, as browsers write them (RFC 6454)."""

    _ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]+)?", re.IGNORECASE)

    def _deserialize(self, value: str, *_: object, **__: object) -> tuple[str, ...]:
        origins = tuple(origin.strip() for origin in value.split(","))
        if not all(map(self._ORIGIN.fullmatch, origins)):
            raise ValidationError("must be origins such as https://app.example, with commas between; not *.")
        return origins


class Proxies(fields.Field[tuple[Proxy, ...]]):
    """Machines in front of an API, separated by commas: addresses, networks, names of hosts."""

    _EXPECTED = (
        "must be addresses, networks such as 10.1.0.0/16 or names of load balancers, with commas between,"
        " and no longer how many there are."
    )

    def _deserialize(self, value: str, *_: object, **__: object) -> tuple[Proxy, ...]:
        return tuple(self._proxy(entry.strip()) for entry in value.split(","))

    def _proxy(self, entry: str) -> Proxy:
        network = network_of(entry)
        if network is not None and not network.prefixlen:
            raise ValidationError("must not be everybody: callers would choose their addresses.")
        if network is None and not is_host_name(entry):
            raise ValidationError(self._EXPECTED)
        return entry if network is None else network


class Environment(Schema):
    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "is not a setting of Longshore."}  # noqa: RUF012

    database_url = _url("postgresql", "postgres", data_key="DATABASE_URL")
    redis_url = _url("redis", "rediss", "unix", data_key="REDIS_URL")
    storage_url = _url("file", "s3", data_key="STORAGE_URL")
    reader_url = fields.String(validate=validate.Regexp("postgres(ql)?://", error=_EXPECTED_POSTGRES))
    smtp_url = fields.String(data_key="SMTP_URL")
    mail_from = fields.String(validate=validate.Length(min=3))
    public_url = fields.Url(schemes={"http", "https"}, require_tld=False)
    link_days = _positive(fields.Float)
    block_days = _positive(fields.Float)
    upload_limit_bytes = _positive(fields.Integer)
    export_file_bytes = _positive(fields.Integer)
    base_domain = fields.String(validate=validate.Regexp(r"[^\s/:]+$", error="must be a domain name."))
    default_service = fields.String(validate=validate.Length(min=1))
    block_limit_bytes = fields.Integer(validate=validate.Range(min=1, max=MAX_BLOCK_BYTES))
    rejections_kept = fields.Integer(validate=validate.Range(min=0))
    open_imports = _positive(fields.Integer)
    jobs_an_hour = _positive(fields.Integer)
    requests_a_minute = fields.Integer(validate=validate.Range(min=0))
    address_requests_a_minute = fields.Integer(validate=validate.Range(min=0))
    stored_bytes = _positive(fields.Integer)
    upload_days = _positive(fields.Float)
    import_blocks = fields.Integer(validate=validate.Range(min=1, max=MAX_BLOCKS))
    batch_lines = _positive(fields.Integer)
    batch_bytes = _positive(fields.Integer)
    template_seconds = _positive(fields.Float)
    import_workers = _positive(fields.Integer)
    worker_processes = _positive(fields.Integer)
    pulse_file = fields.String(validate=validate.Length(min=1))
    service_workers = _positive(fields.Integer)
    service_long_jobs = _positive(fields.Integer)
    lease_seconds = fields.Float(validate=validate.Range(min=0.1, max=3600))
    sweep_seconds = fields.Float(validate=validate.Range(min=0.05, max=3600))
    attempts = _positive(fields.Integer)
    patience_seconds = _positive(fields.Float)
    retry_seconds = _positive(fields.Float)
    database_pool = fields.Integer(validate=validate.Range(min=2))  # a block, and its heartbeat
    drain_seconds = fields.Float(validate=validate.Range(min=0, max=300))
    metrics_token = fields.String(validate=validate.Regexp(r"[!-~]{16,}$", error=_UNGUESSABLE))
    metrics_port = fields.Integer(validate=validate.Range(min=1, max=65535))
    trusted_proxies = Proxies()
    cors_origins = Origins()
    log_format = fields.String(validate=validate.OneOf(["auto", "console", "json"]))
    log_level = fields.String(validate=validate.OneOf(["debug", "info", "warning", "error"]))

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        if field_obj.data_key is None:
            field_obj.data_key = PREFIX + field_name.upper()

    @validates_schema
    def keep_metrics_apart(self, given: dict[str, Any], **_: object) -> None:
        if "metrics_port" in given and "metrics_token" not in given:
            raise ValidationError("is needed with LONGSHORE_METRICS_PORT.", f"{PREFIX}METRICS_TOKEN")

    @post_load
    def freeze(self, given: dict[str, Any], **_: object) -> Settings:
        return Settings(**given)


def _explain(messages: Mapping[str, Any]) -> str:
    lines = [f"{name}: {' '.join(map(str, reasons))}" for name, reasons in sorted(messages.items())]
    return "The environment cannot be used.\n" + "\n".join(lines)
