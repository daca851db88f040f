"""The process manager of `scripts/up`: starts, restarts and stops the services, shows their output.

It stays in memory as long as the appliance runs, so it is a file run by a bare interpreter
(`python3 -I -S`) and imports only small parts of the standard library. The plan comes as JSON from
an inherited file descriptor.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import NamedTuple

FIRST_DELAY_S = 0.2
LONGEST_DELAY_S = 10.0
RAN_WELL_S = 30.0
STOP_S = 12.0
LOG_BYTES = 4 << 20
LINE_BYTES = 16 << 10
_LAST_READS = 64
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Process(NamedTuple):
    """What to run as whom. groups: besides gid. caps: like "net_bind_service", not for root."""

    name: str
    argv: list[str]
    env: dict[str, str]
    uid: int
    gid: int
    groups: list[int]
    caps: list[str]


def command(process: Process) -> list[str]:
    """The argv that becomes the process: right user, nothing more than its rights, dies with us."""
    if (
        process.uid == 0
    ):  # no --no-new-privs: containers are its descendants, and runtimes switch profiles
        return ["setpriv", "--pdeathsig", "TERM", "--", *process.argv]
    kept = "".join(f",+{cap}" for cap in process.caps)
    groups = (
        ["--groups", ",".join(map(str, process.groups))] if process.groups else ["--clear-groups"]
    )
    ids = ["--reuid", str(process.uid), "--regid", str(process.gid), *groups]
    caps = [f"--{kind}-caps=-all{kept}" for kind in ("inh", "ambient")] + [
        f"--bounding-set=-all{kept}"
    ]
    return ["setpriv", *ids, *caps, "--pdeathsig", "TERM", "--no-new-privs", "--", *process.argv]


def next_delay(delay_s: float, ran_s: float) -> float:
    """How long to wait before the next start, from the last wait and how long the process lived."""
    if ran_s >= RAN_WELL_S or delay_s == 0:
        return FIRST_DELAY_S
    return min(delay_s * 2, LONGEST_DELAY_S)


class Log:
    """The end of a service's output, at most about 2 LOG_BYTES in `<path>` and `<path>.1`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)

    def write(self, data: bytes) -> None:
        """Append; a full disk costs lines and nothing else."""
        try:
            if os.fstat(self._file).st_size > LOG_BYTES:
                os.replace(self._path, f"{self._path}.1")
                os.close(self._file)
                self._file = self._open()
            os.write(self._file, data)
        except OSError:
            pass


