"""Users' files made fit to be seen in a browser: notebooks, Markdown and programs as HTML, pictures as they are.

What comes out is kept by its content, one directory for each area's owner, and handed out by nginx
under VIEW_POLICY. Whose files they are and who may see them is the caller's business.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from appliance.config import Config
from appliance.errors import Invalid
from appliance.ids import new_id
from appliance.runtime.files import TeamFiles

# Nothing runs or is fetched in there, and it is nobody's origin; links open in a tab of their own.
VIEW_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:;"
    " style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
LIMIT_BYTES = 32 << 20
RENDERED_BYTES = 128 << 20
MEMORY_BYTES = 2 << 30
TIMEOUT_S = 40.0
KEEP_S = 86_400
KEEP_PER_OWNER = 20

_CHILD = Path(__file__).with_name("_render_child.py")
_PICTURES = {
    ".bmp": "image/bmp", ".gif": "image/gif", ".jpeg": "image/jpeg", ".jpg": "image/jpeg", ".png": "image/png",
    ".svg": "image/svg+xml", ".webp": "image/webp",
}  # fmt: skip
_TEXTS = (
    ".c .cfg .cpp .css .csv .cu .go .h .html .ini .java .jl .js .json .jsonl .log .lua .notebookinclude .py .r .rs .sh"
    " .sql .toml .ts .tsv .txt .xml .yaml .yml"
).split()  # fmt: skip
_KINDS = {
    ".ipynb": "notebook",
    ".md": "markdown",
    ".markdown": "markdown",
    **{suffix: "picture" for suffix in _PICTURES},
    **{suffix: "text" for suffix in _TEXTS},
}


def kind_of(path: str) -> str:
    """How a file can be seen, by its name: notebook, markdown, picture or text; "" = not at all."""
    return _KINDS.get(PurePosixPath(path).suffix.lower(), "")


def content_type(file: str) -> str:
    """What a browser is told about a kept file."""
    return _PICTURES.get(PurePosixPath(file).suffix, "text/html; charset=utf-8")


def view(config: Config, files: TeamFiles, owner: str, path: str) -> str:
    """The name of the kept file below `paths.rendered / owner`. Blocks for seconds the first time.

    NotFound, or Invalid for what can't be seen.
    """
    kind, suffix = kind_of(path), PurePosixPath(path).suffix.lower()
    if not kind:
        raise Invalid("files of this kind can't be shown here", hint="download it")
    if files.stat(path).size > LIMIT_BYTES:
        raise _too_large()
    folder = config.paths.rendered / owner
    folder.mkdir(exist_ok=True)
    _own(config, folder, 0o710)
    part = folder / f"{new_id('part')}.part"
    try:
        with open(part, "xb+") as copy:
            if files.read(path, copy.fileno(), LIMIT_BYTES).cut:
                raise _too_large()
            copy.seek(0)
            # What a program is called decides its colours; of all others the content says everything.
            said = path if kind == "text" else kind
            digest = hashlib.file_digest(
                copy, lambda: hashlib.blake2b(said.encode(), digest_size=24)
            )
            kept = folder / (digest.hexdigest() + (suffix if kind == "picture" else ".html"))
            if not kept.exists():
                copy.seek(0)
                if kind != "picture":
                    _render(config, kind, path, copy, part.with_suffix(".out"))
                    part.with_suffix(".out").replace(part)
                _own(config, part, 0o640)
                part.rename(kept)
    finally:
        part.unlink(missing_ok=True)
        part.with_suffix(".out").unlink(missing_ok=True)
    os.utime(kept)
    _drop_oldest(folder)
    return kept.name


def _too_large() -> Invalid:
    return Invalid("this file is too large to be shown here", hint="download it")


def _own(config: Config, path: Path, mode: int) -> None:
    os.chown(path, 0, config.proxy_uid)
    path.chmod(mode)


def _render(config: Config, kind: str, path: str, source: BinaryIO, target: Path) -> None:
    """HTML for source into target, by a process that has nothing else."""
    name = PurePosixPath(path).name.encode("utf-8", "replace").decode()
    with open(target, "xb") as out:
        process = subprocess.Popen(
            _argv(config, kind, name), stdin=source, stdout=out, stderr=subprocess.PIPE, cwd="/",
            env={"LC_ALL": "C.UTF-8", "HOME": "/nonexistent", "JUPYTER_NO_CONFIG": "1", "PATH": os.defpath},
        )  # fmt: skip
        with process:
            try:
                said = process.communicate(timeout=TIMEOUT_S)[1].decode(errors="replace")
            except subprocess.TimeoutExpired:
                raise Invalid("this file takes too long to be shown", hint="download it") from None
            finally:
                process.kill()
    if process.returncode != 0:
        reason = said.strip().splitlines()[-1:] or ["it is too large or malformed"]
        raise Invalid(f"this file can't be shown: {reason[0][:300]}", hint="download it")


def _argv(config: Config, kind: str, name: str) -> list[str]:
    limits = {
        "as": MEMORY_BYTES,
        "core": 0,
        "cpu": int(TIMEOUT_S),
        "fsize": RENDERED_BYTES,
        "nofile": 256,
        "nproc": 64,
    }
    uid = config.render_uid
    return [
        *("prlimit", *(f"--{name}={value}:{value}" for name, value in limits.items())),
        *("unshare", "--net", "--ipc", "--pid", "--fork", "--kill-child"),
        *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"),
        *("--inh-caps=-all", "--bounding-set=-all"),
        *(sys.executable, "-I", "-B", str(_CHILD), kind, name),
    ]  # fmt: skip


def _drop_oldest(folder: Path) -> None:
    kept = sorted(folder.iterdir(), key=lambda file: _age_s(file))
    for file in kept[KEEP_PER_OWNER:]:
        file.unlink(missing_ok=True)


def _age_s(file: Path) -> float:
    try:
        return time.time() - file.stat().st_mtime
    except FileNotFoundError:  # a part that another thread has just renamed
        return 0.0


def forget(config: Config, owner: str) -> None:
    """Drop what was made of an owner's files."""
    shutil.rmtree(config.paths.rendered / owner, ignore_errors=True)


def sweep(config: Config) -> None:
    """Drop what nobody has looked at for a day."""
    for file in config.paths.rendered.glob("*/*"):
        if _age_s(file) > KEEP_S:
            file.unlink(missing_ok=True)
