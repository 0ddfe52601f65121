namespace Sightline.Training.Scenes;

/// <summary>The colours of generated objects: centres in sRGB, far apart from each other and from the muted backgrounds.</summary>
internal static class Palette
{
    public static IReadOnlyDictionary<string, (byte R, byte G, byte B)> All { get; } = new Dictionary<string, (byte, byte, byte)>
    {
        ["red"] = (214, 34, 34),
        ["orange"] = (245, 135, 22),
        ["yellow"] = (244, 222, 40),
        ["green"] = (38, 158, 52),
        ["cyan"] = (42, 204, 220),
        ["blue"] = (36, 72, 214),
        ["purple"] = (128, 42, 170),
        ["pink"] = (248, 138, 190),
        ["white"] = (248, 248, 248),
        ["black"] = (16, 16, 18),
    };
}
