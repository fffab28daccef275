"""The noise schedule, the forward process and single steps of the samplers."""

from unittest import mock

import torch
from diffusers import DDIMScheduler, DDPMScheduler
from diffusers.schedulers import scheduling_ddpm

from reference import round_to_float32


def linear_schedule(kind, **options):
    """A diffusers scheduler whose arrays, float32 in diffusers, are replaced by float64 ones."""
    scheduler = kind(
        num_train_timesteps=1000, beta_start=1e-4, beta_end=0.02, beta_schedule="linear", **options
    )
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    assert (betas - scheduler.betas).abs().max() < 1e-8
    scheduler.betas, scheduler.alphas = betas, 1.0 - betas
    scheduler.alphas_cumprod = torch.cumprod(scheduler.alphas, dim=0)
    return scheduler


def step_with_noise(scheduler, output, t, x, z):
    """DDPMScheduler.step at their time t, with z for the noise that it would draw."""
    with mock.patch.object(scheduling_ddpm, "randn_tensor", lambda *_, **__: z):
        return scheduler.step(output, t, x)


def ddpm(ref):
    """Time t = 1..T here is diffusers' t - 1."""
    schedule = linear_schedule(DDPMScheduler)
    ref.put("", {"beta": schedule.betas, "alpha_bar": schedule.alphas_cumprod})
    t = torch.tensor([1, 2, 3, 50, 500, 999, 1000])
    k, shape = len(t), (1, 3, 2)
    x0, eps, z = ref.normal(k, *shape, scale=0.6), ref.normal(k, *shape), ref.normal(k, *shape)
    x_t = schedule.add_noise(x0, eps, t - 1)
    ref.put("q_sample", {"x0": x0, "t": t, "eps": eps, "y": x_t})
    x_t = round_to_float32(x_t)
    predicted = ref.normal(k, *shape)
    ref.put("p_sample", {"x": x_t, "t": t, "eps": predicted, "z": z})
    for variance in ("fixed_small", "fixed_large"):
        for clip in (False, True):
            s = linear_schedule(DDPMScheduler, variance_type=variance, clip_sample=clip)
            ref.put(f"p_sample.{variance}{'.clip' * clip}", ddpm_steps(s, t, x_t, predicted, z))
    s = linear_schedule(DDPMScheduler, prediction_type="sample", clip_sample=False)
    posterior = ddpm_steps(s, t, x_t, x0, z)
    del posterior["x0"]
    ref.put("q_posterior", {"x": x_t, "x0": x0, "t": t} | posterior)


def ddpm_steps(scheduler, t, x_t, output, z):
    results = {"mean": [], "sample": [], "x0": [], "variance": []}
    for i in range(len(t)):
        their_t = int(t[i]) - 1
        mean = step_with_noise(scheduler, output[i], their_t, x_t[i], torch.zeros_like(z[i]))
        results["mean"].append(mean.prev_sample)
        results["x0"].append(mean.pred_original_sample)
        sample = step_with_noise(scheduler, output[i], their_t, x_t[i], z[i])
        results["sample"].append(sample.prev_sample)
        variance = scheduler._get_variance(their_t)
        results["variance"].append(
            variance if their_t > 0 else 0.0 * variance
        )  # no noise at the end
    return {name: torch.stack(values) for name, values in results.items()}


def ddim(ref):
    """Whole runs of ten steps, eps given for each step; x[0] is x_T, x[10] is the sample."""
    for spacing in ("leading", "trailing"):
        steps, shape = 10, (2, 1, 3, 2)
        s = linear_schedule(DDIMScheduler, clip_sample=False, timestep_spacing=spacing)
        s.set_timesteps(steps)
        their_t = s.timesteps
        t = their_t + 1
        t_prev = torch.clamp(t - 1000 // steps, min=0)
        start, eps, z = ref.normal(*shape), ref.normal(steps, *shape), ref.normal(steps, *shape)
        ref.put(spacing, {"t": t, "t_prev": t_prev, "start": start, "eps": eps, "z": z})
        runs = {  # eta, whether x0 is clipped, whether eps is then derived from the clipped x0
            "eta0": (0.0, False, False),
            "eta0.5": (0.5, False, False),
            "eta1": (1.0, False, False),
            "eta0.5.clip": (0.5, True, False),
            "eta0.5.clip_rederived": (0.5, True, True),
        }
        for case, (eta, clip, rederived) in runs.items():
            s.register_to_config(clip_sample=clip)
            x = [start]
            for i in range(steps):
                noise = z[i] if eta > 0 else None
                y = s.step(eps[i], int(their_t[i]), x[-1], eta, rederived, variance_noise=noise)
                x.append(y.prev_sample)
            ref.put(f"{spacing}.{case}", {"x": torch.stack(x)})
