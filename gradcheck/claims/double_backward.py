"""The backward of a backward: `inputs=` with `order=2`, in the inputs and in grad_output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims import torch_graph as graph
from gradcheck.claims.outputs import outputs
from gradcheck.claims.point import title_of
from gradcheck.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gradcheck.claims.tree import Tree


def double_backward(
    function: Callable[..., Any], kwargs: Mapping[str, Any], tree: Tree, leaves: Sequence[Any]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return (inputs, grad_output) ↦ Jᵀ(inputs)·grad_output, differentiable, and its inputs as one dict."""
    import torch  # noqa: PLC0415

    wanted = graph.wanted(tree.originals())
    first, _ = graph.differentiable(function, tree, leaves, kwargs, wanted)
    with torch.inference_mode(mode=False), torch.enable_grad():
        example = outputs(graph.call(first, tree, graph.copies(graph.tracked(leaves, wanted)), kwargs), function)
    weights = [
        torch.cos(torch.arange(y.numel(), dtype=torch.float64)).to(y.dtype).reshape(y.shape).to(y.device)
        for y in example
        if arrays.is_torch(y) and y.requires_grad
    ]
    cotangents = ["grad_output"] if len(weights) == 1 else [f"grad_output{i}" for i in range(len(weights))]
    labels = [f"input {name}" if name in cotangents else name for name in tree.names]

    def gradient(**given: Any) -> Any:
        values = [given[label] for label in labels]
        with torch.inference_mode(mode=False), torch.enable_grad():
            tracked = [
                x if x.requires_grad or not judged else x.detach().requires_grad_()
                for x, judged in zip(values, wanted, strict=True)
            ]
            passed = [
                given[name] if given[name].requires_grad else given[name].detach().requires_grad_()
                for name in cotangents
            ]
            results = [
                y for y in outputs(graph.call(first, tree, graph.copies(tracked), kwargs), function) if y.requires_grad
            ]
            asked = [x for x, judged in zip(tracked, wanted, strict=True) if judged]
            # a backward is differentiable in its cotangent too; without, Torch drops it in silence
            grads = torch.autograd.grad(
                results,
                asked,
                [c.to(y.dtype) for c, y in zip(passed, results, strict=True)],
                create_graph=True,
                allow_unused=True,
            )
        _twice_differentiable(grads, function)
        return tuple(torch.zeros_like(x) if g is None else g for x, g in zip(asked, grads, strict=True))

    gradient.__name__ = title_of(function)
    required = any(getattr(x, "requires_grad", False) for x in tree.originals())
    given = {name: w.requires_grad_(required) for name, w in zip(cotangents, weights, strict=True)}
    return gradient, dict(zip(labels, tree.originals(), strict=True)) | given


def _twice_differentiable(gradients: Sequence[Any], function: Callable[..., Any]) -> None:
    """Raise UnsupportedError if a backward on the way is marked once_differentiable.

    Torch puts a node that raises behind such a backward, and does not visit it: the gradient would be a part of itself.
    """
    seen = {g.grad_fn for g in gradients if g is not None}
    waiting = list(seen)
    while waiting:
        node = waiting.pop()
        if node is None:
            continue
        if node.name() == "torch::autograd::Error":
            raise UnsupportedError(
                f"{title_of(function)} has a backward marked once_differentiable, which has no backward of its own: "
                "check it with order=1, or take the mark away"
            )
        fresh = {following for following, _ in node.next_functions} - seen
        seen |= fresh
        waiting.extend(fresh)
