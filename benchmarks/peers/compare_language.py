"""A vision-language model of 2 billion parameters here, in transformers and in llama.cpp, on one machine in one run.

    sudo python3 benchmarks/peers/compare_language.py ROOT --prepare     # once: files for all three (12 GB), about ten minutes
    sudo python3 benchmarks/peers/compare_language.py ROOT [--rows image,prompt,int8,int4,first] [--threads 2] [--json FILE]

ROOT is the folder made by setup.sh with --language. The weights are random (random_qwen2vl.py); ROOT/tmp/qwen2-vl-2b is used when it is there, and
made when not: name with --tokenizer a published Qwen2-VL folder (weights not needed) for its tokenizer. Needs a Release build of src/Sightline.Cli and root rights for chroot.

Each program runs in a process of its own, one after another, with the best of its settings. Memory is the process's peak (resident, mapped weights included).
"""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "..", "..", "src", "Sightline.Cli", "bin", "Release", "net10.0", "Sightline.Cli.dll")
CONVERT = "/usr/share/doc/llama.cpp-tools/scripts/convert_hf_to_gguf.py"
MODEL = "/tmp/qwen2-vl-2b"
FILES = "/tmp/sightline-language"
PATCHES, PROMPT = 2048, 640


class Peers:
    def __init__(self, options):
        self.options = options
        self.threads = str(options.threads)
        self.results = {}

    def host(self, path):
        return self.options.root.rstrip("/") + path

    def run(self, command, inside=True, ok=(0,), environment=None):
        """Output, seconds and peak bytes of a program."""
        if inside:
            command = ["chroot", self.options.root, *command]
        with tempfile.TemporaryFile("w+") as out:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env={**os.environ, **(environment or {})})
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            text = out.read()
        if process.returncode not in ok:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{text[-3000:]}")
        return text, seconds, usage.ru_maxrss * 1024

    # the three programs

    def sightline(self, weights, patches=0, prompt=PROMPT, tokens=32):
        target = os.path.join(tempfile.gettempdir(), "sightline-language.json")
        command = ["dotnet", self.options.program, "benchmark", "language", "--model", self.host(f"{FILES}/{weights}"), "--patches", str(patches), "--prompt", str(prompt), "--tokens", str(tokens), "--json", target]
        _, _, peak = self.run(command, inside=False, environment={"SIGHTLINE_THREADS": self.threads})
        with open(target, encoding="utf-8") as file:
            rows = {row["name"]: row for row in json.load(file)["language"]}
        return rows, peak

    def transformers(self, **sizes):
        arguments = [x for name, value in sizes.items() for x in (f"--{name}", str(value))]
        blas = {"OPENBLAS_NUM_THREADS": self.threads, "OMP_NUM_THREADS": self.threads}
        text, _, peak = self.run(["python3", f"{FILES}/language_speed.py", MODEL, "--threads", self.threads, *arguments], environment=blas)
        return json.loads(text.strip().splitlines()[-1]), peak

    def llama_bench(self, weights, *arguments):
        text, _, peak = self.run(["llama-bench", "-m", f"{FILES}/{weights}.gguf", "-t", self.threads, "-o", "jsonl", *arguments])
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")], peak

    def llama_picture(self, weights, vision):
        return self.run(["llama-mtmd-cli", "-m", f"{FILES}/{weights}.gguf", "--mmproj", f"{FILES}/mmproj-{vision}.gguf", "--image", f"{FILES}/picture.png", "-p", "Where is it?", "-n", "1", "-t", self.threads, "-c", "1024", "--temp", "0"])

    # the rows

    def say(self, row, program, value, unit, peak, more=""):
        self.results.setdefault(row, []).append({"program": program, "value": value, "unit": unit, "peak_bytes": peak})
        print(f"{row:8} {program:34} {value:9.2f} {unit:10} {peak / 1e9:6.2f} GB {more}", flush=True)

    def image(self):
        rows, peak = self.sightline("int8", patches=PATCHES, prompt=8, tokens=1)
        self.say("image", "Sightline int8", rows["image"]["seconds"], "s", peak, f"{rows['image']['managed_bytes']:,} managed bytes")
        for attention in self.options.attention.split(","):
            found, peak = self.transformers(patches=PATCHES, prompt=0, tokens=0, rounds=1, attention=attention)
            self.say("image", f"transformers bf16 {attention}", found["image"], "s", peak)
        for vision in self.options.vision.split(","):
            text, _, peak = self.llama_picture("q4_0", vision)
            found = re.search(r"(?:slice encoded|encoding done) in (\d+) ms", text)
            if found is None:
                sys.exit("llama-mtmd-cli does not say how long the picture took:\n" + text[-2000:])
            self.say("image", f"llama.cpp {vision}", int(found[1]) / 1000, "s", peak)

    def prompt(self):
        for weights in ("int8", "int4"):
            rows, peak = self.sightline(weights, tokens=1)
            self.say("prompt", f"Sightline {weights}", rows["prompt"]["tokens_per_second"], "tokens/s", peak, f"{rows['prompt']['managed_bytes']:,} managed bytes a token")
        for attention in self.options.attention.split(","):
            found, peak = self.transformers(patches=0, prompt=PROMPT, tokens=0, attention=attention)
            self.say("prompt", f"transformers bf16 {attention}", found["prompt"], "tokens/s", peak)
        for weights in ("q8_0", "q4_0"):
            found, peak = self.llama_bench(weights, "-p", str(PROMPT), "-n", "0", "-r", "2")
            self.say("prompt", f"llama.cpp {weights.upper()}", max(PROMPT / (ns / 1e9) for ns in found[0]["samples_ns"]), "tokens/s", peak)

    def answer(self, ours, theirs, tokens=32):
        for depth in (0, PROMPT):
            rows, peak = self.sightline(ours, prompt=max(depth, 1), tokens=tokens)
            self.say(ours, f"Sightline {ours}, after {depth}", rows["answer"]["tokens_per_second"], "tokens/s", peak, f"{rows['answer']['managed_bytes']:,} managed bytes a token")
            found, peak = self.llama_bench(theirs, "-p", "0", "-n", str(tokens), "-d", str(depth), "-r", "2")
            self.say(ours, f"llama.cpp {theirs.upper()}, after {depth}", max(tokens / (ns / 1e9) for ns in found[0]["samples_ns"]), "tokens/s", peak)

    def first(self):
        for ours, theirs in (("int8", "q8_0"), ("int4", "q4_0")):
            picture = self.host(f"{FILES}/picture.png")
            command = ["dotnet", self.options.program, "ground", picture, "it", "--model", self.host(f"{FILES}/{ours}"), "--max-tokens", "1", "--no-picture"]
            best = min((self.run(command, inside=False, ok=(0, 11), environment={"SIGHTLINE_THREADS": self.threads}) for _ in range(2)), key=lambda run: run[1])
            self.say("first", f"Sightline {ours}", best[1], "s", best[2])
            best = min((self.llama_picture(theirs, self.options.vision.split(",")[0]) for _ in range(2)), key=lambda run: run[1])
            self.say("first", f"llama.cpp {theirs.upper()}", best[1], "s", best[2])

    def prepare(self):
        os.makedirs(self.host(FILES), exist_ok=True)
        for script in ("language_speed.py", "random_qwen2vl.py"):
            shutil.copy(os.path.join(HERE, script), self.host(FILES))
        if not os.path.exists(self.host(MODEL)):
            if self.options.tokenizer is None:
                sys.exit("name a published Qwen2-VL folder for its tokenizer: --tokenizer FOLDER")
            shutil.copytree(self.options.tokenizer, self.host(f"{FILES}/tokenizer"), dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.safetensors"))
            self.run(["python3", f"{FILES}/random_qwen2vl.py", MODEL, f"{FILES}/tokenizer"])
        # noise, so that no program can save work; 896 x 448 pixels are 2,048 patches and 512 tokens
        self.run(["python3", "-c", f"import numpy, PIL.Image; PIL.Image.fromarray(numpy.random.default_rng(0).integers(0, 256, (448, 896, 3), dtype=numpy.uint8)).save('{FILES}/picture.png')"])
        for weights, plan in (("int8", "int8"), ("int4", "int4,visual=int8")):
            if not os.path.exists(self.host(f"{FILES}/{weights}")):
                self.run(["dotnet", self.options.program, "quantize", self.host(MODEL), self.host(f"{FILES}/{weights}"), "--weights", plan], inside=False)
        for name, arguments in (("model-bf16", ()), ("mmproj-bf16", ("--mmproj",)), ("mmproj-f16", ("--mmproj",)), ("mmproj-q8_0", ("--mmproj",))):
            if not os.path.exists(self.host(f"{FILES}/{name}.gguf")):
                self.run(["python3", CONVERT, MODEL, *arguments, "--outtype", name.split("-")[1], "--outfile", f"{FILES}/{name}.gguf"])
        for kind in ("q8_0", "q4_0"):
            if not os.path.exists(self.host(f"{FILES}/{kind}.gguf")):
                self.run(["llama-quantize", f"{FILES}/model-bf16.gguf", f"{FILES}/{kind}.gguf", kind.upper(), self.threads])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--tokenizer")
    parser.add_argument("--rows", default="image,prompt,int8,int4,first")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--attention", default="eager,sdpa", help="of transformers: all are shown, the best counts")
    parser.add_argument("--vision", default="f16,bf16,q8_0", help="forms of llama.cpp's image encoder; the first one is used for the first token")
    parser.add_argument("--program", default=PROGRAM, help="the sightline to measure")
    parser.add_argument("--json")
    options = parser.parse_args()
    peers = Peers(options)
    if options.prepare:
        peers.prepare()
        return
    rows = {"image": peers.image, "prompt": peers.prompt, "int8": lambda: peers.answer("int8", "q8_0"), "int4": lambda: peers.answer("int4", "q4_0"), "first": peers.first}
    for name in options.rows.split(","):
        rows[name]()
        ours = [x["value"] for x in peers.results[name] if x["program"].startswith("Sightline")]
        theirs = [x["value"] for x in peers.results[name] if not x["program"].startswith("Sightline")]
        if name in ("image", "prompt"):
            ratio = min(theirs) / min(ours) if name == "image" else max(ours) / max(theirs)
            print(f"{name:8} Sightline is {ratio:.2f} times as fast as the best of the others", flush=True)
        else:
            pairs = [b / a if name == "first" else a / b for a, b in zip(ours, theirs)]
            print(f"{name:8} Sightline is " + " and ".join(f"{pair:.2f}" for pair in pairs) + " times as fast as llama.cpp", flush=True)
    print(f"load average {os.getloadavg()[0]:.1f}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(peers.results, file, indent=1)


if __name__ == "__main__":
    main()
