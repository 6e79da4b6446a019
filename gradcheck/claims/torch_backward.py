"""Torch functions whose claim is their own backward: `inputs=`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gradcheck import arrays
from gradcheck.claims import backward_contract, batch
from gradcheck.claims import torch_graph as graph
from gradcheck.claims.backward_asked import Asked, Findings, Run, Terms
from gradcheck.claims.double_backward import double_backward
from gradcheck.claims.jax_backward import JaxClaim, has_jax_array
from gradcheck.claims.outputs import contract_inside, in_dtype, inside, outputs
from gradcheck.claims.point import argument_names, point, title_of
from gradcheck.claims.torch_module import is_module, module_function
from gradcheck.claims.vjp import VjpClaim
from gradcheck.errors import ArgumentError, WrongClaim

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
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
        self.terms: Terms = given.options.get("terms") or Terms()
        self.parameters = frozenset(parameters)
        if not isinstance(inputs, tuple | list | dict):
            inputs = (inputs,)
        given = replace(given, args=inputs, names=given.names or input_names(function, inputs))
        title, order = title_of(function), given.options.get("order", 1)
        tree, leaves = _tensors(given.args, function, given.names)
        if order == 2:
            function, inputs = double_backward(function, given.kwargs, tree, leaves)
            given = replace(given, args=inputs, names=None, kwargs={})
            tree, leaves = _tensors(given.args, function, given.names)
        self.wanted = graph.wanted(tree.originals())
        self._inside, notes = graph.differentiable(function, tree, leaves, given.kwargs, self.wanted)
        super().__init__(graph.detached(self._inside, title), _no_pullback, given)
        self.title = title + (" (double backward)" if order > 1 else "")
        self.notes = (*self.notes, *notes)
        self.owed = self._owed if order == 1 else None

    def _owed(self, leaves: Sequence[Any], gradients: Sequence[Any]) -> Findings | None:
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
        asked = Asked(
            run=run,
            leaves=[arrays.copied(x) for x in leaves],
            names=self.names,
            judged=judged,
            cotangents=cotangents,
            outputs=[y.detach() for y in results],
            gradients=again,
            units=[arrays.ROUNDOFF[arrays.dtype_name(x)] for x in leaves],
            terms=self.terms,
        )
        found = backward_contract.judge(asked)
        if self.terms.batch_axis is not None and not found.breaches:
            self._rows(asked)
        return found

    def _rows(self, asked: Asked) -> None:
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

    def _run(self, change: Callable[[Any], Any]) -> Run:
        """Return the backward as the contract asks it; the arrays that are no leaves go through `change`."""
        import torch  # noqa: PLC0415

        tree = self.tree if change is _same else self.tree.with_constants(change)
        kwargs = {key: change(x) if arrays.is_array(x) else x for key, x in self.kwargs.items()}

        def run(leaves: Sequence[Any], needed: frozenset[int], given: Any) -> tuple[list[Any], list[Any]]:
            with torch.inference_mode(mode=False), torch.enable_grad():
                tracked = [
                    x.detach().requires_grad_(i in needed) if arrays.is_torch(x) else x for i, x in enumerate(leaves)
                ]
                results = outputs(graph.call(self._inside, tree, tracked, kwargs), self.user)
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
        return contract_inside(
            outputs(graph.call(self._inside, self.tree, leaves, self.kwargs), self.user), self.cotangents
        )

    def standing_for(self, smooth: Callable[..., Any]) -> Self:
        """Return the backward held against `smooth` instead of the forward that it belongs to."""
        other = super().standing_for(graph.detached(smooth, self.title))
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
            tracked = graph.tracked(leaves, self.wanted)
            results = outputs(graph.call(self._inside, self.tree, graph.copies(tracked), self.kwargs), self.user)
            pairs = [
                (y, w, arrays.copied(in_dtype(w, y))) for y, w in zip(results, weights, strict=True) if y.requires_grad
            ]
            judged = [x for x, wanted in zip(tracked, self.wanted, strict=True) if wanted]
            grads: Sequence[Any] = ()  # where the output depends on no input every gradient is zero
            if pairs:
                ys, _, passed = zip(*pairs, strict=True)
                grads = torch.autograd.grad(ys, judged, passed, allow_unused=True)
        if not self.terms.inplace_cotangent and not all(arrays.same(c, in_dtype(w, y)) for y, w, c in pairs):
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
    tree, leaves = point(inputs, function, names) if graph.any_tensor(inputs) else (None, ())
    if tree is None or not any(arrays.is_torch(x) for x in leaves):
        raise ArgumentError("inputs= has no Torch tensor: pass args= and gradient= for functions of other libraries")
    return tree, leaves


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
