using System.Text.Json;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Text;

/// <summary>Reads the golden cases of <c>tests/fixtures/tokenizers</c> and compares everything a case states.</summary>
internal static class TokenizerCases
{
    public static IEnumerable<JsonElement> Read(params string[] parts)
    {
        foreach (var line in File.ReadLines(Fixtures.Path(["tokenizers", .. parts])))
        {
            if (line.Length == 0) continue;
            using var document = JsonDocument.Parse(line);
            yield return document.RootElement.Clone();
        }
    }

    public static int[] Ints(JsonElement list) => [.. list.EnumerateArray().Select(x => x.GetInt32())];

    public static void CheckAll(Tokenizer tokenizer, params string[] parts)
    {
        var count = 0;
        foreach (var row in Read(parts))
        {
            Check(tokenizer, row);
            count++;
        }

        Assert.True(count >= 100);
    }

    private static void Check(Tokenizer tokenizer, JsonElement row)
    {
        var text = row.GetProperty("text").GetString()!;
        var pair = row.TryGetProperty("pair", out var p) ? p.GetString() : null;
        int? limit = row.TryGetProperty("max_length", out var m) ? m.GetInt32() : null;
        var options = new TokenizeOptions { MaxLength = limit, PadToMaxLength = row.TryGetProperty("padding", out _) };
        var result = tokenizer.Tokenize(text, pair, options);

        var ids = Ints(row.GetProperty("input_ids"));
        Assert.Equal(ids, result.Ids);
        Assert.Equal(Ints(row.GetProperty("attention_mask")), result.AttentionMask);
        Assert.Equal(Ints(row.GetProperty("token_type_ids")), result.TypeIds);
        Assert.Equal(Ints(row.GetProperty("special_tokens_mask")), result.SpecialTokensMask);
        var offsets = row.GetProperty("offsets").EnumerateArray().Select(o => (o[0].GetInt32(), o[1].GetInt32())).ToArray();
        Assert.Equal(offsets, result.Offsets);
        Assert.Equal(row.GetProperty("tokens").EnumerateArray().Select(t => t.GetString()), ids.Select(tokenizer.FindToken));
        Assert.Equal(row.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
        Assert.Equal(row.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(ids, skipSpecialTokens: true));
        if (pair is not null || limit is not null) return;

        for (var repeat = 0; repeat < 2; repeat++) // the second time from the word cache
        {
            var plain = new List<int>();
            tokenizer.Encode(text, plain);
            Assert.Equal(ids, plain);
        }
    }
}
