"""Values and gradients of whole UNets, a short training run, and the parameters of the presets."""

import math

import diffusers
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel

from diffusion import linear_schedule
from reference import Reference


def sinusoidal(t, dim):
    """diffusers' get_timestep_embedding (cosines first, no frequency shift), but in float64."""
    frequency = torch.exp(
        -math.log(10000.0) * torch.arange(dim // 2, dtype=torch.float64) / (dim // 2)
    )
    angle = t.double()[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=-1)


class SinusoidalFloat64(torch.nn.Module):
    """Stands in for the UNet's time_proj, which rounds to float32."""

    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        return sinusoidal(t, self.dim)


def make_unet(channels, groups, head_dim, attention_levels, **options):
    def kinds(direction, levels):
        return tuple(
            f"Attn{direction}Block2D" if level else f"{direction}Block2D" for level in levels
        )

    return UNet2DModel(
        block_out_channels=channels,
        norm_num_groups=groups,
        attention_head_dim=head_dim,
        down_block_types=kinds("Down", attention_levels),
        up_block_types=kinds("Up", reversed(attention_levels)),
        flip_sin_to_cos=True,
        freq_shift=0,
        norm_eps=1e-5,
        act_fn="silu",
        **options,
    )


# What the tests allow a build with float, 1e-5, is two and a half times as much, and Winograd's algorithm rounds about
# twice as much as the sums that torch computes: beyond this the example would be tested, not the code.
FLOAT32_ERROR = 4e-6


def check_condition(ref, model, constants=()):
    """Asserts that torch itself, in float32, gets every gradient of ref right to FLOAT32_ERROR of its largest element."""
    model = model.float()
    names = [name for name, _ in model.named_parameters()]
    leaves = {name: ref.tensors[name].float().requires_grad_() for name in ["x", *names]}
    weights = {name: leaves[name] for name in names}
    y = torch.func.functional_call(model, weights, (leaves["x"], *constants)).sample
    gradients = torch.autograd.grad(y, list(leaves.values()), ref.tensors["dy"].float())
    for name, gradient in zip(leaves, gradients):
        expected = ref.tensors["d" + name]
        error = (gradient - expected).abs().max() / expected.abs().max()
        # In exact arithmetic that of to_k.bias is zero.
        assert name.endswith("to_k.bias") or error < FLOAT32_ERROR, f"d{name}: {error:.1e}"


def tiny_unet():
    channels = (4, 8, 12)
    model = make_unet(
        channels,
        2,
        4,
        (False, False, True),
        sample_size=12,
        in_channels=1,
        out_channels=1,
        layers_per_block=2,
    )
    model.time_proj = SinusoidalFloat64(channels[0])
    return model.double()


def unet(ref):
    model, t = tiny_unet(), torch.tensor([3, 977])
    ref.differentiate_module("", model, {"x": ref.normal(2, 1, 12, 12)}, {"t": t})
    check_condition(ref, model, [t])


def unet_wide(ref):
    """Channels that fill the vectors of any machine, for the kernels that ask for that."""
    channels = (16, 16)
    model = make_unet(
        channels, 8, 8, (False, True), in_channels=1, out_channels=1, layers_per_block=1
    )
    model.time_proj = SinusoidalFloat64(channels[0])
    t = torch.tensor([40, 700])
    ref.differentiate_module("", model, {"x": ref.normal(2, 1, 14, 10)}, {"t": t})
    check_condition(ref, model, [t])


def unet_class(ref):
    channels = (8, 12)
    model = make_unet(
        channels,
        4,
        4,
        (True, False),
        in_channels=3,
        out_channels=3,
        layers_per_block=1,
        num_class_embeds=10,
    )
    model.time_proj = SinusoidalFloat64(channels[0])
    constants = {"t": torch.tensor([1, 500, 1000]), "labels": torch.tensor([7, 0, 7])}
    ref.seed(1)  # of seed 0, torch's own float32 misses d to_q.bias of the last attention by 6e-6
    ref.differentiate_module("", model, {"x": ref.normal(3, 3, 6, 10)}, constants)
    check_condition(ref, model, constants.values())


def training(ref):
    """Five steps of the tiny UNet from the weights of unet.safetensors."""
    steps, n, lr, weight_decay, max_norm = 5, 2, 1e-3, 0.01, 1.0
    first = Reference("unet")
    unet(first)
    model = tiny_unet()
    model.load_state_dict({name: first.tensors[name] for name, _ in model.named_parameters()})
    alphas_cumprod = linear_schedule(DDPMScheduler).alphas_cumprod
    x0, noise = ref.normal(steps, n, 1, 12, 12, scale=0.5), ref.normal(steps, n, 1, 12, 12)
    t = torch.randint(1, 1001, (steps, n), generator=ref.generator)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)
    ema = EMAModel(model.parameters(), decay=0.999)
    losses, norms, ema_decay = [], [], []
    for k in range(steps):
        alpha_bar = alphas_cumprod[t[k] - 1][:, None, None, None]
        x_t = alpha_bar.sqrt() * x0[k] + (1 - alpha_bar).sqrt() * noise[k]
        loss = F.mse_loss(model(x_t, t[k]).sample, noise[k])
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.detach())
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm))
        optimizer.step()
        ema.step(model.parameters())
        ema_decay.append(ema.cur_decay_value)
    ref.put("", {"x0": x0, "eps": noise, "t": t})
    ref.put("", {"lr": lr, "weight_decay": weight_decay, "max_norm": max_norm})
    ref.put("", {"loss": torch.stack(losses), "norm": torch.stack(norms), "ema_decay": ema_decay})
    averages = dict(zip((name for name, _ in model.named_parameters()), ema.shadow_params))
    for name in (
        "conv_in.weight",
        "mid_block.attentions.0.to_v.weight",
        "time_embedding.linear_1.weight",
        "conv_out.bias",
    ):
        ref.put("final", {name: model.get_parameter(name)})
        ref.put("final_ema", {name: averages[name]})


PRESETS = {  # name: (block_out_channels, norm_num_groups, number of parameters)
    "small": ((16, 32, 64), 8, 989_217),
    "base": ((32, 64, 128), 32, 3_939_393),
}


def parameter_names():
    """A line `preset name dims...` for every parameter of the presets."""
    lines = [
        f"# preset, name, shape of each parameter; UNet2DModel, diffusers {diffusers.__version__}"
    ]
    for preset, (channels, groups, count) in PRESETS.items():
        model = make_unet(
            channels,
            groups,
            32,
            (False, False, True),
            sample_size=28,
            in_channels=1,
            out_channels=1,
            layers_per_block=2,
        )
        shapes = {name: p.shape for name, p in model.named_parameters()}
        assert sum(shape.numel() for shape in shapes.values()) == count, preset
        lines += [" ".join([preset, name, *map(str, shape)]) for name, shape in shapes.items()]
    return "\n".join(lines) + "\n"
