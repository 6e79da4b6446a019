"""The two-layer ReLU network, its gradients derived by hand, and its training."""
