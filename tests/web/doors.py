"""Who may enter each page and send each form: the declaration that the matrix of pages is made from.

`$name` stands for a thing of the matrix's world, here as in the names of a path.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from appliance.identity import Role
from tests.person import PASSWORD
from tests.web.bodies import REGISTRY

Who = Literal["anybody", "user", "admin", "own", "thing"]


@dataclass(frozen=True)
class Door:
    """who: anybody at all; every user; admins of the appliance; a role in one's own team; a role in the team of a thing.

    form: fields that work. query: of the page. values: for names in the path, instead of the world's. answers: what
    whoever is let in may get besides, since the thing is not there.
    """

    who: Who
    role: Role = "member"
    form: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[int, ...] = ()


USER, ADMIN, MEMBER, THING = Door("user"), Door("admin"), Door("own"), Door("thing")
CLUSTER = {"scope": "cluster"}
NEW, CHANGED = {"name": "NEW", "value": "a-value"}, {"value": "another-value"}
NOTEBOOK = {"name": "nb", "image": "notebook", "instance_type": "C1"}

DOORS: dict[str, Door | tuple[Door, ...]] = {
    "account.create_key": Door(
        "user", form={"name": "k", "team": "$own_team", "expires_in_days": "9"}
    ),
    "account.password": Door("user", form={"current": PASSWORD, "password": "another horse"}),
    "account.profile": USER,
    "account.revoke_key": USER,
    "account.sign_out": USER,
    "admin.health": ADMIN,
    "admin.host": ADMIN,
    "admin.parked": (
        Door("admin", form={"do": "drop"}, answers=(404,)),
        Door("admin", form={"do": "retry"}, answers=(404,)),
    ),
    "admin.plugins": ADMIN,
    "admin.save": Door("admin", form={"scheduler.cpu_overcommit": "2"}),
    "admin.settings": ADMIN,
    "admin.switch": (ADMIN, Door("admin", values={"switch": "off"})),
    "container_registries.create": Door("own", "admin", form=REGISTRY),
    "container_registries.delete": Door("thing", "admin"),
    "container_registries.detail": THING,
    "container_registries.index": MEMBER,
    "container_registries.save": Door("thing", "admin", form={**REGISTRY, "username": "other"}),
    "container_registries.test": Door("thing", "admin"),
    "home.index": USER,
    "images.build": THING,
    "images.cancel": THING,
    "images.card": THING,
    "images.create": Door("own", form={"name": "new", "container": "docker.io/library/x:1"}),
    "images.delete": THING,
    "images.detail": THING,
    "images.index": MEMBER,
    "images.local": ADMIN,
    "images.log": THING,
    "images.new": USER,
    "images.remove": ADMIN,
    "images.tile": THING,
    "instance_types.cluster": USER,
    "instance_types.gauge": USER,
    "instance_types.map_name": Door("admin", form={"name": "P5000", "instance_type": "C1"}),
    "instance_types.names": ADMIN,
    "instance_types.panel": USER,
    "instance_types.unmap_name": Door("admin", form={"name": "P4000"}),
    "internal.open_service": THING,
    "notebook_runs.create": Door("thing", form={"path": "a.ipynb"}, answers=(404,)),
    "notebook_runs.detail": Door("thing", values={"number": "1"}, answers=(404,)),
    "notebook_runs.index": Door("thing", query={"path": "a.ipynb"}),
    "notebook_runs.stop": Door("thing", values={"number": "1"}, answers=(404,)),
    "notebooks.add_tag": Door("thing", form={"tag": "new"}),
    "notebooks.card": THING,
    "notebooks.create": Door("thing", form=NOTEBOOK),
    "notebooks.delete": THING,
    "notebooks.detail": THING,
    "notebooks.do_save_image": Door("thing", form={"name": "saved"}),
    "notebooks.download": Door("thing", query={"path": "a.txt"}),
    "notebooks.file_change": Door("thing", query={"path": "a.txt"}),
    "notebooks.file_folder": Door("thing", form={"name": "data"}),
    "notebooks.file_piece": Door("thing", query={"upload": "0" * 32, "offset": "0"}),
    "notebooks.file_remove": Door("thing", query={"path": "none.txt"}, answers=(404,)),
    "notebooks.file_rename": Door(
        "thing", query={"path": "none.txt"}, form={"name": "b.txt"}, answers=(404,)
    ),
    "notebooks.file_take": Door(
        "thing", form={"upload": "1" * 32, "name": "b.txt"}, answers=(404,)
    ),
    "notebooks.file_upload": THING,
    "notebooks.files": THING,
    "notebooks.fork": Door("thing", form={"project_id": "$project_id", "name": "fork"}),
    "notebooks.fork_form": THING,
    "notebooks.index": THING,
    "notebooks.keep": Door("thing", form={"hours": "1"}),
    "notebooks.log": THING,
    "notebooks.log_newer": THING,
    "notebooks.new": THING,
    "notebooks.open_port": Door("thing", query={"port": "6006"}),
    "notebooks.panel": MEMBER,
    "notebooks.remove_tag": Door("thing", form={"name": "tag"}),
    "notebooks.rename": Door("thing", form={"name": "other"}),
    "notebooks.rendered": Door("thing", values={"file": "0" * 48 + ".html"}),
    "notebooks.rows": THING,
    "notebooks.save_image": THING,
    "notebooks.sessions": THING,
    "notebooks.settings": THING,
    "notebooks.share": THING,
    "notebooks.shared": Door("anybody", values={"token": "none"}, answers=(404,)),
    "notebooks.shared_rendered": Door(
        "anybody", values={"token": "none", "file": "x"}, answers=(404,)
    ),
    "notebooks.shared_view": Door(
        "anybody", values={"token": "none", "path": "a.txt"}, answers=(404,)
    ),
    "notebooks.start": THING,
    "notebooks.stop": THING,
    "notebooks.unshare": THING,
    "notebooks.view": Door("thing", values={"path": "a.txt"}),
    "projects.create": Door("own", form={"name": "new"}),
    "projects.delete": Door("thing", "admin"),
    "projects.detail": THING,
    "projects.index": MEMBER,
    "projects.new": MEMBER,
    "projects.save": Door("thing", form={"name": "renamed"}),
    "projects.settings": THING,
    "reference.api": USER,
    "search.box": Door("user", query={"q": "nb"}),
    "search.results": Door("user", query={"q": "nb"}),
    "secrets.change_project": Door("thing", form=CHANGED),
    "secrets.change_shared": (
        Door("own", "admin", form=CHANGED, answers=(404,)),
        Door("admin", form=CHANGED, values=CLUSTER),
    ),
    "secrets.create_project": Door("thing", form=NEW),
    "secrets.create_shared": (
        Door("own", "admin", form=NEW),
        Door("admin", form=NEW, values=CLUSTER),
    ),
    "secrets.delete_project": THING,
    "secrets.delete_shared": (
        Door("own", "admin", answers=(404,)),
        Door("admin", values=CLUSTER),
    ),
    "secrets.index": MEMBER,
    "secrets.project": THING,
    "secrets.shared": (MEMBER, Door("user", values=CLUSTER)),
    "signin.choose_team": Door("thing", form={"team": "$team_id"}),
    "signin.finish": Door("anybody", form={"user": "owner", "password": PASSWORD}),
    "signin.login": Door("anybody"),
    "signin.logout": Door("anybody"),
    "teams.add": Door("own", "admin", form={"user": "eve", "role": "member"}),
    "teams.members": MEMBER,
    "teams.remove": Door("thing", "admin"),
    "teams.set_role": Door("thing", "admin", form={"role": "admin"}),
    "users.add": Door(
        "admin", form={"name": "new", "email": "new@example.org", "team": "lab", "role": "member"}
    ),
    "users.disable": ADMIN,
    "users.drop_admin": ADMIN,
    "users.enable": ADMIN,
    "users.index": ADMIN,
    "users.make_admin": ADMIN,
    "users.reset": ADMIN,
}
