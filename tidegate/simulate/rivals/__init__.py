"""The rivals: each a small file that follows its own documentation, cited there. PURE."""
