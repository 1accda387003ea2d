"""Settings by environment: one strict typed object for a process and one for each of its services.

Parsed at start; what is unknown, missing or wrong stops the process and is named. Secrets come by file.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.fields import FieldInfo

S = TypeVar("S", bound="ServiceSettings")
DEFAULT_ISSUER = "http://localhost:8080/auth/v1"


class SettingsError(Exception):
    """The environment is wrong. The text names every variable at fault and never shows a value."""


class ServiceSettings(BaseModel):
    """Base of a service's own settings; every field has a default, so that a new one works when it is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres"):
        raise ValueError("must start with postgresql://")
    if parts.username or parts.password:
        raise ValueError("must hold no user and no password: each service has its own")
    return url


class ProcessSettings(BaseModel):
    """What all services of a process share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: Path
    """Folder of the secrets."""
    database_server: Annotated[str, AfterValidator(_without_login)]
    """Address of the database, as `postgresql://db:5432/fitnesshub`; no user and no password."""
    database_prepared_statements: bool = True
    """Off for a pgbouncer in transaction mode before its version 1.21."""
    redis_url: str
    mesh: str
    """host:port of Envoy's mesh listener."""
    issuer: str = DEFAULT_ISSUER
    """`iss` of access tokens."""
    environment: Literal["local", "production"] = "production"
    otlp_endpoint: str = ""
    """Where traces go; nowhere when empty."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    def database_password(self, service: str) -> str:
        """Password of the service's database role. Raises SettingsError when the secret isn't there."""
        return self._secret(f"database-{service}")

    def redis_password(self) -> str | None:
        """None when Redis asks for none."""
        return self._secret("redis") if (self.secrets / "redis").exists() else None

    def _secret(self, name: str) -> str:
        try:
            return (self.secrets / name).read_text().strip()
        except OSError as error:
            raise SettingsError(f"FITNESSHUB_SECRETS: the secret {name} can't be read: {error.strerror}") from error


PROCESS_VARIABLES = {
    "secrets": "FITNESSHUB_SECRETS",
    "database_server": "FITNESSHUB_DATABASE_SERVER",
    "database_prepared_statements": "FITNESSHUB_DATABASE_PREPARED_STATEMENTS",
    "redis_url": "REDIS_URL",
    "mesh": "FITNESSHUB_MESH",
    "issuer": "FITNESSHUB_ISSUER",
    "environment": "FITNESSHUB_ENVIRONMENT",
    "otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
    "log_level": "FITNESSHUB_LOG_LEVEL",
}
"""Variable of each field of ProcessSettings."""


def load_process_settings(environment: Mapping[str, str]) -> ProcessSettings:
    """Reads the settings that all services share. Raises SettingsError."""
    values = {field: environment[name] for field, name in PROCESS_VARIABLES.items() if name in environment}
    return _validate(ProcessSettings, values, PROCESS_VARIABLES)


def load_settings(kind: type[S], service: str, environment: Mapping[str, str]) -> S:
    """Reads a service's own settings from FITNESSHUB_<SERVICE>_<FIELD>.

    FITNESSHUB_<SERVICE>_<FIELD>_FILE names a file that holds the value instead. Lists and maps are JSON.
    Raises SettingsError, also for variables with the service's prefix that name no field.
    """
    prefix = f"FITNESSHUB_{service.upper()}_"
    variables = {field: f"{prefix}{field.upper()}" for field in kind.model_fields}
    fields = {variable: field for field, variable in variables.items()}
    values: dict[str, Any] = {}
    problems = []
    for variable, text in environment.items():
        if not variable.startswith(prefix):
            continue
        if variable in fields:
            field, value = fields[variable], text
        elif variable.removesuffix("_FILE") in fields:
            field = fields[variable.removesuffix("_FILE")]
            try:
                value = Path(text).read_text().rstrip("\r\n")
            except (OSError, UnicodeDecodeError):
                problems.append(f"{variable}: the file can't be read")
                continue
        else:
            problems.append(f"{variable}: there is no such setting")
            continue
        if field in values:
            problems.append(f"{variables[field]}: given twice, by value and by file")
        try:
            values[field] = _parse(kind.model_fields[field], value)
        except json.JSONDecodeError:
            problems.append(f"{variable}: must be JSON")
    if problems:
        raise SettingsError("; ".join(sorted(problems)))
    return _validate(kind, values, variables)


def redacted(settings: BaseModel) -> dict[str, str]:
    """The settings as text, safe to show: secrets are an ellipsis."""
    return {
        name: "…" if isinstance(value, SecretStr) and value.get_secret_value() else str(value)
        for name, value in settings
    }


def _parse(field: FieldInfo, text: str) -> Any:
    return json.loads(text) if get_origin(field.annotation) in (list, dict, set, frozenset, tuple) else text


M = TypeVar("M", bound=BaseModel)


def _validate(kind: type[M], values: Mapping[str, Any], variables: Mapping[str, str]) -> M:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        # Pydantic's own text would show the value.
        problems = [_problem(dict(each), variables) for each in error.errors(include_url=False, include_input=False)]
        raise SettingsError("; ".join(sorted(problems))) from None


def _problem(error: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    field, *rest = error["loc"] or ("settings",)
    where = "".join(f"[{part}]" for part in rest)
    return f"{variables.get(str(field), field)}{where}: {'is missing' if error['type'] == 'missing' else error['msg']}"
