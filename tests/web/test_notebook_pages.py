"""Pages of notebooks: what is typed becomes a notebook, or stays with the reason beside it."""

from __future__ import annotations

from tests.lab import Lab
from tests.person import Person

WORKSPACE = "https://example.org/demo"
NEW = {"name": "nb", "image": "notebook", "instance_type": "C1"}


def test_everything_of_the_form_is_taken(lab: Lab, ann: Person) -> None:
    project = ann.project()
    answer = ann.form(
        f"/projects/{project}/notebooks/new", 303, **NEW, workspace=WORKSPACE, workspace_ref="v1",
        workspace_username="ann", workspace_password="word", environment="A=1\n B = x=y \n\n", is_public="1",
    )  # fmt: skip
    notebook = ann.get(f"notebooks/{answer.location.rpartition('/')[2]}")
    assert (notebook.workspace, notebook.workspace_ref) == (WORKSPACE, "v1")
    assert notebook.is_public and notebook.share_url
    spec = lab.workload(notebook.id).spec
    assert (spec.env["A"], spec.env["B"]) == ("1", "x=y")
    assert spec.workspace is not None and spec.workspace.username == "ann"


def test_what_was_typed_stays_and_errors_stand_beside_it(ann: Person) -> None:
    project = ann.project()
    wrong = {
        **NEW,
        "workspace": "file:///etc",
        "workspace_ref": "-x",
        "environment": "1 = 2",
        "workspace_password": "hush",
    }
    page = ann.form(f"/projects/{project}/notebooks/new", 400, **wrong).text
    for field in ("workspace", "workspace_ref", "environment"):
        assert f'id="{field}-error"' in page
    assert "file:///etc" in page and "1 = 2" in page and "hush" not in page


def test_a_list_is_filtered_by_its_address(ann: Person) -> None:
    project = ann.project()
    for name in ("alpha", "beta"):
        made = ann.notebook(project, name=name, should_run_on_create=False)
        ann.form(f"/notebooks/{made.id}/tags", tag=f"of {name}")
    base = f"/projects/{project}/notebooks"
    assert "beta" not in ann.page(f"{base}?name=alph")
    assert "beta" not in ann.page(f"{base}?tag=of+alpha").replace("of beta", "")
    assert "No notebook is like that" in ann.page(f"{base}?state=Running")


def test_the_next_page_keeps_the_filter(ann: Person) -> None:
    project = ann.project()
    for number in range(51):
        ann.notebook(project, name=f"nb {number}", should_run_on_create=False)
    page = ann.page(f"/projects/{project}/notebooks?name=nb")
    assert "&amp;name=nb" in page


def test_a_name_a_tag_and_a_share_by_page(ann: Person) -> None:
    made = ann.notebook(should_run_on_create=False)
    base = f"/notebooks/{made.id}"
    ann.form(f"{base}/rename", name="better")
    assert "This is needed" in ann.form(f"{base}/rename", 400, name=" ").text
    ann.form(f"{base}/tags", tag="vision")
    assert ann.get(made).fields["name"] == "better" and ann.get(made).tags == ["vision"]
    ann.form(f"{base}/untag", name="vision")
    ann.form(f"{base}/share")
    assert ann.get(made).share_url in ann.page(f"{base}/settings")
    ann.form(f"{base}/unshare")
    assert ann.get(made).tags == [] and not ann.get(made).is_public


def test_a_fork_by_page(lab: Lab, ann: Person) -> None:
    made = ann.notebook(name="demo", should_run_on_create=False)
    page = ann.page(f"/notebooks/{made.id}/fork")
    assert "Fork of demo" in page and made.project_id in page
    answer = ann.form(f"/notebooks/{made.id}/fork", name="mine", project_id=made.project_id)
    forked = ann.get(f"notebooks/{answer.location.rpartition('/')[2]}")
    assert (forked.fields["name"], forked.forked_from) == ("mine", made.id)
    wrong = {"name": "mine", "project_id": made.project_id, "session": "wnothere"}
    assert "nothing was kept" in ann.form(f"/notebooks/{made.id}/fork", 404, **wrong).text
    eve = lab.person("eve", team="other")
    eve.page(f"/notebooks/{made.id}/fork", 404)
    ann.act(made, "share")
    assert "Fork of demo" in eve.page(f"/notebooks/{made.id}/fork")
