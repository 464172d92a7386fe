"""A decoder's graph in two: what depends on the image alone, done once an image, and what a prompt changes.

SAM's decoder lets prompt and image attend to each other in two layers (Kirillov et al. 2023, appendix A).  Up to the
first of these nothing of the image's side depends on the prompt: a fourth of the decoder's work, and the same for each
click.  The answers are those of the whole graph.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

SHAPED = {"Expand", "Reshape", "Tile"}  # operations whose second input says in which shape the first comes
PROBES = (1, 3)  # points in a prompt

TYPES = {"tensor(float)": TensorProto.FLOAT, "tensor(float16)": TensorProto.FLOAT16, "tensor(int64)": TensorProto.INT64}


class SplitGraph:
    """A graph, without what none of the `outputs` needs, and its nodes by whether they depend on a prompt."""

    def __init__(self, model: onnx.ModelProto, outputs: Sequence[str], of_image: Collection[str]) -> None:
        """of_image: the inputs that a prompt's points do not change."""
        self._model, self._outputs = model, outputs
        self._of_image, self._frozen = set(of_image), dict[str, np.ndarray]()

    def shapes(self) -> onnx.ModelProto | None:
        """A graph of the shapes that are computed from a prompt, and given to tensors of the image; None without any.

        It is cheap, and to be run with prompts of PROBES points: those that come out alike are given to `freeze`.
        """
        prompted = self._prompted()
        found = [
            node.input[1]
            for node in self._live(self._outputs)
            if node.op_type in SHAPED and node.input[0] not in prompted and node.input[1] in prompted
        ]
        return self._part(self._live(found), found, self._model.graph.input) if found else None

    def freeze(self, constants: dict[str, np.ndarray]) -> None:
        """Take these tensors as constant."""
        self._frozen.update(constants)

    def image_part(self) -> onnx.ModelProto | None:
        """The graph from the image's inputs to what `prompt_part` takes of it; None where it takes them as they are."""
        prompted = self._prompted()
        nodes = self._live(self._outputs)
        of_image = self._depending(self._of_image, [node for node in nodes if not prompted & set(node.output)])
        later = [node for node in nodes if not of_image & set(node.output)]
        carried = sorted({name for node in later for name in _inputs(node)} & of_image - self._of_image)
        return self._part(self._live(carried), carried, self._model.graph.input) if carried else None

    def prompt_part(self, carried: Iterable[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """The graph from prompts and the tensors carried over to the outputs."""
        given = {value.name: value for value in (*self._model.graph.input, *carried)}
        return self._part(self._live(self._outputs, given), self._outputs, given.values())

    def _live(self, outputs: Iterable[str], given: Collection[str] = ()) -> list[NodeProto]:
        """The nodes that the outputs need, in the graph's order; given: tensors that need not be computed."""
        maker = {name: k for k, node in enumerate(self._model.graph.node) for name in node.output}
        needed, waiting = set[int](), list(outputs)
        while waiting:
            name = waiting.pop()
            if name in maker and name not in self._frozen and name not in given and maker[name] not in needed:
                needed.add(maker[name])
                waiting += _inputs(self._model.graph.node[maker[name]])
        return [self._model.graph.node[k] for k in sorted(needed)]

    def _prompted(self) -> set[str]:
        """The tensors that depend on a prompt's points."""
        points = {value.name for value in self._model.graph.input} - self._of_image
        return self._depending(points, self._model.graph.node)

    def _depending(self, names: Collection[str], nodes: Iterable[NodeProto]) -> set[str]:
        """These tensors, and all that are computed from them."""
        found = set(names)
        for node in nodes:
            if not found.isdisjoint(_inputs(node)):
                found.update(name for name in node.output if name not in self._frozen)
        return found

    def _part(
        self, nodes: Sequence[NodeProto], outputs: Iterable[str], inputs: Iterable[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        used = {name for node in nodes for name in _inputs(node)}
        weights = [weight for weight in self._model.graph.initializer if weight.name in used]
        weights += [numpy_helper.from_array(array, name) for name, array in self._frozen.items() if name in used]
        graph = helper.make_graph(
            nodes,
            "part",
            [value for value in inputs if value.name in used],
            [onnx.ValueInfoProto(name=name) for name in dict.fromkeys(outputs)],
            weights,
        )
        return helper.make_model(
            graph,
            opset_imports=self._model.opset_import,
            functions=self._model.functions,
            ir_version=self._model.ir_version,
        )


def _inputs(node: NodeProto) -> list[str]:
    """The tensors that a node reads, those inside its branches and loops too."""
    nested = [inner for attribute in node.attribute for inner in (attribute.g, *attribute.graphs)]
    return [*node.input, *(name for graph in nested for inner in graph.node for name in _inputs(inner))]
