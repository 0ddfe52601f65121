using FsCheck;
using FsCheck.Fluent;
using Sightline.Tensors;
using Sightline.Training.Data;

namespace Sightline.Training.Tests.Data;

/// <summary>Whatever the bytes: a data set, or one sentence that names the file. Nothing else may come out.</summary>
public class HostileDataTests
{
    [Theory]
    [InlineData(DataFormat.Coco)]
    [InlineData(DataFormat.Lvis)]
    [InlineData(DataFormat.Voc)]
    [InlineData(DataFormat.Yolo)]
    [InlineData(DataFormat.RefCoco)]
    [InlineData(DataFormat.Flickr30k)]
    [InlineData(DataFormat.Odvg)]
    [InlineData(DataFormat.Sightline)]
    [InlineData(DataFormat.Lisa)]
    [InlineData(DataFormat.VisualRft)]
    [InlineData(DataFormat.VlmR1)]
    [InlineData(DataFormat.ShareGpt)]
    [InlineData(DataFormat.Problems)]
    public void MutatedFilesEndInOneSentence(DataFormat format)
    {
        using var folder = new DataFolder();
        var files = Seed(folder, format, out var open).ToDictionary(f => f, File.ReadAllBytes);
        Assert.NotEmpty(DataSet.Open(open, format).Samples);
        var refused = 0;
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var random = new RandomStream((ulong)seed);
            var victim = random.Choose(files.Keys.ToArray());
            File.WriteAllBytes(victim, Mutate(files[victim], random));
            try
            {
                var data = DataSet.Open(open, format);
                DataLint.Check(data, new LintOptions { Pictures = false });
                DataInspector.Inspect(data);
            }
            catch (SightlineException e)
            {
                Assert.Equal(ErrorKind.BadData, e.Kind);
                Assert.Contains(folder.Root, e.Message, StringComparison.Ordinal);
                refused++;
            }
            finally
            {
                File.WriteAllBytes(victim, files[victim]);
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(250));
        Assert.True(refused > 20, $"{refused} of 250 were refused: the mutations reach too little");
    }

