"""Third-party plugins that don't work: each is off with its reason, and everything else goes on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from appliance import boot, config
from appliance.app import create_app
from appliance.boot import Appliance
from appliance.plugins import sources, verdicts
from appliance.plugins.sources import Source
from appliance.runtime import plugincheck, renew
from appliance.web.stream import create_stream
from tests.lab import Lab, Person
from tests.plugins.thirdparty import drop, forget_modules, reload, start_again


@pytest.fixture(autouse=True)
def fresh_modules() -> Iterator[None]:
    yield
    forget_modules()


HOOK = """
@hookimpl
def {name}({arguments}):
    {body}
"""
PAGES = """
from flask import Blueprint

def pages():
    made = Blueprint("broken", __name__)
    made.add_url_rule({rule!r}, "it", lambda: "here")
    return made

@hookimpl
def register_pages():
    return [Pages(pages, nav=(NavItem("Gone", "broken.gone", "box", order=1),))]
"""
MIGRATION = """
from sqlite_utils import Migrations
migrations = Migrations({name!r})

@migrations()
def m001(db):
    db.conn.execute("CREATE TABLE half (id INTEGER)")
    db.conn.execute({sql!r})

@hookimpl
def register_migrations():
    return [migrations]
"""
VERB = """
from appliance.schema import Reply

def answer(ctx){annotation}:
    return {{}}

@hookimpl
def register_api_resources():
    return [ApiResource("things", "th", Reply, (Verb("get", "GET", {path!r}, answer),))]
