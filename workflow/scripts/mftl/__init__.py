"""Multi-fidelity transfer learning of interatomic potentials: the library behind the workflow's scripts.

Lower modules never import higher ones. ``recipe`` and ``config`` import neither torch nor ASE, so that the
Snakefile parses in a second; ``models``, ``training`` and ``prediction`` are the only ones that import torch.
"""

from mftl.lazy import put_off

__version__ = "0.1.0"

put_off(
    ["ase.constraints", "ase.io", "ase.spacegroup", "e3nn.io", "e3nn.nn", "mace.data", "mace.modules", "mace.tools"],
    ["torch._dynamo"],
)
