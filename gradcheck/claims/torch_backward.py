"""Torch functions whose claim is their own backward: `inputs=`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims import backward_contract, batch
from gradcheck.claims.jax_backward import JaxClaim, has_jax_array
from gradcheck.claims.outputs import contract_inside, in_dtype, inside, named, outputs
from gradcheck.claims.point import argument_names, point, title_of
from gradcheck.claims.torch_module import is_module, module_function
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError, UnsupportedError, WrongClaim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Self

    from gradcheck.claims.claim import Claim, Given
    from gradcheck.claims.tree import Tree


class TorchClaim(VjpClaim, keyword="inputs"):
    """The claim that a Torch function's backward is the vjp of its forward.

    Inputs that require a gradient are judged; if none does, all floating ones. `order=2` judges the backward's own
    backward (double backward) in the same way, in the inputs and in grad_output.
    """

    def __init__(
        self, function: Callable[..., Any], inputs: Any, given: Given, *, parameters: Collection[str] = ()
    ) -> None:
        self.terms: backward_contract.Terms = given.options.get("terms") or backward_contract.Terms()
        self.parameters = frozenset(parameters)
        if not isinstance(inputs, tuple | list | dict):
            inputs = (inputs,)
        given = replace(given, args=inputs, names=given.names or input_names(function, inputs))
        title, order = title_of(function), given.options.get("order", 1)
        tree, leaves = _tensors(given.args, function, given.names)
        if order == 2:
            function, inputs = _double_backward(function, given.kwargs, tree, leaves)
            given = replace(given, args=inputs, names=None, kwargs={})
            tree, leaves = _tensors(given.args, function, given.names)
        self.wanted = _wanted(tree.originals())
        self._inside, notes = _differentiable(function, tree, leaves, given.kwargs, self.wanted)
        super().__init__(_detached(self._inside, title), _no_pullback, given)
        self.title = title + (" (double backward)" if order > 1 else "")
        self.notes = (*self.notes, *notes)
        self.owed = self._owed if order == 1 else None

    def _owed(self, leaves: Sequence[Any], gradients: Sequence[Any], seed: int) -> backward_contract.Findings | None:
        """Ask the backward in other ways: strange memory, other strides, some outputs, some inputs.

        None where the function changes its inputs in place, and has to be given copies.
        """

        def cotangents(results: Sequence[Any]) -> list[Any]:
            return [arrays.copied(in_dtype(w, y)) for w, y in zip(self.cotangents, results, strict=True)]

        judged = frozenset(i for i, g in enumerate(gradients) if g is not None and self.wanted[i])
        run = self._run(_same)
        try:
            results, again = run([arrays.copied(x) for x in leaves], judged, cotangents)
        except Exception:  # noqa: BLE001  it works in place, which is fine on copies
            return None
        asked = backward_contract.Asked(
            run=run,
            leaves=[arrays.copied(x) for x in leaves],
            names=self.names,
            judged=judged,
            cotangents=cotangents,
            outputs=[y.detach() for y in results],
            gradients=again,
            seed=seed,
            units=[arrays.ROUNDOFF[arrays.dtype_name(x)] for x in leaves],
            terms=self.terms,
        )
        found = backward_contract.judge(asked)
        if self.terms.batch_axis is not None and not found.breaches:
            self._rows(asked)
        return found

    def _rows(self, asked: backward_contract.Asked) -> None:
        """Ask rows alone; a breach where f's own outputs are the same alone and the gradients are not."""
        outputs = ["output"] if len(asked.outputs) == 1 else [f"output {i}" for i in range(len(asked.outputs))]
        inputs = frozenset(i for i, name in enumerate(self.names) if name not in self.parameters)
        rows = batch.compare(asked, outputs, self.terms.batch_axis, self._run, batched=inputs)
        asked.found.calls += rows.calls
        if rows.fine or rows.coupled:
            f = "" if rows.fine else " (f itself couples rows, or has no output along the axis: no breach)"
            asked.found.notes.append(rows.sentence + f)
        else:
            asked.found.breaches.append(f"mixes rows: {rows.sentence}")

    def _run(self, change: Callable[[Any], Any]) -> backward_contract.Run:
        """Return the backward as the contract asks it; the arrays that are no leaves go through `change`."""
        import torch  # noqa: PLC0415

        tree = self.tree if change is _same else self.tree.with_constants(change)
        kwargs = {key: change(x) if arrays.is_array(x) else x for key, x in self.kwargs.items()}

        def run(leaves: Sequence[Any], needed: frozenset[int], given: Any) -> tuple[list[Any], list[Any]]:
            with torch.inference_mode(mode=False), torch.enable_grad():
                tracked = [
                    x.detach().requires_grad_(i in needed) if arrays.is_torch(x) else x for i, x in enumerate(leaves)
                ]
                results = outputs(_call(self._inside, tree, tracked, kwargs), self.user)
                pairs = [
                    (y, c) for y, c in zip(results, given(results), strict=True) if c is not None and y.requires_grad
                ]
                judged = [tracked[i] for i in sorted(needed)]
                found: Sequence[Any] = [None] * len(judged)
                if pairs:
                    found = torch.autograd.grad([y for y, _ in pairs], judged, [c for _, c in pairs], allow_unused=True)
            pulled = dict(zip(sorted(needed), found, strict=True))
            return results, [
                (torch.zeros_like(x) if pulled[i] is None else pulled[i].detach()) if i in pulled else None
                for i, x in enumerate(leaves)
            ]

        return run

    def raw(self, leaves: Sequence[Any]) -> Any:
        """Return the contraction with its graph: of f, not of the backward on trial."""
        return contract_inside(outputs(_call(self._inside, self.tree, leaves, self.kwargs), self.user), self.cotangents)

    def standing_for(self, smooth: Callable[..., Any]) -> Self:
        """Return the backward held against `smooth` instead of the forward that it belongs to."""
        other = super().standing_for(_detached(smooth, self.title))
        return other.with_(raw=lambda leaves: contract_inside(inside(other.call(leaves)), self.cotangents))

    def output_dtype(self, leaves: Sequence[Any]) -> str:
        """Return the dtype that f computes in: the coarsest one that it casts to inside, if that is coarser."""
        from gradcheck.claims.narrowed import Narrowed  # noqa: PLC0415  Torch only where it is asked for

        with Narrowed() as mode:
            result = super().output_dtype(leaves)
        return str(max(result, mode.coarsest, key=lambda name: arrays.ROUNDOFF.get(name, 0.0)))

    def why_not(self, index: int) -> str:
        """Return why a leaf is not judged."""
        return "requires_grad=False" if self.asked(index) else "not in only="

    @classmethod
    def read(cls, function: Callable[..., Any], value: Any, given: Given) -> Claim:
        """Return the claim of `check(function, inputs=value)`: of a Torch function or module, or of JAX."""
        if has_jax_array(value):
            if owed := given.options["terms"].asked:
                raise ArgumentError(f"{owed}= is asked of a backward pass of Torch, and inputs= has JAX arrays")
            return JaxClaim(function, value, given)
        if is_module(function):
            module: Any = function
            count = sum(p.requires_grad for p in module.parameters())
            function, value = module_function(module, value, given.kwargs)
            own = list(value)[len(value) - count :]  # after the inputs
            return cls(function, value, replace(given, kwargs={}), parameters=own)
        return cls(function, value, given)

    def pulled(self, weights: Sequence[Any], leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Return what Torch's backward makes of the cotangents `weights`; zeros where it returns None."""
        import torch  # noqa: PLC0415

        with torch.inference_mode(mode=False), torch.enable_grad():
            tracked = _tracked(leaves, self.wanted)
            results = outputs(_call(self._inside, self.tree, _copies(tracked), self.kwargs), self.user)
            pairs = [
                (y, arrays.copied(c) if self.terms.inplace_cotangent else c)
                for y, w in zip(results, weights, strict=True)
                if y.requires_grad and (c := in_dtype(w, y)) is not None
            ]
            judged = [x for x, wanted in zip(tracked, self.wanted, strict=True) if wanted]
            grads: Sequence[Any] = ()  # where the output depends on no input every gradient is zero
            kept = [arrays.copied(c) for _, c in pairs]
            if pairs:
                grads = torch.autograd.grad([y for y, _ in pairs], judged, [c for _, c in pairs], allow_unused=True)
        if not self.terms.inplace_cotangent and not all(
            arrays.same(c, copy) for (_, c), copy in zip(pairs, kept, strict=True)
        ):
            raise WrongClaim(
                "the backward changes its cotangent in place: work on a copy, or pass inplace_cotangent=True where "
                "that is meant"
            )
        given = iter(grads)
        return tuple(
            None if not wanted else torch.zeros_like(x) if (g := next(given, None)) is None else g.detach()
            for x, wanted in zip(tracked, self.wanted, strict=True)
        )


def _same(x: Any) -> Any:
    return x


def _no_pullback(*_: Any) -> Any:
    raise TypeError  # `pulled` asks Torch


def _tensors(inputs: Any, function: Callable[..., Any], names: Sequence[str] | None) -> tuple[Tree, tuple[Any, ...]]:
    tree, leaves = point(inputs, function, names) if _any_tensor(inputs) else (None, ())
    if tree is None or not any(arrays.is_torch(x) for x in leaves):
        raise ArgumentError("inputs= has no Torch tensor: pass args= and gradient= for functions of other libraries")
    return tree, leaves


def _any_tensor(x: Any) -> bool:
    parts = x.values() if isinstance(x, dict) else x if isinstance(x, tuple | list) else ()
    return arrays.is_torch(x) or any(map(_any_tensor, parts))


def _wanted(leaves: Sequence[Any]) -> tuple[bool, ...]:
    tensors = [arrays.is_torch(x) for x in leaves]
    required = [getattr(x, "requires_grad", False) for x in leaves]
    return tuple(required if any(required) else tensors)


def _tracked(leaves: Sequence[Any], wanted: Sequence[bool]) -> list[Any]:
    """Return the tensors as leaves of a graph of their own; a copy made here is no inference tensor any more."""
    return [
        x.detach().clone().requires_grad_(judged) if arrays.is_torch(x) else x
        for x, judged in zip(leaves, wanted, strict=True)
    ]


def _copies(tracked: Sequence[Any]) -> list[Any]:
    """Return copies, so that a function that works in place does not meet a leaf."""
    return [x.clone() if arrays.is_torch(x) and x.requires_grad else x for x in tracked]


def _call(function: Callable[..., Any], tree: Tree, leaves: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    filled = tree.fill(leaves)
    return function(**filled, **kwargs) if isinstance(filled, dict) else function(*filled, **kwargs)


def _differentiable(
    function: Callable[..., Any], tree: Tree, leaves: Sequence[Any], kwargs: Mapping[str, Any], wanted: Sequence[bool]
) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """Return the function with its differentiable outputs alone, as one tensor or a flat tuple, and a note on the rest.

    Torch claims nothing about an output that carries no gradient while others do: it is detached, or marked with
    ``ctx.mark_non_differentiable``.
    """
    import torch  # noqa: PLC0415

    with torch.inference_mode(mode=False), torch.enable_grad():
        result = _call(function, tree, _copies(_tracked(leaves, wanted)), kwargs)
    found = list(named(result))
    if not any(arrays.is_torch(y) for _, y in [*found, ("output", result)]):
        raise ArgumentError(
            f"{title_of(function)} returned {type(result).__name__}, wanted a tensor: inputs= judges Torch's own "
            "backward"
        )
    differentiable = [i for i, (_, y) in enumerate(found) if arrays.is_torch(y) and y.requires_grad]
    kept = differentiable or list(range(len(found)))
    left = [name for i, (name, y) in enumerate(found) if i not in kept and arrays.is_torch(y)]

    def chosen(*args: Any, **given: Any) -> Any:
        result = function(*args, **given)
        flat = [y for _, y in named(result)]
        return result if arrays.is_torch(result) else {found[i][0]: flat[i] for i in kept}

    if not left:
        return chosen, ()
    carry = "carries" if len(left) == 1 else "carry"
    note = f"not checked: {', '.join(left)} {carry} no gradient (detached, or marked as not differentiable)"
    return chosen, (note,)


def input_names(function: Any, inputs: Any) -> Sequence[str] | None:
    """Return names for the inputs of a Torch function: None where they are a dict."""
    if isinstance(inputs, dict):
        return None
    if is_module(function):
        return argument_names(function.forward, len(inputs), None)
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type) and hasattr(owner, "forward"):
        # an autograd.Function's apply takes what forward takes after ctx (all of it, where setup_context takes ctx)
        skipped = 0 if "setup_context" in vars(owner) else 1
        return argument_names(owner.forward, len(inputs) + skipped, None)[skipped:]
    return argument_names(function, len(inputs), None)


def _detached(function: Callable[..., Any], title: str) -> Callable[..., Any]:
    def forward(*args: Any, **given: Any) -> Any:
        return function(*_fresh(args), **_fresh(given))

    forward.__name__ = title
    return forward


def _fresh(x: Any) -> Any:
    """Return x with its tensors detached."""
    if isinstance(x, dict):
        return {key: _fresh(part) for key, part in x.items()}
    if isinstance(x, tuple | list):
        parts = [_fresh(part) for part in x]
        return type(x)(*parts) if hasattr(x, "_fields") else type(x)(parts)
    return x.detach() if arrays.is_torch(x) else x


def _double_backward(
    function: Callable[..., Any], kwargs: Mapping[str, Any], tree: Tree, leaves: Sequence[Any]
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return (inputs, grad_output) ↦ Jᵀ(inputs)·grad_output, differentiable, and its inputs as one dict."""
    import torch  # noqa: PLC0415

    wanted = _wanted(tree.originals())
    first, _ = _differentiable(function, tree, leaves, kwargs, wanted)
    with torch.inference_mode(mode=False), torch.enable_grad():
        example = outputs(_call(first, tree, _copies(_tracked(leaves, wanted)), kwargs), function)
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
            results = [y for y in outputs(_call(first, tree, _copies(tracked), kwargs), function) if y.requires_grad]
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
