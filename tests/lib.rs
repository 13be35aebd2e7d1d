//! Whole clusters with real parts: the built binary, real processes, a real Docker engine. See `cluster/`.
