"""Take out of an environment what a gate never opens, strip torch's libraries, and compile the rest to bytecode.

Everything here is checked by running the gate in the finished image (`make image-test`).
"""

from __future__ import annotations

import compileall
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

REMOVED = (
    # what torch is built and tested with
    "torch/include",
    "torch/test",
    "torch/share",
    "torch/bin/[!t]*",
    "torch/bin/test_*",
    "torch/lib/*.a",
    "torch/lib/libjitbackend_test.so",
    "torch/lib/libtorchbind_test.so",
    "torch/lib/libbackend_with_compiler.so",
    "torch/utils/benchmark",
    "torch/utils/tensorboard",
    "torch/utils/model_dump",
    # compilers, exporters and fixtures: torch imports them on demand only
    "torch/onnx",
    "torch/_inductor/codegen",
    "torch/_inductor/fx_passes",
    "torch/_inductor/kernel",
    "torch/_vendor/quack",
    "torch/testing/_internal/distributed/[!_f]*",
    "torch/testing/_internal/opinfo",
    "torch/testing/_internal/generated",
    "torch/testing/_internal/jit_*",
    "torch/testing/_internal/common_[fmnqo]*",
    "transformers/exporters",
    "transformers/pipelines",
    "networkx",
    "functorch",
    # parts of algebra that shapes of tensors never meet
    "sympy/physics",
    "sympy/parsing/latex",
    "sympy/parsing/autolev",
    # file formats, highlighting, and keys of GitHub Apps, which a gate and its comment do without
    "scipy/io/_fast_matrix_market",
    "pygments/lexers/[!_]*",
    "cryptography",
    "numpy/distutils",
    # installers, and a faster way to download
    "pip",
    "setuptools",
    "pkg_resources",
    "_distutils_hack",
    "distutils-precedence.pth",
    "hf_xet",
    # test suites of the libraries
    "*/tests",
    "*/*/tests",
    "*/*/*/tests",
    "*/*/*/*/tests",
    "sympy/**/benchmarks",
    "numpy/_core/include",
    "numpy/random/lib",
    "scipy/*/*.pxd",
    # command-line programs and type stubs
    "../../../bin/[!p]*",
    "**/*.pyi",
    "**/*.pxd",
    "**/*.c",
    "**/*.cpp",
    "**/*.h",
    "**/*.hpp",
    "**/*.cuh",
    "**/*.cu",
)
# The sentence model is a BERT; all others that stay are causal language models.
NEEDED = {"auto", "bert"}
_CLASS = re.compile(r"^class (\w+)", re.MULTILINE)


def slim(root: Path) -> None:
    """Slim the virtual environment at `root`."""
    (packages,) = root.glob("lib/python*/site-packages")
    before = size(root)
    for pattern in REMOVED:
        for found in packages.glob(pattern):
            remove(found)
    unread_models(packages / "transformers")
    strip(packages / "torch" / "lib")
    after = size(root)
    compileall.compile_dir(
        packages, quiet=2, workers=0, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    sys.stdout.write(f"{root}: {before} MB, slimmed {after} MB, with bytecode {size(root)} MB\n")


def remove(path: Path) -> None:
    """Remove a file or folder, if it is still there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def unread_models(transformers: Path) -> None:
    """Remove the code of architectures that are no causal language model, and whatever reads pictures or sound."""
    models = transformers / "models"
    for pattern in ("image_processing_*", "video_processing_*", "feature_extraction_*", "convert_*", "modular_*"):
        for found in models.glob(f"*/{pattern}.py"):
            if found.parent.name != "auto":
                found.unlink()
    code = {path: path.read_text(encoding="utf-8") for path in models.glob("*/modeling_*.py")}
    wanted = causal(models / "auto" / "modeling_auto.py")
    kept = {path for path, text in code.items() if path.parent.name in NEEDED or wanted & set(_CLASS.findall(text))}
    while more := {path for path in code if path not in kept and any(_imports(code[k], path) for k in kept)}:
        kept |= more
    for path in set(code) - kept:
        path.unlink()


def causal(table: Path) -> set[str]:
    """The names of the classes that are causal language models, from the library's own table."""
    text = table.read_text(encoding="utf-8")
    start = text.index("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES")
    return set(re.findall(r'"(\w+)"', text[start : text.index("\n)", start)]))


def _imports(text: str, path: Path) -> bool:
    return f"{path.parent.name}.{path.stem} import" in text


def strip(folder: Path) -> None:
    """Strip symbols that nothing links against any more."""
    libraries = [str(p) for p in sorted(folder.glob("*.so*")) if not p.is_symlink()]
    subprocess.run(["strip", "--strip-unneeded", *libraries], check=True)


def size(folder: Path) -> int:
    """Megabytes in the files of a folder."""
    return sum(p.lstat().st_size for p in folder.rglob("*")) // 10**6


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