    [Theory]
    [InlineData("a.json", "", "a.json")]
    [InlineData("a.json", "{", "line 1")]
    [InlineData("a.json", "{\"images\": [\n{\"id\": 1,\n}", "line 3")]
    [InlineData("a.json", "{\"images\": []}", "images")]
    [InlineData("a.json", "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\", \"width\": -5, \"height\": 3}]}", "images[0]: 'width' is -5")]
    [InlineData("a.json", "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}, {\"id\": 1, \"file_name\": \"b.jpg\"}]}", "two images have the id 1")]
    [InlineData("a.json", "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}], \"annotations\": [{\"image_id\": 1, \"category_id\": 1, \"bbox\": [1, 2, 3]}]}", "annotations[0]: 'bbox' is [1, 2, 3], not four numbers")]
    [InlineData("a.json", "{\"images\": [{\"id\": 1, \"file_name\": \"a.jpg\"}], \"annotations\": [{\"image_id\": 2, \"category_id\": 1, \"bbox\": [1, 2, 3, 4]}]}", "image 2, which is not in 'images'")]
    [InlineData("a.json", "[{\"image_id\": 1, \"category_id\": 1, \"bbox\": [1,2,3,4], \"score\": 0.5}]", "list of detections")]
    [InlineData("a.json", "[{\"image\": \"a.jpg\", \"solution\": [1,2,3,4]}]", "entry [0]: no expression")]
    [InlineData("a.json", "[{\"image\": \"a.jpg\", \"normal_caption\": \"x\", \"solution\": [1,2,3,1e999]}]", "1e999")]
    [InlineData("a.jsonl", "{\"picture\": \"a.jpg\", \"phrase\": \"x\", \"boxes\": [[1,2,3,4]]}", "line 1: 'frame' is missing")]
    [InlineData("a.jsonl", "{\"picture\": \"a.jpg\", \"phrase\": \"x\", \"boxes\": [[1,2,3,4]], \"frame\": \"pixels\"}", "need the picture's 'width' and 'height'")]
    [InlineData("a.jsonl", "{\"picture\": \"a.jpg\", \"phrase\": \" \", \"boxes\": [], \"frame\": \"unit\"}", "'phrase' is empty")]
    [InlineData("a.jsonl", "{\"picture\": \"a.jpg\"}\n{\"picture\": 3}", "line 2: 'picture' is 3, not text")]
    [InlineData("a.jsonl", "{\"filename\": \"a.jpg\", \"width\": 3, \"height\": 4}", "neither 'detection' nor 'grounding'")]
    [InlineData("a.jsonl", "{\"picture\": \"\\ud800\"}", "surrogate")]
    [InlineData("a.xml", "<!DOCTYPE x [<!ENTITY a \"b\">]><annotation>&a;</annotation>", "DTD")]
    [InlineData("a.xml", "<annotation>\n<object><name>x</name>\n</object></annotation>", "line 2: the <object> 'x' has no <bndbox>")]
    [InlineData("a.xml", "<annotation>\n<size><width>many</width></size></annotation>", "line 2: <width> is 'many', not a number")]
    [InlineData("labels/a.txt", "0 0.5 0.5 0.1\n", "line 1: a YOLO line")]
    [InlineData("labels/a.txt", "0 0.5 0.5 0.1 0.1\nx 0 0 0 0\n", "line 2: 'x' is not a class number")]
    public void SaysWhereItIsWrong(string name, string text, string says)
    {
        using var folder = new DataFolder();
        var path = folder.Write(name, text);
        var error = Assert.Throws<SightlineException>(() => DataSet.Open(name.StartsWith("labels", StringComparison.Ordinal) ? folder.Root : path));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains(says, error.Message, StringComparison.Ordinal);
        Assert.Contains(folder.Root, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void WhatIsNotThereIsNotFound()
    {
        using var folder = new DataFolder();
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<SightlineException>(() => DataSet.Open(folder["none.json"])).Kind);
        Assert.Equal(ErrorKind.BadData, Assert.Throws<SightlineException>(() => DataSet.Open(folder.Root)).Kind);
        folder.Write("a.json", DataFolder.Coco);
        folder.Write("b.json", DataFolder.Coco);
        Assert.Contains("name the one", Assert.Throws<SightlineException>(() => DataSet.Open(folder.Root)).Message, StringComparison.Ordinal);
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => DataFormats.Parse("word")).Kind);
        Assert.Equal(DataFormat.Flickr30k, DataFormats.Parse("flickr30k"));
    }

    private static IReadOnlyList<string> Seed(DataFolder folder, DataFormat format, out string open)
    {
        open = folder.Root;
        switch (format)
        {
            case DataFormat.Coco:
                return [open = folder.Write("in.json", DataFolder.Coco)];
            case DataFormat.Lvis:
                return [open = folder.Write("in.json", DataFolder.Lvis)];
            case DataFormat.RefCoco:
                return [open = folder.Write("in.json", File.ReadAllText(Sightline.Testing.Fixtures.Path("data", "refcocos_text.json")))];
            case DataFormat.Odvg:
                return [open = folder.Write("in.jsonl", DataFolder.Odvg)];
            case DataFormat.Sightline:
                return [open = folder.Write("in.jsonl", DataFolder.OwnLines)];
            case DataFormat.Lisa:
                folder.WriteBmp("a.bmp", 20, 10, (_, _) => (0, 0, 0));
                folder.Write("a.json", """{"text": ["the cup \u00e9"], "is_sentence": true, "shapes": [{"label": "target", "points": [[0, 0], [8.5, 0], [8, 8], [0, 8]]}, {"label": "ignore", "points": [[0, 0], [2, 0], [2, 8]]}]}""");
                return [folder["a.json"]];
            case DataFormat.VisualRft:
                return [open = folder.Write("in.json", """[{"image": "a.bmp", "problem": "Detect all objects belonging to the category 'cat' in the image", "solution": "<answer>[{'Position': [1, 2, 30, 40], 'Confidence': 1}]</answer>"}, {"image": {"path": "b.bmp", "bytes": "QUJD"}, "problem": "What?", "solution": "<answer>dog</answer>"}]""")];
            case DataFormat.VlmR1:
                return [open = folder.Write("in.jsonl", """{"id": 1, "image": ["a.bmp"], "conversations": [{"from": "human", "value": "<image>Where?"}, {"from": "gpt", "value": "[1, 2, 3, 4]"}]}""" + "\n")];
            case DataFormat.ShareGpt:
                return [open = folder.Write("in.json", """[{"messages": [{"role": "user", "content": "<image>Who?"}, {"role": "assistant", "content": "A cat."}], "images": ["a.bmp"]}, {"instruction": "Who?", "output": "A dog.", "history": [["a", "b"]]}]""")];
            case DataFormat.Problems:
                return [open = folder.Write("in.jsonl", """{"id": "a", "pictures": ["a.bmp"], "prompt": "Where?", "solution": "<answer>(1,2),(3,4)</answer>", "frame": "thousandths", "boxes": [{"box": [1, 2, 3, 4], "label": "cat"}], "box_frame": [20, 30], "synonyms": ["x"]}""" + "\n")];
            case DataFormat.Voc:
                return [folder.Write("Annotations/a.xml", File.ReadAllText(Sightline.Testing.Fixtures.Path("data", "bccd", "Annotations", "BloodImage_00338.xml")))];
            case DataFormat.Yolo:
                folder.WriteYolo();
                return [folder["labels/val/a.txt"], folder["labels/val/b.txt"], folder["data.yaml"]];
            default:
                folder.WriteFlickr();
                return [folder["Sentences/1000092795.txt"], folder["Annotations/1000092795.xml"]];
        }
    }

    private static readonly string[] Inserts = ["null", "{}", "[[[[", "1e999", "-1", "\"", "\u0000", "99999999999999999999", "]", "}", ",", "</object>", "<a>", "&x;", "\\ud800", "nan", "[/EN#", "0:"];

    private static byte[] Mutate(byte[] bytes, RandomStream random)
    {
        var result = bytes.ToList();
        for (var n = random.NextInt(1, 4); n > 0 && result.Count > 0; n--)
        {
            var at = random.NextInt(result.Count);
            switch (random.NextInt(6))
            {
                case 0:
                    result[at] = (byte)random.NextInt(256);
                    break;
                case 1:
                    result.RemoveRange(at, result.Count - at);
                    break;
                case 2:
                    result.RemoveRange(at, Math.Min(random.NextInt(1, 30), result.Count - at));
                    break;
                case 3:
                    result.InsertRange(at, System.Text.Encoding.UTF8.GetBytes(random.Choose(Inserts)));
                    break;
                case 4:
                    result.InsertRange(at, result.GetRange(at, Math.Min(random.NextInt(1, 40), result.Count - at)));
                    break;
                default:
                    // a digit becomes another value: ids, sizes and indexes go astray
                    var digit = result.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0) result[digit] = (byte)"0123456789-.e"[random.NextInt(13)];
                    break;
            }
        }

        return [.. result];
    }
}
