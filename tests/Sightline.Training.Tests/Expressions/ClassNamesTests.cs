using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Training.Expressions;

namespace Sightline.Training.Tests.Expressions;

public class ClassNamesTests
{
    [Theory]
    [InlineData("red blood cell", "red blood cells")]
    [InlineData("cross", "crosses")]
    [InlineData("box", "boxes")]
    [InlineData("berry", "berries")]
    [InlineData("key", "keys")]
    [InlineData("stop sign", "stop signs")]
    [InlineData("person", "people")]
    [InlineData("bench", "benches")]
    public void Plurals(string one, string many) => Assert.Equal(many, ClassNames.Plural(one));

    [Fact]
    public void ReadsTheThreeFormsOfASideFile()
    {
        var names = Load("""{"RBC": ["red blood cell", "erythrocyte"], "Platelets": "platelet", "ox": {"one": ["ox"], "many": ["oxen"]}}""");
        Assert.Equal("red blood cell", names.PhraseOf("RBC"));
        Assert.Equal(["red blood cells", "erythrocytes"], names["RBC"].Many);
        Assert.Equal("platelet", names.PhraseOf("Platelets"));
        Assert.Equal(["oxen"], names["ox"].Many);
        Assert.Equal("traffic light", names.PhraseOf("Traffic_light"));
    }

    [Theory]
    [InlineData("[1]", "JSON object")]
    [InlineData("{\"RBC\": 3}", "RBC")]
    [InlineData("{\"RBC\": []}", "RBC")]
    [InlineData("{\"RBC\": \" \"}", "RBC")]
    [InlineData("{\"RBC\"", "line 1")]
    public void RefusesABadSideFile(string json, string named)
    {
        var error = Assert.Throws<SightlineException>(() => Load(json));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(220, 20, 20, "red")]
    [InlineData(20, 160, 40, "green")]
    [InlineData(30, 60, 220, "blue")]
    [InlineData(250, 225, 30, "yellow")]
    [InlineData(250, 250, 250, "white")]
    [InlineData(10, 10, 10, "black")]
    [InlineData(120, 120, 120, "grey")]
    [InlineData(120, 70, 20, "brown")]
    [InlineData(235, 88, 26, null)] // between red and orange
    public void NamesPlainColours(int r, int g, int b, string? name) => Assert.Equal(name, RegionColor.Name(Plain(64, (r, g, b)), new Box(10, 10, 54, 54, CoordinateFrame.Pixels(64, 64))));

    [Fact]
    public void NamesNoColourOfAMixture()
    {
        var rgb = Plain(64, (220, 20, 20)).Pixels.ToArray();
        rgb.AsSpan(0, rgb.Length / 2).Fill(120); // upper half grey
        var picture = new Picture(64, 64, rgb);
        Assert.Null(RegionColor.Name(picture, new Box(0, 0, 64, 64, picture.Frame)));
        Assert.Equal("red", RegionColor.Name(picture, new Box(0, 32, 64, 64, picture.Frame)));
    }

    private static Picture Plain(int side, (int R, int G, int B) color)
    {
        var random = new RandomStream(1);
        var rgb = new byte[side * side * 3];
        for (var i = 0; i < rgb.Length; i++) rgb[i] = (byte)Math.Clamp((i % 3 == 0 ? color.R : i % 3 == 1 ? color.G : color.B) + random.NextInt(-3, 4), 0, 255);
        return new Picture(side, side, rgb);
    }

    private static ClassNames Load(string json)
    {
        var path = Path.Combine(Directory.CreateTempSubdirectory("names").FullName, "names.json");
        File.WriteAllText(path, json);
        try
        {
            return ClassNames.Load(path);
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(path)!, true);
        }
    }
}
