"""Reads what a sensor's declaration asks of a run beyond its status and job."""

from collections.abc import Iterable, Mapping

from runbell.core.arguments import Arguments
from runbell.core.errors import DefinitionError
from runbell.core.filters import JobPattern
from runbell.core.globs import why_no_glob
from runbell.core.narrowing import ORIGINS, Narrowing, TagPattern
from runbell.core.text import shown


def narrowing_of(arguments: Arguments) -> Narrowing | None:
    """What `monitored_tags`, `monitored_partitions` and `monitored_origins` ask for; None: nothing.

    Raises:
        DefinitionError: one of them is not what it must be.

    Example:
        >>> narrowing_of(Arguments("alert", {"monitored_tags": {"team": "data"}})).tags[0].values
        ('data',)
    """
    narrowing = Narrowing(
        tuple(sorted(_tags(arguments))),
        _texts(arguments, "monitored_partitions", 'keys or globs of partitions, such as ["2026-*"]'),
        _origins(arguments),
    )
    return None if narrowing == Narrowing() else narrowing


def refuse_what_watches_nothing(
    arguments: Arguments, jobs: Iterable[JobPattern] | None, excluded: tuple[JobPattern, ...]
) -> None:
    """Every job that is watched by name is excluded again.

    Raises:
        DefinitionError: it is so.
    """
    watched = None if jobs is None else list(jobs)
    if watched and excluded and all(one.exact and _is_excluded(one, excluded) for one in watched):
        raise arguments.wrong("excluded_jobs", "leaves none of monitored_jobs: take those out of one of the two")


def _is_excluded(job: JobPattern, excluded: tuple[JobPattern, ...]) -> bool:
    return any(one.matches(job.job_name, job.code_location) for one in excluded)


def _origins(arguments: Arguments) -> tuple[str, ...]:
    origins = _texts(arguments, "monitored_origins", f"some of {', '.join(ORIGINS)}")
    for origin in origins:
        if origin not in ORIGINS:
            raise arguments.wrong("monitored_origins", f"names {shown(origin)}, but origins are {', '.join(ORIGINS)}")
    return origins


def _texts(arguments: Arguments, argument: str, wanted: str) -> tuple[str, ...]:
    value = arguments.given.get(argument)
    if value is None:
        return ()
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise arguments.wrong(argument, f"is not a list: give {wanted}")
    texts = tuple(dict.fromkeys(value))
    if not texts:
        raise arguments.wrong(argument, "is empty: leave it out to ask for nothing")
    for text in texts:
        if reason := why_no_glob(text):
            raise arguments.wrong(argument, f"has {shown(text)} in it, which {reason}: give {wanted}")
    return tuple(sorted(texts))


def _tags(arguments: Arguments) -> Iterable[TagPattern]:
    value = arguments.given.get("monitored_tags")
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise arguments.wrong("monitored_tags", 'is not a dict of tags: give one, such as {"team": "data"}')
    if not value:
        raise arguments.wrong("monitored_tags", "is empty: leave it out to ask for nothing")
    for key, asked in value.items():
        if reason := why_no_glob(key):
            raise arguments.wrong("monitored_tags", f"has the key {shown(key)}, which {reason}")
        yield _tag(arguments, key, asked)


def _tag(arguments: Arguments, key: str, asked: object) -> TagPattern:
    if isinstance(asked, bool):
        return TagPattern(key, present=asked)
    several = [asked] if isinstance(asked, str) else asked
    if isinstance(several, Mapping | bytes) or not isinstance(several, Iterable) or not (values := list(several)):
        raise _not_asked(arguments, key, asked)
    # A tag may be set to an empty text, and so be asked for.
    if any(why_no_glob(one) for one in values if one != ""):
        raise _not_asked(arguments, key, asked)
    return TagPattern(key, tuple(sorted(set(values))))


def _not_asked(arguments: Arguments, key: str, asked: object) -> DefinitionError:
    return arguments.wrong(
        "monitored_tags",
        f"asks {shown(asked)} of tag {key!r}: give a value, a glob, a list of them,"
        " True for any value, or False for none",
    )