"""


def hook(name: str, body: str, arguments: str = "") -> str:
    return HOOK.format(name=name, body=body, arguments=arguments)


BROKEN = {
    "raises": ("raise RuntimeError('no GPU here')", "RuntimeError: no GPU here"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "dies": ("import os; os._exit(7)", "ended with exit code 7"),
    "syntax": ("def (", "SyntaxError"),
    "missing import": ("import no_such_module", "No module named 'no_such_module'"),
    "no info": ("del INFO", "it has no INFO"),
    "another name": ("INFO = PluginInfo('other', title='x')", "its INFO says other"),
    "junk info": ("INFO = PluginInfo('broken', title=None)", "PluginInfo.title must be str"),
    "unstorable": (r"raise RuntimeError('\ud800')", "RuntimeError: ?"),
    "unstorable title": (r"INFO = PluginInfo('broken', title='\ud800'); 1 / 0", "ZeroDivisionError"),
    "last words": ("import os; print(5, flush=True); os._exit(0)", "ended with exit code 0: 5"),
    "another verdict": ("import os; print('{}', flush=True); os._exit(0)", "ended with exit code 0: {}"),
    "deep": ("import os; print('[' * 100_000, flush=True); os._exit(0)", "ended with exit code 0: [["),
    "another version": ("INFO = PluginInfo('broken', title='x', api_version=9)", "written for API 9"),
    "unknown hook": (hook("register_nonsense", "return []"), "register_nonsense"),
    "requirement": ("INFO = PluginInfo('broken', title='x', requires=('ghost',))", "requires ghost"),
    "junk answer": (hook("register_loops", "return None"), "must answer a list, not NoneType"),
    "junk item": (hook("register_loops", "return ['sweep']"), "must list Loop, not str"),
    "junk field": (hook("register_loops", "return [Loop('a', 'often', print)]"), "Loop.every_s must be float"),
    "junk default": (hook("register_settings", "return [Setting('a', int, 'x', 'h')]"), "default of a"),
    "raising hook": (hook("register_loops", "1 / 0"), "ZeroDivisionError"),
    "clash": (hook("register_settings", "return [Setting('cpu_overcommit', int, 1, '')]"), "CLASH"),
    "recipe": (
        "from pathlib import Path" + hook("register_images", "return [Image('i', 'I', '', (), recipe=Path('/'))]"),
        "only builtins may have",
    ),
    "no annotation": (VERB.format(annotation="", path="/things"), "return annotation"),
    "a builtin's address": (VERB.format(annotation=" -> Reply", path="/projects"), "both GET /projects"),
    "a builtin's page": (PAGES.format(rule="/projects/<other>"), "both GET /projects/<"),
    "blueprint": (hook("register_pages", "return [Pages(lambda: 1 / 0)]"), "ZeroDivisionError"),
    "no blueprint": (hook("register_pages", "return [Pages(lambda: 'x')]"), "AttributeError"),
    "migration": (MIGRATION.format(name="b", sql="CREATE NONSENSE"), "OperationalError"),
    "the core's migrations": (MIGRATION.format(name="events", sql="SELECT 1"), "the core has migrations"),
    "another's table": (MIGRATION.format(name="b", sql="CREATE TABLE projects (id)"), "already exists"),
}  # fmt: skip


def joins_nobody(*_: object) -> list[Source]:
    raise SystemExit("not today")


@pytest.mark.parametrize("use", [create_app, create_stream, lambda made: made])
def test_what_can_not_be_joined_is_left_out(
    lab: Lab,
    use: Callable[[Appliance], object],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    config.save(lab.config)
    monkeypatch.setattr(sources, "find", joins_nobody)
    assert boot.start_with_plugins(lab.config.data, use)
    assert "without third-party plugins" in caplog.text


@pytest.mark.parametrize("kind", BROKEN)
def test_it_is_off_with_its_reason(lab: Lab, kind: str) -> None:
    code, reason = BROKEN[kind]
    if reason == "CLASH":
        key = next(iter(lab.appliance.registry.settings))
        code, reason = code.replace("cpu_overcommit", key), f"both register '{key}'"
    drop(lab, "broken", code)
    found = start_again(lab)["broken"]
    assert (found.state, reason in found.reason) == ("failed", True), found.reason
    assert "broken" not in [info.name for info in lab.appliance.registry.plugins]
    assert not lab.db["half"].exists()
    root = lab.person("root", admin=True)
    page = root.page("/admin/plugins")
    assert "broken" in page and "failed" in page


def test_one_that_hangs_costs_its_time_limit_once(lab: Lab) -> None:
    drop(lab, "hangs", "import threading; threading.Event().wait()")
    drop(lab, "works")
    found = start_again(lab, limit_s=8)
    assert "did not start within 8 s" in found["hangs"].reason
    assert found["works"].state == "on"
    assert plugincheck.check(lab.db, lab.config) is False  # or it would hang again for a minute


def test_one_that_is_slow_is_off(lab: Lab) -> None:
    drop(lab, "slow", "import time; time.sleep(3.5)")
    assert "importing it takes 3." in start_again(lab, limit_s=18)["slow"].reason


def test_what_it_leaves_running_keeps_nobody_waiting(lab: Lab) -> None:
    for name, how in (("leaves", "setsid "), ("keeps", "")):
        drop(lab, name, f"import os; os.system('{how}sleep 30 &'); print('started', flush=True)")
    found = start_again(lab, limit_s=20)
    assert (found["leaves"].state, found["keeps"].state) == ("on", "on")


def test_a_title_of_any_characters(lab: Lab) -> None:
    drop(lab, "odd", r"INFO = PluginInfo('odd', title='\ud800x')")
    assert start_again(lab)["odd"].title == "?x"


def test_it_runs_without_roots_rights(lab: Lab) -> None:
    code = "import os; raise RuntimeError(f'{os.getuid()} {os.getgroups()}')"
    drop(lab, "whoami", code)
    assert f"{lab.config.web_uid} []" in start_again(lab)["whoami"].reason


@pytest.mark.parametrize("mode", ["owner", "group", "others", "directory", "symlink"])
def test_what_others_may_write_is_not_run(lab: Lab, mode: str) -> None:
    path = drop(lab, "unsafe", "raise RuntimeError('it ran')")
    if mode == "owner":
        os.chown(path, lab.config.web_uid, 0)
    elif mode == "symlink":
        target = path.rename(lab.root / "elsewhere.py")
        path.symlink_to(target)
    else:
        which = path.parent if mode == "directory" else path
        which.chmod(0o775 if mode == "group" else 0o757)
    found = start_again(lab)["unsafe"]
    wanted = "is a symlink" if mode == "symlink" else "can be changed by others than root"
    assert found.state == "failed" and wanted in found.reason


def test_nor_what_others_may_compile(lab: Lab) -> None:
    folder = lab.config.paths.plugins / "unsafe"
    (folder / "__pycache__").mkdir(parents=True)
    drop(lab, "unsafe").rename(folder / "plugin.py")
    (folder / "__pycache__").chmod(0o777)
    assert "can be changed by others than root" in start_again(lab)["unsafe"].reason


def test_a_builtins_name_is_taken(lab: Lab) -> None:
    drop(lab, "projects")
    assert "a builtin plugin is called projects" in start_again(lab)["projects"].reason


def test_a_requirement_that_comes_later_mends_it(lab: Lab) -> None:
    drop(lab, "above", "INFO = PluginInfo('above', title='A', requires=('below',))")
    assert start_again(lab)["above"].state == "failed"
    drop(lab, "below")
    found = start_again(lab)
    assert (found["above"].state, found["below"].state) == ("on", "on")
    names = [info.name for info in lab.appliance.registry.plugins]
    assert names.index("below") < names.index("above")


def test_a_changed_file_is_tried_again_and_a_deleted_one_forgotten(lab: Lab) -> None:
    path = drop(lab, "fickle", "oops")
    assert start_again(lab)["fickle"].state == "failed"
    drop(lab, "fickle")
    forget_modules()
    assert start_again(lab)["fickle"].state == "on"
    path.unlink()
    assert start_again(lab) == {}
    assert "fickle" not in [info.name for info in lab.appliance.registry.plugins]


def test_what_changed_after_it_was_tried_is_not_loaded(lab: Lab) -> None:
    drop(lab, "swapped")
    assert start_again(lab)["swapped"].state == "on"
    drop(lab, "swapped", "raise RuntimeError('it ran')")
    reload(lab)
    assert "swapped" not in [info.name for info in lab.appliance.registry.plugins]


def test_one_that_fails_only_now_is_noted(lab: Lab) -> None:
    flag = lab.root / "flag"
    drop(lab, "moody", f"import os\nif os.path.exists({str(flag)!r}): 1 / 0")
    assert start_again(lab)["moody"].state == "on"
    flag.touch()
    forget_modules()
    reload(lab)
    assert verdicts.get(lab.db, "moody").reason == "ZeroDivisionError: division by zero"
    assert lab.person("ann").page("/projects")


def test_a_folder_with_modules_of_its_own(lab: Lab) -> None:
    folder = lab.config.paths.plugins / "folded"
    folder.mkdir()
    (folder / "words.py").write_text("TITLE = 'From a folder'")
    code = "from appliance.plugins import *\nfrom .words import TITLE\nINFO = PluginInfo('folded', title=TITLE, version='3')"
    (folder / "plugin.py").write_text(code)
    found = start_again(lab)["folded"]
    assert (found.state, found.title, found.version) == ("on", "From a folder", "3")


def test_two_of_one_name(lab: Lab) -> None:
    folder = lab.config.paths.plugins / "twice"
    folder.mkdir()
    drop(lab, "twice").rename(folder / "plugin.py")
    second = drop(lab, "twice")
    found = start_again(lab)
    assert (found["twice"].state, found["twice"].origin) == ("on", str(folder))
    assert f"{folder} is called twice already" in found[f"twice ({second})"].reason


class TestSwitch:
    """An admin switches a plugin off and on."""

    def test_off_and_on(self, lab: Lab, ann: Person) -> None:
        root = lab.person("root", admin=True)
        drop(
            lab,
            "lamp",
            hook("register_settings", "return [Setting('lamp.power', int, 3, 'Watts')]"),
        )
        start_again(lab)
        root = signed_in_again(lab, "root")
        assert "lamp.power" in root.page("/admin/settings")
        before = renew.stamp(lab.config.paths)
        root.form("/admin/plugins/lamp/off")
        assert renew.stamp(lab.config.paths) != before  # the processes start again by themselves
        assert start_again(lab)["lamp"].state == "off"
        assert "lamp.power" not in signed_in_again(lab, "root").page("/admin/settings")
        signed_in_again(lab, "root").form("/admin/plugins/lamp/on")
        assert start_again(lab)["lamp"].state == "on"

    def test_a_builtin_stays(self, lab: Lab) -> None:
        lab.person("root", admin=True).form("/admin/plugins/projects/off", status=404)

    def test_members_may_not(self, lab: Lab, ann: Person) -> None:
        drop(lab, "lamp")
        start_again(lab)
        ann = signed_in_again(lab, "ann")
        ann.form("/admin/plugins/lamp/off", status=403)
        ann.page("/admin/plugins", status=403)
        ann.api("POST", "plugins/lamp/disable", status=403)


def signed_in_again(lab: Lab, handle: str) -> Person:
    """After a new start: with the new application."""
    return lab.person(handle)
