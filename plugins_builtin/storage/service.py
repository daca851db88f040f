"""What is mounted where."""

from __future__ import annotations

from appliance.runtime.spec import Mount, SpecPatch
from appliance.runtime.workloads import Workload

TARGET = "/storage"


def mount_for(workload: Workload) -> SpecPatch | None:
    """The team's storage for notebooks and jobs; deployments' replicas get none, as in Gradient."""
    if workload.kind not in ("notebook", "job"):
        return None
    return SpecPatch(mounts=(Mount(area="storage", name=workload.team_id, target=TARGET),))
