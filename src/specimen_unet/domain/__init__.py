"""Words and arithmetic: what a case, a grid, a plan and a score are."""
