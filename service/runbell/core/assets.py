"""The key of an asset, for requests that select some."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, init=False)
class AssetKey:
    """The path of an asset: one text, or several.

    Example:
        >>> AssetKey(["warehouse", "orders"]).to_user_string()
        'warehouse/orders'
    """

    parts: tuple[str, ...]

    def __init__(self, path: str | Sequence[str]) -> None:
        object.__setattr__(self, "parts", (path,) if isinstance(path, str) else tuple(path))

    @property
    def path(self) -> list[str]:
        return list(self.parts)

    def to_user_string(self) -> str:
        return "/".join(self.parts)
