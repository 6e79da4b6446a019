"""Where f has one-sided slopes only: whether the claim is a subgradient, and by which convention."""
