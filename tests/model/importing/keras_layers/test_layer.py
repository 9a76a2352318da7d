import pytest
from tests.model.importing.keras_layers.making import layer

from eyebright.model.importing.keras_layers import translate
from eyebright.system.errors import ModelError


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            layer("Lambda"),
            "the class Lambda cannot be imported: it contains code, which is never run. Supported: A",
        ),
        (layer("TFSMLayer"), "'a' of the class TFSMLayer cannot be imported: eyebright has no such layer"),
        (layer("Conv3D"), "Conv3D.*Supported: .*Conv2D, .*Dense"),
    ],
)
def test_an_unknown_layer_is_refused_by_name(image, made, message):
    with pytest.raises(ModelError, match=message):
        translate(image.assembly, made, [image.value])
