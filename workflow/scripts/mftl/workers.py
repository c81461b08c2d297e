"""Worker processes in which engines run: what crashes or hangs there costs one structure, not the job.

A worker is given structures and answers with labels or failures, one JSON object in a line each: requests through its
standard input, answers through a pipe of its own, since engines print what they like. It is started afresh (not
forked: the job may hold threads), ends when the job ends, however that ends, and is replaced when it dies.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mftl.engines import Structure, worker

QUICK = 0.1  # s: a worker that is done sooner is sent the next structure in advance
START_LIMIT = 60.0  # s, for a worker to import its engine
OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)  # nothing an engine does to itself
MAX_KILLS = 10  # a structure that so many workers were killed at is set aside
MESSAGE = 300  # characters of a last message that are kept


class Answer(dict[str, Any]):
    """What is known of one structure, and the line of JSON in which a worker said it, if one did."""

    line: bytes = b""


class WorkersDie(RuntimeError):
    """Worker processes end before they are ready; the message is the last thing one said."""


def command(module: str, settings: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """How to start a worker for the engine in ``module``, and the first line it is sent."""
    return [sys.executable, "-m", worker.__name__], {"module": module, "settings": settings}


class Worker:
    """A process that labels structures; ``start`` is what ``command`` returns."""

    def __init__(self, start: tuple[list[str], dict[str, Any]]):
        arguments, first = start
        self._folder = tempfile.TemporaryDirectory(prefix="mftl-worker-", ignore_cleanup_errors=True)
        self._output = Path(self._folder.name) / "output"
        reading, writing = os.pipe()
        scripts = str(Path(__file__).parents[1])
        # one thread: parallelism is over structures
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        path = os.pathsep.join([scripts, *filter(None, [os.environ.get("PYTHONPATH")])])
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*arguments, str(writing)],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                # what a killed worker leaves behind is removed with its folder
                env=os.environ | threads | {"PYTHONPATH": path, "TMPDIR": self._folder.name},
                pass_fds=[writing],
                start_new_session=True,  # what an engine starts is ended with it
                bufsize=0,
            )
        os.close(writing)
        assert self._process.stdin is not None  # a pipe
        self.pid, self.answers, self.requests = self._process.pid, reading, self._process.stdin.fileno()
        os.set_blocking(self.answers, False)
        os.set_blocking(self.requests, False)
        self.ready, self.unsent, self._received = False, b"", b""
        self._held: deque[Structure] = deque()
        self._queue(first)

    def submit(self, structure: Structure) -> None:
        """Hand over a structure; answers come in the same order."""
        self._held.append(structure)
        self._queue(vars(structure))

    def send(self) -> None:
        """Send what is still unsent of the requests, as far as the worker takes it."""
        try:
            while self.unsent:
                self.unsent = self.unsent[os.write(self.requests, self.unsent) :]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self.unsent = b""  # it is dead; the end of its answers says so

    def receive(self) -> tuple[list[Answer], bool]:
        """The answers that are there, without waiting, and whether the worker lives and makes sense.

        A line that is no answer to the structure at hand counts as death.
        """
        alive = True
        while alive:
            try:
                data = os.read(self.answers, 1 << 16)
            except BlockingIOError:
                break
            alive = bool(data)
            self._received += data
        *lines, self._received = self._received.split(b"\n")
        answers = []
        for line in lines:
            try:
                answer = json.loads(line)
                if not self.ready:
                    self.ready = answer["ready"]
                    continue
                answers.append(_checked(answer, self._held[0], line))
            except (ValueError, TypeError, KeyError, IndexError):
                with self._output.open("a") as output:
                    output.write(f"\nnot an answer: {line[:80].decode(errors='replace')}")
                return answers, False
            self._held.popleft()
        return answers, alive

    def ask(self, structure: Structure, timeout: float) -> Answer | None:
        """The answer for one structure; None if the worker is dead or does not answer in ``timeout`` seconds."""
        self.submit(structure)
        deadline = time.monotonic() + timeout + (0.0 if self.ready else START_LIMIT)
        while (left := deadline - time.monotonic()) > 0:
            select.select([self.answers], [self.requests] if self.unsent else [], [], left)
            self.send()
            answers, alive = self.receive()
            if answers or not alive:
                return answers[0] if answers else None
        return None

    def end(self) -> tuple[int | None, str]:
        """Kill the process and all it started; its own exit code, negative for a signal, and the last it printed.

        The exit code is None if it would have lived on.
        """
        try:
            # a process that closed its pipe is about to end by itself
            code = self._process.wait(0.5 if self._closed() else 0)
        except subprocess.TimeoutExpired:
            code = None
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        os.close(self.answers)
        try:
            message = last_line(self._output.read_text(errors="replace"))
        except OSError:
            message = ""
        self._folder.cleanup()
        return code, message

    def _closed(self) -> bool:
        poll = select.poll()
        poll.register(self.answers, select.POLLIN)
        return any(event & select.POLLHUP for _, event in poll.poll(0))

    def _queue(self, request: dict[str, Any]) -> None:
        self.unsent += json.dumps(request).encode() + b"\n"
        self.send()


def _checked(answer: Any, structure: Structure, line: bytes) -> Answer:
    """An answer that is one to this structure; raises otherwise."""
    if answer["id"] != structure.id:
        raise ValueError(answer["id"])
    float(answer["seconds"])
    if "failed" not in answer and "unusable" not in answer:
        float(answer["energy"]), dict(answer["extra"])
        if "forces" in answer and [len(row) for row in answer["forces"]] != [3] * len(structure.symbols):
            raise ValueError(answer["forces"])
    answer = Answer(answer)
    answer.line = line
    return answer


def last_line(output: str) -> str:
    """The last line that says something: no backtrace, nor the last words of a Fortran program.

    DFTB+ says ERROR!, marks with an arrow what is wrong, and then says where.
    """
    lines = [line.strip() for line in output.rpartition("ERROR!")[2].splitlines() if line.strip()]
    lines = [line for line in lines if not line.startswith(("#", "ERROR STOP", "Error termination"))]
    marked = [line[2:].strip() for line in lines if line.startswith("->")] if "ERROR!" in output else []
    return (marked or lines or [""])[-1][:MESSAGE]


# --- many structures ------------------------------------------------------------------------------------------------


@dataclass
class _Slot:
    """One of the places for a worker: what it holds, from when and until when it may take for the first."""

    worker: Worker | None = None
    group: str | None = None
    held: deque[int] = field(default_factory=deque)
    deadline: float = 0.0
    since: float = 0.0
    quick: bool = False


class _Queue:
    """Structures that wait, by group: a worker stays with its group, and takes the largest when that is done."""

    def __init__(self, groups: list[str]):
        self.waiting: dict[str, deque[int]] = {}
        for i, group in enumerate(groups):
            self.waiting.setdefault(group, deque()).append(i)
        self.groups = groups

    def take(self, own: str | None, others: set[str]) -> int | None:
        """The next structure for a worker of group ``own``, if it can be a group that no other worker is at."""
        if not self.waiting:
            return None
        group = own
        if group not in self.waiting:
            free = [one for one in self.waiting if one not in others] or list(self.waiting)
            group = max(free, key=lambda one: len(self.waiting[one]))
        index = self.waiting[group].popleft()
        if not self.waiting[group]:
            del self.waiting[group]
        return index

    def put_back(self, index: int, last: bool = False) -> None:
        """Let a structure wait again."""
        waiting = self.waiting.setdefault(self.groups[index], deque())
        (waiting.append if last else waiting.appendleft)(index)


def run(
    structures: list[Structure],
    start: tuple[list[str], dict[str, Any]],
    workers: int = 1,
    timeout: float = 600.0,
    group: Callable[[Structure], str] | None = None,
) -> Generator[tuple[int, Answer]]:
    """Label structures with worker processes; yields the place of a structure and its answer, as they are ready.

    ``timeout`` (s) is for each structure; ``group`` names what structures have in common that are best labelled in a
    row. An answer is what a worker says, or ``failed`` with exit code and last message if the worker died or took too
    long. A worker that is killed from outside is no failure: the structure is labelled by another one, and set aside
    with ``killed`` after ``MAX_KILLS``.
    Raises WorkersDie if a worker ends before it is ready.
    """
    queue = _Queue([group(one) if group else "" for one in structures])
    slots = [_Slot() for _ in range(min(workers, len(structures)))]
    kills: dict[int, int] = {}
    try:
        while queue.waiting or any(slot.held for slot in slots):
            for slot in slots:
                _fill(slot, slots, queue, structures, start, timeout)
            busy = {slot.worker.answers: (slot, slot.worker) for slot in slots if slot.worker and slot.held}
            wait = max(0.0, min(slot.deadline for slot, _ in busy.values()) - time.monotonic())
            unsent = {slot.worker.requests: slot.worker for slot in slots if slot.worker and slot.worker.unsent}
            ready, writable, _ = select.select(list(busy), list(unsent), [], wait)
            for one in writable:
                unsent[one].send()
            for slot, worker in [busy[one] for one in ready]:
                starting = not worker.ready
                answers, alive = worker.receive()
                if answers or (starting and worker.ready):
                    slot.since = time.monotonic()
                    slot.deadline = slot.since + timeout
                for answer in answers:
                    slot.quick = answer["seconds"] < QUICK
                    yield slot.held.popleft(), answer
                if not alive:
                    yield from _bury(slot, queue, kills, None)
            for slot in slots:
                if slot.held and time.monotonic() > slot.deadline:
                    yield from _bury(slot, queue, kills, timeout)
    finally:
        for slot in slots:
            if slot.worker:
                slot.worker.end()


def _fill(slot: _Slot, slots: list[_Slot], queue: _Queue, structures: list[Structure], start: Any, timeout: float):
    """Give a worker what it can hold, starting it if need be."""
    while len(slot.held) < 1 + slot.quick:
        others = {other.group for other in slots if other is not slot and other.group is not None}
        index = queue.take(slot.group, others)
        if index is None:
            return
        if slot.worker is None:
            slot.worker = Worker(start)
        slot.group = queue.groups[index]
        if not slot.held:
            slot.since = time.monotonic()
            slot.deadline = slot.since + timeout + (START_LIMIT if not slot.worker.ready else 0.0)
        slot.held.append(index)
        slot.worker.submit(structures[index])


def _bury(slot: _Slot, queue: _Queue, kills: dict[int, int], timeout: float | None) -> Iterator[tuple[int, Answer]]:
    """Take a dead or late worker away: its first structure is to blame, the others wait again."""
    assert slot.worker is not None
    ready, (code, message) = slot.worker.ready, slot.worker.end()
    held, slot.worker, slot.held = slot.held, None, deque()
    for index in reversed(list(held)[1:]):
        queue.put_back(index)
    if not held:
        return
    blamed, seconds = held[0], round(time.monotonic() - slot.since, 4)
    killed = -code if code is not None and -code in OUTSIDE else 0
    if not ready and not killed:
        raise WorkersDie(message or ("it takes too long" if timeout else f"exit code {code}"))
    if timeout is not None:
        yield blamed, _failed(f"took longer than {timeout:g} s", code, message, seconds)
    elif killed:
        kills[blamed] = kills.get(blamed, 0) + 1
        if kills[blamed] < MAX_KILLS:
            queue.put_back(blamed, last=True)
        else:
            yield blamed, Answer(killed=killed, seconds=seconds)
    else:
        if code is None:
            reason = "the engine gave an answer that is none"
        else:
            reason = f"the engine was ended by signal {-code}" if code < 0 else f"the engine ended, exit code {code}"
        yield blamed, _failed(f"{reason}: {message}" if message else reason, code, message, seconds)


def _failed(reason: str, code: int | None, message: str, seconds: float) -> Answer:
    return Answer(failed=reason, exit_code=code, message=message, seconds=seconds)
