"""Says which sources are attached."""

from runbell.core.sources import AttachedSource
from runbell.store import sources
from runbell.store.connections import Session

__all__ = ["AttachedSource", "read_attached"]


async def read_attached(session: Session) -> list[AttachedSource]:
    """The attached sources, by name.

    Example:
        >>> async def names(session):
        ...     return [source.source for source in await read_attached(session)]
    """
    return await sources.read_attached_sources(session)
