"""Images: built when somebody wants them, of teams, and what takes disk."""

from __future__ import annotations

import pytest

from appliance import settings
from appliance.db import write
from appliance.errors import NotFound
from appliance.runtime import builds, local_images, saved, tasks, worker, workloads
from plugins_builtin.images import service
from tests.lab import Lab, Person, image


@pytest.fixture(autouse=True)
def containerfiles(lab: Lab) -> None:
    """Members are trusted to build."""
    with write(lab.db) as db:
        settings.put(db, service.CONTAINERFILES, "true")


def states(person: Person) -> dict[str, str]:
    return {item["name"]: item["state"] for item in person.api("GET", "images")}


def test_the_catalogue_with_what_is_there(lab: Lab, ann: Person) -> None:
    lab.settle()
    assert states(ann) == {
        "base": "ready", "notebook": "ready", "data-science": "missing", "pytorch": "missing", "r": "missing",
    }  # fmt: skip
    page = ann.page("/images")
    assert "scikit-learn" in page and "Not on this machine yet" in page and "1.0 MiB" in page


def test_a_notebook_waits_for_its_image_without_a_lease(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook(container="data-science")
    worker.turn(lab.system)
    lab.supervisor.turn()
    found = lab.workload(notebook)
    assert (found.state, found.step) == ("pending", "building image data-science")
    assert workloads.leases(lab.db) == []
    build = builds.newest(lab.db, image("data-science"))
    assert build is not None
    with write(lab.db) as db:
        builds.start(db, build.id)
        builds.note(db, build.id, "image data-science: step 4 of 7")
    lab.supervisor.turn()
    assert lab.workload(notebook).step == "building image data-science: step 4 of 7"
    assert "step 4 of 7" in ann.page(f"/notebooks/{notebook.id}")
    lab.settle()  # the thread of that build is gone, as after a kill: it begins again
    assert ann.get(notebook).state == "Running" and lab.builder.built == ["data-science"]


def test_a_build_that_fails_ends_the_start_with_its_last_lines(lab: Lab, ann: Person) -> None:
    lab.builder.broken = {"r"}
    notebook = ann.notebook(container="r")
    lab.settle()
    session = ann.session(notebook)
    assert (session.state, session.reason) == ("error", "ImageBuildFailed")
    assert "make: no rule" in session.message
    assert "make: no rule" in ann.page("/images/r") and states(ann)["r"] == "failed"
    assert "STEP 2/2: RUN make" in ann.api("GET", "images/r/logs")["text"]
    lab.builder.broken = set()
    lab.clock.advance(1)
    ann.act(notebook, "start")
    lab.settle()
    assert ann.get(notebook).state == "Running"


def test_a_build_by_hand_and_its_cancellation(lab: Lab, ann: Person) -> None:
    ann.form("/images/pytorch/build")
    assert states(ann)["pytorch"] == "queued" and "Cancel" in ann.page("/images/pytorch")
    ann.form("/images/pytorch/cancel")
    assert states(ann)["pytorch"] == "canceled"
    lab.settle()
    assert lab.builder.built == []
    build = ann.api("POST", "images/pytorch/build")
    with write(lab.db) as db:
        builds.start(db, build["id"])
        builds.request_cancel(db, build["id"])
    lab.settle()
    assert ann.api("GET", "images/pytorch/builds")[0]["state"] == "canceled"


def test_only_an_admin_builds_what_all_start_from_again(lab: Lab, ann: Person) -> None:
    lab.settle()
    ann.api("POST", "images/notebook/build", status=403)
    root = lab.person("root", admin=True)
    assert root.api("POST", "images/notebook/build", fresh=True)["state"] == "queued"
    lab.settle()
    assert lab.builder.built == ["notebook"]


def test_an_image_of_a_team(lab: Lab, ann: Person) -> None:
    made = ann.api("POST", "images", name="geo", containerfile="FROM localhost/x\nRUN true")
    lab.settle()
    assert states(ann)["geo"] == "ready"
    for name in ("geo", made["id"]):
        notebook = ann.notebook(container=name)
        lab.settle()
        assert lab.workload(notebook).spec.image.startswith(f"{service.OWN}/{made['id']}:")
    assert "geo" in ann.page(f"/projects/{ann.project()}/notebooks/new")
    ann.api("DELETE", f"images/{made['id']}", status=409)


def test_an_image_of_a_team_is_none_of_the_others(lab: Lab, ann: Person) -> None:
    made = ann.api("POST", "images", name="geo", containerfile="FROM localhost/x\nRUN true")
    lab.settle()
    ref = next(ref for ref in lab.backend.images if made["id"] in ref)
    eve = lab.person("eve", team="other")
    assert "geo" not in states(eve)
    for path in (
        f"images/{made['id']}",
        f"images/{made['id']}/logs",
        f"images/{made['id']}/builds",
    ):
        eve.api("GET", path, status=404)
    eve.page(f"/images/{made['id']}/log/{made['id']}", status=404)
    eve.api(
        "POST", "notebooks", status=400, machine_type="C1", project_id=eve.project(), container=ref
    )
    lab.settle()
    with pytest.raises(NotFound):
        service.get(lab.acting("eve", "other"), "geo")


def test_by_reference_it_is_pulled_at_once(lab: Lab, ann: Person) -> None:
    lab.backend.registry.add("team/image:1")
    ann.form("/images/new", name="theirs", container="team/image:1")
    lab.settle()
    assert states(ann)["theirs"] == "ready"
    ann.form("/images/new", name="gone", container="team/none:1")
    lab.settle()
    assert states(ann)["gone"] == "failed"
    assert "was not found" in ann.page("/images/gone")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "notebook", "container": "a/b:1"}, "catalogue"),
        ({"name": "X y", "container": "a/b:1"}, "lower-case letters, digits and hyphens"),
        ({"name": "x"}, "either"),
        ({"name": "x", "container": "a/b:1", "containerfile": "FROM c"}, "either"),
    ],
)
def test_a_wrong_form_keeps_what_was_typed(ann: Person, fields: dict[str, str], words: str) -> None:
    data = {"csrf_token": ann.csrf, **fields}
    answer = ann.http.post("/images/new", data=data)
    assert answer.status_code in (400, 409) and words in answer.text
    assert (
        f'value="{fields["name"]}"' in answer.text
        and fields.get("containerfile", "") in answer.text
    )


