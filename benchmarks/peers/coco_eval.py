"""Times pycocotools on the files that the C# benchmark writes, and prints its 12 numbers.

    dotnet run -c Release --project benchmarks/Sightline.Benchmarks -- coco-evaluation
    python3 benchmarks/peers/coco_eval.py            # needs pycocotools and numpy

Debian has no package of pycocotools: build it from github.com/cocodataset/cocoapi, folder PythonAPI.
The figures of both must be equal; compare the seconds of one and the same machine only.
"""
import contextlib
import io
import os
import sys
import tempfile
import time

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(tempfile.gettempdir(), "sightline-coco-benchmark")
with contextlib.redirect_stdout(io.StringIO()):
    start = time.perf_counter()
    truth = COCO(os.path.join(folder, "gt.json"))
    detections = truth.loadRes(os.path.join(folder, "dt.json"))
    loaded = time.perf_counter()
    evaluation = COCOeval(truth, detections, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    done = time.perf_counter()
print(f"pycocotools, 1 thread: load {loaded - start:.3f} s, evaluate {done - loaded:.3f} s")
print("stats", *[repr(float(v)) for v in evaluation.stats])
