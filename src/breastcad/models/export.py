"""From trained networks to one model file: its networks side by side in one graph, weights in half precision on disk.

The graph computes in single precision: each weight is stored as half and followed by a Cast, which onnxruntime folds when
it loads the file. The temperatures stay in the metadata.
"""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from breastcad.core.errors import InputError
from breastcad.core.files import write_bytes
from breastcad.models.metadata import KEY

if TYPE_CHECKING:
    from breastcad.models.lesion_network import LesionNetwork
    from breastcad.models.seen import Seen

EXACT_TOLERANCE, TOLERANCE = 1e-3, 0.05
SMALLEST_HALVED = 256
OUTPUTS = ("maps", "logits")


class SideBySide(nn.Module):
    """Several networks as one: maps (N, F, 2, h, w) and logits (N, F, 2); with ``seen``, how unlike what each fold saw (N, folds, 2).

    Of the last two the first is of the image as it is, the second of it upside down.
    """

    def __init__(self, networks: list[LesionNetwork], seen: list[Seen] | None = None) -> None:
        super().__init__()
        self.networks, self.seen = nn.ModuleList(networks), nn.ModuleList(seen or [])
        self.outputs = [*OUTPUTS, "unlike"] if seen else list(OUTPUTS)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Run every network on the same images."""
        maps, logits, features = zip(*(cast("LesionNetwork", one).said_and_seen(image) for one in self.networks), strict=True)
        said = torch.stack(maps, 1), torch.stack(logits, 1)
        if not self.seen:
            return said
        members = len(features) // len(self.seen)
        first, turned = list(self.networks)[::members], image.flip(2)
        over = [cast("LesionNetwork", one).film_features(turned) for one in first]
        pairs = [torch.stack([seen(one), seen(up)], 1) for seen, one, up in zip(self.seen, features[::members], over, strict=True)]
        return *said, torch.stack(pairs, 1)


def export_networks(
    path: str | Path, networks: list[LesionNetwork], metadata: dict[str, Any], shape: tuple[int, int], *, seen: list[Seen] | None = None
) -> float:
    """Write networks as one .onnx and compare it with them; nothing is written where they differ too much.

    Parameters
    ----------
    path : str or Path
    networks : list of LesionNetwork
        In evaluation mode, on the CPU.
    metadata : dict
        What inference needs, put under the key `metadata.KEY`.
    shape : (int, int)
        Rows and columns of the input.
    seen : list of Seen, optional
        What each fold's first network saw in training.

    Returns
    -------
    float
        The largest difference of maps or logits on four random images, the median over the images: a closer look
        has peaks to choose from, and where two are all but equal, rounded weights may choose the other.

    Raises
    ------
    InputError
        If on any of the images an output of the graph differs by more than `EXACT_TOLERANCE` before its weights are rounded,
        or the median by more than `TOLERANCE` after.
    """
    together = SideBySide(networks, seen).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    exact = traced(together, shape, {name: {0: "N"} for name in ("image", *together.outputs)})
    images = np.random.Generator(np.random.PCG64(0)).random((4, 1, *shape), dtype=np.float32)
    refuse_difference(largest_difference(together, exact.SerializeToString(), images, but="unlike"), exact=True)
    if seen:
        _refuse_other_distances(together, exact.SerializeToString(), images)

    def middle(content: bytes) -> float:
        return float(np.median([largest_difference(together, content, image[None], but="unlike") for image in images]))

    return write_halved(path, exact, metadata, middle)


@torch.no_grad()
def _refuse_other_distances(together: SideBySide, content: bytes, images: NDArray[np.float32]) -> None:
    """Refuse a graph that says another distance from what was seen than its networks, of images and of them turned over: InputError."""
    given = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"]).run(["unlike"], {"image": images})[0]
    wanted = together(torch.from_numpy(images))[2].numpy()
    refuse_difference(float((np.abs(wanted - given) / np.maximum(1, wanted)).max()), exact=True)


def write_halved(path: str | Path, exact: onnx.ModelProto, metadata: dict[str, Any], difference: Callable[[bytes], float]) -> float:
    """Write a graph with its weights in half precision and with its metadata; return how far it is from its networks.

    Parameters
    ----------
    path : str or Path
    exact : ModelProto
        Is changed.
    metadata : dict
    difference : callable
        Takes the file's content.

    Raises
    ------
    InputError
        If it is too far from them, and nothing is written.
    """
    model = halved(exact)
    model.producer_name = "breastcad"
    entry = model.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(metadata)
    content = model.SerializeToString()
    largest = difference(content)
    refuse_difference(largest, exact=False)
    write_bytes(path, content)
    return largest


def refuse_difference(difference: float, *, exact: bool) -> None:
    """Refuse a graph that differs too much from its networks, with weights as they are or rounded: InputError."""
    most = EXACT_TOLERANCE if exact else TOLERANCE
    if not difference <= most:
        raise InputError(
            f"the exported model's outputs differ from the networks' by {difference:.4f}, more than {most}; it was not written"
        )


def traced(together: nn.Module, shape: tuple[int, int], free: dict[str, dict[int, str]]) -> onnx.ModelProto:
    """Trace the networks into a graph; weights that folds share (frozen stages, if their statistics are fixed) are stored once.

    ``free`` names the image and each output, and which of their sides may be of any length.
    """
    stream = io.BytesIO()
    with warnings.catch_warnings():
        # Measured: the newer exporter takes ten times as long, does not share weights, and its graph runs a quarter slower.
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        # What the tracer warns of are sizes that are fixed, or checks that hold for any. A size fixed in error shows in the comparison.
        warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
        torch.onnx.export(
            together, (torch.zeros(1, 1, *shape),), cast(Any, stream), input_names=["image"],
            output_names=[name for name in free if name != "image"], dynamic_axes=free, opset_version=17, dynamo=False,
        )  # fmt: skip
    return onnx.load_from_string(stream.getvalue())


@torch.no_grad()
def largest_difference(networks: nn.Module, content: bytes, images: NDArray[np.float32], *, but: str = "") -> float:
    """Return the largest difference of any output (`but` one) between networks and a model file's content, on images (N, 1, rows, cols)."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    wanted = networks(torch.from_numpy(images))
    given = session.run(None, {"image": images})
    names = [output.name for output in session.get_outputs()]
    differences = [np.abs(w.numpy() - g).max() for name, w, g in zip(names, wanted, given, strict=True) if name != but]
    return float(np.max(differences))  # a NaN stays one


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the large float weights of a graph as half precision, each cast back to single where it is used."""
    graph = model.graph
    casts = []
    for tensor in graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or int(np.prod(tensor.dims)) < SMALLEST_HALVED:
            continue
        name = tensor.name
        with np.errstate(over="ignore"):  # an infinite weight shows when the outputs are compared
            half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{name}.half")
        tensor.CopyFrom(half)
        casts.append(helper.make_node("Cast", [f"{name}.half"], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    return model
