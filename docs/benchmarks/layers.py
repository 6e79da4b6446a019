"""Layers of public libraries, checked beside torch's fast mode: what each costs, and what is said of it.

Run with `python docs/benchmarks/layers.py`, kornia and entmax installed; it prints a table of docs/benchmarks.md. Both
checkers run in this process, in turn, on one thread, on float64 inputs and parameters; a ratio is that of the least
times of `ROUNDS` rounds.
"""

import time
import warnings

import entmax
import kornia
import torch

import gradcheck

ROUNDS = 3


def layers():
    """Return name, module and input of each layer."""
    torch.manual_seed(0)
    image, batch = torch.rand(1, 3, 8, 8), torch.randn(4, 12)
    filters, colour, losses = kornia.filters, kornia.color, kornia.losses
    return [
        ("GaussianBlur2d", filters.GaussianBlur2d((3, 3), (1.0, 1.0)), image),
        ("BoxBlur", filters.BoxBlur((3, 3)), image),
        ("Laplacian", filters.Laplacian(3), image),
        ("Sobel", filters.Sobel(), image),
        ("SpatialGradient", filters.SpatialGradient(), image),
        ("UnsharpMask", filters.UnsharpMask((3, 3), (1.0, 1.0)), image),
        ("MedianBlur", filters.MedianBlur((3, 3)), image),
        ("RgbToGrayscale", colour.RgbToGrayscale(), image),
        ("RgbToHsv", colour.RgbToHsv(), image),
        ("RgbToLab", colour.RgbToLab(), image),
        ("RgbToYuv", colour.RgbToYuv(), image),
        ("SSIMLoss", Against(losses.SSIMLoss(3), torch.rand_like(image)), image),
        ("TotalVariation", losses.TotalVariation(), image),
        ("CharbonnierLoss", Against(losses.CharbonnierLoss(reduction="mean"), torch.rand_like(image)), image),
        ("Sparsemax", entmax.Sparsemax(dim=-1), batch),
        ("Entmax15", entmax.Entmax15(dim=-1), batch),
        ("SparsemaxBisect", entmax.SparsemaxBisect(dim=-1), batch),
        ("EntmaxBisect", entmax.EntmaxBisect(1.3, dim=-1), batch),
        ("SparsemaxLoss", Against(entmax.SparsemaxLoss(), torch.tensor([0, 3, 1, 7])), batch),
        ("Entmax15Loss", Against(entmax.Entmax15Loss(), torch.tensor([0, 3, 1, 7])), batch),
    ]


class Against(torch.nn.Module):
    """A loss against a fixed target."""

    def __init__(self, loss, target):
        super().__init__()
        self.loss = loss
        self.register_buffer("target", target)

    def forward(self, x):
        return self.loss(x, self.target)


def timed(run):
    start = time.process_time()
    found = run()
    return time.process_time() - start, found


def theirs(module, x):
    try:
        return torch.autograd.gradcheck(module, (x.clone().requires_grad_(),), fast_mode=True)
    except RuntimeError as error:  # GradcheckError among them
        return f"raises: {str(error).splitlines()[0][:40]}"


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    ratios = []
    for name, made, given in layers():
        module, x = made.double(), given.double()
        ours = lambda: gradcheck.check_module(module, (x,))  # noqa: B023, E731  called before the next one
        other = lambda: theirs(module, x)  # noqa: B023, E731
        ours(), other()
        rounds = [(timed(ours), timed(other)) for _ in range(ROUNDS)]
        (mine, report), (fast, said) = (min(side, key=lambda pair: pair[0]) for side in zip(*rounds, strict=True))
        ratios.append(mine / fast)
        print(
            f"| {name} | {report.evaluations} | {1e3 * mine:.1f} ms | {1e3 * fast:.1f} ms | {ratios[-1]:.1f} "
            f"| {report.verdict} | {said} |",
            flush=True,
        )
        if report.verdict is not gradcheck.Verdict.PASS:
            print(report)
    print(f"median ratio {sorted(ratios)[len(ratios) // 2]:.1f}")


if __name__ == "__main__":
    main()
