"""Export: one ONNX file that takes pixels and gives boxes, and is written only if it does what the network does.

A file says itself what it is: its metadata name the classes, the size of the input, the limits of the suppression and
what else is known of the weights. The mean is subtracted inside, so that whoever uses it brings bytes as a canvas,
Pillow or OpenCV hold them: the whole picture squeezed onto a square of S pixels, whatever its shape, smoothed where
it shrinks (linear interpolation), in the order RGB. Bytes have one meaning, where floats could be 0..1 as well.
"""

import copy
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import one_hot
from tqdm import tqdm

from .augment import PIXEL_MEAN, normalize, resize
from .boxes import clip, decode, iou
from .checkpoint import require_writable, write_atomically
from .errors import ExportError
from .images import as_image
from .network import SSD
from .nms import greedy_keep
from .sample import Detections

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
"""What exporting needs and the rest of the package does not."""

OPSET = 18
"""Version of ONNX's operators: that of torch's own translations, so that nothing is converted afterwards."""

TOLERANCE = 1e-3
"""How far a file may be from PyTorch in corners (sides of the picture), scores, and IoU where the suppression decides.

Trained networks stay below 1e-6; VGG16 from chance, whose numbers are large, has been seen at 3e-4.
"""

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "toyvoc_sample" / "VOCdevkit" / "VOC2007" / "JPEGImages"
"""Pictures that a file is checked with if none are given; not there where the package is installed without the book."""


@dataclass(frozen=True)
class Limits:
    """Of the suppression, as in `ssd.nms.detect`.

    Attributes:
        score_threshold: boxes must score more than this in a class to be considered for it.
        iou_threshold: a box goes when its IoU with a kept, better one of its class is larger than this.
        per_class: best boxes of each class that enter the suppression.
        per_image: best detections of all classes that are returned.

    """

    score_threshold: float
    iou_threshold: float
    per_class: int
    per_image: int


@dataclass(frozen=True)
class Exported:
    """A file that has passed its check.

    Attributes:
        path: where it is.
        size: in bytes.
        boxes: the greatest difference of a corner from PyTorch's, in sides of the picture.
        scores: the greatest difference of a score.

    """

    path: Path
    size: int
    boxes: float
    scores: float


