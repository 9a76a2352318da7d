"""eyebright explain: the arithmetic of a convolution or a pool, with the numbers in place."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from eyebright.system.errors import SettingsError

if TYPE_CHECKING:
    from eyebright.network import AvgPool2d, Conv2d, MaxPool2d, Shape
    from eyebright.report.arithmetic import Step

app = typer.Typer(
    help="Walk through the arithmetic of a convolution or a pool.",
    epilog="Example: eyebright explain conv --input 28x28x3 --filters 16 --kernel 3",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_CONV = (
    "Examples: eyebright explain conv --input 28x28x3 --filters 16 --kernel 3; "
    "eyebright explain conv --values 'a b c d; e f g h; i j k l' --weights 'w x; y z'"
)
_POOL = (
    "Examples: eyebright explain pool --input 26x26x16 --kernel 2; "
    "eyebright explain pool --values '1 2 5 6; 3 4 7 8' --kind avg"
)

Input = Annotated[str | None, typer.Option("--input", help="Height, width and channels: 28x28x3.", show_default=False)]
Padding = Annotated[str, typer.Option(help="On each side: 0, 1, 1x2; or same, or valid.")]
Values = Annotated[
    str | None,
    typer.Option(help="A small input, to see every step: rows parted by ;, channels by |.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


@app.command(epilog=_CONV)
def conv(
    input_size: Input = None,
    filters: Annotated[
        int | None, typer.Option(min=1, help="How many filters [default: 1]", show_default=False)
    ] = None,
    kernel: Annotated[str | None, typer.Option(help="Its size: 3, or 3x5 [default: 3]", show_default=False)] = None,
    stride: Annotated[str, typer.Option(help="How far it moves: 1, or 2x1.")] = "1",
    padding: Padding = "0",
    dilation: Annotated[str, typer.Option(help="How far apart its values are.")] = "1",
    groups: Annotated[int, typer.Option(min=1, help="Groups of channels that do not see each other.")] = 1,
    bias: Annotated[bool, typer.Option(help="Whether each filter has a bias.")] = True,
    values: Values = None,
    weights: Annotated[
        str | None, typer.Option(help="For --values: the filters, parted by /.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a convolution: sizes, parameters, and every product.

    The products are shown where values are given.
    """
    from eyebright.network import Conv2d
    from eyebright.report import arithmetic, figures

    settings = {"stride": _pair(stride, "--stride"), "padding": _padding(padding), "groups": groups,
                "dilation": _pair(dilation, "--dilation")}  # fmt: skip
    if values is None and weights is None:
        layer = Conv2d(groups if filters is None else filters, _pair(kernel or "3", "--kernel"), bias=bias, **settings)
        shape = _shape(input_size)
        typer.echo(_json(layer, shape) if as_json else arithmetic.conv_text(layer, shape))
        return
    if values is None or weights is None:
        raise SettingsError("--values and --weights go together, as in --values '1 2; 3 4' --weights '1 0; 0 1'")
    if input_size or kernel or filters is not None:
        raise SettingsError("--values and --weights tell all sizes: leave --input, --kernel and --filters away")
    tokens, kernels = figures.matrix(values, what="--values"), figures.filters(weights)
    channels, depth = len(tokens), kernels.shape[1]
    if channels != depth * groups:
        raise SettingsError(
            f"--values has {channels} channel(s) in {groups} group(s), so each filter needs "
            f"{channels / groups:g} channel(s), but those of --weights have {depth}"
        )
    layer = Conv2d(len(kernels), kernels.shape[2:], bias=False, **settings)
    steps = arithmetic.conv_steps(layer, tokens, kernels)
    typer.echo(_json(layer, tokens.shape, steps) if as_json else arithmetic.steps_text(steps, tokens, kernels))


@app.command(epilog=_POOL)
def pool(
    input_size: Input = None,
    kind: Annotated[Literal["max", "avg"], typer.Option(help="The greatest value, or the mean.")] = "max",
    kernel: Annotated[str, typer.Option(help="Its size: 2, or 2x3.")] = "2",
    stride: Annotated[
        str | None, typer.Option(help="How far it moves [default: the kernel's size]", show_default=False)
    ] = None,
    padding: Padding = "0",
    ceil_mode: Annotated[bool, typer.Option("--ceil", help="Let a last window hang out of the picture.")] = False,
    values: Values = None,
    as_json: AsJson = False,
) -> None:
    """Explain a pool: sizes, and what each window gives.

    The windows are shown where values are given.
    """
    from eyebright.network import AvgPool2d, MaxPool2d
    from eyebright.report import arithmetic, figures

    step = None if stride is None else _pair(stride, "--stride")
    layer = (MaxPool2d if kind == "max" else AvgPool2d)(_pair(kernel, "--kernel"), step, _padding(padding), ceil_mode)
    if values is None:
        shape = _shape(input_size)
        typer.echo(_json(layer, shape) if as_json else arithmetic.pool_text(layer, shape))
        return
    if input_size:
        raise SettingsError("--values tells how large the input is: leave --input away")
    tokens = figures.matrix(values, what="--values")
    steps = arithmetic.pool_steps(layer, tokens)
    typer.echo(_json(layer, tokens.shape, steps) if as_json else arithmetic.steps_text(steps, tokens))


def _json(layer: "Conv2d | MaxPool2d | AvgPool2d", shape: "Shape", steps: "list[Step] | None" = None) -> str:
    from eyebright.network import layer_to_dict
    from eyebright.system import records

    figures: dict[str, Any] = {
        "layer": layer_to_dict(layer),
        "input_shape": shape,
        "output_shape": layer.output_shape(shape),
        "parameters": sum(tensor.size for tensor in layer.parameters(shape).values()),
        "multiply_adds": layer.multiply_adds(shape),
    }
    return records.to_json(figures if steps is None else figures | {"steps": steps})


def _shape(text: str | None) -> "Shape":
    """(C, H, W) from "28x28x3"; one channel where only two numbers are given."""
    if text is None:
        raise SettingsError("say how large the input is, as in --input 28x28x3, or give --values")
    numbers = _numbers(text, "--input", "height x width x channels, as in 28x28x3", counts=(2, 3))
    height, width, *channels = numbers
    return (channels[0] if channels else 1), height, width


def _pair(text: str, option: str) -> tuple[int, int]:
    """(vertical, horizontal) from "3" or "3x5"."""
    numbers = _numbers(text, option, "one size or two, as in 3 or 3x5", counts=(1, 2))
    return numbers[0], numbers[-1]


def _padding(text: str) -> Any:
    if text in ("same", "valid"):
        return text
    numbers = _numbers(text, "--padding", "0, 1, 1x2, same or valid", counts=(1, 2), least=0)
    return numbers[0], numbers[-1]


def _numbers(text: str, option: str, wanted: str, *, counts: tuple[int, int], least: int = 1) -> list[int]:
    try:
        numbers = [int(part) for part in text.lower().split("x")]
    except ValueError:
        numbers = []
    if len(numbers) not in counts or min(numbers) < least or max(numbers) > 65_536:
        raise SettingsError(f"{option} is {wanted}; got {text!r}")
    return numbers
