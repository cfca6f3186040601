"""ssd.loss: the paper's sums, written as loops over single priors in double precision, are the reference."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import any_boxes, repeatable

from ssd.boxes import cxcywh_to_xyxy, encode
from ssd.loss import MultiBoxLoss, mine_negatives
from ssd.matching import match

# A unit square of priors, 3 x 3 cells with three shapes each: (27, 4) centre-size boxes as fractions.
PRIORS = torch.tensor(
    [
        ((column + 0.5) / 3, (row + 0.5) / 3, width, height)
        for row in range(3)
        for column in range(3)
        for width, height in ((0.3, 0.3), (0.6, 0.3), (0.5, 0.5))
    ]
)
NUM_CLASSES = 3


def slow_smooth_l1(x):
    """Return 0.5 x^2 near 0 and |x| - 0.5 beyond 1."""
    return 0.5 * x * x if abs(x) < 1 else abs(x) - 0.5


def slow_cross_entropy(scores, label):
    """Return -log of the softmax's share of one class."""
    highest = max(scores)
    return math.log(sum(math.exp(score - highest) for score in scores)) + highest - scores[label]


def slow_target(box, prior):
    """Return equation 2 of the paper, divided by the variances."""
    x1, y1, x2, y2 = box
    cx, cy, width, height = prior
    return [
        ((x1 + x2) / 2 - cx) / width / 0.1,
        ((y1 + y2) / 2 - cy) / height / 0.1,
        math.log((x2 - x1) / width) / 0.2,
        math.log((y2 - y1) / height) / 0.2,
    ]


def slow_chosen(logits, boxes, labels, priors, ratio=3.0):
    """Return, for each picture, {matched prior: object} and the list of its mined negatives."""
    chosen = []
    for picture in range(len(logits)):
        there = [number for number, label in enumerate(labels[picture].tolist()) if label > 0]
        matched = match(cxcywh_to_xyxy(priors), boxes[picture, there]).tolist()
        positives = {prior: there[number] for prior, number in enumerate(matched) if number >= 0}
        against_background = {
            prior: slow_cross_entropy(row, 0)
            for prior, row in enumerate(logits[picture].double().tolist())
            if prior not in positives
        }
        hardest = sorted(against_background, key=lambda prior: (-against_background[prior], prior))
        chosen.append((positives, hardest[: math.floor(ratio * len(positives))]))
    return chosen


def slow_loss(offsets, logits, boxes, labels, priors, ratio=3.0):
    """Return the two sums divided by N, and N before it is raised to 1."""
    localization, confidence, matched = 0.0, 0.0, 0
    for picture, (positives, negatives) in enumerate(slow_chosen(logits, boxes, labels, priors, ratio)):
        matched += len(positives)
        for prior, number in positives.items():
            target = slow_target(boxes[picture, number].double().tolist(), priors[prior].double().tolist())
            predicted = offsets[picture, prior].double().tolist()
            localization += sum(slow_smooth_l1(p - t) for p, t in zip(predicted, target, strict=True))
            confidence += slow_cross_entropy(logits[picture, prior].double().tolist(), int(labels[picture, number]))
        for prior in negatives:
            confidence += slow_cross_entropy(logits[picture, prior].double().tolist(), 0)
    return localization / max(matched, 1), confidence / max(matched, 1), matched


def value_of(term):
    """Return a term's value as a plain number."""
    return float(term.detach())


def predictions(batch, seed, priors=PRIORS, scale=2.0):
    """Return offsets (B, P, 4) and logits (B, P, C+1) by chance."""
    generator = torch.Generator().manual_seed(seed)
    offsets = scale * torch.randn(batch, len(priors), 4, generator=generator)
    return offsets, scale * torch.randn(batch, len(priors), NUM_CLASSES + 1, generator=generator)


