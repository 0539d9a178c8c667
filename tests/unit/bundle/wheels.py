"""Small wheels and projects, written by the tests themselves: real pip takes them, and no index is asked."""

import zipfile
from pathlib import Path

BACKEND = """
import zipfile
from pathlib import Path

def build_wheel(directory, config_settings=None, metadata_directory=None):
    name = "model-1.0-TAG.whl"
    with zipfile.ZipFile(Path(directory) / name, "w") as wheel:
        for path in sorted(Path("model").rglob("*")):
            wheel.write(path, path.as_posix())
        wheel.writestr("model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\\nName: model\\nVersion: 1.0\\n")
        wheel.writestr("model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: TAG\\n")
        wheel.writestr("model-1.0.dist-info/RECORD", "")
    return name
"""


def wheel(
    folder: Path,
    name: str,
    *,
    tag: str = "py3-none-any",
    needs: tuple[str, ...] = (),
    files: dict[str, bytes] | None = None,
) -> Path:
    """A wheel of version 1.0."""
    path = folder / f"{name}-1.0-{tag}.whl"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0", *(f"Requires-Dist: {need}" for need in needs)]
    with zipfile.ZipFile(path, "w") as file:
        for inside, data in (files or {f"{name}.py": b"VALUE = 1\n"}).items():
            file.writestr(inside, data)
        file.writestr(f"{name}-1.0.dist-info/METADATA", "\n".join(metadata) + "\n")
        file.writestr(f"{name}-1.0.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        file.writestr(f"{name}-1.0.dist-info/RECORD", "")
    return path


def project(folder: Path, *, tag: str = "py3-none-any", unit: str = "") -> Path:
    """A project called model, with a build backend of its own."""
    (folder / "model" / "tables").mkdir(parents=True)
    (folder / "model" / "__init__.py").write_text(unit or "from .inner import VALUE\n")
    (folder / "model" / "inner.py").write_text("VALUE = 42\n")
    (folder / "model" / "tables" / "numbers.csv").write_text("1,2,3\n")
    (folder / "backend.py").write_text(BACKEND.replace("TAG", tag))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "model"\nversion = "1.0"\n[tool.disio]\ntimeout = 7\n'
    )
    return folder
