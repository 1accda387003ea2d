"""Settings are strict: what is unknown, missing or wrong is named, and no value is ever shown."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from chassis.settings import ServiceSettings, SettingsError, load_process_settings, load_settings, redacted

PROCESS = {
    "FITNESSHUB_SECRETS": "/secrets",
    "FITNESSHUB_DATABASE_SERVER": "postgresql:///fitnesshub?host=/run/pg",
    "REDIS_URL": "unix:///run/valkey.sock",
    "FITNESSHUB_MESH": "127.0.0.1:9000",
}


class Depot(ServiceSettings):
    size: int = Field(default=3, ge=1)
    open_at_night: bool = False
    key: SecretStr = SecretStr("")
    doors: tuple[str, ...] = ()


def problem_of(environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(Depot, "depot", environment)
    return str(caught.value)


def test_absent_settings_have_their_defaults() -> None:
    assert load_settings(Depot, "depot", {"FITNESSHUB_ANNEX_SIZE": "7", "PATH": "/bin"}) == Depot()


def test_values_are_parsed_by_type() -> None:
    found = load_settings(
        Depot,
        "depot",
        {
            "FITNESSHUB_DEPOT_SIZE": "7",
            "FITNESSHUB_DEPOT_OPEN_AT_NIGHT": "true",
            "FITNESSHUB_DEPOT_DOORS": '["a", "b"]',
        },
    )
    assert found == Depot(size=7, open_at_night=True, doors=("a", "b"))


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("swordfish\n")
    found = load_settings(Depot, "depot", {"FITNESSHUB_DEPOT_KEY_FILE": str(tmp_path / "key")})
    assert found.key.get_secret_value() == "swordfish"


def test_all_problems_are_named_at_once() -> None:
    assert problem_of({"FITNESSHUB_DEPOT_SIZZE": "7", "FITNESSHUB_DEPOT_KEY_FILE": "/no/such/file"}) == (
        "FITNESSHUB_DEPOT_KEY_FILE: the file can't be read; FITNESSHUB_DEPOT_SIZZE: there is no such setting"
    )


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"FITNESSHUB_DEPOT_SIZE": "swordfish"}, "FITNESSHUB_DEPOT_SIZE"),
        ({"FITNESSHUB_DEPOT_SIZE": "0"}, "FITNESSHUB_DEPOT_SIZE"),
        ({"FITNESSHUB_DEPOT_DOORS": "swordfish"}, "FITNESSHUB_DEPOT_DOORS"),
        ({"FITNESSHUB_DEPOT_DOORS": '["swordfish", [1]]'}, "FITNESSHUB_DEPOT_DOORS[1]"),
        (
            {"FITNESSHUB_DEPOT_KEY": "swordfish", "FITNESSHUB_DEPOT_KEY_FILE": __file__},
            "FITNESSHUB_DEPOT_KEY: given twice",
        ),
    ],
)
def test_a_wrong_value_is_named_and_not_shown(environment: dict[str, str], named: str) -> None:
    problem = problem_of(environment)
    assert problem.startswith(named)
    assert "swordfish" not in problem


def test_secrets_are_redacted() -> None:
    assert redacted(Depot(key=SecretStr("swordfish"), size=4)) == {
        "size": "4",
        "open_at_night": "False",
        "key": "…",
        "doors": "()",
    }
    assert redacted(Depot())["key"] == "", "an empty secret shows that it isn't set"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Depot().size = 4


def test_process_settings() -> None:
    found = load_process_settings(PROCESS | {"FITNESSHUB_LOG_LEVEL": "DEBUG", "UNRELATED": "x"})
    assert (found.secrets, found.log_level, found.environment) == (Path("/secrets"), "DEBUG", "production")
    assert found.database_prepared_statements


@pytest.mark.parametrize("name", PROCESS)
def test_a_missing_process_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: is missing$"):
        load_process_settings({key: value for key, value in PROCESS.items() if key != name})


@pytest.mark.parametrize(
    "server",
    ["postgresql://owner@db/fitnesshub", "postgresql://owner:swordfish@db/fitnesshub", "mysql://db/fitnesshub"],
)
def test_the_database_server_has_no_login(server: str) -> None:
    with pytest.raises(SettingsError, match="FITNESSHUB_DATABASE_SERVER") as caught:
        load_process_settings(PROCESS | {"FITNESSHUB_DATABASE_SERVER": server})
    assert "swordfish" not in str(caught.value)


def test_passwords_are_read_from_the_secrets_folder(tmp_path: Path) -> None:
    (tmp_path / "database-depot").write_text("pw\n")
    found = load_process_settings(PROCESS | {"FITNESSHUB_SECRETS": str(tmp_path)})
    assert found.database_password("depot") == "pw"
    assert found.redis_password() is None
    (tmp_path / "redis").write_text("rw\n")
    assert found.redis_password() == "rw"
    with pytest.raises(SettingsError, match="database-annex"):
        found.database_password("annex")
