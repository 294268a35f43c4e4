"""The folder of learned bridges: which answers, what they learned, and how they are erased."""
