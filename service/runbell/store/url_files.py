"""URLs that lie in a file, as mounted secrets do: read anew for each connection, since a password may have changed."""

from pathlib import Path
from typing import Self

SCHEMES = ("postgresql://", "postgres://")


class UrlFromFile(str):
    """A URL as it stood in its file when it was read; it goes wherever a URL goes."""

    __slots__ = ("path",)
    path: Path

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read the file.

        Raises:
            ValueError: it cannot be read, or holds no URL; says which file and what to do, and nothing of its content.
        """
        try:
            text = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise ValueError(f"{str(path)!r} cannot be read ({reason}): mount the secret there") from None
        if not text:
            raise ValueError(f"{str(path)!r} is empty: write the URL into it")
        if not text.startswith(SCHEMES) or len(text.splitlines()) > 1:
            raise ValueError(
                f"{str(path)!r} holds no URL: write one line such as postgresql://user:password@host:5432/database"
            )
        return cls.once_read(text, path)

    @classmethod
    def once_read(cls, text: str, path: Path) -> Self:
        """What was read from this file before."""
        url = cls(text)
        url.path = path
        return url


def current(url: str) -> str:
    """The URL as it stands in its file now, or as it is.

    Raises:
        ValueError: as for `UrlFromFile.read`.
    """
    return UrlFromFile.read(url.path) if isinstance(url, UrlFromFile) else url