class AllBoxes(nn.Module):
    """A network from pixels to the box and the scores of every prior; what comes then is left to others."""

    def __init__(self, network: SSD) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return boxes (N, P, 4), not clipped, and scores (N, P, C), without background, of images (N, 3, S, S)."""
        offsets, logits = self.network(normalize(images))
        boxes = decode(offsets, self.network.priors_cxcywh, self.network.spec.variances)
        return boxes, logits.softmax(dim=2)[..., 1:]


class BestBoxes(nn.Module):
    """A network from pixels to detections, in tensors of fixed size."""

    def __init__(self, every_box: AllBoxes, limits: Limits) -> None:
        super().__init__()
        self.every_box, self.limits = every_box, limits

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return boxes (N, K, 4), clipped, scores (N, K) and labels (N, K), best first; where they end, zeros."""
        boxes, scores = self.every_box(images)
        limits = self.limits
        best, prior = scores.transpose(1, 2).topk(min(limits.per_class, scores.shape[1]), dim=2)  # each (N, C, M)
        classes, length = best.shape[1:]
        boxes = boxes.gather(1, prior.flatten(1)[..., None].expand(-1, -1, 4))  # (N, C * M, 4)
        lists = boxes.unflatten(1, (classes, length)).flatten(0, 1), best.flatten(0, 1)  # N * C of them
        kept = suppress(*lists, limits.iou_threshold, limits.score_threshold).unflatten(0, (-1, classes))
        scores, place = kept.flatten(1).topk(min(limits.per_image, classes * length), dim=1)
        found = scores > 0
        boxes = boxes.gather(1, place[..., None].expand(-1, -1, 4)).clamp(0, 1) * found[..., None]
        return boxes, scores, (place // length + 1) * found


@torch.library.custom_op("ssd::suppress", mutates_args=())
def suppress(boxes: Tensor, scores: Tensor, iou_threshold: float, score_threshold: float) -> Tensor:
    """Suppress in L lists at once, each best first: boxes (L, M, 4), scores (L, M) to scores, 0 where a box goes.

    An operator of its own, because the loop of `greedy_keep` depends on the data and ONNX has the whole as one.
    """
    stays = greedy_keep(boxes, iou_threshold) & (scores > score_threshold)
    return torch.where(stays, scores, 0.0)


@suppress.register_fake
def _(boxes: Tensor, scores: Tensor, iou_threshold: float, score_threshold: float) -> Tensor:
    return torch.empty_like(scores)


def _suppress_in_onnx(boxes: Any, scores: Any, iou_threshold: float, score_threshold: float) -> Any:
    """Say `suppress` in ONNX: each list is a picture of one class to NonMaxSuppression, which names what it keeps."""
    from onnxscript import opset18 as op

    limits = op.Shape(boxes, start=1, end=2), [iou_threshold], [score_threshold]
    kept = op.NonMaxSuppression(boxes, op.Unsqueeze(scores, [1]), *limits)  # rows of list, class (always 0), place
    where = op.Gather(kept, [0, 2], axis=1)
    return op.ScatterND(op.ConstantOfShape(op.Shape(scores)), where, op.GatherND(scores, where))


def export_onnx(
    network: SSD,
    path: str | Path,
    suppression: bool = True,
    *,
    score_threshold: float = 0.01,
    iou_threshold: float = 0.45,
    per_class: int = 400,
    per_image: int = 200,
    pictures: Sequence[object] = (),
    metadata: Mapping[str, str] | None = None,
) -> Exported:
    """Write a network as one ONNX file, once onnxruntime has found with it what PyTorch finds.

    The input is `images` (N, 3, S, S) uint8, RGB, of any N. With suppression the outputs are those of `ssd.nms.detect`
    for all pictures alike: `boxes` (N, K, 4) float32 corners as fractions of the picture, clipped to it, `scores`
    (N, K) float32, best first, and `labels` (N, K) int64 from 1; places that are left over hold zeros. K is
    `per_image`, or less where there are not so many pairs of prior and class. Equal scores: the lower class, then the
    lower prior. Without suppression they are `boxes` (N, P, 4), not clipped, and `scores` (N, P, C) after softmax, less
    the background: threshold, suppress in each class, clip.

    Args:
        network: to export; left as it is, on whatever device.
        path: the .onnx file. What stands there stays until the new file has passed its check.
        suppression: put it into the file; the four limits are for that alone.
        score_threshold: this and the other three as in `Limits`; the defaults are the paper's.
        iou_threshold: see there.
        per_class: see there.
        per_image: see there.
        pictures: to check with, besides noise: whatever `SSD.predict` takes; by default some of the sample of ToyVOC.
        metadata: what else is known of the network, such as its weights' (`ssd.network.weights.read_metadata`).

    Raises:
        ExportError: a package is missing, a limit cannot be, the path has another ending, or the file would find other
            things than the network; then nothing is written.
        CheckpointError: the file cannot be written.
        DataError: a picture cannot be read.

    """
    path = Path(path)
    limits = Limits(score_threshold, iou_threshold, per_class, per_image)
    _require_possible(path, limits)
    size = network.spec.image_size
    squares = [
        resize(as_image(one), size, size, Image.Resampling.BILINEAR)
        for one in pictures or sorted(SAMPLE.glob("*.jpg"))[:3]
    ]
    require_writable(path.parent)
    plain = copy.deepcopy(network).cpu().eval().to(memory_format=torch.contiguous_format)
    every_box = AllBoxes(plain)
    detector = BestBoxes(every_box, limits) if suppression else every_box
    said = {
        **(metadata or {}),
        "class_names": json.dumps(network.class_names),
        "image_size": str(size),
        "input": "the whole picture squeezed onto the square, RGB, 0..255; the mean is subtracted inside",
        "mean": json.dumps(PIXEL_MEAN),
        "boxes": "left, top, right, bottom as fractions of the picture",
        "suppression": json.dumps(asdict(limits) if suppression else None),
    }
    model = _translate(detector, size, ["boxes", "scores", "labels"][: 3 if suppression else 2], said)
    noise = torch.randint(256, (3, 3, size, size), generator=torch.Generator().manual_seed(0)).byte()
    images = torch.cat([noise, *(square[None] for square in squares)])
    boxes, scores = check_model(model, every_box, limits if suppression else None, images, path)
    write_atomically(path, model)
    return Exported(path, len(model), boxes, scores)


def _require_possible(path: Path, limits: Limits) -> None:
    """Raise ExportError for what cannot work, before anything is done."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        expected = f"them to be there: python -m pip install {' '.join(PACKAGES)}"
        raise ExportError("needs packages that are not installed", value=", ".join(missing), expected=expected)
    if path.suffix != ".onnx":
        raise ExportError("has another ending", file=path, value=path.suffix, expected=".onnx")
    for name, value in asdict(limits).items():
        share = name.endswith("threshold")
        if not (0 <= value <= 1 if share else value >= 1):
            raise ExportError("cannot be", field=name, value=value, expected="0 to 1" if share else "at least 1")


def _translate(detector: nn.Module, size: int, outputs: list[str], metadata: Mapping[str, str]) -> bytes:
    """Return a module on the CPU as the bytes of an ONNX file, with these metadata and no others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about torch's own code
        program = torch.onnx.export(
            detector.eval(),
            (torch.zeros(2, 3, size, size, dtype=torch.uint8),),
            input_names=["images"],
            output_names=outputs,
            dynamic_shapes=({0: torch.export.Dim("N")},),
            custom_translation_table={torch.ops.ssd.suppress.default: _suppress_in_onnx},
            opset_version=OPSET,
            verbose=False,
        )
    graph = program.model.graph
    values = (value for node in graph for value in node.outputs)
    for part in (program.model, graph, *graph, *values, *graph.inputs, *graph.initializers.values()):
        part.metadata_props.clear()  # which lines of code, in which folder of this machine, a node comes from
    program.model.metadata_props.update(metadata)
    return program.model_proto.SerializeToString(deterministic=True)


@torch.no_grad()
def check_model(
    model: bytes, every_box: AllBoxes, limits: Limits | None, images: Tensor, path: Path
) -> tuple[float, float]:
    """See that onnxruntime, on a CPU, finds with a file what PyTorch finds: in one picture at a time, and in three.

    Args:
        model: the file's bytes.
        every_box: the network it was made of, on the CPU.
        limits: of the suppression; None for a file without.
        images: (N, 3, S, S) uint8.
        path: what the file is to be called, for the message.

    Returns:
        The greatest differences of corners, in sides of the picture, and of scores.

    Raises:
        ExportError: one is greater than its tolerance, or the suppression differs by more than rounding explains.

    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    apart, astray = torch.zeros(2), torch.zeros(2, dtype=torch.int64)
    batches = (*images.split(1), *images.split(3))
    for batch in tqdm(batches, desc="checking", unit="batch", leave=False, disable=None):
        outputs = [torch.from_numpy(output) for output in session.run(None, {"images": batch.numpy()})]
        expected = every_box(batch)
        if any(bool(one.isnan().any()) for one in expected):
            raise ExportError("gives no numbers", field="the network", value=float("nan"), expected="boxes and scores")
        if limits is None:
            apart = apart.maximum(torch.stack([*map(_difference, outputs, expected)]))
            continue
        for boxes, scores, labels, *everything in zip(*outputs, *expected, strict=True):
            count = int((scores > 0).sum())
            found = Detections(boxes[:count], scores[:count], labels[:count])
            differences, wrong = compare_detections(found, *everything, limits)
            apart, astray = apart.maximum(differences), astray + wrong
    for name, difference in zip(("boxes", "scores"), apart.tolist(), strict=True):
        if not difference <= TOLERANCE:  # true of NaN, too
            value, expected = float(f"{difference:.2g}"), f"a difference of at most {TOLERANCE:g}"
            raise ExportError("differ from PyTorch's", file=path, field=name, value=value, expected=expected)
    if astray.any():
        many, few = astray.tolist()
        raise ExportError(f"has {many} detections that PyTorch drops and lacks {few} that it keeps", file=path)
    return apart[0].item(), apart[1].item()


def compare_detections(found: Detections, boxes: Tensor, scores: Tensor, limits: Limits) -> tuple[Tensor, Tensor]:
    """Compare detections with what suppression must leave, where numbers within rounding may change places.

    Two lists cannot simply be laid side by side: of two boxes of nearly the same score, rounding decides which one
    drops the other. But what greedy suppression leaves is settled by two properties. No detection overlaps a
    better one of its class; and a box that is missing overlaps a better detection of its class, or a limit cut it off.

    Args:
        found: K detections, clipped.
        boxes: (P, 4) all boxes, not clipped.
        scores: (P, C) their scores, without background.
        limits: of the suppression.

    Returns:
        (2,) the greatest difference of a corner and of a score from those of the prior that comes closest; and (2,) how
        many detections should not be there, and how many are missing.

    """
    labels, clipped = found.labels - 1, clip(boxes)
    own = scores.T[labels]  # (K, P) what each prior scores in each detection's class
    far = (clipped - found.boxes[:, None]).abs().amax(dim=2).maximum((own - found.scores[:, None]).abs())
    prior, sure = far.argmin(dim=1), (far <= TOLERANCE).sum(dim=1) == 1
    apart = torch.stack([_difference(found.boxes, clipped[prior]), _difference(found.scores, scores[prior, labels])])

    floor = scores.new_full((scores.shape[1],), limits.score_threshold)  # (C,) nothing below it is to be kept
    if limits.per_class < len(scores):
        floor = floor.maximum(scores.topk(limits.per_class + 1, dim=0).values[-1])
    overlaps, comparable = iou(boxes[prior], boxes), (labels[:, None] == labels) & sure[:, None] & sure
    worse = (overlaps[:, prior] > limits.iou_threshold + TOLERANCE) & comparable
    too_many = worse.triu(diagonal=1).any(dim=0) | (found.scores < floor[labels] - TOLERANCE)

    drops = (overlaps > limits.iou_threshold - TOLERANCE) & (found.scores[:, None] >= own - TOLERANCE)
    drops |= far <= TOLERANCE  # what is there is not missing
    explained = drops.T.float() @ one_hot(labels, scores.shape[1]).float() > 0  # (P, C)
    if len(found) == limits.per_image:
        floor = floor.maximum(found.scores[-1])
    missing = (scores > floor + TOLERANCE) & ~explained
    return apart, torch.stack([too_many.sum(), missing.sum()])


def _difference(found: Tensor, expected: Tensor) -> Tensor:
    """Return the greatest difference of two tensors, 0 of empty ones; of numbers beyond 1 as a share of them."""
    apart = torch.where(found == expected, 0.0, (found - expected).abs() / expected.abs().clamp(min=1))
    return torch.cat([apart.new_zeros(1), apart.flatten()]).max()
