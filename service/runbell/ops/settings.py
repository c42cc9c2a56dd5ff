"""Reads the settings: environment variables RUNBELL_*, and command line flags of the same names, which win.

Every bad value is reported, all at once, with what would be right.
"""

import os
import sys
from difflib import get_close_matches
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from runbell.core.errors import SettingsError
from runbell.ops.masking import mask

PREFIX = "RUNBELL_"

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]
DefaultStatus = Literal["RUNNING", "STOPPED"]


def _lower(given: object) -> object:
    return given.strip().lower() if isinstance(given, str) else given


def _upper(given: object) -> object:
    return given.strip().upper() if isinstance(given, str) else given


def _postgres_url(given: str) -> str:
    url = given.strip()
    # Empty: a command that can do without was called without.
    if url and not url.startswith(("postgresql://", "postgres://")):
        raise ValueError
    return url


def _format_of_output() -> LogFormat:
    return "console" if sys.stdout.isatty() else "json"


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """What the operator has chosen. A field's description completes the sentence "it must be ..."."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_postgres_url)] = Field(
        repr=False, description="a URL such as postgresql://user:password@host:5432/database"
    )
    sensors: str | None = Field(None, description="the name of a module or the path of a file")
    log_format: Annotated[LogFormat, BeforeValidator(_lower)] = Field(
        default_factory=_format_of_output, description="json or console"
    )
    log_level: Annotated[LogLevel, BeforeValidator(_lower)] = Field(
        "info", description="debug, info, warning, error or critical"
    )
    http_host: str = Field("127.0.0.1", description="an address of this machine")
    http_port: int | None = Field(
        None, ge=0, le=65_535, description="a port from 0 to 65535 (0: any free one; unset: no http)"
    )
    shutdown_grace_seconds: Seconds = Field(10.0, description="a number of seconds, zero or more")
    sensor_timeout_seconds: Seconds = Field(60.0, gt=0, description="a number of seconds above zero")
    code_location: str | None = Field(None, description="the name of a code location")
    default_status: Annotated[DefaultStatus, BeforeValidator(_upper)] = Field(
        "RUNNING", description="RUNNING or STOPPED"
    )
    max_requests_per_evaluation: int = Field(10_000, ge=1, description="a whole number, one or more")
    retry_attempts: int = Field(10, ge=1, description="a whole number of calls in all, one or more")
    retry_backoff_seconds: Seconds = Field(1.0, description="a number of seconds, zero or more")


def read_settings(*, needs_database: bool = True, **flags: object) -> Settings:
    """The settings; `flags` are command line values by field name, of which those that are None were not given.

    Without `needs_database` a missing URL is an empty one.

    Raises:
        SettingsError: names every bad value.

    Example:
        >>> read_settings(database_url="postgresql://localhost/runs", http_port="0").http_port
        0
    """
    given = {name: value for name, value in flags.items() if value not in (None, "")}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        found = error.errors(include_url=False)
    mistakes = [_sentence(dict(one), given) for one in found if needs_database or one["type"] != "missing"]
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Settings(**given, database_url="")  # type: ignore[arg-type]


def unknown_variables() -> dict[str, str | None]:
    """Variables RUNBELL_* that mean nothing, each with the one that was probably meant."""
    known = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
    return {
        name: next(iter(get_close_matches(name, known, n=1, cutoff=0.85)), None)
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name not in known
    }


def _sentence(found: dict[str, Any], flags: dict[str, object]) -> str:
    field = str(found["loc"][0])
    variable = f"{PREFIX}{field.upper()}"
    flag = f"--{field.replace('_', '-')}"
    wanted = Settings.model_fields[field].description
    if found["type"] == "missing":
        return f"{variable} is missing: set it, or give {flag}; it must be {wanted}"
    value = mask(repr(found["input"]))
    return f"{flag if field in flags else variable} is {value}, but it must be {wanted}"
