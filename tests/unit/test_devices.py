"""Files load on any device, whichever wrote them; what is said and chosen where there is no GPU, one, or several."""

import io
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mace.modules import ScaleShiftMACE
from mace.tools.scripts_utils import extract_config_mace_model

from mftl import export, gpus, models
from mftl.config.training import Architecture, Training
from mftl.inputs import InputError
from mftl.prediction import predict
from mftl.training.run import Run
from mftl.training.state import read_state

ELEMENTS = ["H", "C", "N", "O", "S", "Cl"]
VECTORS = Architecture(channels=4, radial_mlp=[8], readout_channels=4, max_l=1)
FAST = Training(epochs=2, batch_size=5, energy_weight=100.0, validation_steps=1)
NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")


def moved_to_cuda(archive: bytes) -> bytes:
    """A file of torch.save or torch.jit.save in which each tensor says that it was on a GPU, as one written there."""
    source, target = zipfile.ZipFile(io.BytesIO(archive)), io.BytesIO()
    with zipfile.ZipFile(target, "w") as out:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(".pkl"):
                content = content.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")
            out.writestr(name, content)
    return target.getvalue()


def write_as_on_cuda(value: object, path: Path) -> Path:
    """Write a model, or anything else, as a process with a GPU would that does not move it to the CPU first."""
    save = torch.jit.save

    def save_script(script: torch.jit.ScriptModule, buffer: io.BytesIO) -> None:
        own = io.BytesIO()
        save(script, own)
        buffer.write(moved_to_cuda(own.getvalue()))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.jit, "save", save_script)
        torch.save(value, path)
    path.write_bytes(moved_to_cuda(path.read_bytes()))
    return path


def places(model: torch.nn.Module) -> set[str]:
    """Kinds of devices on which any tensor of a model lies."""
    tensors = [*model.parameters(), *model.buffers()]
    tensors += [one for module in model.modules() for one in vars(module).values() if isinstance(one, torch.Tensor)]
    return {one.device.type for one in tensors}


@pytest.fixture(scope="module")
def vectors():
    """A model whose features have vectors: of these e3nn keeps TorchScript with tensors in the file."""
    return models.build_model(VECTORS, ELEMENTS, 8.0, 1.0, 1, torch.float32)


@pytest.fixture(scope="module")
def two_heads(vectors):
    settings = extract_config_mace_model(vectors)
    settings |= {"heads": ["a", "b"], "atomic_energies": np.zeros((2, len(ELEMENTS)))}
    settings |= {"atomic_inter_scale": [0.5, 1.0], "atomic_inter_shift": [0.1, 0.0]}
    torch.manual_seed(3)
    return ScaleShiftMACE(**settings)


@pytest.fixture(scope="module")
def from_cuda(vectors, tmp_path_factory):
    return write_as_on_cuda(vectors, tmp_path_factory.mktemp("cuda") / "model.pt")


@NO_GPU
def test_such_a_file_is_as_those_written_on_a_gpu(from_cuda):
    """torch's own ``map_location`` does not reach what e3nn reads."""
    with pytest.raises(RuntimeError, match=r"(?s)CUDA"):
        torch.load(from_cuda, map_location="cpu", weights_only=False)


def test_a_file_written_on_a_gpu_is_read_without_one(vectors, from_cuda, dft):
    model, structures = models.load_model(from_cuda), dft.structures[:3]
    assert places(model) == {"cpu"}
    for own, other in zip(predict(model, structures), predict(vectors, structures), strict=True):
        np.testing.assert_array_equal(np.concatenate(own, None), np.concatenate(other, None))


def test_a_head_is_taken_from_a_file_written_on_a_gpu(two_heads, tmp_path, dft):
    path = write_as_on_cuda(two_heads, tmp_path / "two.pt")
    single = models.load_model(path, head="b")
    assert single.heads == ["b"] and places(single) == {"cpu"}
    _, (forces,) = predict(single, dft.structures[:1])
    assert np.abs(forces).max() > 0


def test_training_goes_on_from_a_file_written_on_a_gpu(from_cuda, dft, tmp_path):
    run = Run(dft[:10], dft[10:20], FAST, tmp_path, parent=from_cuda)
    models.save_model(run.train((1, 2)), tmp_path / "model.pt")
    for path in (tmp_path / "model.pt", tmp_path / "snapshots" / "e1.pt"):
        assert b"cuda" not in path.read_bytes()
        assert places(models.load_model(path)) == {"cpu"}


def test_a_model_written_on_a_gpu_is_exported(from_cuda, tmp_path, dft):
    model = export.write_for_ase(from_cuda, tmp_path / "model.pt")
    assert b"cuda" not in (tmp_path / "model.pt").read_bytes() and places(model) == {"cpu"}
    files = export.write_for_lammps(tmp_path / "model.pt")
    torch.jit.load(tmp_path / files["libtorch"])


def test_the_state_of_a_run_on_a_gpu_is_read_without_one(tmp_path):
    state = {"identity": "same", "best": {"a": torch.arange(3.0)}, "heads": torch.ones(2)}
    back = read_state(write_as_on_cuda(state, tmp_path / "state.pt"), "same")
    assert torch.equal(back["best"]["a"], torch.arange(3.0)) and back["heads"].device.type == "cpu"


