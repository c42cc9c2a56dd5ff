"""Every error that an author or an operator can meet. The docstring says who may see it and what it means."""


class RunbellError(Exception):
    """Something that Runbell can explain in one sentence."""


class DefinitionError(RunbellError):
    """The author's mistake in declaring a sensor; raised at import."""


class SettingsError(RunbellError):
    """The operator's mistake in settings or arguments; names every bad one at once. Exit code 2."""


class LoadingError(RunbellError):
    """The sensors module cannot be used; the original error is chained. Exit code 2."""


class SchemaBehindError(RunbellError):
    """The database is not migrated, or not far enough. Exit code 3."""


class StoreUnavailableError(RunbellError):
    """The database cannot be reached now; the driver's error is chained. Retried with backoff; at start exit code 4."""


class StatementRefusedError(RunbellError):
    """The database refused the values of a statement: repeating it cannot help. The driver's error is chained."""


class NotHereError(RunbellError, AttributeError):
    """An object that exists in Dagster was asked for something that Runbell does not answer; names what was asked.

    It is an AttributeError too, so that `hasattr` and `getattr` with a default say that it is not there.
    """


class StatementAbortedError(StoreUnavailableError):
    """The database rolled a statement back for reasons of its own (deadlock, time-out): repeat it, it had no effect."""


class WrongServerError(RunbellError):
    """The database's places mean nothing on the server that it now lives on. Exit code 4."""