def assert_equals_loops(offsets, logits, boxes, labels, ratio=3.0):
    terms = MultiBoxLoss(PRIORS, neg_pos_ratio=ratio)(offsets, logits, boxes, labels)
    localization, confidence, matched = slow_loss(offsets, logits, boxes, labels, PRIORS, ratio)
    assert value_of(terms.localization) == pytest.approx(localization, rel=1e-4, abs=1e-5)
    assert value_of(terms.confidence) == pytest.approx(confidence, rel=1e-4, abs=1e-5)
    assert int(terms.matched) == matched
    assert value_of(terms.total) == pytest.approx(localization + confidence, rel=1e-4, abs=1e-5)


# One small object, one large; a picture with a third; and what stands in the padding, which must not matter.
BOXES = torch.tensor(
    [
        [[0.05, 0.05, 0.35, 0.3], [0.3, 0.2, 0.95, 0.9], [0.0, 0.0, 1.0, 1.0]],
        [[0.6, 0.6, 0.9, 0.95], [0.2, 0.3, 0.8, 0.7], [0.1, 0.5, 0.4, 0.9]],
    ]
)
LABELS = torch.tensor([[1, 3, 0], [2, 2, 1]])


@st.composite
def labelled_batches(draw):
    """Draw (B, G, 4) boxes, some of them empty or reversed, and (B, G) labels, 0 anywhere."""
    batch, most = draw(st.integers(1, 3)), draw(st.integers(0, 4))
    boxes = torch.stack([draw(any_boxes(min_size=most, max_size=most, cells=6)) / 6 for _ in range(batch)])
    labels = draw(st.lists(st.integers(0, NUM_CLASSES), min_size=batch * most, max_size=batch * most))
    return boxes, torch.tensor(labels, dtype=torch.int64).reshape(batch, most)


@settings(repeatable, max_examples=80)
@given(labelled_batches(), st.integers(0, 2**31), st.sampled_from([0.0, 0.5, 1.0, 3.0, 100.0]))
def test_loss_equals_the_papers_sums(objects, seed, ratio):
    boxes, labels = objects
    assert_equals_loops(*predictions(len(boxes), seed), boxes, labels, ratio)


def test_loss_equals_the_papers_sums_on_an_ordinary_batch():
    assert_equals_loops(*predictions(2, 0), BOXES, LABELS)
    assert int(MultiBoxLoss(PRIORS)(*predictions(2, 0), BOXES, LABELS).matched) >= 5


def test_localization_by_hand():
    # One prior that is the object; offsets wrong by 0.5 and by 3: 0.5 * 0.25 + (3 - 0.5).
    prior = torch.tensor([[0.5, 0.5, 0.4, 0.4]])
    offsets = torch.tensor([[[0.5, 0.0, 0.0, -3.0]]])
    terms = MultiBoxLoss(prior)(offsets, torch.zeros(1, 1, 3), cxcywh_to_xyxy(prior)[None], torch.tensor([[2]]))
    assert value_of(terms.localization) == pytest.approx(0.125 + 2.5, abs=1e-4)
    assert value_of(terms.confidence) == pytest.approx(math.log(3), abs=1e-5)


def test_perfect_predictions_cost_nothing():
    boxes, labels = BOXES[1:], LABELS[1:]
    matched = match(cxcywh_to_xyxy(PRIORS), boxes[0])
    offsets = encode(boxes[0][matched.clamp(min=0)], PRIORS)[None]
    classes = torch.where(matched >= 0, labels[0][matched.clamp(min=0)], 0)
    logits = 50.0 * torch.nn.functional.one_hot(classes, NUM_CLASSES + 1)[None]
    terms = MultiBoxLoss(PRIORS)(offsets, logits, boxes, labels)
    assert value_of(terms.localization) == pytest.approx(0, abs=1e-4)
    assert value_of(terms.confidence) == pytest.approx(0, abs=1e-4)


def test_variances_given_are_the_ones_used():
    variances = (1.0, 0.5, 2.0, 4.0)
    matched = match(cxcywh_to_xyxy(PRIORS), BOXES[1])
    offsets = encode(BOXES[1][matched.clamp(min=0)], PRIORS, variances)[None]
    logits = predictions(1, 0)[1]
    terms = MultiBoxLoss(PRIORS, variances)(offsets, logits, BOXES[1:], LABELS[1:])
    assert value_of(terms.localization) == pytest.approx(0, abs=1e-4)
    assert value_of(MultiBoxLoss(PRIORS)(offsets, logits, BOXES[1:], LABELS[1:]).localization) > 0.1


