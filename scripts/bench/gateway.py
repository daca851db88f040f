#!/usr/bin/env python3
"""What the gateway costs: a notebook's route with cached authorisation, against the same route
without any, and against configurable-http-proxy.

Needs root, nginx, wrk and npm. Starts what it needs, cleans up, and fails if a target is missed.

    scripts/bench/gateway.py [--rounds 5] [--seconds 4] [--connections 16]
"""

from __future__ import annotations

import argparse
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from appliance.clock import SystemClock  # noqa: E402  (needs the path above)
from appliance.config import Config  # noqa: E402
from appliance.runtime import proxy, slots  # noqa: E402
from appliance.runtime.slots import Held  # noqa: E402
from appliance.runtime.spec import GATEWAY_SOCKET  # noqa: E402

SLOT = 15
PATH = "/n/bench/api/status"
COOKIE = "gate=0123456789abcdef0123456789abcdef"
TARGETS = {
    "open": 0.6,
    "configurable-http-proxy": 4.0,
}  # the gateway is at least so many times these

# A container with a small body, and a web that says yes and where to.
BACKEND = """
daemon off; pid {root}/backend.pid; error_log {root}/backend.log warn; worker_processes 1;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000;
  client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;
  uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
  server {{ listen unix:{app}; listen 127.0.0.1:{port}; location / {{ return 200 {body}; }} }}
  server {{
    listen unix:{web};
    location = /internal/authorize {{
      add_header X-Upstream {upstream}; add_header X-User us0000000; return 204;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Result:
    """One run of wrk."""

    requests_per_s: float
    p99_ms: float


def main() -> int:
    options = parse_arguments()
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gwb")))
        root.chmod(0o755)
        routes = start_all(root, stack)
        results = measure(routes, options)
    return report(results, options)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Requests per second and p99 of the gateway.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4, help="of each run")
    parser.add_argument("--connections", type=int, default=16)
    return parser.parse_args()


def start_all(root: Path, stack: ExitStack) -> dict[str, int]:
    """Start everything below `root`; the port of each route."""
    with_auth, without, backend, chp, chp_api = free_ports(5)
    gated, ungated = (
        Config(root / str(port), "0a1b2c", SLOT, port=port) for port in (with_auth, without)
    )
    web = gated.paths.http / "web.sock"
    web.parent.mkdir(parents=True)
    names = {"app": listening_socket(gated, ungated), "web": web, "upstream": slots.upstream(0)}
    conf = root / "backend.conf"
    conf.write_text(BACKEND.format(root=root, port=backend, body="x" * 200, **names))
    commands = {
        backend: ["nginx", "-e", str(root / "backend.log"), "-c", str(conf)],
        with_auth: gateway_argv(gated),
        without: gateway_argv(ungated, authorised=False),
        chp: chp_argv(root, backend, chp, chp_api),
    }
    for port, argv in commands.items():
        stack.enter_context(running(argv, port))
    return {"gateway": with_auth, "open": without, "configurable-http-proxy": chp}


def listening_socket(*gateways: Config) -> Path:
    """Where the stand-in for a container listens: slot 0 of each gateway leads there."""
    first, second = (config.paths for config in gateways)
    directory = first.sockets / "wbench"
    directory.mkdir(parents=True)
    second.sockets.mkdir(parents=True)
    (second.sockets / "wbench").symlink_to(directory)
    for paths in (first, second):
        paths.slots.mkdir()
        slots.link(paths, Held(0, "wbench"))
    return directory / GATEWAY_SOCKET


def gateway_argv(config: Config, authorised: bool = True) -> list[str]:
    """Write a gateway's configuration, or the same without any authorisation."""
    gateway = proxy.Gateway(config, SystemClock())
    gateway.want(proxy.Site(config, proxy.host_names(config), config.data))
    gateway.turn()
    if not authorised:
        conf = config.paths.nginx / "nginx.conf"
        kept = [line for line in conf.read_text().splitlines() if "auth_request_set" not in line]
        always = f"set $target {slots.upstream(0)}; set $user us0000000;"
        conf.write_text("\n".join(kept).replace("auth_request /_authorize;", always))
    return proxy.nginx_argv(config)


def chp_argv(root: Path, backend: int, port: int, api_port: int) -> list[str]:
    install = ["npm", "install", "--silent", "--prefix", str(root), "configurable-http-proxy"]
    subprocess.run(install, check=True, timeout=300)
    program = root / "node_modules" / ".bin" / "configurable-http-proxy"
    listen = ["--ip", "127.0.0.1", "--port", str(port), "--api-port", str(api_port)]
    target = ["--default-target", f"http://127.0.0.1:{backend}", "--log-level", "warn"]
    return [str(program), *listen, *target]


def measure(routes: dict[str, int], options: argparse.Namespace) -> dict[str, list[Result]]:
    """Interleaved, so that what else the machine does hits all alike."""
    results: dict[str, list[Result]] = {name: [] for name in routes}
    for _ in range(options.rounds):
        for name, port in routes.items():
            results[name].append(run_wrk(port, options))
    return results


def run_wrk(port: int, options: argparse.Namespace) -> Result:
    headers = ["-H", f"Host: bench.localhost:{port}", "-H", f"Cookie: {COOKIE}"]
    load = ["-t1", f"-c{options.connections}", f"-d{options.seconds}s", "--latency"]
    argv = ["wrk", *load, *headers, f"http://127.0.0.1:{port}{PATH}"]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=options.seconds + 30, check=True
    )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"port {port} answered with errors:\n{done.stdout}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", done.stdout)
    if rate is None or p99 is None:
        raise SystemExit(f"wrk said something else:\n{done.stdout}")
    return Result(float(rate[1]), float(p99[1]) * {"us": 0.001, "ms": 1, "s": 1000}[p99[2]])


def report(results: dict[str, list[Result]], options: argparse.Namespace) -> int:
    """Print the table; 1 if the gateway misses a target."""
    rates = {
        name: statistics.median(run.requests_per_s for run in runs)
        for name, runs in results.items()
    }
    tails = {name: statistics.median(run.p99_ms for run in runs) for name, runs in results.items()}
    print(
        f"Median of {options.rounds} interleaved runs of {options.seconds} s, wrk -t1 -c{options.connections}"
    )
    print(f"{'route':<25}{'requests/s':>12}{'p99 ms':>9}{'gateway is':>12}{'target':>9}")
    missed = 0
    for name, rate in rates.items():
        # of neighbouring runs: what else the machine does changes slowly
        pairs = zip(results["gateway"], results[name])
        ratio = statistics.median(ours.requests_per_s / run.requests_per_s for ours, run in pairs)
        target = TARGETS.get(name, 0)
        missed += ratio < target
        print(
            f"{name:<25}{rate:>12.0f}{tails[name]:>9.2f}{ratio:>11.2f}x{f'{target:.1f}x' if target else '':>9}"
        )
    return 1 if missed else 0


@contextmanager
def running(argv: list[str], port: int) -> Iterator[None]:
    """A process that listens on the port when the block begins and has ended when it ends."""
    with subprocess.Popen(argv) as process:
        try:
            wait_for(port, process)
            yield
        finally:
            process.terminate()


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"{process.args!r} does not listen on {port}")


def free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        listeners = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [listener.getsockname()[1] for listener in listeners]


if __name__ == "__main__":
    missing = [program for program in ("nginx", "wrk", "npm") if not shutil.which(program)]
    sys.exit(f"not installed: {', '.join(missing)}" if missing else main())
