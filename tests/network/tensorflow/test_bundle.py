import numpy as np

from eyebright.network.tensorflow.bundle import tensor_bundle

# What `tf.raw_ops.SaveV2` of TensorFlow 2.21 writes, without the block that says where the names are: there it shortens
# the last name, which it need not.
INDEX = bytes.fromhex(
    "00000608011a02080100080f612e7765696768740801120412020803280c3542f2ac270006157365636f6e6408011208120208021202"
    "0802200c2810354c289874000000000100000000339778da000000000100000000c0f2a1b0"
)
DATA = "0000a0400000c0400000e0c00000803f000000400000404000008040"


def test_a_bundle_has_the_bytes_of_tensorflow():
    tensors = {"second": np.array([[1, 2], [3, 4]], np.float32), "a.weight": np.array([5, 6, -7], np.float32)}
    bundle = tensor_bundle(tensors)
    assert bundle["variables.data-00000-of-00001"].hex() == DATA
    index = bundle["variables.index"]
    assert index[: len(INDEX)] == INDEX
    assert index[-8:].hex() == "57fb808b247547db"
