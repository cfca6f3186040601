"""The paper's two networks: sizes, counts and starts, against the paper's numbers and torchvision's layers."""

from math import sqrt

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import vgg16

from ssd.errors import RecipeError
from ssd.network import ssd300_vgg16, ssd300_vgg16_bn, ssd512_vgg16
from ssd.network.vgg import L2Norm
from ssd.priors import COCO300, VOC300, VOC512_CAFFE, with_maps

GRIDS = {300: (38, 19, 10, 5, 3, 1), 512: (64, 32, 16, 8, 4, 2, 1)}
CHANNELS = {300: (512, 1024, 512, 256, 256, 256), 512: (512, 1024, 512, 256, 256, 256, 256)}


@pytest.fixture(scope="module")
def networks():
    """One of each; the tests only look at them."""
    torch.manual_seed(0)
    return {300: ssd300_vgg16(), 512: ssd512_vgg16(), "bn": ssd300_vgg16_bn()}


@pytest.mark.parametrize("size", [300, 512])
def test_every_map_has_the_papers_size_and_channels(networks, size):
    with torch.no_grad():
        maps = networks[size].feature_maps(torch.zeros(1, 3, size, size))
    assert [tuple(m.shape[1:]) for m in maps] == [(c, n, n) for c, n in zip(CHANNELS[size], GRIDS[size], strict=True)]
    assert tuple(level.grid for level in networks[size].spec.levels) == GRIDS[size]


@pytest.mark.parametrize(("size", "rows"), [(300, 8732), (512, 24564)])
def test_every_prior_has_a_row(networks, size, rows):
    with torch.no_grad():
        offsets, logits = networks[size](torch.zeros(1, 3, size, size))
    assert offsets.shape == (1, rows, 4)
    assert logits.shape == (1, rows, 21)


def test_ssd300_costs_what_the_facts_say(networks):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        networks[300](torch.zeros(1, 3, 300, 300))
    assert round(counter.get_total_flops() / 1e9, 1) == 62.7
    assert round(sum(p.numel() for p in networks[300].parameters()) / 1e6, 1) == 26.3


@pytest.mark.parametrize("build", [ssd300_vgg16, ssd300_vgg16_bn])
def test_gradient_reaches_every_parameter(build):
    torch.manual_seed(0)
    network = build(3).train()
    offsets, logits = network(torch.randn(2, 3, 300, 300) * 60)
    (offsets.square().mean() + logits.square().mean()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert float(parameter.grad.abs().max()) > 0, name


def test_the_body_has_vgg16s_shapes(networks):
    theirs = [m for m in vgg16(weights=None).features if isinstance(m, nn.Conv2d)]
    ours = [m for m in networks[300].backbone.modules() if isinstance(m, nn.Conv2d)]
    assert [m.weight.shape for m in ours[:13]] == [m.weight.shape for m in theirs]
    assert ours[13].dilation == ours[13].padding == (6, 6)
    assert [tuple(m.weight.shape) for m in ours[13:]] == [(1024, 512, 3, 3), (1024, 1024, 1, 1)]


@pytest.mark.parametrize("size", [300, 512])
def test_new_layers_start_lecun_uniform_and_every_bias_at_zero(networks, size):
    network = networks[size]
    new = [network.backbone.upper.fc6, network.backbone.upper.fc7, *network.offset_heads, *network.logit_heads]
    new += [m for m in network.extras.modules() if isinstance(m, nn.Conv2d)]
    assert len(new) == 2 + 4 * len(GRIDS[size]) - 4
    for module in new:
        bound = sqrt(3 / module.weight[0].numel())
        largest = float(module.weight.detach().abs().max())
        assert 0.99 * bound < largest < 1.000001 * bound
        assert float(module.weight.detach().std()) == pytest.approx(bound / sqrt(3), rel=0.05)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            assert not module.bias.any()


def test_l2norm_is_a_length_of_twenty_at_first():
    x = torch.randn(2, 512, 3, 4) * 100
    y = L2Norm(512)(x)
    assert torch.allclose(y.square().sum(dim=1).sqrt(), torch.full((2, 3, 4), 20.0))
    assert torch.allclose(y / y.norm(dim=1, keepdim=True), x / x.norm(dim=1, keepdim=True), atol=1e-6)


def test_l2norm_of_nothing_is_nothing_and_has_a_finite_gradient():
    x = torch.zeros(1, 512, 1, 1, requires_grad=True)
    norm = L2Norm(512)
    y = norm(x)
    y.sum().backward()
    assert not y.any()
    assert x.grad.isfinite().all()


def test_l2norm_does_not_overflow_in_half_precision():
    y = L2Norm(512)(torch.full((1, 512, 1, 1), 1000.0, dtype=torch.float16))
    assert y.dtype == torch.float16
    assert torch.allclose(y.float(), torch.full((1, 512, 1, 1), 20 / sqrt(512)), rtol=1e-2)


def test_the_map_under_the_norm_goes_on_unnormalised(networks):
    seen = {}
    body = networks[300].backbone
    hook = body.upper.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    images = torch.randn(1, 3, 300, 300) * 60
    with torch.no_grad():
        conv4_3, _ = body(images)
        below = body.lower(images)
    hook.remove()
    assert torch.equal(seen["x"], below)
    assert not torch.allclose(conv4_3, below)


def test_normalised_body_has_no_biases_but_in_heads_and_the_last_layer(networks):
    with_bias = [n for n, m in networks["bn"].named_modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
    assert [n for n in with_bias if "heads" not in n] == ["extras.3.conv11_2"]


def test_normalised_network_trains_on_one_picture():
    offsets, logits = ssd300_vgg16_bn(2).train()(torch.randn(1, 3, 300, 300) * 60)
    assert offsets.isfinite().all()
    assert logits.isfinite().all()


def test_other_priors_on_the_same_grids(networks):
    assert ssd300_vgg16(80, spec=COCO300).spec == COCO300
    assert ssd512_vgg16(spec=VOC512_CAFFE).spec == VOC512_CAFFE
    with pytest.raises(RecipeError, match="spec: has more levels than maps, got 7; expected 6 at most"):
        ssd300_vgg16(spec=VOC512_CAFFE)


@pytest.mark.parametrize("maps", [1, 2, 4])
def test_fewer_maps_are_the_first_ones(maps):
    with torch.device("meta"):  # shapes only: nothing is computed
        network = ssd300_vgg16(spec=with_maps(VOC300, maps))
        offsets, logits = network(torch.empty(1, 3, 300, 300))
        shapes = [tuple(m.shape[1:]) for m in network.feature_maps(torch.empty(1, 3, 300, 300))]
    assert shapes == [(c, n, n) for c, n in zip(CHANNELS[300][:maps], GRIDS[300][:maps], strict=True)]
    assert len(network.extras) == max(0, maps - 2)
    assert offsets.shape == (1, network.spec.num_priors, 4)
    assert logits.shape == (1, network.spec.num_priors, 21)
