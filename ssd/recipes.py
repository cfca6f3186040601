"""Recipes: every number of a training run, in one frozen place; a run is known by its recipe."""

from dataclasses import dataclass, fields, replace

from .errors import RecipeError


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; each field is also a flag of `python -m ssd train`.

    The first group of fields decides what comes out, so a run can only be resumed with the same values. The second is
    about the machine at hand and may change between one start and the next.

    Attributes:
        name: what the run is called in records.
        network: name in `ssd.network.NETWORKS`.
        weights: what to start from: "imagenet" (VGG16's), a VGG16 file, a detector's .safetensors; empty: chance.
        prior_sizes: sizes of priors, in pixels of the input, for `ssd.priors.with_sizes`; empty for the network's own.
        max_ratio: leave out priors that are longer than so many times their width, or wider; 0 keeps all.
        maps: how many of the network's maps to use, the largest first (`ssd.priors.with_maps`); 0 for all.
        boundary_priors: use the priors that cross the picture's border.
        iterations: optimiser steps.
        pretrain_epochs: first, so many passes over the objects, cut out, to teach the backbone their classes.
        pretrain_rate: highest rate of those passes.
        batch_size: pictures a step.
        optimiser: "sgd", the paper's, with momentum; or "adamw", which gets further in few iterations.
        learning_rate: highest rate of the weights.
        bias_rate: the biases' rate, in multiples of the weights'.
        momentum: of the gradient's mean (AdamW's first beta; its second is 0.99).
        weight_decay: of the weights; biases and the scales and shifts of batch normalisation have none.
        warmup: iterations over which the rate rises linearly from 0.
        schedule: "steps" divides the rate by 10 at each milestone; "cosine" lowers it to 0 along half a cosine.
        milestones: iterations at which "steps" divides.
        gradient_norm: gradients longer than this are shortened to it; 0 leaves them.
        ema: decay of a running mean of the weights, which is what the run ends with; 0: the last weights are.
        expand_probability: how often a picture is put on a larger canvas (`ssd.augment.TrainTransform`).
        expand_max: the largest canvas, in sides of the picture.
        crop: crop with the seven samplers.
        distort: distort colours.
        year: of VOC or COCO data, or a union of VOC's: "2007", "2012", "07+12", "07++12", "2017".
        split: which part of the data to train on.
        class_names: the classes in the order of their labels; empty for the data's own, or VOC's for VOC's layout.
        keep_difficult: train on VOC's difficult objects, too; COCO's crowds are never trained on.
        parts: pieces that a process works a batch through in, where memory is too small for all of it.
        seed: of the initial weights, of the order and of every augmentation.

        data: folder of the data (`ssd.datasets.open_data` says which kinds).
        workers: processes that read pictures; 0 reads in the training process.
        device: "auto", "cpu", "cuda", "cuda:1", ...
        precision: "fp32", "bf16" (autocast), or "auto": bf16 where the hardware multiplies it, which is on GPUs
            of compute capability 8.0 and above and on processors with AMX.
        compile: let torch compile the network first: up to a minute at the start, then faster steps.
        checkpoint_every: iterations between checkpoints.
        log_every: iterations between lines of metrics.jsonl.

    """

    name: str
    network: str
    iterations: int
    weights: str = ""
    prior_sizes: tuple[float, ...] = ()
    max_ratio: float = 0.0
    maps: int = 0
    boundary_priors: bool = True
    pretrain_epochs: int = 0
    pretrain_rate: float = 3e-3
    batch_size: int = 32
    optimiser: str = "sgd"
    learning_rate: float = 1e-3
    bias_rate: float = 2.0
    momentum: float = 0.9
    weight_decay: float = 5e-4
    warmup: int = 0
    schedule: str = "steps"
    milestones: tuple[int, ...] = ()
    gradient_norm: float = 0.0
    ema: float = 0.0
    expand_probability: float = 0.5
    expand_max: float = 4.0
    crop: bool = True
    distort: bool = True
    year: str = "2007"
    split: str = "trainval"
    class_names: tuple[str, ...] = ()
    keep_difficult: bool = True
    parts: int = 1
    seed: int = 0

    data: str = "data"
    workers: int = 2
    device: str = "auto"
    precision: str = "auto"
    compile: bool = False
    checkpoint_every: int = 500
    log_every: int = 20

    def __post_init__(self) -> None:
        """Refuse values that cannot work."""
        for field in ("iterations", "batch_size", "parts", "checkpoint_every", "log_every"):
            self._require(field, getattr(self, field) >= 1, "at least 1")
        for field in (
            "warmup",
            "workers",
            "seed",
            "gradient_norm",
            "weight_decay",
            "pretrain_epochs",
            "max_ratio",
            "maps",
        ):
            self._require(field, getattr(self, field) >= 0, "0 or more")
        self._require("bias_rate", self.bias_rate >= 0, "0 or more")
        self._require("momentum", 0 <= self.momentum < 1, "0 or more and less than 1")
        for field in ("milestones", "class_names", "prior_sizes"):  # a list, as JSON has it, is as good
            object.__setattr__(self, field, tuple(getattr(self, field)))
        self._require("pretrain_rate", self.pretrain_rate > 0, "more than 0")
        self._require("optimiser", self.optimiser in ("sgd", "adamw"), "sgd or adamw")
        self._require("learning_rate", self.learning_rate > 0, "more than 0")
        self._require("schedule", self.schedule in ("steps", "cosine"), "steps or cosine")
        if self.schedule == "steps":  # a rate that never falls costs points, and nobody sees it
            before_the_end = all(0 < milestone < self.iterations for milestone in self.milestones)
            self._require("milestones", before_the_end, f"steps before the last of {self.iterations} iterations")
        self._require("precision", self.precision in ("auto", "bf16", "fp32"), "auto, bf16 or fp32")
        self._require("ema", 0 <= self.ema < 1, "0 or more and less than 1")
        self._require("expand_max", self.expand_max >= 1, "at least 1")
        self._require("expand_probability", 0 <= self.expand_probability <= 1, "0 to 1")

    def _require(self, field: str, holds: bool, expected: str) -> None:
        if not holds:
            raise RecipeError("cannot be", field=field, value=getattr(self, field), expected=expected)

    def differences(self, other: "Recipe") -> list[str]:
        """Name the fields that decide the result and differ from another recipe's."""
        return [
            f.name for f in fields(self) if f.name not in MACHINE and getattr(self, f.name) != getattr(other, f.name)
        ]


