"""The published image sets that can be fetched by name: their files with sizes and digests, and their licences."""

from typing import Literal, NamedTuple


class PublishedFile(NamedTuple):
    """One file of a set.

    Args:
        address: Where to download it.
        size_bytes: Its size.
        sha256: Its digest in hexadecimal.
    """

    address: str
    size_bytes: int
    sha256: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.rpartition("/")[2]


class PublishedSet(NamedTuple):
    """One set of images.

    Args:
        title: What the images show.
        licence: The terms of use, in one line.
        format: How to use the files: unpack an archive with a folder of classes ("folder"), keep IDX files ("idx"),
            convert CIFAR's binary records to an .npz ("cifar10", "cifar100"), or take scikit-learn's digits ("digits").
        files: The files to download.
        classes: The names of the labels 0, 1, 2..., if the files contain only numbers.
    """

    title: str
    licence: str
    format: Literal["folder", "idx", "cifar10", "cifar100", "digits"]
    files: tuple[PublishedFile, ...] = ()
    classes: tuple[str, ...] = ()

    @property
    def size_bytes(self) -> int:
        """The total size of the files."""
        return sum(file.size_bytes for file in self.files)


def _idx(address: str, *figures: tuple[int, str]) -> tuple[PublishedFile, ...]:
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    return tuple(PublishedFile(f"{address}/{name}-ubyte.gz", *own) for name, own in zip(names, figures, strict=True))


# Sizes and digests: TensorFlow Datasets, tensorflow_datasets/url_checksums/{tf_flowers, mnist, fashion_mnist, kmnist,
# cifar10, cifar100}.txt; flowers come from the https address of the same file, as in TensorFlow's tutorials.
# Licences: flower_photos/LICENSE.txt; keras/datasets/mnist.py; LICENSE of zalandoresearch/fashion-mnist; README of
# rois-codh/kmnist. None was found for CIFAR and the digits. Names of classes: README of zalandoresearch/fashion-mnist,
# kmnist_classmap.csv.
SETS: dict[str, PublishedSet] = {
    "digits": PublishedSet(
        "1,797 handwritten digits of 8x8 from scikit-learn",
        "no licence is stated; cite UCI, Alpaydin and Kaynak 1998",
        "digits",
    ),
    "flowers": PublishedSet(
        "3,670 photos of five kinds of flowers",
        "CC BY 2.0; LICENSE.txt names the photographers",
        "folder",
        (
            PublishedFile(
                "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
                228_813_984,
                "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",
            ),
        ),
    ),
    "mnist": PublishedSet(
        "70,000 handwritten digits of 28x28",
        "CC BY-SA 3.0; Yann LeCun and Corinna Cortes",
        "idx",
        _idx(
            "https://storage.googleapis.com/cvdf-datasets/mnist",
            (9_912_422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
            (28_881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
            (1_648_877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
            (4_542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        ),
    ),
    "fashion-mnist": PublishedSet(
        "70,000 pieces of clothing of 28x28",
        "MIT; Zalando SE",
        "idx",
        _idx(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            (26_421_880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"),
            (29_515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"),
            (4_422_102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"),
            (5_148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"),
        ),
        ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
    "kmnist": PublishedSet(
        "70,000 cursive Japanese letters of 28x28",
        "CC BY-SA 4.0; KMNIST Dataset by CODH, doi:10.20676/00000341",
        "idx",
        _idx(
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
            (18_165_135, "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4"),
            (29_497, "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17"),
            (3_041_136, "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5"),
            (5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
        ),
        tuple("おきすつなはまやれを"),
    ),
    "cifar10": PublishedSet(
        "60,000 photos of 32x32 in ten classes",
        "no licence is stated; cite Krizhevsky 2009",
        "cifar10",
        (
            PublishedFile(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
    ),
    "cifar100": PublishedSet(
        "60,000 photos of 32x32 in a hundred classes",
        "no licence is stated; cite Krizhevsky 2009",
        "cifar100",
        (
            PublishedFile(
                "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
    ),
}
