"""What was asked for, and a row as read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import StringConstraints

from appliance.schema import Body, MaybeTime, Reply, Time

NotebookPath = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        max_length=1024,
        pattern=r"^[^\x00-\x1f\x7f/][^\x00-\x1f\x7f]*\.ipynb$",
    ),
]


@dataclass(frozen=True)
class Run:
    """A row. Its state is that of its workload. number: counted for each notebook. path: what it runs."""

    id: str
    notebook_id: str
    number: int
    path: str
    created_by: str
    created_ms: int

    @property
    def result(self) -> str:
        """Where the outcome is, below /notebooks."""
        return f"{self.path.removesuffix('.ipynb')}.run-{self.number}.ipynb"


class RunBody(Body):
    """POST /notebooks/{id}/runs. machine_type: that of the notebook if not given."""

    path: NotebookPath
    machine_type: str = ""


class RunReply(Reply):
    """One time that a file was run as a job. result: the file with its outputs, written while it runs."""

    number: int
    path: str
    result: str
    state: str
    message: str | None
    exit_code: int | None
    machine_type: str
    dt_created: Time
    dt_started: MaybeTime
    dt_finished: MaybeTime
