"""What is judged: a function, what is said to be its derivative, and the point.

In reading order: `claim` says what a claim is, `prediction` what it says at a point. `tree` and `point` read the
arguments, `returned` what a gradient function returned, `outputs`, `array_claim` and `balance` what an array-valued f
did, `matrices` what stands for a Jacobian.

The forms that people write are a file each: `gradient`, `vjp`, `jvp`, `adjoint`, `jacobian`, `pattern`, `hessian`,
`gauss_newton`, `forward_backward`, `torch_backward` (with `torch_graph`, `torch_module`, `double_backward`) and
`jax_backward`. `forms` picks one, `habits` reads calls of other libraries as they are meant, `retraction` moves
arguments on manifolds, `tangent` holds the directions that an argument allows. `promised` is what surrounds every
call: `kept` puts the caller's arrays back, `surroundings` are the modes that every check runs in. `narrowed` sees
casts inside a Torch function.

`contract` judges what a claim must keep before any number; `structure` and `raised` tell whose error it is when a call
raises. What a backward owes: `backward_contract`, with `backward_asked`, `batch` and `memory`.
"""
