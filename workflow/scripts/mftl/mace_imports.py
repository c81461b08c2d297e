"""What the project uses of mace-torch, imported without the messages that importing it prints."""

import contextlib
import io
import os
import warnings

os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # as mace itself sets it, but before e3nn looks

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    import e3nn
    from e3nn import o3
    from e3nn.nn._fc import _Layer as RadialLayer
    from mace.data.neighborhood import get_neighborhood
    from mace.modules import blocks, wrapper_ops
    from mace.modules.models import ScaleShiftMACE
    from mace.tools.cg import U_matrix_real

# TorchScript's own interpreter made the steps of small models a tenth slower (CPU)
e3nn.set_optimization_defaults(jit_script_fx=False)

__all__ = ["RadialLayer", "ScaleShiftMACE", "U_matrix_real", "blocks", "get_neighborhood", "o3", "wrapper_ops"]
