"""What a notebook is asked to be, kept and shown."""

from __future__ import annotations

from tests.person import Person


def test_the_shutdown_timeout_is_kept_and_changed_at_a_start(ann: Person) -> None:
    made = ann.notebook(shutdown_timeout=6, should_run_on_create=False)
    assert made.shutdown_timeout == 6
    ann.act(made, "start", shutdown_timeout=1.5)
    assert ann.get(made).shutdown_timeout == 1.5


def test_never_is_the_default(ann: Person) -> None:
    made = ann.notebook()
    assert (made.shutdown_timeout, made.is_public) == (None, False)
    assert ann.api(
        "POST", "notebooks", 400, project_id=made.project_id, machine_type="C1", shutdown_timeout=-1
    )
