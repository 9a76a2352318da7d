"""eyebright arithmetic: the arithmetic of a convolution or a pooling layer, step by step."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from eyebright.system.errors import SettingsError
from eyebright.system.text import examples

if TYPE_CHECKING:
    from eyebright.network import AvgPool2d, Conv2d, MaxPool2d, Shape
    from eyebright.report.arithmetic import Step

app = typer.Typer(
    help="Explain the arithmetic of a convolution or a pooling layer.",
    epilog=examples(["eyebright arithmetic conv --input 28x28x3 --filters 16 --kernel 3"]),
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)
_CONV = (
    "eyebright arithmetic conv --input 28x28x3 --filters 16 --kernel 3",
    "eyebright arithmetic conv --values 'a b c; d e f' --weights 'w x; y z'",
)
_POOL = (
    "eyebright arithmetic pool --input 26x26x16 --kernel 2",
    "eyebright arithmetic pool --values '1 2 5 6; 3 4 7 8' --kind avg",
)

Input = Annotated[
    str | None,
    typer.Option("--input", help="Size of the input, height x width x channels: 28x28x3.", show_default=False),
]
Padding = Annotated[str, typer.Option(help="Padding on each side: 0, 1, 1x2, same or valid.")]
Values = Annotated[
    str | None,
    typer.Option(
        help="A small input, to see every step; separate rows with ; and channels with |.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the numbers as JSON.")]


def renamed(args: list[str]) -> list[str]:
    """The arguments of eyebright, with the old name of this command replaced: explain conv and explain pool.

    A model called conv or pool is explained all the same.
    """
    old, what = (*args, "", "")[:2]
    if old != "explain" or what not in ("conv", "pool") or Path(what).exists():
        return args
    typer.echo(f"Note: eyebright explain {what} is now called eyebright arithmetic {what}.", err=True)
    return ["arithmetic", *args[1:]]


@app.command(epilog=examples(_CONV))
def conv(
    input_size: Input = None,
    filters: Annotated[
        int | None, typer.Option(min=1, help="Number of filters [default: 1]", show_default=False)
    ] = None,
    kernel: Annotated[str | None, typer.Option(help="Kernel size: 3, or 3x5 [default: 3]", show_default=False)] = None,
    stride: Annotated[str, typer.Option(help="Stride: 1, or 2x1.")] = "1",
    padding: Padding = "0",
    dilation: Annotated[str, typer.Option(help="Dilation: 1, or 2x1.")] = "1",
    groups: Annotated[int, typer.Option(min=1, help="Number of groups of channels.")] = 1,
    bias: Annotated[bool, typer.Option(help="Whether each filter has a bias.")] = True,
    values: Values = None,
    weights: Annotated[
        str | None, typer.Option(help="For --values: the filters, separated with /.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain a convolution: sizes, parameters, and every product.

    The products are printed where --values and --weights are given.
    """
    from eyebright.network import Conv2d
    from eyebright.report import arithmetic

    settings = {"stride": _pair(stride, "--stride"), "padding": _padding(padding), "groups": groups,
                "dilation": _pair(dilation, "--dilation")}  # fmt: skip
    if values is None and weights is None:
        layer = Conv2d(groups if filters is None else filters, _pair(kernel or "3", "--kernel"), bias=bias, **settings)
        shape = _shape(input_size)
        typer.echo(_json(layer, shape) if as_json else arithmetic.conv_text(layer, shape))
        return
    if values is None or weights is None:
        raise SettingsError("--values and --weights are used together, as in --values '1 2; 3 4' --weights '1 0; 0 1'")
    if input_size or kernel or filters is not None:
        raise SettingsError("--values and --weights define all sizes: remove --input, --kernel and --filters")
    tokens, kernels = arithmetic.matrix(values, what="--values"), arithmetic.filters(weights)
    channels, depth = len(tokens), kernels.shape[1]
    if channels != depth * groups:
        raise SettingsError(
            f"--values has {channels} channel(s) in {groups} group(s), so each filter needs "
            f"{channels / groups:g} channel(s), but those of --weights have {depth}"
        )
    layer = Conv2d(len(kernels), kernels.shape[2:], bias=False, **settings)
    steps = arithmetic.conv_steps(layer, tokens, kernels)
    typer.echo(_json(layer, tokens.shape, steps) if as_json else arithmetic.steps_text(steps, tokens, kernels))


@app.command(epilog=examples(_POOL))
def pool(
    input_size: Input = None,
    kind: Annotated[Literal["max", "avg"], typer.Option(help="Maximum or average pooling.")] = "max",
    kernel: Annotated[str, typer.Option(help="Kernel size: 2, or 2x3.")] = "2",
    stride: Annotated[
        str | None, typer.Option(help="Stride: 2, or 2x1 [default: the kernel size]", show_default=False)
    ] = None,
    padding: Padding = "0",
    ceil_mode: Annotated[
        bool, typer.Option("--ceil", help="Round the output size up: the last window may go beyond the edge.")
    ] = False,
    values: Values = None,
    as_json: AsJson = False,
) -> None:
    """Explain a pooling layer: sizes, and the value of each window.

    The windows are printed where --values is given.
    """
    from eyebright.network import AvgPool2d, MaxPool2d
    from eyebright.report import arithmetic

    step = None if stride is None else _pair(stride, "--stride")
    layer = (MaxPool2d if kind == "max" else AvgPool2d)(_pair(kernel, "--kernel"), step, _padding(padding), ceil_mode)
    if values is None:
        shape = _shape(input_size)
        typer.echo(_json(layer, shape) if as_json else arithmetic.pool_text(layer, shape))
        return
    if input_size:
        raise SettingsError("--values defines the size of the input: remove --input")
    tokens = arithmetic.matrix(values, what="--values")
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
    """(C, H, W) from "28x28x3"; one channel from "28x28"."""
    if text is None:
        raise SettingsError("the size of the input is missing: add --input 28x28x3, or --values")
    numbers = _numbers(text, "--input", "height x width x channels such as 28x28x3", counts=(2, 3))
    height, width, *channels = numbers
    return (channels[0] if channels else 1), height, width


def _pair(text: str, option: str) -> tuple[int, int]:
    """(vertical, horizontal) from "3" or "3x5"."""
    numbers = _numbers(text, option, "a size such as 3 or 3x5", counts=(1, 2))
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
        raise SettingsError(f"{option}: expected {wanted}, got {text!r}")
    return numbers
