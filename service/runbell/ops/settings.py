"""Reads the settings: environment variables RUNBELL_*, and command line flags of the same names, which win.

Every bad value is reported, all at once, with what would be right.
"""

import os
import sys
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from runbell.core.drafts import MAX_CHAIN_DEPTH
from runbell.core.errors import SettingsError
from runbell.core.run_urls import EXAMPLE_RUN_URL, why_no_run_url
from runbell.ops.masking import mask, mask_url
from runbell.ops.url_files import FIELDS, read_url_files, received_urls

PREFIX = "RUNBELL_"

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error", "critical"]
DefaultStatus = Literal["RUNNING", "STOPPED"]


def _lower(given: object) -> object:
    return given.strip().lower() if isinstance(given, str) else given


def _upper(given: object) -> object:
    return given.strip().upper() if isinstance(given, str) else given


def _postgres_url(given: str | None) -> str | None:
    url = given and given.strip()
    # Empty: a command that can do without was called without.
    if url and (not url.startswith(("postgresql://", "postgres://")) or _ends_in_the_password(url)):
        raise ValueError
    return url


def _run_url(given: str | None) -> str | None:
    url = given and given.strip()
    if url and why_no_run_url(url):
        raise ValueError
    return url or None


def _ends_in_the_password(url: str) -> bool:
    """Does a password that is not percent-encoded end the part with the host? Then a piece of it stands as the port,
    and whoever says that this is no number says that piece too."""
    try:
        login, at, rest = urlsplit(url).netloc.partition("@")
    except ValueError:
        return True
    hosts = (rest if at else login).split(",")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    return "@" in rest or not all(port.isdecimal() for port in ports if port)


def _web_url(given: str | None) -> str | None:
    url = given and given.strip()
    # A port that is none raises by itself.
    if url and not (url.startswith(("http://", "https://")) and urlsplit(url).hostname and urlsplit(url).port != 0):
        raise ValueError
    return url


def _format_of_output() -> LogFormat:
    return "console" if sys.stdout.isatty() else "json"


Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Settings(BaseSettings):
    """What the operator has chosen. A field's description completes the sentence "it must be ..."."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    database_url: Annotated[str, AfterValidator(_postgres_url)] = Field(
        repr=False,
        description="a URL such as postgresql://user:password@host:5432/database, with %2F for / in a password",
    )
    database_url_file: str | None = Field(None, description="the path of a file that holds the URL")
    listen_url: Annotated[str | None, AfterValidator(_postgres_url)] = Field(
        None, repr=False, description="a URL of the same database that leads through no pooler"
    )
    listen_url_file: str | None = Field(None, description="the path of a file that holds the URL")
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
    http_token: str | None = Field(None, repr=False, description="a secret of 16 or more characters")
    http_token_file: str | None = Field(None, description="the path of a file that holds the token")
    shutdown_grace_seconds: Seconds = Field(10.0, description="a number of seconds, zero or more")
    sensor_timeout_seconds: Seconds = Field(60.0, gt=0, description="a number of seconds above zero")
    code_location: str | None = Field(None, description="the name of a code location")
    default_status: Annotated[DefaultStatus, BeforeValidator(_upper)] = Field(
        "RUNNING", description="RUNNING or STOPPED"
    )
    max_requests_per_evaluation: int = Field(10_000, ge=1, description="a whole number, one or more")
    max_chain_depth: int = Field(MAX_CHAIN_DEPTH, ge=1, description="a whole number, one or more")
    run_url: Annotated[str | None, AfterValidator(_run_url)] = Field(
        None, description=f"a URL with {{run_id}} in it, such as {EXAMPLE_RUN_URL}"
    )
    workers: int = Field(1, ge=1, le=64, description="a whole number of processes, from 1 to 64")
    worker_memory_mb: int | None = Field(None, ge=128, description="a whole number of megabytes, 128 or more")
    retry_attempts: int = Field(10, ge=1, description="a whole number of calls in all, one or more")
    retry_backoff_seconds: Seconds = Field(1.0, description="a number of seconds, zero or more")
    launch: str | None = Field(None, description="the target whose requested runs are started: dagster")
    launch_source: str | None = Field(None, description="the name that the target's runs have as a source")
    launch_concurrent: int = Field(8, ge=1, le=256, description="a whole number of launches, from 1 to 256")
    launch_max_in_progress: int | None = Field(None, ge=1, description="a whole number of runs, one or more")
    dagster_url: Annotated[str | None, AfterValidator(_web_url)] = Field(
        None, repr=False, description="the address of Dagster's webserver, such as http://dagster:3000"
    )
    dagster_headers: str | None = Field(None, repr=False, description="headers, each as Name: value on a line")
    dagster_headers_file: str | None = Field(None, description="the path of a file that holds headers")
    dagster_answer_seconds: float = Field(
        120.0, ge=1, allow_inf_nan=False, description="a number of seconds, one or more"
    )
    # As text: what is wrong with it is said without showing it, by whoever reads it.
    notify_urls: str | None = Field(None, repr=False, description="URLs of Apprise with spaces between them")
    notify_interval_seconds: Seconds = Field(86_400.0, ge=60, description="a number of seconds, 60 or more")
    notify_after_seconds: Seconds = Field(60.0, gt=0, description="a number of seconds above zero")
    # As text, for the same reason.
    heartbeat_url: str | None = Field(None, repr=False, description="a URL of http or https")
    heartbeat_interval_seconds: Seconds = Field(60.0, ge=1, description="a number of seconds, one or more")


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
    urls, faults = read_url_files(given, PREFIX)
    # Whatever is wrong with a file, its setting is not missing too.
    known = {**given, **dict.fromkeys(faults, ""), **urls}
    try:
        settings, found = Settings(**known), []  # type: ignore[arg-type]
    except ValidationError as error:
        settings, found = None, error.errors(include_url=False)
    mistakes = [_sentence(dict(one), given) for one in found if needs_database or one["type"] != "missing"]
    if faults or mistakes:
        raise SettingsError("\n".join([*faults.values(), *mistakes]))
    settings = settings or Settings(**known, database_url="")  # type: ignore[arg-type]
    # A file that a flag has won over is no part of them.
    return settings.model_copy(update={f"{field}_file": None for field in FIELDS if field not in urls} | urls)


def same_settings(document: Mapping[str, Any]) -> Settings:
    """The settings of which another process has sent the fields.

    Example:
        >>> same_settings({"database_url": "postgresql://db/runs", "http_port": 8080}).http_port
        8080
    """
    return Settings.model_construct(**{**document, **received_urls(document)})


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
    value = repr(mask_url(str(found["input"]))) if field.endswith("_url") else mask(repr(found["input"]))
    return f"{flag if field in flags else variable} is {value}, but it must be {wanted}"
