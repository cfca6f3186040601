"""Pretraining: the backbone learns the classes from objects cut out, before the detector learns where they are.

The paper starts from a VGG16 that ImageNet has taught to tell 1000 classes apart (section 3). A network small enough
for a laptop can have a start of the same kind from the training pictures themselves: an object cut out costs a ninth of
a picture, and teaches its class at once, whichever prior would have been matched to it.
"""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from .augment import cut_objects, distort, normalize, sample_colour
from .datasets.loader import CROPS, object_batches
from .network.ssd import SSD, evaluation_mode
from .recipes import Recipe

CONTEXT = 1.2
"""Side of the square that is cut out, in longest sides of the object."""

STORED = 80
"""Side in pixels of the squares that are kept in memory."""

SHOWN = 64
"""Side in pixels of the part of them that one view shows."""


def pretrain_backbone(
    network: SSD,
    samples: Dataset,
    recipe: Recipe,
    precision: torch.dtype = torch.float32,
    progress: bool = True,
) -> list[dict[str, float]]:
    """Teach a network's backbone to tell the objects' classes, by a linear classifier on the mean of each of its maps.

    Each map is taught with objects of the size that it is for in the detector: those that fill the large square prior
    of its level. One map is drawn for each step. Views are shifted, mirrored and, if the recipe says so, distorted in
    colour. The optimiser is AdamW; its rate rises for a tenth of the time and falls again.

    Args:
        network: on its device; its backbone is taught, and the heads on the backbone's maps start as the classifiers.
        samples: dataset of `Sample`, whose objects are cut out.
        recipe: its `pretrain_epochs`, `pretrain_rate`, `batch_size` (of crops, twice as many), `distort`, `seed` and
            `workers` are used.
        precision: of the backbone's arithmetic.
        progress: show a progress bar.

    Returns:
        For each epoch the mean loss, in nats, and the share of views told right.

    Raises:
        DataError: a picture cannot be read.

    """
    backbone, device = network.backbone, network.priors_cxcywh.device
    cut = partial(cut_objects, image_size=STORED, context=CONTEXT)
    batches = list(object_batches(samples, cut, recipe.workers))
    if not batches:
        return []
    crops, covered, labels = (
        torch.cat([getattr(b, name) for b in batches]) for name in ("images", "covered", "labels")
    )
    labels = labels[:, 0].to(device) - 1

    with torch.no_grad(), evaluation_mode(backbone):
        maps = backbone(torch.zeros(1, 3, SHOWN, SHOWN, device=device))[: len(network.spec.levels)]
        channels = [m.shape[1] for m in maps]
    sizes = [round(CONTEXT * level.shapes()[1][0]) for level in network.spec.levels]  # of the large square prior
    classifiers = nn.ModuleList([nn.Linear(c, network.num_classes) for c in channels]).to(device)
    parameters = [*backbone.parameters(), *classifiers.parameters()]
    optimiser = torch.optim.AdamW(parameters, betas=(0.9, 0.99), weight_decay=0.05)
    steps = recipe.pretrain_epochs * -(-len(crops) // (2 * recipe.batch_size))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.pretrain_rate, steps, pct_start=0.1, cycle_momentum=False
    )
    rng = np.random.default_rng([recipe.seed, CROPS])
    history = []
    epochs = range(recipe.pretrain_epochs)
    for _ in tqdm(epochs, unit="epoch", disable=not progress, desc=f"{recipe.name}, classes", leave=False):
        loss_sum, right = torch.zeros((), device=device), torch.zeros((), device=device)
        for rows in torch.from_numpy(rng.permutation(len(crops))).split(2 * recipe.batch_size):
            if len(rows) == 1:
                continue  # batch normalisation cannot learn from one; in the next epoch it will be another's turn
            level = rng.integers(len(channels))
            views = shifted_views(crops[rows], covered[rows], SHOWN, rng)
            if recipe.distort:
                colour = torch.tensor([sample_colour(rng) for _ in rows])
                images = distort(*(tensor.to(device) for tensor in (*views, colour)))
            else:
                images = normalize(views[0].to(device))
            images = F.interpolate(images, size=(sizes[level], sizes[level]), mode="bilinear", antialias=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
                features = backbone(images.contiguous(memory_format=torch.channels_last))[level]
                logits = classifiers[level](features.mean(dim=(2, 3)))
            wanted = labels[rows.to(device)]
            loss = F.cross_entropy(logits.float(), wanted)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            loss_sum += loss.detach() * len(rows)
            right += (logits.argmax(dim=1) == wanted).sum()
        history.append({name: round(float(v) / len(crops), 4) for name, v in (("loss", loss_sum), ("right", right))})
    for classifier, head in zip(classifiers, network.logit_heads, strict=False):
        start_head(head, classifier)
    return history


@torch.no_grad()
def start_head(head: nn.Conv2d, classifier: nn.Linear) -> None:
    """Let a head begin as the classifier of its map: every tap of its 3 x 3 kernels takes a ninth, for every shape.

    The mean over 3 x 3 cells, classified, is what a crop of the level's size was classified by. Scores of the
    background stay as they are.

    Args:
        head: logits of all shapes, each with the background first.
        classifier: of the C classes, from as many channels.

    """
    classes = classifier.out_features
    weight, bias = head.weight.unflatten(0, (-1, classes + 1)), head.bias.unflatten(0, (-1, classes + 1))
    weight[:, 1:] = classifier.weight[:, :, None, None] / weight[0, 0, 0].numel()
    bias[:, 1:] = classifier.bias


def shifted_views(crops: Tensor, covered: Tensor, size: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Look at crops through a smaller window, at a place drawn for the batch, mirrored or not.

    Args:
        crops: (B, 3, S, S) uint8.
        covered: (B, 4) int64 the parts that hold picture.
        size: side of the views in pixels, at most S.
        rng: source of randomness.

    Returns:
        (B, 3, size, size) uint8, and (B, 4) the parts of the views that hold picture.

    """
    x, y = rng.integers(crops.shape[-1] - size + 1, size=2).tolist()
    views = crops[:, :, y : y + size, x : x + size]
    covered = (covered - torch.tensor([x, y, x, y])).clamp(0, size)
    mirrored = torch.from_numpy(rng.random(len(crops)) < 0.5)
    x0, y0, x1, y1 = covered.unbind(dim=1)
    covered = torch.where(mirrored[:, None], torch.stack([size - x1, y0, size - x0, y1], dim=1), covered)
    return torch.where(mirrored[:, None, None, None], views.flip(-1), views), covered