@pytest.mark.parametrize(
    ("boxes", "labels"),
    [
        (torch.zeros(2, 0, 4), torch.zeros(2, 0, dtype=torch.int64)),
        (torch.zeros(2, 3, 4), torch.zeros(2, 3, dtype=torch.int64)),
        (BOXES, torch.zeros_like(LABELS)),
        (torch.tensor([[[0.5, 0.1, 0.5, 0.9]], [[0.9, 0.9, 0.1, 0.1]]]), torch.tensor([[1], [2]])),
    ],
    ids=["no rows", "padding", "padding that looks like objects", "objects without area"],
)
def test_without_a_matched_prior_loss_and_gradients_are_0(boxes, labels):
    offsets, logits = (tensor.requires_grad_() for tensor in predictions(2, 0))
    terms = MultiBoxLoss(PRIORS)(offsets, logits, boxes, labels)
    assert (value_of(terms.localization), value_of(terms.confidence), int(terms.matched)) == (0.0, 0.0, 0)
    terms.total.backward()
    assert torch.equal(offsets.grad, torch.zeros_like(offsets))
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_a_picture_without_objects_contributes_nothing():
    offsets, logits = (tensor.requires_grad_() for tensor in predictions(3, 0))
    boxes = torch.cat([BOXES, torch.rand(1, 3, 4, generator=torch.Generator().manual_seed(0))])
    labels = torch.cat([LABELS, torch.zeros(1, 3, dtype=torch.int64)])
    terms = MultiBoxLoss(PRIORS)(offsets, logits, boxes, labels)
    alone = MultiBoxLoss(PRIORS)(offsets[:2], logits[:2], BOXES, LABELS)
    assert value_of(terms.total) == pytest.approx(value_of(alone.total), rel=1e-6)
    terms.total.backward()
    assert not offsets.grad[2].any()
    assert not logits.grad[2].any()


def test_an_object_without_area_beside_a_real_one_changes_nothing():
    loss, (offsets, logits) = MultiBoxLoss(PRIORS), predictions(1, 0)
    offsets.requires_grad_()
    alone = loss(offsets, logits, BOXES[:1, :1], LABELS[:1, :1])
    boxes = torch.cat([BOXES[:1, :1], torch.tensor([[[0.4, 0.4, 0.4, 0.8], [0.9, 0.9, 0.2, 0.2]]])], dim=1)
    terms = loss(offsets, logits, boxes, torch.tensor([[1, 2, 3]]))
    assert value_of(terms.total) == value_of(alone.total)
    terms.total.backward()
    assert offsets.grad.isfinite().all()


def test_what_stands_in_the_padding_does_not_matter():
    loss, (offsets, logits) = MultiBoxLoss(PRIORS), predictions(2, 0)
    other = BOXES.clone()
    other[0, 2] = torch.tensor([7.0, -7.0, -7.0, 7.0])
    assert value_of(loss(offsets, logits, other, LABELS).total) == value_of(loss(offsets, logits, BOXES, LABELS).total)


def test_the_order_of_objects_and_padding_does_not_matter():
    loss, (offsets, logits), order = MultiBoxLoss(PRIORS), predictions(2, 0), [2, 0, 1]
    shuffled = loss(offsets, logits, BOXES[:, order], LABELS[:, order])
    assert value_of(shuffled.total) == pytest.approx(value_of(loss(offsets, logits, BOXES, LABELS).total), rel=1e-6)


def test_the_order_of_pictures_does_not_matter():
    loss, (offsets, logits) = MultiBoxLoss(PRIORS), predictions(2, 0)
    reversed_ = loss(offsets.flip(0), logits.flip(0), BOXES.flip(0), LABELS.flip(0))
    terms = loss(offsets, logits, BOXES, LABELS)
    assert int(reversed_.matched) == int(terms.matched)
    for name in ("localization", "confidence"):
        assert value_of(getattr(reversed_, name)) == pytest.approx(value_of(getattr(terms, name)), rel=1e-6)


