"""What the project uses of mace-torch, imported without what that does not need and the messages that importing prints."""

import contextlib
import io
import os
import warnings

from mftl.lazy import put_off

os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # as mace itself sets it, but before e3nn looks
put_off(["e3nn.io", "e3nn.nn", "mace.data", "mace.modules", "mace.tools"], ["torch._dynamo"])

with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
    warnings.simplefilter("ignore")
    import e3nn
    from e3nn import o3
    from mace.data.neighborhood import get_neighborhood
    from mace.modules import blocks
    from mace.modules.models import ScaleShiftMACE

# TorchScript's own interpreter made the steps of small models a tenth slower (CPU)
e3nn.set_optimization_defaults(jit_script_fx=False)

__all__ = ["ScaleShiftMACE", "blocks", "get_neighborhood", "o3"]
