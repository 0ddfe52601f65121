"""Times the training step of nano here and in PyTorch in turn, so that other work on the machine slows both alike.

    python3 benchmarks/peers/compare_step.py ROOT [--image-size 320] [--threads 1] [--rounds 6] [--steps 3] [--tuned] [--products bfloat16]

ROOT is the folder made by setup.sh ("/" when PyTorch is installed here). Needs a Release build of benchmarks/Sightline.Benchmarks and
root rights for chroot. --tuned keeps freed memory inside PyTorch's process (glibc hands large blocks back by default).
--products bfloat16 lets Sightline's matrix products round their operands, as recipes do with bfloat16_products; PyTorch stays float32.
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "Sightline.Benchmarks", "bin", "Release", "net10.0", "Sightline.Benchmarks.dll")


def start(command, environment):
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment})
    line = process.stdout.readline().strip()
    if line != "ready":
        sys.exit(f"{command[0]} did not start: {line}")
    return process


def blas(threads):
    """OpenBLAS has threads of its own; unless they are as many as PyTorch's, they fight over the cores (10 times slower steps were seen)."""
    return {"OPENBLAS_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads), "LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu/openblas-openmp"}


def measure(process, steps):
    process.stdin.write(f"{steps}\n")
    process.stdin.flush()
    return tuple(float(x) for x in process.stdout.readline().split())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--image-size", type=int, default=320)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("--products", default="float32", choices=["float32", "bfloat16"])
    options = parser.parse_args()
    folder = os.path.join(options.root, "tmp", f"sightline-step-{options.image_size}")
    size = ["--image-size", str(options.image_size)]
    subprocess.run(["dotnet", PROGRAM, "training-step", "--export", folder, *size], check=True, stdout=subprocess.DEVNULL)
    shutil.copy(os.path.join(HERE, "nano_step.py"), folder)
    inside = f"/tmp/sightline-step-{options.image_size}"
    python = ["chroot", options.root, "python3", f"{inside}/nano_step.py", inside]
    subprocess.run(python + ["--check"], check=True, env={**os.environ, **blas(options.threads)})
    threads = ["--threads", str(options.threads)]
    keep = {"GLIBC_TUNABLES": "glibc.malloc.mmap_max=0:glibc.malloc.trim_threshold=17179869184:glibc.malloc.top_pad=268435456"}
    ours = start(["dotnet", PROGRAM, "training-step", "--paced", *threads, *size, "--products", options.products], {})
    theirs = start(python + ["--paced", *threads], {**blas(options.threads), **(keep if options.tuned else {})})
    measure(ours, 1), measure(theirs, 1)
    print(f"canvas {options.image_size}, {options.threads} thread(s), products in {options.products}; milliseconds a step on the wall (processor)")
    rows = []
    for i in range(options.rounds):
        pair = [measure(ours, options.steps), measure(theirs, options.steps)] if i % 2 == 0 else [measure(theirs, options.steps), measure(ours, options.steps)][::-1]
        rows.append(pair)
        (a, a2), (b, b2) = pair
        print(f"  Sightline {a:8.1f} ({a2:8.1f})   PyTorch {b:8.1f} ({b2:8.1f})   ratio {b / a:.2f} ({b2 / a2:.2f})   load {os.getloadavg()[0]:.1f}", flush=True)
    wall = statistics.median(b[0] / a[0] for a, b in rows)
    processor = statistics.median(b[1] / a[1] for a, b in rows)
    best = min(b[0] for _, b in rows) / min(a[0] for a, _ in rows)
    print(f"PyTorch / Sightline: {wall:.2f} on the wall (median of pairs), {best:.2f} (best of each), {processor:.2f} in processor time")
    for process in (ours, theirs):
        process.stdin.close()
        process.wait()


if __name__ == "__main__":
    main()
