"""The main job measured: push to first step, last step to finished, throughput, logs, the API."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2

from tests.bench.baselines import PlainPush, by_hand, plain_http
from tests.bench.figures import Figure, median_ms, met, milliseconds, quantile
from tests.system.server import TIDEMILL, Project, Server, User, Work, config

PUSHES = 30
QUEUED = 200
READS = 1000
COMMANDS = 15
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
        yield command_line(server, user)
        for steps in (1, 3):
            yield queued(server, user, directory, steps)
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
    return Figure(
        "all-in-one server at rest, RSS",
        f"{used:.0f} MB",
        budget="100 MB",
        verdict=met(used, 100),
        numbers={"rest": used},
    )


def pushes(user: User, directory: Path) -> Iterator[Figure]:
    """Three-step runs, one push each: the latencies and the whole, each beside the same by hand."""
    work = Work(directory / "pushes", user.project("pushes"))
    work.commit(config("true", steps=STEPS))
    work.push()
    work.project.finished(1)
    plain = PlainPush(directory / "plain")
    sandbox = shutil.which("bwrap")
    push, raw = [], []
    typed, first, last, whole = [], [], [], []
    for number in range(2, PUSHES + 2):
        push.append(plain.seconds())
        raw.append(by_hand(sandbox))
        work.commit({}, f"change {number}")
        began = time.time()
        work.push()
        run = work.project.finished(number)
        received = time_of(newest_push(work.project)["received_at"])
        steps = task_of(work.project, run)["steps"]
        typed.append(time_of(steps[0]["start_time"]) - began)
        first.append(time_of(steps[0]["start_time"]) - received)
        last.append(time_of(run["end_time"]) - time_of(steps[-1]["end_time"]))
        whole.append(time_of(run["end_time"]) - received)
    yield Figure(
        "`git push` typed → first step started",
        milliseconds(typed),
        f"{milliseconds(push)} (the push alone, to a bare repository)",
        ratio(typed, push),
    )
    yield Figure(
        "push received (refs moved) → first step started",
        milliseconds(first),
        "",
        "",
        "30 ms p50",
        met(quantile(first, 0.5), 0.030),
        {"first_step": median_ms(first)},
    )
    yield Figure(
        "last step ended → run finished",
        milliseconds(last),
        "",
        "",
        "10 ms p50",
        met(quantile(last, 0.5), 0.010),
        {"last_step": median_ms(last)},
    )
    over = quantile(whole, 0.5) - quantile(raw, 0.5)
    yield Figure(
        "3-step run, push received (refs moved) → finished",
        milliseconds(whole),
        f"{milliseconds(raw)} (by hand, each in bubblewrap)",
        ratio(whole, raw),
        "raw + 30 ms",
        met(over, 0.030),
        {"three_steps": median_ms(whole)},
    )


def command_line(server: Server, user: User) -> Figure:
    """`tidemill run list`, each time a new process."""
    environment = os.environ | {"TIDEMILL_GATEWAY_URL": server.url, "TIDEMILL_TOKEN": user.token}
    command = [TIDEMILL, "run", "list", f"user/{user.name}/pushes"]

    def run() -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)

    ours = [timed(run) for _ in range(COMMANDS)]
    raw = [timed(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True)) for _ in range(COMMANDS)]
    return Figure(
        "`tidemill run list`, the whole command",
        milliseconds(ours),
        f"{milliseconds(raw)} (python -c pass)",
        ratio(ours, raw),
        "400 ms p50",
        met(quantile(ours, 0.5), 0.400),
    )


def queued(server: Server, user: User, directory: Path, steps: int) -> Figure:
    """One push of 200 branches, one run each, four slots; nobody watches while they run."""
    work = Work(directory / f"queued-{steps}", user.project(f"queued-{steps}"))
    work.commit(config("true", steps=STEPS[:steps]))
    work.git("push", "-q", "origin", "HEAD:refs/heads/warm")
    work.project.finished(1)
    refs = [f"HEAD:refs/heads/b{i}" for i in range(QUEUED)]
    cpu = cpu_seconds(server.pid)
    work.git("push", "-q", "origin", *refs)
    runs = all_over(work.project, QUEUED, already=1)
    begun = min(time_of(run["enqueue_time"]) for run in runs)
    per_minute = QUEUED / (max(time_of(run["end_time"]) for run in runs) - begun) * 60
    raw = quantile([by_hand(shutil.which("bwrap"), steps) for _ in range(10)], 0.5)
    used = cpu_seconds(server.pid) - cpu
    return Figure(
        f"{QUEUED} runs of {steps} step{'s' if steps > 1 else ''} queued at once, 4 slots",
        f"{per_minute:,.0f} runs/min, {used / QUEUED * 1e3:.0f} ms CPU each, {memory(server.pid):.0f} MB RSS",
        f"{60 / raw:,.0f}/min (the steps by hand, one after another)",
        f"{per_minute * raw / 60:.2f}",
        "2,000 runs/min" if steps == 3 else "",
        ("met" if per_minute >= 2000 else "MISSED") if steps == 3 else "",
        {f"queued_{steps}": per_minute, "cpu": used / QUEUED * 1e3},
    )


def all_over(project: Project, count: int, already: int) -> list[dict[str, Any]]:
    """The *count* runs behind the first *already* once all are over; only one at a time is watched."""
    last = already + count
    while True:
        runs = project.user.get(f"{project.ref}/runs", limit=count)
        going_on = [run["number"] for run in runs if run["phase"] in ("queued", "running")]
        if not going_on and runs and runs[0]["number"] >= last:
            return runs
        project.finished(max(going_on, default=last))


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
    peak = memory(server.pid, "VmHWM")
    return Figure(
        f"a log of {LOG_MB} MB, printed to followed",
        f"{speed:.0f} MB/s, {peak:.0f} MB RSS at most",
        f"{raw:.0f} MB/s (the same command to /dev/null)",
        f"{speed / raw:.2f}",
        "50 MB/s",
        "met" if speed >= 50 else "MISSED",
        {"log": speed, "log_memory": peak},
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
