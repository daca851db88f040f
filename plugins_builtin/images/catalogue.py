"""The images that come with the appliance."""

from __future__ import annotations

from pathlib import Path

from appliance.plugins import Image

RECIPES = Path(__file__).parent / "recipes"

# ${BASE_URL} is the path prefix at the gateway, ${SOCKET} the socket that the gateway connects to.
JUPYTERLAB = (
    "jupyter",
    "lab",
    "--allow-root",
    "--no-browser",
    "--ServerApp.sock=${SOCKET}",
    "--ServerApp.sock_mode=0666",
    "--ServerApp.base_url=${BASE_URL}",
    "--ServerApp.root_dir=/notebooks",
    "--IdentityProvider.token=",
    "--ServerApp.allow_remote_access=True",
)

IMAGES = (
    Image(
        "base",
        title="Base",
        description="Debian with Python 3 and git. Small; for jobs and as a start for images of your own.",
        purposes=("job",),
        recipe=RECIPES / "base",
        contents=("Python 3", "pip", "git", "curl"),
        aliases=("bash", "debian", "ubuntu"),
    ),
    Image(
        "notebook",
        title="Notebook",
        description="JupyterLab on Debian with Python 3, git and a terminal as root.",
        purposes=("notebook", "job"),
        recipe=RECIPES / "notebook",
        parent="base",
        command=JUPYTERLAB,
        aliases=("paperspace/gradient-base", "jupyter/base-notebook", "jupyter/minimal-notebook"),
        contents=("JupyterLab", "IPython"),
    ),
    Image(
        "data-science",
        title="Data science",
        description="The notebook image with what most analyses need.",
        purposes=("notebook", "job"),
        recipe=RECIPES / "data-science",
        parent="notebook",
        command=JUPYTERLAB,
        aliases=("jupyter/scipy-notebook", "jupyter/datascience-notebook"),
        on_demand=True,
        contents=(
            "NumPy", "pandas", "SciPy", "scikit-learn", "matplotlib", "pyarrow", "ONNX", "ONNX Runtime", "skl2onnx",
        ),  # fmt: skip
    ),
    Image(
        "pytorch",
        title="PyTorch",
        description="The notebook image with Debian's PyTorch, for CPUs.",
        purposes=("notebook", "job"),
        recipe=RECIPES / "pytorch",
        parent="notebook",
        command=JUPYTERLAB,
        aliases=("jupyter/pytorch-notebook", "paperspace/gradient-pytorch"),
        on_demand=True,
        contents=("PyTorch", "torchvision", "NumPy"),
    ),
    Image(
        "r",
        title="R",
        description="The notebook image with R, from Debian.",
        purposes=("notebook", "job"),
        recipe=RECIPES / "r",
        parent="notebook",
        command=JUPYTERLAB,
        aliases=("jupyter/r-notebook", "r-base"),
        on_demand=True,
        contents=("R", "IRkernel", "ggplot2", "dplyr"),
    ),
)
