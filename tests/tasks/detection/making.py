"""Small images with boxes, and writers of the formats of labels: each writes the same set, as its tools do."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

Box = tuple[str, float, float, float, float]  # class, x1, y1, x2, y2 in pixels from 0 on


class Scene(NamedTuple):
    """An image with boxes."""

    stem: str
    size: tuple[int, int]
    boxes: Sequence[Box]
    side: str = "train"


def scenes(count: int = 12, *, classes: Sequence[str] = ("cell", "Plate let"), seed: int = 0) -> list[Scene]:
    """Images of different sizes with up to three boxes at hundredths of a pixel; the first has none."""
    random = np.random.default_rng(seed)
    found = []
    for number in range(count):
        width, height = (int(side) for side in random.integers(40, 90, 2))
        boxes = []
        for _ in range(min(number, int(random.integers(1, 4)))):
            x, y = random.uniform(0, 20, 2)
            wide, high = random.uniform(5, 19, 2)
            corners = (round(float(value), 2) for value in (x, y, x + wide, y + high))
            boxes.append((classes[int(random.integers(len(classes)))], *corners))
        found.append(Scene(f"img {number:02d}", (width, height), boxes, ("train", "val", "test")[number % 3]))
    return found


def draw(scene: Scene, path: Path) -> Path:
    """Write the image of a scene: noise with a coloured rectangle in each box."""
    width, height = scene.size
    pixels = np.random.default_rng(sum(map(ord, scene.stem))).integers(90, 160, (height, width, 3), np.uint8)
    for name, x1, y1, x2, y2 in scene.boxes:
        pixels[int(y1) : int(y2), int(x1) : int(x2)] = (sum(map(ord, name)) * 37 % 256, 40, 200)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_voc(root: Path, found: Sequence[Scene], *, lists: bool = True) -> Path:
    """Annotations, JPEGImages and ImageSets/Main."""
    for scene in found:
        draw(scene, root / "JPEGImages" / f"{scene.stem}.png")
        write_xml(root / "Annotations" / f"{scene.stem}.xml", scene)
    for side in ("train", "val", "test") if lists else ():
        file = root / "ImageSets" / "Main" / f"{side}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{scene.stem}\n" for scene in found if scene.side == side))
    return root


def write_xml(file: Path, scene: Scene, extra: str = "") -> Path:
    """One file of VOC: corners counted from 1."""
    objects = "".join(
        f"<object><name> {name} </name>{extra}<bndbox><xmin>{x1 + 1}</xmin><ymin>{y1 + 1}</ymin>"
        f"<xmax>{x2}</xmax><ymax>{y2}</ymax></bndbox></object>"
        for name, x1, y1, x2, y2 in scene.boxes
    )
    width, height = scene.size
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"<annotation><filename>{scene.stem}.png</filename>"
        f"<size><width>{width}</width><height>{height}</height></size>{objects}</annotation>"
    )
    return file


def write_yolo(root: Path, found: Sequence[Scene]) -> Path:
    """A data.yaml, and images and labels in folders of the sets; a class that nobody uses has number 0."""
    names = ["unused", *sorted({box[0] for scene in found for box in scene.boxes}, reverse=True)]
    for scene in found:
        width, height = scene.size
        draw(scene, root / "images" / scene.side / f"{scene.stem}.png")
        lines = [
            f"{names.index(name)} {(x1 + x2) / 2 / width:.6f} {(y1 + y2) / 2 / height:.6f} "
            f"{(x2 - x1) / width:.6f} {(y2 - y1) / height:.6f}"
            for name, x1, y1, x2, y2 in scene.boxes
        ]
        file = root / "labels" / scene.side / f"{scene.stem}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    sides = "".join(f"{side}: ../images/{side}\n" for side in ("train", "val", "test"))
    (root / "data.yaml").write_text(f"# of a tool\n{sides}nc: {len(names)}\nnames: {names}\n")
    return root


def coco_of(found: Sequence[Scene], *, first: int = 0, crowd: int = 0) -> dict[str, object]:
    """The content of a COCO file; ids have gaps, and categories are in another order."""
    names = sorted({box[0] for scene in found for box in scene.boxes}, reverse=True)
    images = [
        {"id": first + 7 * number, "file_name": f"{scene.stem}.png", "width": scene.size[0], "height": scene.size[1]}
        for number, scene in enumerate(found)
    ]
    annotations = [
        {"id": 0, "image_id": image["id"], "category_id": 3 * names.index(name), "bbox": [x1, y1, x2 - x1, y2 - y1],
         "iscrowd": crowd, "segmentation": [[x1, y1, x2, y2]]}
        for image, scene in zip(images, found, strict=True) for name, x1, y1, x2, y2 in scene.boxes
    ]  # fmt: skip
    categories = [{"id": 3 * number, "name": name} for number, name in enumerate([*names, "unused"])]
    return {"info": {}, "images": images, "annotations": annotations, "categories": categories}


def write_coco(root: Path, found: Sequence[Scene]) -> Path:
    """One folder for each set, each with its `_annotations.coco.json`."""
    for side in sorted({scene.side for scene in found}):
        here = [scene for scene in found if scene.side == side]
        for scene in here:
            draw(scene, root / side / f"{scene.stem}.png")
        (root / side / "_annotations.coco.json").write_text(json.dumps(coco_of(here)))
    return root


def write_instances(root: Path, found: Sequence[Scene]) -> Path:
    """COCO's own layout: `annotations/instances_*.json`, beside one of captions."""
    (root / "annotations").mkdir(parents=True)
    for scene in found:
        draw(scene, root / f"{scene.side}2017" / f"{scene.stem}.png")
    for side in sorted({scene.side for scene in found}):
        content = json.dumps(coco_of([scene for scene in found if scene.side == side], first=1))
        (root / "annotations" / f"instances_{side}2017.json").write_text(content)
    (root / "annotations" / "captions_train2017.json").write_text('{"images": [], "annotations": []}')
    return root


