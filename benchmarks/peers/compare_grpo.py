"""One GRPO step here and in PyTorch with transformers (grpo_step.py), in turn, on one machine.

    sudo python3 benchmarks/peers/compare_grpo.py ROOT FOLDER [--weights int8] [--rank 16] [--picture 512] [--prompt 128] [--tokens 128] [--group 8] [--turns 2] [--json FILE]

ROOT is the folder made by setup.sh with --language; FOLDER a Qwen2-VL folder in it, as ROOT sees it (random_qwen2vl.py makes one of any shape; it needs tokenizer files). Needs a
Release build of src/Sightline.Cli and root rights for chroot. --rank 0 trains the weights of the language model themselves, in float32 on both sides.
PyTorch runs in each of --types; its fastest counts. Each program runs in a process of its own, one after another, with a small step before the one that counts.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "..", "src", "Sightline.Cli", "bin", "Release", "net10.0", "Sightline.Cli.dll")
SCRIPT = "/tmp/grpo_step.py"
PHASES = ("sampling", "scoring", "reference", "forward", "backward", "update", "step")


def run(command, environment):
    """The last line of a program's output that is JSON, and its processor seconds and peak bytes."""
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env={**os.environ, **environment})
        _, status, usage = os.wait4(process.pid, 0)
        out.seek(0)
        text = out.read()
    if status:
        sys.exit(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}:\n{text[-3000:]}")
    return text, usage.ru_maxrss * 1024


def sightline(a):
    target = os.path.join(tempfile.gettempdir(), f"sightline-grpo-{os.getpid()}.json")
    sizes = [x for name in ("group", "picture", "prompt", "tokens", "rounds", "rank") for x in (f"--{name}", str(getattr(a, name)))]
    freeze = [] if a.rank else ["--freeze", "visual"]
    command = ["dotnet", a.program, "benchmark", "tuning", "--model", a.root.rstrip("/") + a.folder, "--weights", a.weights, *sizes, *freeze, "--json", target]
    _, peak = run(command, {"SIGHTLINE_THREADS": str(a.threads)})
    with open(target, encoding="utf-8") as file:
        found = json.load(file)
    os.remove(target)
    return found["seconds"], peak, found


def pytorch(a, kind):
    sizes = [x for name in ("group", "picture", "prompt", "tokens", "rounds", "rank") for x in (f"--{name}", str(getattr(a, name)))]
    command = ["chroot", a.root, "python3", SCRIPT, a.folder, "--threads", str(a.threads), "--type", kind, "--attention", a.attention, *sizes, *([] if a.rank else ["--freeze"])]
    text, peak = run(command, {"OPENBLAS_NUM_THREADS": str(a.threads), "OMP_NUM_THREADS": str(a.threads), "OMP_WAIT_POLICY": "PASSIVE"})
    found = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
    return found, peak, found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("folder")
    for name, value in (("group", 8), ("picture", 512), ("prompt", 128), ("tokens", 128), ("rounds", 1), ("rank", 16), ("turns", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--weights", default="as-stored", help="of ours")
    parser.add_argument("--types", default="bfloat16,float32", help="of PyTorch: all are shown, the fastest counts")
    parser.add_argument("--attention", default="eager")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--json")
    a = parser.parse_args()
    shutil.copy(os.path.join(HERE, "grpo_step.py"), a.root.rstrip("/") + SCRIPT)
    programs = {f"Sightline {a.weights}": lambda: sightline(a), **{f"PyTorch {kind}": lambda kind=kind: pytorch(a, kind) for kind in a.types.split(",")}}
    results, ratios = [], []
    print(f"{'':22}" + "".join(f"{phase:>11}" for phase in PHASES) + f"{'peak GB':>10}", flush=True)
    for turn in range(a.turns):
        steps = {}
        for name in list(programs)[:: 1 if turn % 2 == 0 else -1]:
            seconds, peak, found = programs[name]()
            steps[name] = seconds["step"]
            results.append({"program": name, "turn": turn, "load_average": os.getloadavg()[0], **found})
            print(f"{name:22}" + "".join(f"{seconds[phase]:11.3f}" for phase in PHASES) + f"{peak / 1e9:10.2f}   load {os.getloadavg()[0]:.1f}", flush=True)
        ours = next(iter(programs))
        ratios.append(min(step for name, step in steps.items() if name != ours) / steps[ours])
        print(f"Sightline is {ratios[-1]:.2f} times as fast", flush=True)
    if a.json:
        with open(a.json, "w", encoding="utf-8") as file:
            json.dump({"results": results, "ratios": ratios}, file, indent=1)


if __name__ == "__main__":
    main()
