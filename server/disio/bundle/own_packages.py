"""The researcher's own packages: folders built into wheels by their build backends; wheels checked before use."""

import importlib.util
import shutil
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from packaging.tags import Tag
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from disio.bundle.distribution import Distribution
from disio.bundle.resolving import python_with_pip, run_tool
from disio.errors import UnitError

_WASM_MAGIC: Final = b"\0asm"
_MEMORY_IMPORT: Final = 2
_SHARED: Final = 2


def build(folder: Path, distribution: Distribution, target: Path) -> Path:
    """A wheel of a folder with a ``pyproject.toml``, for browsers.

    Args:
        folder: the project.
        distribution: what the wheel is for.
        target: where the wheel is written.

    Raises:
        UnitError: it cannot be built; the message has what the build backend says, or what is missing.
    """
    if not (folder / "pyproject.toml").is_file() and not (folder / "setup.py").is_file():
        raise UnitError(f"{folder} is no package: it has no pyproject.toml; add one, or name a wheel")
    with tempfile.TemporaryDirectory(prefix="disio-build-") as scratch:
        wheel = _built(
            [*python_with_pip(), "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", scratch, str(folder)],
            scratch,
            folder,
        )
        if not wheel.name.endswith("-none-any.whl"):
            wheel = _cross_built(folder, wheel, distribution, Path(scratch) / "cross")
        return Path(shutil.move(wheel, target / wheel.name))


def _built(command: list[str], folder: str | Path, project: Path) -> Path:
    done = run_tool(command, "the build")
    wheels = sorted(Path(folder).glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-3000:]
        raise UnitError(f"{project} cannot be built into a wheel:\n{said}")
    return wheels[0]


def _cross_built(project: Path, native: Path, distribution: Distribution, target: Path) -> Path:
    """A wheel with compiled code, built for browsers by pyodide-build, for the Python that it runs in."""
    tag = native.name.removesuffix(".whl").rpartition("-")[2]
    missing = []
    python = ".".join(map(str, sys.version_info[:2]))
    if python != distribution.python_version:
        missing.append(f"Python {distribution.python_version} (this is {python})")
    if importlib.util.find_spec("pyodide_build") is None:
        missing.append("pyodide-build (pip install pyodide-build, Python 3.12 or newer)")
    if shutil.which("emcc") is None:
        version = distribution.environment["platform_release"]
        missing.append(f"Emscripten {version} with emcc on PATH (pyodide xbuildenv install-emscripten)")
    if missing:
        raise UnitError(
            f"{project} has compiled code (its wheel is for {tag}), which has to be built for {distribution.platform}; "
            f"missing for that: {'; '.join(missing)}. Or build the wheel elsewhere (pyodide build) and name the wheel"
        )
    return run_pyodide_build(project, target)


def run_pyodide_build(project: Path, target: Path) -> Path:
    """A wheel of a project, by pyodide-build: it fetches what it needs of Pyodide's headers, but no compiler.

    Raises:
        UnitError: it fails; the message has what it says.
    """
    target.mkdir()
    options = ["--skip-emscripten-install", "--outdir", str(target)]
    return _built([sys.executable, "-P", "-m", "pyodide_cli", "build", str(project), *options], target, project)


def check(wheel: Path, distribution: Distribution) -> None:
    """See that a wheel fits the interpreter: its tag, and the needs of its compiled modules.

    Raises:
        UnitError: it does not; says what does not fit.
    """
    try:
        _, _, _, tags = parse_wheel_filename(wheel.name)
    except InvalidWheelFilename as error:
        raise UnitError(f"{wheel.name} is no wheel: {error}") from None
    if not tags & _accepted(distribution):
        told, wanted = ", ".join(sorted(map(str, tags))), f"cp{_digits(distribution)}-{distribution.platform}"
        raise UnitError(f"{wheel.name} is for {told}, not for browsers; build it for {wanted}")
    with zipfile.ZipFile(wheel) as file:
        modules = {name: file.read(name) for name in file.namelist() if name.endswith(".so") or ".so." in name}
    for name, code in modules.items():
        if not code.startswith(_WASM_MAGIC):
            raise UnitError(f"{name} in {wheel.name} is no WebAssembly: it was built for another machine")
        if uses_threads(code):
            raise UnitError(
                f"{name} in {wheel.name} was built with threads, which interpreters in browsers do not have; "
                "build it without -pthread"
            )
    _audit(wheel, modules, distribution)


