"""One file of reference values: its tensors and the source of its random numbers."""

import zlib

import torch


def round_to_float32(x):
    return x.float().double()


class Reference:
    """The tensors of one file, and the source of its random numbers."""

    def __init__(self, name):
        self.tensors = {}
        self.name = name
        self.generator = torch.Generator()
        self.seed(0)

    def seed(self, number):
        """Starts another draw of the numbers."""
        self.generator.manual_seed(zlib.crc32(self.name.encode()) + number)

    def normal(self, *shape, scale=1.0, mean=0.0):
        """Gaussian numbers that float32 holds exactly, so that both builds read the same input."""
        z = torch.randn(shape, dtype=torch.float64, generator=self.generator)
        return round_to_float32(mean + scale * z)

    def put(self, prefix, tensors):
        for name, tensor in tensors.items():
            key = f"{prefix}.{name}" if prefix else name
            assert key not in self.tensors, key
            tensor = torch.as_tensor(tensor, dtype=torch.float64).detach()
            self.tensors[key] = tensor.contiguous().clone()

    def differentiate(self, case, function, leaves, constants=None):
        """Stores the leaves, y = function(leaves), a random dy and the gradient of every leaf."""
        leaves = {name: leaf.detach().clone().requires_grad_() for name, leaf in leaves.items()}
        y = function(leaves)
        dy = self.normal(*y.shape)
        gradients = torch.autograd.grad(y, list(leaves.values()), dy)
        self.put(case, leaves)
        self.put(case, constants or {})
        self.put(case, {"y": y, "dy": dy})
        self.put(case, {"d" + name: g for name, g in zip(leaves, gradients)})

    def differentiate_module(self, case, module, inputs, constants=None):
        """The same for module(*inputs, *constants), whose parameters are leaves as well."""
        parameters = self.random_parameters(module.double())

        def function(leaves):
            weights = {name: leaves[name] for name in parameters}
            arguments = [leaves[name] for name in inputs] + list((constants or {}).values())
            y = torch.func.functional_call(module, weights, tuple(arguments))
            return y if torch.is_tensor(y) else y.sample

        self.differentiate(case, function, inputs | parameters, constants)

    def random_parameters(self, module):
        """Non-zero weights of every kind, scaled so that activations stay near 1."""
        parameters = {}
        for name, p in module.named_parameters():
            if p.ndim > 1:
                parameters[name] = self.normal(*p.shape, scale=p[0].numel() ** -0.5)
            elif name.endswith("weight"):  # of a normalisation
                parameters[name] = self.normal(*p.shape, scale=0.3, mean=1.0)
            else:
                parameters[name] = self.normal(*p.shape, scale=0.3)
        return parameters
