"""Gradient's machine types, and what each of them is on this machine unless an admin says otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from appliance.plugins import InstanceType

# Cores of its CPU machines; memory follows, since here every core comes with its share.
CORES: Mapping[str, int] = {
    "Free-CPU": 1, "C1": 1, "C2": 1, "C3": 2, "C4": 2, "C5": 4, "C6": 8, "C7": 12, "C8": 16, "C9": 24,
    "C10": 32, "metal-cpu": 1,
}  # fmt: skip
GPUS = (
    "Free-GPU", "Free-GPU+", "Free-P5000", "Free-RTX4000", "Free-RTX5000", "Free-A4000", "Free-A5000", "Free-A6000",
    "Free-A100-80G", "GPU+", "M4000", "P4000", "P5000", "P6000", "RTX4000", "RTX5000", "A4000", "A5000", "A6000",
    "V100", "V100-32G", "A100", "A100-80G", "H100", "metal-gpu",
)  # fmt: skip
KNOWN = (*CORES, *GPUS)
_COUNT = re.compile(r"x([1-9][0-9]?)$")


def is_known(name: str) -> bool:
    """Whether Gradient has such a machine type, several GPUs (`A4000x2`) included."""
    return _plain(name) in {_plain(known) for known in KNOWN}


def _plain(name: str) -> str:
    return _COUNT.sub("", name.lower())


def counterpart(types: Iterable[InstanceType], name: str) -> InstanceType | None:
    """The type of this machine that a name of Gradient's stands for, or None.

    CPUs by size. GPUs by number, and by kind where one of this kind is there.
    """
    cores = {known.lower(): count for known, count in CORES.items()}.get(name.lower())
    if cores is not None:
        plain = [kind for kind in types if not kind.gpus]
        return min(plain, key=lambda kind: abs(kind.cpu_milli - cores * 1000), default=None)
    if not is_known(name):
        return None
    match = _COUNT.search(name.lower())
    wanted = int(match[1]) if match else 1
    model = _plain(name).removeprefix("free-").partition("-")[0]
    fitting = [kind for kind in types if kind.gpus >= wanted]
    return min(
        fitting, key=lambda kind: (model not in kind.gpu_kind.lower(), kind.gpus), default=None
    )
