"""A network that OpenVINO computes instead of torch: faster on many processors.

OpenVINO is an extra. Its `convert_model` tells its makers over the network that it was
called, so the parts that it is made of are used instead: nothing is sent anywhere.

In float32 at most 0.1 % of the labels are others than torch's (tests/engine). Its sums
over many voxels keep fewer digits: what is normalised over 128^3 voxels is 0.001 % off,
over 256^3 voxels 0.02 %, where bfloat16 rounds to 0.4 % (2026.4;
benchmarks/openvino_speed.py).
"""

from __future__ import annotations

import warnings
import zlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from specimen_unet.domain.errors import PlanError
from specimen_unet.engine.evaluation import evaluating
from specimen_unet.engine.networks import size_multiple, weights_of

if TYPE_CHECKING:
    from specimen_unet.domain.plan import Plan

Key = tuple[object, ...]

# Translating takes half a second, as long as many a 2D image: once a network.
_COMPILED: WeakKeyDictionary[torch.nn.Module, tuple[Key, Any]] = WeakKeyDictionary()
_INSTALL = 'python -m pip install "specimen-unet[openvino]"'


class OpenVinoNetwork:
    """Gives the logits of a network, computed by OpenVINO.

    Weights that change afterwards are not seen: make a new one, which costs nothing
    where they did not.

    Parameters
    ----------
    network : torch.nn.Module
        On the CPU; its mode is left as it was.
    plan : Plan
        What it was made for; with `plan.precision` bfloat16 OpenVINO computes in
        bfloat16, too, if the processor has instructions for it.
    device : torch.device
        Where to compute.

    Raises
    ------
    PlanError
        If the device is not the CPU, or OpenVINO is not installed.
    """

    def __init__(
        self, network: torch.nn.Module, plan: Plan, device: torch.device
    ) -> None:
        if device.type != "cpu":
            raise PlanError(
                f"OpenVINO computes on the CPU, but the device is {device}: choose the "
                "device cpu, or the engine torch."
            )
        # A request belongs to one segmentation: others may run beside it.
        self._request = _compiled(network, plan).create_infer_request()

    def __call__(self, tiles: torch.Tensor) -> torch.Tensor:
        """Return logits (N, K, *size) of tiles (N, C, *size) of any size.

        They are overwritten by the next call.
        """
        values = tiles.contiguous().numpy()
        answer = self._request.infer([values], share_inputs=True, share_outputs=True)
        return torch.from_numpy(answer[0])


def _compiled(network: torch.nn.Module, plan: Plan) -> Any:
    """Translate and compile a network, unless that was done with these weights."""
    openvino = _openvino()
    core = openvino.Core()
    options = _options(core, plan)
    key = (_checksum(network), *options.items())
    known, compiled = _COMPILED.get(network, (None, None))
    if known != key:
        graph = _translated(network, plan)
        compiled = core.compile_model(graph, "CPU", options)
        _COMPILED[network] = key, compiled
    return compiled


def _openvino() -> Any:
    """Import OpenVINO, or say how to get it."""
    try:
        import openvino
        import openvino.frontend.pytorch.ts_decoder
    except ImportError as error:
        raise PlanError(
            f"The engine openvino was chosen, but OpenVINO cannot be loaded ({error}): "
            f"install it with `{_INSTALL}`, or choose the engine torch."
        ) from error
    return openvino


def _options(core: Any, plan: Plan) -> dict[str, object]:
    """Tell OpenVINO to compute as torch would: as exact, in as many threads.

    Left alone it takes bfloat16 where it is fast, all cores, and binds its threads to
    some, which others may be working on. What it calls snippets (joined elementwise
    operations) gained nothing here, and in 2026.4 a static FlexibleUNet with them ends
    the process.
    """
    has_bfloat16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    is_short = plan.precision == "bfloat16" and has_bfloat16
    return {
        "INFERENCE_PRECISION_HINT": "bf16" if is_short else "f32",
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "NUM_STREAMS": 1,
        "ENABLE_CPU_PINNING": False,
        "SNIPPETS_MODE": "DISABLE",
    }


# An enclosing inference mode would make tensors that cannot be traced.
@torch.inference_mode(mode=False)
@torch.no_grad()
def _translated(network: torch.nn.Module, plan: Plan) -> Any:
    """Translate a network into OpenVINO's graph, for tiles of any number and size.

    Graphs of one size were hardly faster, but each has to be compiled.
    """
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    size = [2 * step for step in size_multiple(plan)]
    tile = torch.zeros(1, plan.image_channels, *size)
    with evaluating(network), warnings.catch_warnings():
        # That tracing is old, and compares sizes only once: all networks are tested
        # with tiles of other sizes.
        warnings.simplefilter("ignore")
        traced = TorchScriptPythonDecoder(
            network,
            example_input=(tile,),
            shared_memory=False,
            trace_kwargs={"check_trace": False},
        )
    frontend = FrontEndManager().load_by_framework("pytorch")
    return frontend.convert(frontend.load(traced))


def _checksum(network: torch.nn.Module) -> int:
    """Return a number that is another one when a weight changes."""
    found = 0
    for weight in weights_of(network).values():
        found = zlib.crc32(weight.contiguous().numpy().data, found)
    return found
