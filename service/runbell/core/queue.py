"""A run request as it stands in the queue, and what the run that it asks for should carry."""

from dataclasses import dataclass

import msgspec

REQUEST_ID_TAG = "runbell/request_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueuedRequest:
    """One claimed run request. JSON stands as text and is decoded by whoever looks at it.

    Attributes:
        target: which launcher it is for.
        attempts: counts claims; fences off whoever held it before.
        requested_at: when, in UTC as ISO 8601; with the id it tells the request from any of another database.
        age_seconds: how long it had been waiting when it was claimed, by the database's clock.
    """

    request_id: int
    sensor_name: str
    event_id: int
    target: str
    job_name: str
    code_location: str | None
    run_key: str | None
    partition_key: str | None
    asset_selection: str | None
    run_config: str
    tags: str
    attempts: int
    requested_at: str
    age_seconds: float

    def run_tags(self) -> dict[str, str]:
        """The tags of the run: the request's own, and the id by which its run is known as Runbell's.

        Example:
            >>> QueuedRequest(request_id=7, sensor_name="s", event_id=1, target="t", job_name="j", code_location=None,
            ...     run_key=None, partition_key=None, asset_selection=None, run_config="{}", tags='{"team": "sales"}',
            ...     attempts=1, requested_at="", age_seconds=0.0).run_tags()
            {'team': 'sales', 'runbell/request_id': '7'}
        """
        return {**msgspec.json.decode(self.tags, type=dict[str, str]), REQUEST_ID_TAG: str(self.request_id)}