def test_n_is_summed_over_the_batch_and_not_taken_per_picture():
    loss, (offsets, logits) = MultiBoxLoss(PRIORS), predictions(2, 0)
    boxes, labels = BOXES, torch.tensor([[1, 0, 0], [2, 2, 1]])
    together = loss(offsets, logits, boxes, labels)
    first = loss(offsets[:1], logits[:1], boxes[:1], labels[:1])
    second = loss(offsets[1:], logits[1:], boxes[1:], labels[1:])
    assert int(together.matched) == int(first.matched) + int(second.matched)
    assert int(first.matched) != int(second.matched)
    for name in ("localization", "confidence", "total"):
        sums = [value_of(getattr(terms, name)) * int(terms.matched) for terms in (first, second)]
        assert value_of(getattr(together, name)) == pytest.approx(sum(sums) / int(together.matched), rel=1e-5)
        mean = (value_of(getattr(first, name)) + value_of(getattr(second, name))) / 2
        assert abs(value_of(getattr(together, name)) - mean) > 0.01


def test_gradients_flow_to_positives_and_mined_negatives_only():
    offsets, logits = (tensor.requires_grad_() for tensor in predictions(2, 0))
    MultiBoxLoss(PRIORS)(offsets, logits, BOXES, LABELS).total.backward()
    for picture, (positives, negatives) in enumerate(slow_chosen(logits.detach(), BOXES, LABELS, PRIORS)):
        assert set(offsets.grad[picture].any(dim=1).nonzero().flatten().tolist()) == set(positives)
        assert set(logits.grad[picture].any(dim=1).nonzero().flatten().tolist()) == set(positives) | set(negatives)
        assert len(negatives) == min(3 * len(positives), len(PRIORS) - len(positives))


def test_gradients_equal_those_of_the_sums():
    offsets, logits = (tensor.requires_grad_() for tensor in predictions(2, 0))
    terms = MultiBoxLoss(PRIORS)(offsets, logits, BOXES, LABELS)
    terms.total.backward()
    for picture, (positives, negatives) in enumerate(slow_chosen(logits.detach(), BOXES, LABELS, PRIORS)):
        for prior in [*positives, *negatives]:
            # The gradient of softmax cross-entropy: the softmax, less 1 at the class that is right.
            wanted = logits[picture, prior].detach().softmax(dim=0)
            wanted[int(LABELS[picture, positives[prior]]) if prior in positives else 0] -= 1
            torch.testing.assert_close(logits.grad[picture, prior], wanted / terms.matched)


def test_negatives_are_mined_in_each_picture_by_its_own_positives():
    # The second picture's background is much harder, and only the first has many positives to spend.
    offsets, logits = predictions(2, 0, scale=0.1)
    logits[1, :, 1:] += 20
    logits.requires_grad_()
    boxes, labels = BOXES.flip(0), torch.tensor([[2, 2, 1], [1, 0, 0]])
    MultiBoxLoss(PRIORS, neg_pos_ratio=1.0)(offsets, logits, boxes, labels).confidence.backward()
    for picture, (positives, _) in enumerate(slow_chosen(logits.detach(), boxes, labels, PRIORS)):
        assert int(logits.grad[picture].any(dim=1).sum()) == 2 * len(positives)


def test_logits_and_offsets_in_bfloat16_are_computed_in_float32():
    loss, (offsets, logits) = MultiBoxLoss(PRIORS), (tensor.bfloat16() for tensor in predictions(2, 0))
    offsets.requires_grad_()
    logits.requires_grad_()
    terms = loss(offsets, logits, BOXES, LABELS)
    exact = loss(offsets.float(), logits.float(), BOXES, LABELS)
    assert terms.total.dtype == torch.float32
    assert value_of(terms.localization) == value_of(exact.localization)
    assert value_of(terms.confidence) == value_of(exact.confidence)
    terms.total.backward()
    assert offsets.grad.isfinite().all()
    assert logits.grad.isfinite().all()