def _audit(wheel: Path, modules: Mapping[str, bytes], distribution: Distribution) -> None:
    """Have auditwheel-emscripten, where it is installed, say what compiled modules need: it has to come along."""
    if not modules or importlib.util.find_spec("auditwheel_emscripten") is None:
        return
    import auditwheel_emscripten  # noqa: PLC0415 - has no release for Python 3.11

    inside = {name.rpartition("/")[2] for name in modules}
    with tempfile.TemporaryDirectory(prefix="disio-audit-") as scratch:
        path = Path(scratch) / "module.so"
        for name, code in modules.items():
            path.write_bytes(code)
            needed, _ = auditwheel_emscripten.show_dylib(path)
            missing = [one for one in needed if one not in inside and distribution.find(one.partition(".")[0]) is None]
            if missing:
                raise UnitError(f"{name} in {wheel.name} needs {', '.join(missing)}, which it does not bring along")


def _accepted(distribution: Distribution) -> set[Tag]:
    python = f"cp{_digits(distribution)}"
    major, minor = distribution.python_version.split(".")
    accepted = {Tag(python, abi, distribution.platform) for abi in (python, "abi3", "none")}
    accepted |= {Tag(f"cp3{older}", "abi3", distribution.platform) for older in range(2, int(minor) + 1)}
    accepted |= {Tag(f"py{major}", "none", platform) for platform in ("any", distribution.platform)}
    accepted |= {Tag(f"py3{older}", "none", "any") for older in range(int(minor) + 1)}
    accepted |= {Tag(f"cp3{older}", "none", "any") for older in range(int(minor) + 1)}
    return accepted


def _digits(distribution: Distribution) -> str:
    return distribution.python_version.replace(".", "")


def project_table(folder: Path) -> dict[str, Any]:
    """A folder's ``pyproject.toml``.

    Raises:
        UnitError: it is no TOML.
    """
    path = folder / "pyproject.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnitError(f"{path} cannot be read: {error}") from None


def uses_threads(code: bytes) -> bool:
    """Whether a WebAssembly module wants memory that threads share (WebAssembly core specification, import section)."""
    at = 8
    while at < len(code):
        section = code[at]
        size, at = _number(code, at + 1)
        if section == _MEMORY_IMPORT:
            return _imports_shared_memory(code, at)
        at += size
    return False


def _imports_shared_memory(code: bytes, at: int) -> bool:
    count, at = _number(code, at)
    for _ in range(count):
        for _ in range(2):  # module and name
            length, at = _number(code, at)
            at += length
        kind = code[at]
        at += 1
        if kind == 0:  # function: its type
            _, at = _number(code, at)
        elif kind == 1:  # table: element type, limits
            at = _limits(code, at + 1)[1]
        elif kind == 2:
            flags, at = _limits(code, at)
            if flags & _SHARED:
                return True
        elif kind == 3:  # global: type, mutability
            at += 2
        else:  # tag: attribute, type
            _, at = _number(code, at + 1)
    return False


def _limits(code: bytes, at: int) -> tuple[int, int]:
    flags = code[at]
    _, at = _number(code, at + 1)
    if flags & 1:
        _, at = _number(code, at)
    return flags, at


def _number(code: bytes, at: int) -> tuple[int, int]:
    """An unsigned LEB128 number, and where it ends."""
    value = shift = 0
    while True:
        byte = code[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
