"""The main job measured: push to first step, last step to finished, throughput, logs, the API."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.bench.baselines import plain_http, plain_push, three_by_hand
from tests.bench.figures import Figure, met, milliseconds, quantile
from tests.system.server import Project, Server, User, Work, config

PUSHES = 30
QUEUED = 200
READS = 1000
LOG_MB = 100
STEPS = [{"run": {"name": f"step {i}", "command": "true"}} for i in range(3)]
PRINT = f"head -c {LOG_MB * 1024 * 1024} /dev/zero | tr '\\0' x | fold -w 120"


def measure(directory: Path) -> Iterator[Figure]:
    """All figures, each as soon as it is known."""
    began = time.perf_counter()
    server = Server(directory / "data").start()
    try:
        yield start(time.perf_counter() - began)
        user = server.user("bench")
        yield rest(server)
        yield from pushes(user, directory)
        yield queued(server, user, directory)
        yield log(server, user, directory)
        yield reads(server, user)
    finally:
        server.stop()


def start(seconds: float) -> Figure:
    by_hand = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    raw = time.perf_counter() - by_hand
    return Figure(
        "start of the all-in-one server to ready",
        f"{seconds:.2f} s",
        f"{raw:.2f} s (python -c pass)",
        f"{seconds / raw:.0f}",
        "1.5 s",
        met(seconds, 1.5),
    )


def rest(server: Server) -> Figure:
    """Memory of the server's own process after its first user."""
    used = memory(server.pid)
    return Figure("all-in-one server at rest, RSS", f"{used:.0f} MB", "", "", "100 MB", met(used, 100))


def pushes(user: User, directory: Path) -> Iterator[Figure]:
    """Three-step runs, one push each: the two latencies and the whole."""
    work = Work(directory / "pushes", user.project("pushes"))
    work.commit(config("true", steps=STEPS))
    work.push()
    work.project.finished(1)
    first, last, whole = [], [], []
    for number in range(2, PUSHES + 2):
        work.commit({}, f"change {number}")
        work.push()
        run = work.project.finished(number)
        received = time_of(newest_push(work.project)["received_at"])
        steps = task_of(work.project, run)["steps"]
        first.append(time_of(steps[0]["start_time"]) - received)
        last.append(time_of(run["end_time"]) - time_of(steps[-1]["end_time"]))
        whole.append(time_of(run["end_time"]) - received)
    raw = three_by_hand(PUSHES, sandbox=shutil.which("bwrap"))
    push = plain_push(directory / "plain", PUSHES)
    yield Figure(
        "push received → first step started",
        milliseconds(first),
        f"{milliseconds(push)} (a whole push to a bare repository)",
        ratio(first, push),
        "30 ms p50",
        met(quantile(first, 0.5), 0.030),
    )
    yield Figure(
        "last step ended → run finished",
        milliseconds(last),
        "",
        "",
        "10 ms p50",
        met(quantile(last, 0.5), 0.010),
    )
    over = quantile(whole, 0.5) - quantile(raw, 0.5)
    yield Figure(
        "3-step run, push received → finished",
        milliseconds(whole),
        f"{milliseconds(raw)} (by hand, each in bubblewrap)",
        ratio(whole, raw),
        "raw + 30 ms",
        met(over, 0.030),
    )


def queued(server: Server, user: User, directory: Path) -> Figure:
    """One push of 200 branches, one one-step run each, four slots."""
    work = Work(directory / "queued", user.project("queued"))
    work.commit(config("true"))
    work.git("push", "-q", "origin", "HEAD:refs/heads/warm")
    work.project.finished(1)
    refs = [f"HEAD:refs/heads/b{i}" for i in range(QUEUED)]
    cpu = cpu_seconds(server.pid)
    work.git("push", "-q", "origin", *refs)
    for number in range(2, QUEUED + 2):
        work.project.finished(number)
    runs = work.project.runs()
    begun = min(time_of(run["enqueue_time"]) for run in runs[:QUEUED])
    ended = max(time_of(run["end_time"]) for run in runs[:QUEUED])
    per_minute = QUEUED / (ended - begun) * 60
    raw = three_by_hand(10, sandbox=shutil.which("bwrap"), commands=1)
    by_hand = 60 / quantile(raw, 0.5)
    return Figure(
        f"{QUEUED} one-step runs queued at once, 4 slots",
        f"{per_minute:.0f} runs/min, {cpu_seconds(server.pid) - cpu:.1f} s CPU, {memory(server.pid):.0f} MB RSS",
        f"{by_hand:.0f}/min (the step by hand, one after another)",
        f"{per_minute / by_hand:.2f}",
        "2,000 runs/min (of 3 steps)",
        "met" if per_minute >= 2000 else "MISSED",
    )


def log(server: Server, user: User, directory: Path) -> Figure:
    """A step that prints 100 MB, followed to its end."""
    work = Work(directory / "log", user.project("log"))
    work.commit(config("true", steps=[{"run": {"name": "print", "command": PRINT, "tty": False}}]))
    by_hand = time.perf_counter()
    subprocess.run(["/bin/sh", "-c", PRINT], check=True, stdout=subprocess.DEVNULL)
    raw = LOG_MB / (time.perf_counter() - by_hand)
    work.push()
    received = sum(len(block) for block in work.project.log_blocks(1, "task", 0))
    run = work.project.finished(1)
    step = task_of(work.project, run)["steps"][0]
    seconds = time_of(step["end_time"]) - time_of(step["start_time"])
    speed = received / 1024 / 1024 / seconds
    return Figure(
        f"a log of {LOG_MB} MB, printed to followed",
        f"{speed:.0f} MB/s, {memory(server.pid, 'VmHWM'):.0f} MB RSS at most",
        f"{raw:.0f} MB/s (the same command to /dev/null)",
        f"{speed / raw:.2f}",
        "50 MB/s",
        "met" if speed >= 50 else "MISSED",
    )


def reads(server: Server, user: User) -> Figure:
    """GET of one run on one connection."""
    path = f"{server.url}/api/v1alpha/projects/user%2Fbench%2Fpushes/runs/1"
    with httpx2.Client(headers={"Authorization": f"token {user.token}"}) as client:
        ours = [timed(lambda: client.get(path).raise_for_status()) for _ in range(READS)]
    raw = plain_http(READS)
    return Figure(
        "API: GET run",
        milliseconds(ours),
        f"{milliseconds(raw)} (the bare server, a constant)",
        ratio(ours, raw),
    )


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def ratio(ours: list[float], raw: list[float]) -> str:
    return f"{quantile(ours, 0.5) / quantile(raw, 0.5):.1f}"


def newest_push(project: Project) -> dict[str, Any]:
    newest: dict[str, Any] = project.user.get(f"{project.ref}/pushes")["pushes"][0]
    return newest


def task_of(project: Project, run: dict[str, Any]) -> dict[str, Any]:
    (task,) = run["tasks"]
    return project.user.get(f"{project.ref}/runs/{run['number']}/tasks/{task}")


def time_of(text: str) -> float:
    """Seconds since the epoch; nanoseconds are cut to what Python reads."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{fraction[:6].ljust(6, '0')}+00:00").timestamp()


def memory(pid: int, field: str = "VmRSS") -> float:
    """Megabytes of resident memory, now or (VmHWM) at most."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise AssertionError(field)


def cpu_seconds(pid: int) -> float:
    """Processor time of the server's own process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
