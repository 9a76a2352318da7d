"""TensorFlow operations of the normalisations."""

from eyebright.network.graph import Place
from eyebright.network.layers import BatchNorm, LayerNorm, LocalContrastNorm, LocalResponseNorm
from eyebright.network.tensorflow.basic import as_images
from eyebright.network.tensorflow.graph import DType, Graph, Tensors, emit


@emit.register
def _(layer: BatchNorm, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    is_vector = len(place.shape) == 1
    source = as_images(graph, inputs[0], graph.fresh(f"{output}/image"), place.shape[0]) if is_vector else inputs[0]
    values = [graph.variable(f"{output}/{name}", tensor) for name, tensor in tensors.items()]
    result = graph.fresh(f"{output}/normalised") if is_vector else output
    graph.add("FusedBatchNormV3", [source, *values], result, U=DType.FLOAT, epsilon=layer.eps, is_training=False)
    if is_vector:
        shape = graph.whole(f"{output}/shape", [-1, place.shape[0]])
        graph.add("Reshape", [result, shape], output, Tshape=DType.INT32)


@emit.register
def _(layer: LayerNorm, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    def add(operation: str, sources: list[str], name: str) -> str:
        return graph.add(operation, sources, graph.fresh(f"{output}/{name}"))

    axes = range(1, len(place.shape) + 1)
    last = (1, 2, 0) if len(place.shape) == 3 else (0,)
    weight, bias = (graph.variable(f"{output}/{name}", tensor.transpose(last)) for name, tensor in tensors.items())
    mean = graph.reduce("Mean", inputs[0], axes, graph.fresh(f"{output}/mean"), keep_dims=True)
    centred = add("Sub", [inputs[0], mean], "centred")
    squares = add("Square", [centred], "squares")
    variance = graph.reduce("Mean", squares, axes, graph.fresh(f"{output}/variance"), keep_dims=True)
    scale = add("Rsqrt", [add("AddV2", [variance, graph.constant(f"{output}/eps", layer.eps)], "safe")], "scale")
    scaled = add("Mul", [add("Mul", [centred, scale], "normalised"), weight], "scaled")
    graph.add("AddV2", [scaled, bias], output)


@emit.register
def _(layer: LocalResponseNorm, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    """TensorFlow's alpha is not divided by the size, as in the paper."""
    settings = {"bias": float(layer.k), "alpha": layer.alpha / layer.size, "beta": float(layer.beta)}
    graph.add("LRN", inputs, output, depth_radius=layer.size // 2, **settings)


@emit.register
def _(layer: LocalContrastNorm, place: Place, graph: Graph, inputs: list[str], tensors: Tensors, output: str) -> None:
    def add(operation: str, sources: list[str], name: str, **attributes: object) -> str:
        return graph.add(operation, sources, graph.fresh(f"{output}/{name}"), **attributes)

    def mean(source: str, axes: list[int], name: str) -> str:
        return graph.reduce("Mean", source, axes, graph.fresh(f"{output}/{name}"), keep_dims=True)

    kernel = graph.constant(f"{output}/kernel", layer.kernel()[:, :, None, None])
    coverage = graph.constant(f"{output}/coverage", layer.coverage(place.shape)[:, :, None])

    def around(source: str, name: str) -> str:
        """The weighted mean of the neighbourhood over all channels."""
        flat = mean(source, [3], f"{name}_over_channels")
        total = add("Conv2D", [flat, kernel], f"{name}_total", strides=[1, 1, 1, 1], padding="SAME")
        return add("RealDiv", [total, coverage], name)

    samples = add("Sub", [inputs[0], mean(inputs[0], [1, 2, 3], "level")], "levelled")  # to reduce rounding errors
    centred = add("Sub", [samples, around(samples, "mean")], "centred")
    variance = around(add("Square", [centred], "squares"), "variance")
    safe = add("AddV2", [variance, graph.constant(f"{output}/eps", layer.eps)], "safe_variance")
    deviation = add("Sqrt", [safe], "deviation")
    floor = mean(deviation, [1, 2], "mean_deviation")
    graph.add("RealDiv", [centred, add("Maximum", [deviation, floor], "divisor")], output)
