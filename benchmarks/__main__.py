"""One way to all benchmarks.

    python -m benchmarks                       # what there is
    python -m benchmarks NAME --data ../shared/data --device cpu --json OUT.json

Every module of this folder with a `main()` is a benchmark. Each prints a table
and writes what it found, with the machine and the versions, where --json says.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path

import specimen_unet.engine  # noqa: F401 (before torch, which then waits as in napari)

FOLDER = Path(__file__).parent


def benchmarks() -> dict[str, str]:
    """Return the name of every benchmark and the first line it says of itself.

    Modules are read, not imported: some need packages that are not everywhere.
    """
    found = {}
    for path in sorted(FOLDER.glob("[!_]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = (node for node in tree.body if isinstance(node, ast.FunctionDef))
        if any(function.name == "main" for function in functions):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def main(argv: list[str]) -> int:
    """Run the benchmark that is named first with the other words."""
    found = benchmarks()
    if argv and argv[0] in found:
        # Modules name each other as neighbours, and read the words that follow their
        # name, whichever way they are started.
        sys.path.insert(0, str(FOLDER))
        sys.argv = [f"benchmarks {argv[0]}", *argv[1:]]
        return int(import_module(argv[0]).main() or 0)
    print("python -m benchmarks NAME [--help], where NAME is one of\n")
    for name, told in found.items():
        print(f"  {name:20} {told}")
    if not argv or argv[0] in ("-h", "--help"):
        return 0
    print(f"\nThere is no benchmark {argv[0]!r}.", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
