"""What a partition adds to a run: tags, and the configuration that its job has for it."""

from dataclasses import dataclass
from typing import Any

from runbell.launchers.dagster.graphql import Graphql, NoAnswerError
from runbell.launchers.dagster.workspace import Job, NoSuchJobError
from runbell.launchers.targets import LaunchRefusedError

KEYS = """query PartitionKeys($job: PipelineSelector!, $assets: [AssetKeyInput!]) {
  pipelineOrError(params: $job) {
    __typename
    ... on Pipeline { partitionKeysOrError(selectedAssetKeys: $assets) { partitionKeys } }
    ... on Error { message }
  }
}"""
PARTITION = """query Partition($job: PipelineSelector!, $key: String!, $assets: [AssetKeyInput!]) {
  pipelineOrError(params: $job) {
    __typename
    ... on Pipeline {
      partition(partitionName: $key, selectedAssetKeys: $assets) {
        runConfigOrError { __typename ... on PartitionRunConfig { yaml } ... on Error { message } }
        tagsOrError { __typename ... on PartitionTags { results { key value } } ... on Error { message } }
      }
    }
    ... on Error { message }
  }
}"""
Assets = list[dict[str, list[str]]] | None


@dataclass(frozen=True, slots=True)
class Partition:
    """What Dagster says of one partition of a job; `run_config` is YAML."""

    tags: dict[str, str]
    run_config: str


class Partitions:
    """The partitions of all jobs. Keys that were seen are remembered: lists of them can be long."""

    def __init__(self, graphql: Graphql) -> None:
        self._graphql = graphql
        self._keys: dict[Job, frozenset[str]] = {}

    async def find(self, job: Job, key: str, assets: Assets) -> Partition:
        """The partition of a job, for a selection of its assets.

        Raises:
            LaunchRefusedError: the job has no such partition; or its code fails for it.
            NoSuchJobError: there is no such job any more.
            TargetAwayError: Dagster does not answer.
        """
        selector = {"pipelineName": job.name, "repositoryName": job.repository, "repositoryLocationName": job.location}
        # An answer about a partition that does not exist looks like any other.
        if key not in self._keys.get(job, ()):
            found = _of_job(await self._graphql.ask(KEYS, job=selector, assets=assets))
            self._keys[job] = keys = frozenset(found["partitionKeysOrError"]["partitionKeys"])
            if key not in keys:
                what = f"no partition {key!r}" if keys else f"no partitions, and so no {key!r}"
                raise LaunchRefusedError(f"job {job.name!r} has {what}")
        try:
            partition = _of_job(await self._graphql.ask(PARTITION, job=selector, key=key, assets=assets))["partition"]
        except NoAnswerError as error:
            raise LaunchRefusedError(f"partition {key!r} of job {job.name!r}: {error}") from error
        config, tags = partition["runConfigOrError"], partition["tagsOrError"]
        for part in (config, tags):
            if "message" in part:
                raise LaunchRefusedError(f"partition {key!r} of job {job.name!r}: {part['message'].strip()}")
        return Partition({tag["key"]: tag["value"] for tag in tags["results"]}, config["yaml"])


def _of_job(answer: dict[str, Any]) -> dict[str, Any]:
    if answer["__typename"] != "Pipeline":
        raise NoSuchJobError(answer.get("message") or answer["__typename"])
    return answer