def test_containerfiles_are_for_admins_unless_one_allows_them(lab: Lab, ann: Person) -> None:
    lab.person("root", admin=True).api("POST", "images", name="ours", containerfile="FROM x")
    with write(lab.db) as db:
        settings.put(db, service.CONTAINERFILES, "false")
    ann.api("POST", "images", status=403, name="geo", containerfile="FROM x")


def test_what_takes_disk_is_removed_unless_it_is_in_use(lab: Lab, ann: Person) -> None:
    lab.backend.images.add("docker.io/library/old:1")
    ann.notebook()
    lab.settle()
    ann.api("GET", "local-images", status=403)
    ann.page("/admin/images", status=403)
    root = lab.person("root", admin=True)
    assert "docker.io/library/old:1" in root.page("/admin/images")
    there = {item["names"][0]: item for item in root.api("GET", "local-images")}
    used, unused = there[image("notebook")], there["docker.io/library/old:1"]
    assert used["used"] and used["kept"] and not unused["used"] and not unused["kept"]
    root.api("DELETE", f"local-images/{used['id']}", status=409)
    root.form(f"/admin/images/{unused['id']}/remove")
    lab.settle()
    assert "docker.io/library/old:1" not in local_images.by_ref(lab.db)
    assert image("notebook") in lab.backend.images


def test_old_builds_of_recipes_go_by_themselves(lab: Lab) -> None:
    old, other = "localhost/appliance/notebook:0123456789ab", "localhost/mine/notebook:1"
    lab.backend.images |= {old, other}
    lab.settle()
    lab.settle()
    assert old not in lab.backend.images
    assert {other, image("notebook"), image("base")} <= lab.backend.images


