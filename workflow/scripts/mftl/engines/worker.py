"""What runs in a worker process: an engine that labels one structure after the other. See ``mftl.workers``.

Imports as little as it can: engines may fork their process for each structure, and forking takes time with its size.
"""

import json
import os
import sys
import time
import traceback
from importlib import import_module
from types import SimpleNamespace
from typing import Any

from mftl.engines import Failure, Structure
from mftl.inputs import FULL, InputError
from mftl.processes import allow_large_stack, die_with_parent


def main() -> None:
    """Read requests from standard input, answer on the file descriptor that the first argument names."""
    die_with_parent()
    allow_large_stack()
    answers = int(sys.argv[1])
    first = json.loads(sys.stdin.readline())
    engine, settings = import_module(first["module"]), SimpleNamespace(**first["settings"])
    _write(answers, b'{"ready": true}\n')
    for line in sys.stdin:
        # what the engine prints is only wanted if it fails
        os.ftruncate(1, 0)
        start = time.perf_counter()
        structure = Structure(**json.loads(line))
        answer = {"id": structure.id, **_answer(engine, settings, structure)}
        answer["seconds"] = round(time.perf_counter() - start, 4)
        _write(answers, json.dumps(answer).encode() + b"\n")


def _answer(engine: Any, settings: SimpleNamespace, structure: Structure) -> dict[str, Any]:
    """A label, ``failed`` with the reason, or ``unusable`` with what the user has to mend first."""
    try:
        label = engine.label(structure, settings)
    except Failure as error:
        return {"failed": str(error), "exit_code": error.exit_code, "message": error.message}
    except InputError as error:
        return {"unusable": str(error)}
    except OSError as error:
        if error.errno in FULL:
            return {"unusable": f"{error}; make room, then call again"}
        return {"failed": f"{type(error).__name__}: {error}", "exit_code": None, "message": traceback.format_exc()}
    except Exception as error:  # whatever it is, the other structures are still worth labelling
        return {"failed": f"{type(error).__name__}: {error}", "exit_code": None, "message": traceback.format_exc()}
    answer: dict[str, Any] = {"energy": label.energy, "extra": label.extra}
    if not settings.forces:
        return answer
    if [len(row) for row in label.forces] != [3] * len(structure.symbols):
        reason = f"the engine gave forces on {len(label.forces)} atoms of {len(structure.symbols)}"
        return {"failed": reason, "exit_code": None, "message": ""}
    answer["forces"] = label.forces
    return answer | ({"stress": label.stress} if label.stress is not None else {})


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


if __name__ == "__main__":
    main()