class Service:
    """One process of the plan over its lives."""

    def __init__(self, process: Process, run: str) -> None:
        self.process = process
        self.pid = 0
        self.output = -1
        self.start_at = 0.0
        self._delay_s = 0.0
        self._started = 0.0
        self._rest = b""
        self._log = Log(f"{run}/log/{process.name}.log")
        self._pid_file = f"{run}/pid/{process.name}.pid"

    def start(self, now: float) -> None:
        """Fork and exec, output into a pipe of ours."""
        self.close()
        try:
            self.output, theirs = os.pipe()
            os.set_blocking(self.output, False)
            self.pid = os.fork()
        except OSError as error:  # no memory or no descriptors, for now
            self._again(now, f"can't be started: {error}")
            return
        if self.pid == 0:
            _become(self.process, theirs)
        os.close(theirs)
        self._started = now
        try:
            with open(self._pid_file, "w", encoding="ascii") as file:
                file.write(f"{self.pid}\n")
        except OSError:  # a full disk must not end the services
            pass

    def ended(self, status: int, now: float, wanted: bool) -> None:
        """Note the end; unless we asked for it, the next start is due at start_at."""
        code = os.waitstatus_to_exitcode(status)
        self.pid = 0
        _remove(self._pid_file)
        for _ in range(_LAST_READS):  # a child of its own may hold the pipe open and go on writing
            if self.output < 0 or not self.read():
                break
        if not wanted:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
            self._again(now, how)

    def _again(self, now: float, why: str) -> None:
        self._delay_s = next_delay(self._delay_s, now - self._started)
        self.start_at = now + self._delay_s
        self._show(f"[{why}; starting again in {self._delay_s:.1f} s]".encode())

    def read(self) -> bool:
        """Pass on whole lines, the rest waits up to LINE_BYTES. Whether there was anything."""
        try:
            data = os.read(self.output, 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            self.close()
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._show(line)
        if len(self._rest) > LINE_BYTES:
            self._show(self._rest)
            self._rest = b""
        return True

    def close(self) -> None:
        """Show what is left and close the pipe."""
        if self._rest:
            self._show(self._rest)
            self._rest = b""
        if self.output >= 0:
            os.close(self.output)
            self.output = -1

    def signal(self, number: int) -> None:
        """TERM goes to the process, which orders its own end; KILL to its whole group."""
        try:
            if number == signal.SIGKILL:
                os.killpg(self.pid, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass

    def _show(self, line: bytes) -> None:
        self._log.write(line + b"\n")
        try:
            os.write(2, f"{self.process.name:<10} | ".encode() + line + b"\n")
        except OSError:  # the terminal is gone; the log file has it
            pass


class Manager:
    """Runs all services until told to stop. Single-threaded: one poll over pipes and signals."""

    def __init__(self, processes: list[Process], run: str) -> None:
        self._services = [Service(process, run) for process in processes]
        self._stop = 0
        self._wake, wake = os.pipe()
        for end in (self._wake, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)  # only to be woken

    def run(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP; then all are stopped, last started first."""
        while not self._stop:
            now = time.monotonic()
            waiting = [service for service in self._services if not service.pid]
            for service in waiting:
                if service.start_at <= now:
                    service.start(now)
            pauses = [service.start_at - now for service in waiting if service.start_at > now]
            self._turn(min(pauses, default=60.0))
        for service in reversed(self._services):
            self._end(service)

    def _end(self, service: Service) -> None:
        """TERM, and KILL after STOP_S or at a second Ctrl-C."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not service.pid:
                return
            service.signal(number)
            deadline = time.monotonic() + STOP_S
            while service.pid and time.monotonic() < deadline:
                if number == signal.SIGTERM and self._stop > 1:
                    break
                self._turn(deadline - time.monotonic())

    def _turn(self, timeout_s: float) -> None:
        """Wait for output, a signal or the timeout, then do what there is to do."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        by_output = {service.output: service for service in self._services if service.output >= 0}
        for descriptor in by_output:
            poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(max(0, int(timeout_s * 1000)) + 1):
            if descriptor == self._wake:
                os.read(self._wake, 512)
            else:
                by_output[descriptor].read()
        self._reap()

    def _reap(self) -> None:
        by_pid = {service.pid: service for service in self._services if service.pid}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in by_pid:
                by_pid[pid].ended(status, time.monotonic(), bool(self._stop))

    def _on_stop(self, number: int, frame: object) -> None:
        self._stop += 1


def main() -> None:
    """Read the plan from the descriptor named in argv, hold the lock in the other one, run."""
    plan_fd, lock_fd = int(sys.argv[1]), int(sys.argv[2])
    os.set_inheritable(lock_fd, False)
    with open(plan_fd, encoding="utf-8") as file:
        plan = json.load(file)
    processes = [Process(**process) for process in plan["processes"]]
    Manager(processes, plan["run"]).run()


def _become(process: Process, output: int) -> None:
    """In the child: own session, so that Ctrl-C reaches only the manager; never returns."""
    try:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for number in (*_STOP_SIGNALS, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        null = os.open("/dev/null", os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.chdir("/")
        argv = command(process)
        os.execvpe(argv[0], argv, process.env)
    except OSError as error:
        os.write(2, f"{process.argv[0]} can't be started: {error}\n".encode())
    finally:
        os._exit(127)


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


if __name__ == "__main__":
    main()
