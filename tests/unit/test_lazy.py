"""Packages whose ``__init__`` is put off are what they were, and a model is a file that mace-torch alone reads."""

import subprocess
import sys
from pathlib import Path

import pytest

from mftl import sources

SCRIPTS = Path(sources.__file__).parents[1]

PACKAGE = {
    "__init__.py": "ran = True\nfrom .light import light\nfrom heavy_one.sub import sub as other\n"
    "from .heavy import heavy\nfrom .train import train\nlater = light + 1\n",
    "light.py": "light = 1\n",
    "heavy.py": "print('heavy')\nheavy = 2\n",
    "train.py": "def train():\n    return 'trained'\n",
    "sub/__init__.py": "print('sub')\nsub = 3\n",
}


def python(code: str, folder: Path | None = None) -> str:
    """What code prints in a new process."""
    code = f"import sys; sys.path[:0] = [{str(SCRIPTS)!r}, {str(folder)!r}]\n{code}"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path):
    """The folder of a package `heavy_one`."""
    for name, text in PACKAGE.items():
        path = tmp_path / "heavy_one" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_name_imports_its_module_alone(package):
    code = (
        "from mftl.lazy import put_off; put_off(['heavy_one'])\nimport heavy_one\nfrom heavy_one import light, other\n"
        "import heavy_one.train\nprint(light, other, heavy_one.train(), 'ran' in vars(heavy_one))\n"
        "from heavy_one import sub; print(sub.__name__)"
    )
    assert python(code, package).split("\n") == ["sub", "1 3 trained False", "heavy_one.sub"]


def test_any_other_name_runs_the_package(package):
    code = (
        "from mftl.lazy import put_off; put_off(['heavy_one'])\nimport heavy_one, types\nprint(heavy_one.later)\n"
        "print(heavy_one.train(), heavy_one.ran, type(heavy_one) is types.ModuleType)\n"
        "try:\n    heavy_one.absent\nexcept AttributeError as error:\n    print(error)"
    )
    expected = ["sub", "heavy", "2", "trained True True", "module 'heavy_one' has no attribute 'absent'"]
    assert python(code, package).split("\n") == expected


def test_a_module_runs_as_a_whole(package):
    code = (
        "from mftl.lazy import put_off; put_off([], ['heavy_one'])\n"
        "import heavy_one as one\nprint('ran' in vars(one))\n"
        "import heavy_one.sub\nprint(one.ran, heavy_one.sub.sub, heavy_one.sub is sys.modules['heavy_one.sub'])\n"
        "print(type(heavy_one.sub.__loader__).__name__, type(heavy_one.__spec__.loader).__name__)"
    )
    expected = ["False", "sub", "heavy", "True 3 True", "SourceFileLoader SourceFileLoader"]
    assert python(code, package).split("\n") == expected


def test_what_is_imported_already_stays(package):
    code = (
        "import heavy_one\nfrom mftl.lazy import put_off; put_off(['heavy_one'])\n"
        "import heavy_one\nprint(heavy_one.ran)"
    )
    assert python(code, package).split("\n") == ["sub", "heavy", "True"]


def test_training_and_predicting_import_little():
    heavy = (
        "{'torchmetrics', 'matplotlib', 'scipy.signal', 'scipy.integrate', 'torch._dynamo.symbolic_convert', 'h5py'}"
    )
    assert python(f"import mftl.training, mftl.prediction, mftl.datasets; print({heavy} & set(sys.modules))") == "set()"


def test_the_packages_are_whole_for_all_others():
    """What mace-torch's and ASE's own code asks for is there."""
    code = """
import mftl.models
from ase.io import read, write, Trajectory
from ase.constraints import FixAtoms, dict2constraint
from ase.spacegroup import crystal
import mace.tools, mace.data, mace.modules, types
from mace.tools import train
assert isinstance(train, types.FunctionType) and mace.tools.train is train
assert len(mace.modules.interaction_classes) > 3 and len(mace.modules.gate_dict) > 2
from mace.calculators import MACECalculator
import mace.cli.run_train, torch
assert torch._dynamo.config is not None and torch._dynamo.symbolic_convert
print("whole")
"""
    assert python(code).endswith("whole")


def test_files_of_models_go_both_ways(tmp_path):
    """From here to mace-torch alone, and from mace-torch alone to here, with the same energies."""
    build = """
from mftl.config.training import Architecture
from mftl import models
from mftl.prediction import predict
from ase.build import molecule
import torch
atoms = molecule("H2O")
"""
    ours = (
        build
        + """
model = models.build_model(Architecture(channels=4, radial_mlp=[8]), ["H", "O"], 3.0, 1.0, 1, torch.float64)
models.save_model(model, "ours.pt")
print(float(predict(model, [atoms])[0][0]))
"""
    )
    theirs = """
import torch
from ase.build import molecule
from mace.calculators import MACECalculator
atoms = molecule("H2O")
atoms.calc = MACECalculator("ours.pt", device="cpu", default_dtype="float64")
print(atoms.get_potential_energy())
torch.save(atoms.calc.models[0], "theirs.pt")
assert "mftl" not in sys.modules
"""
    back = build + "print(float(predict(models.load_model('theirs.pt'), [atoms])[0][0]))"
    energies = []
    for code in (ours, theirs, back):
        energies.append(float(python(f"import os; os.chdir({str(tmp_path)!r})\n{code}").split("\n")[-1]))
    assert energies[0] == pytest.approx(energies[1], abs=1e-9) and energies[0] == pytest.approx(energies[2], abs=1e-9)
