"""Devices are chosen without importing torch, and a missing GPU is never papered over."""

import subprocess
import sys
from pathlib import Path

import pytest

from shm import engine


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a GPU whose /proc/cpuinfo is `cpuinfo` in this folder."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "cpuinfo").write_text("flags\t: fpu sse2 avx2\n")
    monkeypatch.setattr(engine, "_DEV", tmp_path / "dev")
    monkeypatch.setattr(engine, "_CPUINFO", tmp_path / "cpuinfo")
    return tmp_path


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_without_a_gpu_the_cpu_is_chosen(machine: Path, device: str) -> None:
    assert engine.choose(device) == engine.Engine("cpu", "fp32")


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_bf16_is_chosen_where_the_cpu_multiplies_it(machine: Path, flag: str) -> None:
    (machine / "cpuinfo").write_text(f"flags\t: fpu avx512f {flag} fma\n")

    assert str(engine.choose("cpu")) == "torch-cpu-bf16"


def test_fp32_is_chosen_where_the_cpu_is_unknown(machine: Path) -> None:
    (machine / "cpuinfo").unlink()

    assert engine.cpu_precision() == "fp32"


def test_asking_for_a_gpu_without_one_is_an_error(machine: Path) -> None:
    with pytest.raises(engine.NoGpu, match="no usable NVIDIA GPU"):
        engine.choose("cuda")


def test_a_device_node_whose_driver_does_not_answer_is_no_gpu(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine / "dev" / "nvidia0").touch()
    monkeypatch.setattr(engine, "_cuda_precision", lambda: None)

    with pytest.raises(engine.NoGpu):
        engine.choose("cuda")


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_that_answers_is_chosen(machine: Path, monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    (machine / "dev" / "nvidia0").touch()
    monkeypatch.setattr(engine, "_cuda_precision", lambda: "bf16")

    assert engine.choose(device) == engine.Engine("cuda", "bf16")


def test_an_unknown_device_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="auto, cpu, cuda"):
        engine.choose("tpu")


def test_planning_imports_no_torch() -> None:
    code = (
        "import sys, pipeline.cutout, shm.matter, shm.engine;"
        "shm.engine.choose('cpu'); print('torch' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"