MACHINE = ("data", "workers", "device", "precision", "compile", "checkpoint_every", "log_every")
"""Fields that do not decide what comes out of a run."""

toy = Recipe(
    name="toy",
    network="ssd_tiny",
    iterations=2600,
    pretrain_epochs=22,
    optimiser="adamw",
    learning_rate=2e-3,
    bias_rate=1.0,
    weight_decay=0.5,
    warmup=100,
    schedule="cosine",
    gradient_norm=10.0,
    expand_max=2.0,
    distort=False,
    checkpoint_every=200,
)
"""ToyVOC on a laptop, in ten minutes (chapter 12).

There is no ImageNet to start from, so the backbone learns the classes first, from objects cut out; AdamW gets further
than plain descent in so few steps. Canvases of up to twice the picture, not four times, and colours as they are:
distorted ones need more passes than ten minutes allow, and ToyVOC's are random already.
"""

small_voc = replace(
    toy,
    name="small_voc",
    network="ssd_small",
    iterations=30_000,
    pretrain_epochs=30,
    warmup=500,
    expand_max=3.0,
    distort=True,
    checkpoint_every=500,
)
"""VOC2007 on a laptop, from chance, in two hours (chapter 13): 192 passes over trainval, after 30 over its objects cut
out. Tuned on train and val."""

paper_voc300 = Recipe(
    name="paper_voc300",
    network="ssd300_vgg16",
    weights="imagenet",
    iterations=120_000,
    milestones=(80_000, 100_000),
    year="07+12",
    workers=8,
    checkpoint_every=2000,
)
"""SSD300 as published, with expansion: 77.2 on VOC2007 test (the authors' `ssd_pascal.py`; paper, section 3.6).

The defaults of `Recipe` are the paper's, too: 32 pictures a step, rate 0.001, momentum 0.9, decay 0.0005, and biases at
twice the rate without decay.
"""

paper_voc512 = replace(paper_voc300, name="paper_voc512", network="ssd512_vgg16")
"""SSD512 on the same pictures and schedule: 79.8."""

paper_coco300 = replace(
    paper_voc300,
    name="paper_coco300",
    prior_sizes=(21, 45, 99, 153, 207, 261, 315),
    iterations=400_000,
    milestones=(280_000, 360_000),
    year="2017",
    split="train",
)
"""SSD300 on COCO (the authors' `ssd_coco.py`), with smaller priors.

The paper trains on trainval35k of 2014, which is train2017 but for a few pictures.
"""

paper_coco512 = replace(
    paper_coco300,
    name="paper_coco512",
    network="ssd512_vgg16",
    prior_sizes=(20.48, 51.2, 133.12, 215.04, 296.96, 378.88, 460.8, 542.72),
)
"""SSD512 on COCO, likewise."""

scratch_voc300 = Recipe(
    name="scratch_voc300",
    network="ssd300_vgg16_bn",
    iterations=40_000,
    batch_size=64,
    learning_rate=0.02,
    bias_rate=1.0,
    warmup=1000,
    schedule="cosine",
    gradient_norm=10.0,
    workers=8,
    checkpoint_every=2000,
)
"""SSD300 from chance, on VOC2007 alone, for when no ImageNet weights are at hand: batch normalisation, a larger rate
after a warm-up, and 510 passes over the pictures. Not the paper's, and not yet run."""

RECIPES = {
    recipe.name: recipe
    for recipe in (toy, small_voc, paper_voc300, paper_voc512, paper_coco300, paper_coco512, scratch_voc300)
}
"""Recipes by name."""


def get_recipe(name: str, **changes: object) -> Recipe:
    """Return a recipe by name, with some fields changed.

    Raises:
        RecipeError: there is no such recipe, or a field cannot have that value.

    """
    if name not in RECIPES:
        raise RecipeError("unknown", field="recipe", value=name, expected="one of " + ", ".join(RECIPES))
    return replace(RECIPES[name], **changes)
