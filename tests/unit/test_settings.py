"""Settings are read once, and what is wrong with them is said by name."""

from ipaddress import ip_network

import pytest

from api.cli.stack_services import service_settings
from shared.errors import SettingsInvalid
from shared.settings import MIB, Settings
from shared.storage.access import BucketAccess
from shared.storage.opening import open_storage

GOOD = {
    "DATABASE_URL": "postgresql://longshore:pass-word@db/longshore",
    "REDIS_URL": "redis://:pass-word@redis/0",
    "STORAGE_URL": "file:///blocks",
}


def refusal(**environment: str) -> str:
    with pytest.raises(SettingsInvalid) as refused:
        Settings.read(GOOD | environment)
    return str(refused.value)


def test_three_urls_are_enough():
    settings = Settings.read(GOOD)

    assert settings.database_url == GOOD["DATABASE_URL"]
    assert settings.block_limit_bytes == 20 * MIB


def test_each_setting_can_be_given():
    settings = Settings.read(GOOD | {"LONGSHORE_BATCH_LINES": "7", "LONGSHORE_LEASE_SECONDS": "0.5"})

    assert (settings.batch_lines, settings.lease_seconds) == (7, 0.5)


def test_what_else_the_environment_holds_does_not_matter():
    assert Settings.read(GOOD | {"PATH": "/bin", "DATABASE_URL_OLD": "x"}) == Settings.read(GOOD)


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("absent", ["missing", "empty"])
def test_an_absent_url_is_named(name: str, absent: str):
    environment = GOOD | {name: ""}
    if absent == "missing":
        del environment[name]

    with pytest.raises(SettingsInvalid, match=name):
        Settings.read(environment)


def test_an_unknown_name_of_ours_is_refused():
    assert "LONGSHORE_BATCH_LINE: is not a setting of Longshore." in refusal(LONGSHORE_BATCH_LINE="7")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LONGSHORE_BATCH_LINES", "many"),
        ("LONGSHORE_BATCH_LINES", "1.5"),
        ("LONGSHORE_BATCH_LINES", "0"),
        ("LONGSHORE_ATTEMPTS", "-1"),
        # Lines, and the first bytes of those that are rejected, are counted in 31 bits.
        ("LONGSHORE_BLOCK_LIMIT_BYTES", "2147483648"),
        ("LONGSHORE_LEASE_SECONDS", "nan"),
        ("LONGSHORE_LEASE_SECONDS", "inf"),
        ("LONGSHORE_SWEEP_SECONDS", ""),
        ("LONGSHORE_LOG_FORMAT", "xml"),
        ("LONGSHORE_LOG_LEVEL", "loud"),
        ("LONGSHORE_BASE_DOMAIN", ""),
    ],
)
def test_an_unusable_value_is_refused_by_name(name: str, value: str):
    assert f"{name}: " in refusal(**{name: value})


def test_proxies_are_addresses_networks_and_names():
    settings = Settings.read(GOOD | {"LONGSHORE_TRUSTED_PROXIES": "192.0.2.1, 2001:db8::/64,balancer"})

    assert settings.trusted_proxies == (ip_network("192.0.2.1"), ip_network("2001:db8::/64"), "balancer")


def test_by_default_no_proxy_is_trusted():
    assert Settings.read(GOOD).trusted_proxies == ()


@pytest.mark.parametrize(
    "proxies", ["0", "1", "2", "", "*", "balancer,", "10.1.0.1/16", "10.1.0", "0.0.0.0/0", "::/0"]
)
def test_proxies_are_neither_counted_nor_everybody(proxies: str):
    """A number was how many there are, whoever they are."""
    assert "LONGSHORE_TRUSTED_PROXIES: must " in refusal(LONGSHORE_TRUSTED_PROXIES=proxies)


def test_everything_that_is_wrong_is_said_at_once():
    message = refusal(DATABASE_URL="", LONGSHORE_ATTEMPTS="x", LONGSHORE_COLOUR="red")

    assert all(name in message for name in ("DATABASE_URL", "LONGSHORE_ATTEMPTS", "LONGSHORE_COLOUR"))


def test_no_password_is_in_repr():
    assert "pass-word" not in repr(Settings.read(GOOD))


def test_keys_of_a_bucket_are_read_and_not_in_repr():
    settings = Settings.read(
        GOOD | {"AWS_SECRET_ACCESS_KEY": "pass-word", "AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-1"}
    )

    assert settings.bucket_access.secret_access_key == "pass-word"
    assert settings.bucket_access.region == "eu-west-1"
    assert "pass-word" not in repr(settings)


def test_a_command_beside_a_stack_reaches_its_bucket_as_the_environment_says():
    settings = service_settings({"AWS_ENDPOINT_URL": "https://minio", "LONGSHORE_URL": "http://x"}, GOOD)

    assert settings.bucket_access.endpoint == "https://minio"


@pytest.mark.parametrize(
    "url",
    [
        "s3:///prefix",
        "s3://key:secret@bucket/prefix",
        "s3://bucket?region=x",
        "s3://bucket/a//b",
        "s3://bucket/../b",
        "s3://bucket/pré fix",
        "file://other-machine/blocks",
        "/blocks",
        "file:blocks",
    ],
)
def test_a_storage_that_does_not_exist_is_refused_by_name(url: str):
    with pytest.raises(SettingsInvalid, match="STORAGE_URL"):
        open_storage(url, lambda: "", BucketAccess())