def test_enormous_logits_and_offsets_stay_finite():
    offsets, logits = (1e4 * tensor for tensor in predictions(2, 0))
    offsets.requires_grad_()
    logits.requires_grad_()
    terms = MultiBoxLoss(PRIORS)(offsets, logits, BOXES, LABELS)
    terms.total.backward()
    assert terms.total.isfinite()
    assert offsets.grad.isfinite().all()
    assert logits.grad.isfinite().all()


def test_fewer_priors_than_objects_still_count():
    prior = torch.tensor([[0.5, 0.5, 0.4, 0.4]])
    boxes = torch.tensor([[[0.3, 0.3, 0.7, 0.6], [0.3, 0.3, 0.7, 0.7], [0.4, 0.4, 0.6, 0.6]]])
    terms = MultiBoxLoss(prior)(torch.zeros(1, 1, 4), torch.zeros(1, 1, 4), boxes, torch.tensor([[1, 2, 3]]))
    assert int(terms.matched) == 1
    assert value_of(terms.localization) == pytest.approx(0, abs=1e-5)


def test_the_loss_never_asks_the_device_for_a_value():
    # Tensors on "meta" have a shape and no values: whatever would wait for one raises.
    loss = MultiBoxLoss(PRIORS).to("meta")
    offsets, logits = (tensor.to("meta") for tensor in predictions(2, 0))
    assert loss(offsets, logits, BOXES.to("meta"), LABELS.to("meta")).total.shape == ()


def slow_mine(losses, positive, ratio):
    """Sort each picture's unmatched priors by falling loss, then by number, and take the first."""
    chosen = []
    for row, taken in zip(losses.tolist(), positive.tolist(), strict=True):
        free = sorted((prior for prior in range(len(row)) if not taken[prior]), key=lambda prior: (-row[prior], prior))
        first = free[: math.floor(ratio * sum(taken))]
        chosen.append([prior in first for prior in range(len(row))])
    return chosen


@settings(repeatable, max_examples=200)
@given(st.data(), st.integers(1, 3), st.integers(1, 10), st.sampled_from([0.0, 0.5, 1.0, 1.5, 3.0]))
def test_mined_negatives_are_the_hardest_and_of_equals_the_lower(data, batch, num_priors, ratio):
    size = {"min_size": batch * num_priors, "max_size": batch * num_priors}
    losses = torch.tensor(data.draw(st.lists(st.integers(0, 3), **size)), dtype=torch.float32).reshape(batch, -1)
    positive = torch.tensor(data.draw(st.lists(st.booleans(), **size))).reshape(batch, -1)
    mined = mine_negatives(losses, positive, ratio)
    assert mined.dtype == torch.bool
    assert mined.tolist() == slow_mine(losses, positive, ratio)


def test_of_thousands_of_equal_losses_the_lower_priors_are_mined():
    # At this length an unstable sort does shuffle equals: before training, all losses are nearly the same.
    positive = torch.zeros(1, 8732, dtype=torch.bool)
    positive[0, [5, 100]] = True
    mined = mine_negatives(torch.ones(1, 8732), positive)
    assert mined.nonzero()[:, 1].tolist() == [0, 1, 2, 3, 4, 6]


def test_positives_are_never_mined_however_large_their_loss():
    losses, positive = torch.tensor([[9.0, 1.0, 8.0, 2.0]]), torch.tensor([[True, False, True, False]])
    assert mine_negatives(losses, positive, 0.5).tolist() == [[False, False, False, True]]
    assert mine_negatives(losses, positive).tolist() == [[False, True, False, True]]


def test_a_picture_without_positives_gets_no_negatives():
    losses, positive = torch.tensor([[9.0, 8.0], [1.0, 2.0]]), torch.tensor([[False, False], [True, False]])
    assert mine_negatives(losses, positive).tolist() == [[False, False], [False, True]]