def write_table(root: Path, found: Sequence[Scene]) -> Path:
    """A table of Excel: a mark, semicolons, `\\r\\n`, other names of the columns, a set for each image."""
    rows = ["Filename;Class;XMin;YMin;XMax;YMax;split"]
    for scene in found:
        path = draw(scene, root / "pictures" / f"{scene.stem}.png").name
        boxes = scene.boxes or [("", "", "", "", "")]
        rows += [f"pictures\\{path};{';'.join(map(str, box))};{scene.side}" for box in boxes]
    (root / "boxes.csv").write_bytes("\r\n".join(rows).encode("utf-8-sig"))
    return root


def write_parquet(root: Path, found: Sequence[Scene]) -> Path:
    """Files as Hugging Face's library writes them: bytes of images, and numbers of classes with their names beside."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = sorted({box[0] for scene in found for box in scene.boxes}, reverse=True)
    label = {"names": names, "_type": "ClassLabel"}
    features = {"image": {"_type": "Image"}, "objects": {"feature": {"bbox": {}, "category": label}}}
    boxes_type = pa.list_(pa.list_(pa.float64()))
    (root / "data").mkdir(parents=True)
    for side in sorted({scene.side for scene in found}):
        rows = []
        for scene in (scene for scene in found if scene.side == side):
            path = draw(scene, root / "drawn" / f"{scene.stem}.png")
            boxes = [[x1, y1, x2 - x1, y2 - y1] for _, x1, y1, x2, y2 in scene.boxes]
            objects = {"bbox": boxes, "category": [names.index(box[0]) for box in scene.boxes]}
            rows.append({"image": {"bytes": path.read_bytes(), "path": path.name}, "objects": objects})
        schema = pa.schema(
            [
                ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
                (
                    "objects",
                    pa.struct([("bbox", boxes_type), ("category", pa.list_(pa.int64()))]),
                ),
            ],
            {"huggingface": json.dumps({"info": {"features": features}})},
        )
        pq.write_table(pa.Table.from_pylist(rows, schema), root / "data" / f"{side}-00000-of-00001.parquet")
    shutil.rmtree(root / "drawn")
    return root


def write_lines(root: Path, found: Sequence[Scene]) -> Path:
    """A Hugging Face image folder: metadata.jsonl in the folder of each set."""
    for scene in found:
        draw(scene, root / scene.side / f"{scene.stem}.png")
        objects = [{"bbox": [x1, y1, x2 - x1, y2 - y1], "category": name} for name, x1, y1, x2, y2 in scene.boxes]
        with (root / scene.side / "metadata.jsonl").open("a") as file:
            file.write(json.dumps({"file_name": f"{scene.stem}.png", "objects": objects}) + "\n")
    return root


WRITERS = {
    "voc": write_voc, "yolo": write_yolo, "coco": write_coco, "instances": write_instances, "table": write_table,
    "parquet": write_parquet, "lines": write_lines,
}  # fmt: skip


def squares_of_colours(width: int, height: int, seed: int = 0) -> np.ndarray:
    """An image of squares of many colours."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (height // 20 + 1, width // 20 + 1, 3), np.uint8)
    return small.repeat(20, axis=0).repeat(20, axis=1)[:height, :width]