@pytest.mark.parametrize("head", [None, "b"])
def test_all_of_a_file_written_on_a_cpu_goes_to_another_device(vectors, two_heads, tmp_path, head):
    """``meta`` stands for a GPU: it can hold tensors, though not compute."""
    models.save_model(two_heads if head else vectors, tmp_path / "model.pt")
    assert places(models.load_model(tmp_path / "model.pt", "meta", head)) == {"meta"}


def test_a_model_is_on_the_cpu_while_it_is_written(vectors, tmp_path, monkeypatch):
    """And back where it was even if it cannot be written."""
    steps, move = [], torch.nn.Module.to
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, device: steps.append(str(device)) or move(self, device))
    monkeypatch.setattr(torch, "save", lambda *_: steps.append("save") or 1 / 0)
    monkeypatch.setattr(torch.nn.Module, "parameters", lambda self: iter([torch.empty(1, device="meta")]))
    monkeypatch.setattr(torch.nn.Module, "_apply", lambda self, *_: self)
    with pytest.raises(ZeroDivisionError):
        models.save_model(vectors, tmp_path / "model.pt")
    assert steps == ["cpu", "save", "meta"] and not (tmp_path / "model.pt").exists()


@ON_GPU
def test_there_and_back(dft, tmp_path):
    """A stage on a GPU writes files as a CPU does, and goes on training after each."""
    settings = FAST.model_copy(update={"dtype": "float64", "epochs": 3})
    options = {"architecture": VECTORS, "elements": ELEMENTS}
    found = []
    for device in ("cuda", "cpu"):
        model = Run(dft[:10], dft[10:20], settings, tmp_path / device, device=device, **options).train((1, 2, 3), False)
        found.append(predict(model, dft.structures[20:23], device=device)[1])
        assert b"cuda" not in (tmp_path / device / "snapshots" / "e2.pt").read_bytes()
    for own, other in zip(*found, strict=True):
        np.testing.assert_allclose(own, other, rtol=1e-4, atol=1e-6)
    tuned = Run(
        dft[:10], dft[10:20], FAST, tmp_path / "on", parent=tmp_path / "cpu" / "snapshots" / "e3.pt", device="cuda"
    )
    assert places(tuned.train()) == {"cuda"}


def test_a_run_begun_on_another_device_is_another_run(dft, tmp_path):
    runs = [Run(dft[:5], dft[5:8], FAST, tmp_path, architecture=VECTORS, elements=ELEMENTS) for _ in range(2)]
    runs[1].target = torch.device("cuda", 1)
    assert runs[0].identity != runs[1].identity


@NO_GPU
@pytest.mark.parametrize("built, told", [(None, "is for CPUs"), ("12.8", "is built for GPUs (12.8): is there one")])
def test_a_missing_gpu_is_a_message(monkeypatch, built, told):
    monkeypatch.setattr(torch.version, "cuda", built)
    with pytest.raises(InputError, match=rf"device: got 'cuda'.*no GPU.*{re.escape(told)}.*valid: cpu, or auto"):
        models.find_device("cuda")
    assert models.find_device("auto") == models.find_device("cpu") == torch.device("cpu")


TAKE = "from mftl import gpus; print(gpus.take(2), flush=True); input()"


def test_jobs_take_several_gpus_in_turn(tmp_path, monkeypatch):
    """As long as a process lives its GPU counts as taken; with more jobs than GPUs they share."""
    environment = {**os.environ, "PYTHONPATH": "workflow/scripts", "TMPDIR": str(tmp_path)}

    def start(**more: str) -> tuple[subprocess.Popen, int]:
        command = [sys.executable, "-c", TAKE]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        job = subprocess.Popen(command, env=environment | more, **pipes)
        return job, int(job.stdout.readline())

    jobs = [start() for _ in range(4)]
    assert [index for _, index in jobs] == [0, 1, 0, 1]
    jobs[1][0].communicate("\n")
    jobs.append(start())
    assert jobs[-1][1] == 1
    jobs.append(start(CUDA_VISIBLE_DEVICES="5,1"))  # the second is the one that has more jobs
    assert jobs[-1][1] == 0
    for job, _ in jobs:
        if job.poll() is None:
            job.communicate("\n")


def test_a_job_stays_on_its_gpu(monkeypatch):
    current = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setattr(gpus, "take", lambda count: count - 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert models.find_device("auto") == torch.device("cuda", 2) and current == [2]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert models.find_device("cuda") == torch.device("cuda") and current == [2]


NUMERICS = """
import torch
from mftl.models import fix_numerics
print(torch.get_float32_matmul_precision())
torch._C._jit_override_can_fuse_on_gpu(True)
fix_numerics()
print(torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32, torch._C._jit_can_fuse_on_gpu())
"""


def test_no_digits_are_lost_where_a_container_asks_for_fewer():
    environment = {**os.environ, "PYTHONPATH": "workflow/scripts", "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1"}
    done = subprocess.run([sys.executable, "-c", NUMERICS], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["high", "highest False False"]