def test_what_is_installed_is_kept_with_the_notebook(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    lab.settle()
    spec = lab.backend.specs[lab.container(notebook)]
    kept = {bind.target: bind.source for bind in spec.binds}["/opt/env"]
    assert kept == lab.config.paths.envs / notebook.id and not kept.is_relative_to(
        lab.config.paths.notebooks
    )
    session = lab.workload(notebook).id
    ann.act(notebook, "stop")
    lab.settle()
    ann.api("DELETE", f"notebooks/{notebook.id}")
    asked = [task.args for task in tasks.waiting(lab.db) if task.kind == "files.remove_area"]
    assert {(args["area"], args["name"]) for args in asked} == {
        ("notebooks", notebook.id),
        ("envs", notebook.id),
        ("versions", session),
    }


def test_an_environment_becomes_an_image_of_the_team(lab: Lab, ann: Person) -> None:
    notebook = ann.notebook()
    ann.api("POST", f"notebooks/{notebook.id}/image", status=409, name="saved")
    lab.settle()
    ann.form(f"/notebooks/{notebook.id}/image", name="saved")
    lab.settle()
    assert states(ann)["saved"] == "ready"
    made = ann.api("GET", "images/saved")
    assert "+ pip cowsay 6.1" in ann.page(f"/images/{made['id']}")
    second = ann.notebook(container="saved")
    lab.settle()
    assert ann.get(second).state == "Running"
    assert lab.workload(second).spec.image != lab.workload(notebook).spec.image
    ann.api("POST", f"images/{made['id']}/build", status=409)
    again = ann.http.post(
        f"/notebooks/{notebook.id}/image", data={"csrf_token": ann.csrf, "name": "saved"}
    )
    assert again.status_code == 409 and 'value="saved"' in again.text


@pytest.mark.parametrize(
    ("kind", "ref", "source"),
    [
        ("containerfile", image("notebook"), "FROM x"),  # everybody's
        ("containerfile", f"{service.OWN}/imother:0123456789ab", "FROM x"),
        ("commit", f"{service.OWN}/immine:0123456789ab", "WORKLOAD"),  # of another team
        ("pull", f"{service.OWN}/imother:0123456789ab", f"{service.OWN}/imother:0123456789ab"),
        ("recipe", "localhost/appliance/own/immine:0123456789ab", ""),
    ],
)
def test_the_supervisor_believes_no_row(
    lab: Lab, ann: Person, kind: builds.Kind, ref: str, source: str
) -> None:
    notebook = ann.notebook()
    lab.settle()
    other = lab.team("other")
    source = source.replace("WORKLOAD", lab.workload(notebook).id)
    with write(lab.db) as db:
        build_id = builds.submit(
            db, image="immine", kind=kind, ref=ref, source=source, team_id=other.id, user_id=""
        )
    lab.settle()
    found = builds.get(lab.db, build_id)
    assert (found.state, found.message) == ("failed", "this build asks for what is not its own")
    assert lab.builder.built == []


def test_what_a_saved_environment_has_more() -> None:
    lines = [
        "deb noise 1",
        "was:",
        "deb a 1",
        "deb b 2",
        "pip c 3",
        "is:",
        "deb a 1",
        "pip c 4",
        "pip d 5+cpu",
    ]
    lines += ["pip <script> 1", "pip x", "evil: 1"]
    assert saved.difference(lines) == "+ pip d 5+cpu\n~ pip c 3 → 4\n- deb b 2"
    assert saved.difference([]).startswith("no packages")


def test_a_saved_image_has_the_configuration_of_its_image_only() -> None:
    config = {
        "Env": ["PATH=/opt/lab/bin:/bin", 'A="b" $c \\\\'],
        "Entrypoint": ["/opt/with env"],
        "Cmd": None,
    }
    assert list(saved.changes({**config, "WorkingDir": "/notebooks"})) == [
        '--change=ENV PATH="/opt/lab/bin:/bin"',
        r'--change=ENV A="\"b\" \$c \\\\"',
        '--change=ENTRYPOINT ["/opt/with env"]',
        "--change=WORKDIR /notebooks",
    ]
