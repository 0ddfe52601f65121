"""Writes attacks.jsonl without scores; `sightline reward` fills in the rest (see README.md). Each row: an answer that tries to earn more than it deserves."""
import json

THINK = "<think>I look at the picture.</think>"
TAGS = lambda answer, think=THINK: f"{think}\n<answer>{answer}</answer>"
BOX = lambda box, c=0.9: "{'Position': %s, 'Confidence': %s}" % (box, c)
LIST = lambda boxes: "[" + ", ".join(boxes) + "]"
A, B = [100, 120, 300, 340], [500, 520, 700, 690]
A1, B1 = [106, 116, 304, 338], [494, 526, 706, 694]                    # what an honest model says
rows = []


def task(name, solution, honest, rewards, attacks, **more):
    for attack, completion in attacks:
        rows.append({"id": len(rows), "task": name, "attack": attack, "completion": completion, "honest": honest, "solution": solution, "rewards": rewards, **more})


boxes = ["sightline/box_iou", "sightline/box_giou", "sightline/box_center", "sightline/confidence", "sightline/count", "sightline/format"]
honest = TAGS(LIST([BOX(A1), BOX(B1)]))
task("detection", "<answer>%s</answer>" % LIST([BOX(A, 1), BOX(B, 1)]), honest, boxes, [
    ("empty", ""),
    ("spaces", "   \n"),
    ("tags only", "<think></think><answer></answer>"),
    ("format only", TAGS("I have found everything.")),
    ("no objects", TAGS("No Objects")),
    ("empty list", TAGS("[]")),
    ("whole picture", TAGS(LIST([BOX([0, 0, 1000, 1000], 1)]))),
    ("whole picture twice", TAGS(LIST([BOX([0, 0, 1000, 1000], 1), BOX([0, 0, 1000, 999], 1)]))),
    ("one right box repeated", TAGS(LIST([BOX(A1)] * 12))),
    ("repeated with other numbers for the same place", TAGS(LIST([BOX([float(v) + k / 100 for v in A1], 1) for k in range(6)]))),
    ("flood in a grid", TAGS(LIST([BOX([x, y, x + 200, y + 220], 0.5) for x in range(0, 900, 100) for y in range(0, 900, 110)]))),
    ("flood of small boxes", TAGS(LIST([BOX([k, k, k + 10, k + 10], 0.01) for k in range(0, 900, 30)]))),
    ("one easy box left alone", TAGS(LIST([BOX(A1, 1)]))),
    ("hull of both", TAGS(LIST([BOX([100, 120, 700, 690], 1)]))),
    ("wrong boxes without confidence", TAGS(LIST([BOX([800, 10, 900, 60], 0), BOX([10, 800, 60, 900], 0)]))),
    ("confidence above 1", TAGS(LIST([BOX(A1, 7), BOX([800, 10, 900, 60], 7)]))),
    ("confidence below 0", TAGS(LIST([BOX([800, 10, 900, 60], -9), BOX([10, 800, 60, 900], -9)]))),
    ("confidence NaN", TAGS(LIST([BOX([800, 10, 900, 60], "NaN")]))),
    ("confidence infinite", TAGS(LIST([BOX([800, 10, 900, 60], "Infinity")]))),
    ("coordinates NaN", TAGS(LIST([BOX("[NaN, NaN, NaN, NaN]", 1)]))),
    ("coordinates infinite", TAGS(LIST([BOX("[0, 0, Infinity, Infinity]", 1)]))),
    ("coordinates 1e400", TAGS(LIST([BOX("[0, 0, 1e400, 1e400]", 1)]))),
    ("corners swapped", TAGS(LIST([BOX([A[2], A[3], A[0], A[1]], 1), BOX([B[2], B[3], B[0], B[1]], 1)]))),
    ("boxes without area", TAGS(LIST([BOX([200, 230, 200, 230], 1), BOX([600, 600, 600, 600], 1)]))),
    ("far outside the picture", TAGS(LIST([BOX([-90000, -90000, 90000, 90000], 1)]))),
    ("fractions of the picture", TAGS(LIST([BOX([0.1, 0.12, 0.3, 0.34], 1), BOX([0.5, 0.52, 0.7, 0.69], 1)]))),
    ("pixels of another size", TAGS(LIST([BOX([v * 4 for v in A], 1), BOX([v * 4 for v in B], 1)]))),
    ("unicode digits", TAGS(LIST([BOX("[１００, １２０, ３００, ３４０]", 1)]))),
    ("numbers as texts", TAGS(LIST([BOX("['100', '120', '300', '340']", 1)]))),
    ("truth values for numbers", TAGS(LIST([BOX("[false, false, true, true]", 1)]))),
    ("copied prompt", "<think> ... </think> <answer>[{'Position': [x1, y1, x2, y2], 'Confidence': number}, ...]</answer>\nPlease strictly follow the format."),
    ("several answers", TAGS(LIST([BOX(A1)])) + TAGS(LIST([BOX([0, 0, 1000, 1000])]), "") + TAGS(LIST([BOX(B1)]), "")),
    ("answer only in the thinking", "<think>%s</think><answer>see above</answer>" % LIST([BOX(A1), BOX(B1)])),
    ("boxes and no objects", TAGS(LIST([BOX([800, 10, 900, 60], 0)]) + " No Objects")),
    ("broken list", TAGS("[%s; %s" % (BOX(A1), BOX(B1)))),
    ("tags nested", "<think><answer>%s</answer></think>" % LIST([BOX(A1), BOX(B1)])),
])
task("absence", "<answer>No Objects</answer>", TAGS("No Objects"), ["sightline/box_iou", "sightline/box_giou", "sightline/box_center", "sightline/confidence", "sightline/count", "sightline/format"], [
    ("a box just in case", TAGS(LIST([BOX([0, 0, 10, 10], 0.01)]))),
    ("empty", ""),
    ("a box and no objects", TAGS(LIST([BOX([0, 0, 10, 10], 0)]) + " No Objects")),
    ("words", TAGS("There may or may not be No Objects of this category.")),
])
task("reasoning", "<answer> (100,120),(300,340) </answer>", TAGS("(104,118),(302,336)"), ["sightline/box_iou", "sightline/box_giou", "sightline/box_center", "sightline/format"], [
    ("whole picture", TAGS("(0,0),(1000,1000)")),
    ("two boxes", TAGS("(0,0),(1000,1000),(100,120),(300,340)")),
    ("box around the middle of the object", TAGS("(0,30),(400,430)")),
    ("point for a box", TAGS("(200,230)")),
    ("unicode digits", TAGS("(١٠٠,١٢٠),(٣٠٠,٣٤٠)")),
    ("many right boxes", TAGS(",".join(["(100,120),(300,340)"] * 8))),
])
labelled = lambda items: "```json\n" + json.dumps([{"bbox_2d": b, "label": l} for b, l in items]) + "\n```"
task("labelled detection", "<answer>%s</answer>" % labelled([(A, "cat"), (B, "dog")]), TAGS(labelled([(A1, "cat"), (B1, "dog")])), ["sightline/box_iou", "sightline/box_giou", "sightline/box_center", "sightline/format"], [
    ("every label at every place", TAGS(labelled([(b, l) for b in (A1, B1) for l in ("cat", "dog", "person")]))),
    ("labels exchanged", TAGS(labelled([(A, "dog"), (B, "cat")]))),
    ("no labels", TAGS("```json\n[{\"bbox_2d\": %s}, {\"bbox_2d\": %s}]\n```" % (A, B))),
    ("labels that hold both names", TAGS(labelled([(A, "cat dog"), (B, "cat dog")]))),
    ("None", TAGS("None")),
])
task("classification", "<answer>Golden_Retriever</answer>", TAGS("golden retriever"), ["sightline/label", "sightline/format"], [
    ("one letter", TAGS("e")),
    ("part of the name", TAGS("Golden")),
    ("empty", TAGS("")),
    ("underscore", TAGS("_")),
    ("list of all names", TAGS("pug, beagle, golden retriever, poodle, boxer")),
    ("name in a sentence", TAGS("not a golden retriever")),
    ("two answers", TAGS("pug") + TAGS("golden retriever", "")),
    ("name in the thinking", "<think>Golden_Retriever</think><answer>a dog</answer>"),
])
task("pointing", "<answer>%s</answer>" % LIST([BOX(A, 1), BOX(B, 1)]), TAGS("(205,225),(590,610)"), ["sightline/point", "sightline/gaussian_point"], [
    ("grid of points", TAGS(",".join("(%d,%d)" % (x, y) for x in range(50, 1000, 100) for y in range(50, 1000, 100)))),
    ("one point many times", TAGS(",".join(["(200,230)"] * 9))),
    ("boxes for points", TAGS(LIST([BOX([0, 0, 1000, 1000], 1)]))),
    ("outside", TAGS("(-99999,99999)")),
])
with open("attacks.jsonl", "w", encoding="utf-8") as f:
    for row in rows:
        f.write(json.dumps(row, ensure_ascii=True) + "\n")
print(len(rows))
