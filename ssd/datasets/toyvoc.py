"""ToyVOC: drawn scenes of the 20 VOC classes as a genuine VOCdevkit tree, made here without any download.

What learns from it learns from VOC unchanged: the same folders, lists and XML, and objects whose sizes, shapes,
numbers, truncation and difficulty follow VOC2007 (`ssd.datasets.scenes`).
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

import numpy as np
from tqdm import tqdm

from ..errors import DataError
from .layers import Labelled
from .scenes import make_scene
from .voc import VOC_CLASSES

JPEG_QUALITY = 82
SCENES_A_WORKER = 32  # a process more does not pay for fewer: it takes seconds to start


@dataclass(frozen=True)
class Task:
    """One scene to write: scene `index` of split number `split` (0 trainval, 1 test) under `seed`, named `image_id`."""

    tree: Path
    image_id: str
    seed: int
    split: int
    index: int


def make_toyvoc(
    out: str | Path,
    train: int = 2000,
    test: int = 500,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Draw a data set and write it to `out`/VOCdevkit/VOC2007; the folder appears only once it is complete.

    Every scene has a random generator of its own, so the files depend on the seed alone: not on `workers`, and the
    first scenes of a split not on how many follow.

    Args:
        out: folder for the tree; made where missing.
        train: number of pictures in trainval; half of them are train, half val.
        test: number of pictures in test.
        seed: not negative; another seed draws other scenes.
        workers: processes; None for as many as there are cores. They are spawned, so a script that asks for more than
            one must guard its entry with `if __name__ == "__main__":`.
        progress: show a progress bar.

    Returns:
        The folder VOC2007.

    Raises:
        DataError: the folder exists already, or a number makes no sense; nothing is written then.

    """
    for name, value, least in (("train", train, 1), ("test", test, 0), ("seed", seed, 0)):
        if value < least:
            raise DataError("number too small", field=name, value=value, expected=f"at least {least}")
    target = Path(out) / "VOCdevkit" / "VOC2007"
    refuse_existing(target)
    missing = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".toyvoc-", dir=target.parent) as scratch:
            tree = Path(scratch) / target.name
            write_tree(tree, train, test, seed, workers, progress)
            refuse_existing(target)
            tree.rename(target)
    except BaseException:
        for folder in missing:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
    return target


def refuse_existing(target: Path) -> None:
    """Raise a DataError if there is anything at `target`."""
    if target.exists():
        raise DataError("exists already", file=target, expected="a new folder; name another or remove this one")


def write_tree(tree: Path, train: int, test: int, seed: int, workers: int | None, progress: bool) -> None:
    """Write pictures, annotations and lists into the new folder `tree`."""
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tree / folder).mkdir(parents=True)
    order = [(0, index) for index in range(train)] + [(1, index) for index in range(test)]
    tasks = [Task(tree, f"{i:06d}", seed, split, index) for i, (split, index) in enumerate(order, 1)]
    bar = tqdm(run(tasks, workers), total=len(tasks), desc="ToyVOC", unit=" scenes", disable=not progress)
    present = dict(zip((task.image_id for task in tasks), bar, strict=True))
    ids = list(present)
    splits = {"trainval": ids[:train], "train": ids[0:train:2], "val": ids[1:train:2], "test": ids[train:]}
    for split, members in splits.items():
        write_lists(tree / "ImageSets" / "Main", split, members, present)


def run(tasks: list[Task], workers: int | None) -> Iterator[dict[str, int]]:
    """Yield `write_scene` of every task in order, from as many processes as are asked for and pay."""
    workers = min(workers or os.cpu_count() or 1, 1 + len(tasks) // SCENES_A_WORKER)
    if workers == 1:
        yield from map(write_scene, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(write_scene, tasks, chunksize=8)
        except BrokenProcessPool as error:
            hint = 'a drawing process died; a script must start from `if __name__ == "__main__":`, or pass workers=1'
            raise RuntimeError(hint) from error
        finally:
            pool.shutdown(cancel_futures=True)


def write_scene(task: Task) -> dict[str, int]:
    """Draw and write one scene; return {class: 1, or 0 where all objects of the class are difficult}."""
    picture, objects = make_scene(np.random.default_rng([task.seed, task.split, task.index]))
    picture.save(task.tree / "JPEGImages" / f"{task.image_id}.jpg", quality=JPEG_QUALITY)
    annotation = to_xml(f"{task.image_id}.jpg", picture.size, objects)
    annotation.write(task.tree / "Annotations" / f"{task.image_id}.xml", encoding="unicode")
    return {name: int(any(o.name == name and not o.difficult for o in objects)) for name in {o.name for o in objects}}


def to_xml(filename: str, size: tuple[int, int], objects: Iterable[Labelled]) -> ElementTree:
    """Return a VOC annotation; its pixels count from 1 and its right and bottom are inside the box."""
    root = Element("annotation")
    add(root, {"folder": "VOC2007", "filename": filename})
    add(SubElement(root, "source"), {"database": "ToyVOC", "annotation": "ToyVOC", "image": "drawn"})
    add(SubElement(root, "size"), {"width": size[0], "height": size[1], "depth": 3})
    add(root, {"segmented": 0})
    for thing in objects:
        node = SubElement(root, "object")
        add(node, {"name": thing.name, "pose": "Unspecified", "truncated": int(thing.truncated)})
        add(node, {"occluded": int(thing.occluded), "difficult": int(thing.difficult)})
        left, top, right, bottom = thing.box
        add(SubElement(node, "bndbox"), {"xmin": left + 1, "ymin": top + 1, "xmax": right, "ymax": bottom})
    indent(root, "\t")
    return ElementTree(root)


def add(parent: Element, fields: dict[str, str | int]) -> None:
    """Append one child with text for each field."""
    for name, value in fields.items():
        SubElement(parent, name).text = str(value)


def write_lists(folder: Path, split: str, members: list[str], present: dict[str, dict[str, int]]) -> None:
    """Write the list of a split, and for each class the list that says 1 present, -1 absent, 0 only difficult."""
    (folder / f"{split}.txt").write_text("".join(f"{image_id}\n" for image_id in members))
    for name in VOC_CLASSES:
        lines = [f"{image_id} {present[image_id].get(name, -1):2d}\n" for image_id in members]
        (folder / f"{name}_{split}.txt").write_text("".join(lines))
