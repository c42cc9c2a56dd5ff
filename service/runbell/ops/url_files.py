"""Reads the settings that name a file with a URL in it, as mounted secrets do, in place of the URL itself."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runbell.store.url_files import UrlFromFile

FIELDS = ("database_url", "listen_url")


def read_url_files(flags: Mapping[str, object], prefix: str) -> tuple[dict[str, UrlFromFile], dict[str, str]]:
    """The URLs that lie in files, and what is wrong with others, both by field. Flags win over the environment.

    Example:
        >>> read_url_files({"listen_url": "postgresql://db/runs", "listen_url_file": "/secrets/url"}, "RUNBELL_")[1]
        {'listen_url': '--listen-url and --listen-url-file are both given: keep one of them'}
    """
    urls: dict[str, UrlFromFile] = {}
    faults: dict[str, str] = {}
    for field in FIELDS:
        url, path, (url_name, path_name) = _given(field, flags, prefix)
        if url and path:
            faults[field] = f"{url_name} and {path_name} are both given: keep one of them"
        elif path:
            try:
                urls[field] = UrlFromFile.read(Path(str(path)))
            except ValueError as error:
                faults[field] = f"{path_name}: {error}"
    return urls, faults


def _given(field: str, flags: Mapping[str, object], prefix: str) -> tuple[object, object, tuple[str, str]]:
    names = (field, f"{field}_file")
    if any(name in flags for name in names):
        url_flag, path_flag = (f"--{name.replace('_', '-')}" for name in names)
        return flags.get(names[0]), flags.get(names[1]), (url_flag, path_flag)
    url_name, path_name = (f"{prefix}{name.upper()}" for name in names)
    return os.environ.get(url_name), os.environ.get(path_name), (url_name, path_name)


def received_urls(document: Mapping[str, Any]) -> dict[str, UrlFromFile]:
    """Of settings that another process has sent, the URLs that stand in files."""
    return {
        field: UrlFromFile.once_read(document[field], Path(document[f"{field}_file"]))
        for field in FIELDS
        if document.get(f"{field}_file")
    }
