"""The jobs of the simulated orchestrator, and which of their runs fail: by count, so every start looks the same."""

from dataclasses import dataclass
from typing import Any

ORDERS = "orders"
REPORTS = "reports"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedJob:
    """A job whose runs take a while and now and then fail in their last step.

    Attributes:
        failing: which run of how many fails, counted from one: (2, 4) is the second, the sixth, the tenth.
    """

    name: str
    steps: tuple[str, ...]
    code_location: str = ORDERS
    seconds: float = 0.6
    failing: tuple[int, int] | None = None
    error_class: str = "RuntimeError"
    error_text: str = ""

    def fails(self, count: int) -> bool:
        """Does the run with this number fail?

        Example:
            >>> [n for n in range(1, 8) if SimulatedJob(name="j", steps=("s",), failing=(2, 4)).fails(n)]
            [2, 6]
        """
        return self.failing is not None and count % self.failing[1] == self.failing[0] % self.failing[1]

    def failure_message(self) -> str:
        """What the run's failure says, in Dagster's words."""
        return f'Execution of run for "{self.name}" failed. Steps failed: {[self.steps[-1]]}.'

    def step_error(self) -> dict[str, Any]:
        """What the failed step raised, as an error in SQL looks."""
        step = self.steps[-1]
        return {
            "message": f'Error occurred while executing op "{step}":',
            "cls_name": "DagsterExecutionStepExecutionError",
            "stack": [_frame("runner.py", 88, "run_step", "return step.run(inputs)")],
            "cause": {
                "message": f"{self.error_class}: {self.error_text}",
                "cls_name": self.error_class,
                "stack": [
                    _frame(f"{self.code_location}/{self.name}.py", 41, step, "warehouse.copy(batch)"),
                    _frame("warehouse.py", 17, "copy", "self._connection.send(batch)"),
                ],
                "cause": None,
            },
        }


def _frame(file: str, line: int, function: str, text: str) -> str:
    return f'  File "/opt/pipelines/{file}", line {line}, in {function}\n    {text}\n'


EXTRACT_ORDERS = SimulatedJob(
    name="extract_orders",
    steps=("read_shop", "load_orders"),
    failing=(3, 4),
    error_class="ConnectionResetError",
    error_text="the warehouse closed the connection after 1,024 of 4,096 orders",
)

JOBS = {
    job.name: job
    for job in (
        EXTRACT_ORDERS,
        SimulatedJob(
            name="transform_orders",
            steps=("join_customers", "sum_by_day"),
            seconds=0.9,
            failing=(2, 3),
            error_class="ValueError",
            error_text="order 4711 has no customer",
        ),
        SimulatedJob(name="publish_report", steps=("render", "upload"), code_location=REPORTS),
        SimulatedJob(name="cleanup_partial_data", steps=("delete_partial_batches",), seconds=0.4),
    )
}


def job_named(name: str) -> SimulatedJob:
    """The job of this name; one that nobody described takes a while and succeeds.

    Example:
        >>> job_named("my_job").steps
        ('my_job',)
    """
    return JOBS.get(name) or SimulatedJob(name=name, steps=(name,))
