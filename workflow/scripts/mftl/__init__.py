"""Multi-fidelity transfer learning of interatomic potentials: the library behind the workflow's scripts.

Lower modules never import higher ones. ``recipe`` and ``config`` import neither torch nor ASE, so that the
Snakefile parses in a second; ``models``, ``training`` and ``prediction`` are the only ones that import torch.
"""

__version__ = "0.1.0"
