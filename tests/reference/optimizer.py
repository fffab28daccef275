"""AdamW, the moving average of the weights, and gradient clipping."""

import torch
from diffusers.training_utils import EMAModel

from reference import round_to_float32


def adamw(ref):
    shapes = {"matrix": (5, 3), "vector": (7,), "kernel": (2, 3, 3, 3)}
    steps, betas, eps, decay = 10, (0.9, 0.999), 1e-8, 0.01
    rates = {
        "constant": [1e-2] * steps,
        "scheduled": [1e-2 * min(1, (k + 1) / 4) * 0.9**k for k in range(steps)],
    }
    start = {name: ref.normal(*shape) for name, shape in shapes.items()}
    grad = {name: ref.normal(steps, *shape) for name, shape in shapes.items()}
    # The first element only decays, the second has gradients of the size of eps.
    grad["vector"][:, 0] = 0.0
    grad["vector"][:, 1] = round_to_float32(1e-9 * grad["vector"][:, 1])
    for case, lr in rates.items():
        p = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
        optimizer = torch.optim.AdamW(
            p.values(), lr=lr[0], betas=betas, eps=eps, weight_decay=decay
        )
        ema = EMAModel(p.values(), decay=0.5)
        values, averages, ema_decay = {n: [] for n in p}, {n: [] for n in p}, []
        for k in range(steps):
            optimizer.param_groups[0]["lr"] = lr[k]
            for name in p:
                p[name].grad = grad[name][k].clone()
            optimizer.step()
            ema.step(p.values())
            ema_decay.append(ema.cur_decay_value)
            for name, average in zip(p, ema.shadow_params):
                values[name].append(p[name].detach().clone())
                averages[name].append(average.clone())
        ref.put(case, {"lr": lr, "beta1": betas[0], "beta2": betas[1], "eps": eps})
        ref.put(case, {"weight_decay": decay, "ema_decay": ema_decay})
        for name in p:
            history = {"value": torch.stack(values[name]), "ema": torch.stack(averages[name])}
            ref.put(f"{case}.{name}", {"start": start[name], "gradient": grad[name]} | history)
    clip_gradients(ref, shapes)


def clip_gradients(ref, shapes):
    for case, max_norm in (("clip_active", 1.0), ("clip_inactive", 1000.0)):
        p = {
            name: torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64))
            for name, shape in shapes.items()
        }
        for name in p:
            p[name].grad = ref.normal(*shapes[name])
        before = {name: value.grad.clone() for name, value in p.items()}
        norm = torch.nn.utils.clip_grad_norm_(p.values(), max_norm)
        ref.put(case, {"max_norm": max_norm, "norm": norm})
        for name in p:
            ref.put(f"{case}.{name}", {"gradient": before[name], "clipped": p[name].grad})
