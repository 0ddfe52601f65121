"""Writes attacks.jsonl without scores; `sightline reward` fills in the rest (see README.md). Each row: an answer that tries to earn more than it deserves."""
import json

THINK = "<think>I look at the picture.</think>"
TAGS = lambda answer, think=THINK: f"{think}\n<answer>{answer}</answer>"
BOX = lambda box, c=0.9: "{'Position': %s, 'Confidence': %s}" % (box, c)
LIST = lambda boxes: "[" + ", ".join(boxes) + "]"
A, B = [100, 120, 300, 340], [500, 520, 700, 690]
A1, B1 = [106, 116, 304, 338], [494, 526, 706, 694]                    # what an honest model says
CUT = {"is_cut": True}                                                  # a length limit ended the answer
rows = []


def task(name, solution, honest, rewards, attacks):
    for attack, completion, *more in attacks:
        rows.append({"id": len(rows), "task": name, "attack": attack, "completion": completion, "honest": honest, "solution": solution, "rewards": rewards, **(more[0] if more else {})})


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
    ("right centres and areas, wrong shapes", TAGS(LIST([BOX([0, 175, 400, 285]), BOX([400, 562, 800, 647])]))),
    ("shapes exchanged at right centres", TAGS(LIST([BOX([90, 130, 310, 330]), BOX([515, 505, 685, 705])]))),
    ("confidences left out", TAGS("[{'Position': %s}, {'Position': %s}]" % (A1, B1))),
    ("confidences as texts", TAGS("[{'Position': %s, 'Confidence': '1'}, {'Position': %s, 'Confidence': '1'}]" % (A1, B1))),
    ("three places in one entry", TAGS("[{'Position': [%s, %s, [800, 10, 900, 60]], 'Confidence': 1}]" % (A1, B1))),
    ("a second place in the same entry", TAGS("[{'Position': %s, 'bbox_2d': [800, 10, 900, 60], 'Confidence': 1}, %s]" % (A1, BOX(B1, 1)))),
    ("one box in the tags, the other after them", TAGS(LIST([BOX(A1, 1)])) + " " + BOX(B1, 1)),
    ("flood that never ends", THINK + "<answer>[" + ", ".join([BOX(A1, 1), BOX(B1, 1)] + [BOX([k, 0, k + 99, 99], 1) for k in range(0, 900, 100)]) + ", {'Posit", CUT),
    ("right boxes and a second answer that never ends", TAGS(LIST([BOX(A1, 1), BOX(B1, 1)])) + "<answer>[", CUT),
    ("thinking without an end", "<think>" + "I look again. " * 20, CUT),
    ("boxes just outside the picture", TAGS(LIST([BOX([-40, -40, -1, -1], 1), BOX([1001, 1001, 1040, 1040], 1)]))),
    ("strips that cross both", TAGS(LIST([BOX([100, 200, 700, 260], 0.5), BOX([100, 600, 700, 660], 0.5)]))),
])
task("absence", "<answer>No Objects</answer>", TAGS("No Objects"), ["sightline/box_iou", "sightline/box_giou", "sightline/box_center", "sightline/confidence", "sightline/count", "sightline/format"], [
    ("a box just in case", TAGS(LIST([BOX([0, 0, 10, 10], 0.01)]))),
    ("empty", ""),
    ("a box and no objects", TAGS(LIST([BOX([0, 0, 10, 10], 0)]) + " No Objects")),
    ("words", TAGS("There may or may not be No Objects of this category.")),
    ("thinking without an end", "<think>" + "I look again. " * 20, CUT),
    ("an opened thought and nothing else", "<think>"),
    ("an answer that is not closed", THINK + "<answer>"),
    ("words without an end", "I look at the picture, and then I look again, and", CUT),
    ("a list that breaks off", THINK + "\n<answer>[{'Position': [10, 10, 20"),
    ("half a box", "(10,10),(20"),
    ("a second answer that is not closed", TAGS(LIST([BOX([10, 10, 20, 20], 1)])) + "<answer>"),
    ("a point for nothing", TAGS("(10,10)")),
    ("words and an empty list", TAGS("It is on the left, or is it? []")),
    ("words and empty brackets", TAGS("It is on the left ()")),
    ("a list in words", TAGS("[the left one], [the right one]")),
])
task("reasoning", "<answer> (100,120),(300,340) </answer>", TAGS("(104,118),(302,336)"), ["sightline/box_iou", "sightline/box_giou", "sightline/box_center", "sightline/format"], [
    ("whole picture", TAGS("(0,0),(1000,1000)")),
    ("two boxes", TAGS("(0,0),(1000,1000),(100,120),(300,340)")),
    ("box around the middle of the object", TAGS("(0,30),(400,430)")),
    ("point for a box", TAGS("(200,230)")),
    ("unicode digits", TAGS("(١٠٠,١٢٠),(٣٠٠,٣٤٠)")),
    ("many right boxes", TAGS(",".join(["(100,120),(300,340)"] * 8))),
    ("right centre and area, wrong shape", TAGS("(0,175),(400,285)")),
    ("a quarter of the object", TAGS("(100,120),(200,230)")),
    ("a box and its half", TAGS("(104,118),(302,336),(104,118),(302,22")),
])
labelled = lambda items: "```json\n" + json.dumps([{"bbox_2d": b, "label": l} for b, l in items]) + "\n```"
task("labelled detection", "<answer>%s</answer>" % labelled([(A, "cat"), (B, "dog")]), TAGS(labelled([(A1, "cat"), (B1, "dog")])), ["sightline/box_iou", "sightline/box_giou", "sightline/box_center", "sightline/format"], [
    ("every label at every place", TAGS(labelled([(b, l) for b in (A1, B1) for l in ("cat", "dog", "person")]))),
    ("labels exchanged", TAGS(labelled([(A, "dog"), (B, "cat")]))),
    ("no labels", TAGS("```json\n[{\"bbox_2d\": %s}, {\"bbox_2d\": %s}]\n```" % (A, B))),
    ("labels that hold both names", TAGS(labelled([(A, "cat dog"), (B, "cat dog")]))),
    ("None", TAGS("None")),
    ("labels left empty", TAGS(labelled([(A, ""), (B, "")]))),
    ("labels of another alphabet", TAGS(labelled([(A, "c\u0430t"), (B, "d\u043eg")]))),
    ("labels null", TAGS("```json\n[{\"bbox_2d\": %s, \"label\": null}, {\"bbox_2d\": %s, \"label\": null}]\n```" % (A, B))),
    ("one label for all", TAGS("```json\n{\"cat\": [%s, %s]}\n```" % (A, B))),
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
    ("name in the thinking, the answer not closed", "<think>Golden_Retriever</think><answer>"),
    ("letters of another alphabet", TAGS("g\u043elden retriever")),
    ("signs without a width", TAGS("golden\u200b retriever")),
    ("the right name and another one", TAGS("{'names': ['golden retriever', 'pug']}")),
    ("the right name cut off by the limit after another", TAGS("pug") + "<answer>golden retriever", CUT),
])
task("pointing", "<answer>%s</answer>" % LIST([BOX(A, 1), BOX(B, 1)]), TAGS("(205,225),(590,610)"), ["sightline/point", "sightline/gaussian_point"], [
    ("grid of points", TAGS(",".join("(%d,%d)" % (x, y) for x in range(50, 1000, 100) for y in range(50, 1000, 100)))),
    ("one point many times", TAGS(",".join(["(200,230)"] * 9))),
    ("boxes for points", TAGS(LIST([BOX([0, 0, 1000, 1000], 1)]))),
    ("outside", TAGS("(-99999,99999)")),
    ("no number", TAGS("(NaN,NaN),(Infinity,230)")),
    ("both in the first object", TAGS("(205,225),(210,230)")),
    ("never said", THINK + "<answer>(205,2", CUT),
])
task("pointing at nothing", "<answer>No Objects</answer>", TAGS("No Objects"), ["sightline/point", "sightline/gaussian_point"], [
    ("half a point", THINK + "<answer>(205,2"),
    ("thinking without an end", "<think>" + "I look again. " * 20, CUT),
    ("a point just in case", TAGS("(0,0)")),
])
with open("attacks.jsonl", "w", encoding="utf-8") as f:
    for row in rows:
        f.write(json.dumps(row, ensure_ascii=True) + "\n")
print(len(rows))
