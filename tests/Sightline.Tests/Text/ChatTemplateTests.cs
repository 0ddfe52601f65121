using System.Text.Json;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Text;

public class ChatTemplateTests(PublishedTokenizers tokenizers) : IClassFixture<PublishedTokenizers>
{
    [Fact]
    public void QwenCasesAreIdentical()
    {
        var template = ChatTemplate.Load(Fixtures.Path("tokenizers", "qwen2"));
        var count = 0;
        foreach (var row in TokenizerCases.Read("qwen2", "chat_template_cases.jsonl"))
        {
            var text = template.Render(
                row.GetProperty("messages"), row.GetProperty("add_generation_prompt").GetBoolean(), row.GetProperty("add_vision_id").GetBoolean());
            Assert.Equal(row.GetProperty("text").GetString(), text);
            var ids = new List<int>();
            tokenizers.Qwen2.Encode(text, ids);
            Assert.Equal(TokenizerCases.Ints(row.GetProperty("ids")), ids);
            count++;
        }

        Assert.Equal(76, count);
    }

    [Fact]
    public void TypedMessagesGiveTheSamePrompt()
    {
        var template = ChatTemplate.Load(Fixtures.Path("tokenizers", "qwen2"));
        var text = template.Render([new ChatMessage("system", "Be short."), new ChatMessage("user", ChatPart.Image, ChatPart.Words("Where is the dog?"))]);
        Assert.Equal(
            "<|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>Where is the dog?<|im_end|>\n<|im_start|>assistant\n", text);
    }

    // Expected texts by Jinja 3 with trim_blocks and lstrip_blocks.
    [Theory]
    [InlineData("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc")]
    [InlineData("a  {%- if true -%}  b  {%- endif %} c", "ab c")]
    [InlineData("{# note #}\nx {{- ' y ' -}} z", "x y z")]
    [InlineData("{% for x in [1, 2, 3] if x != 2 %}{{ loop.index }}:{{ x }}{% if not loop.last %},{% endif %}{% endfor %}", "1:1,2:3")]
    [InlineData("{% for k, v in {'a': 1}.items() %}{{ k ~ v }}{% else %}none{% endfor %}", "a1")]
    [InlineData("{% for x in [] %}{% else %}none{% endfor %}", "none")]
    [InlineData("{% set n = namespace(i=0) %}{% for x in range(3) %}{% set n.i = n.i + x %}{% endfor %}{{ n.i }}", "3")]
    [InlineData("{% set x = 1 %}{% for y in [2] %}{% set x = y %}{% endfor %}{{ x }}", "1")]
    [InlineData("{% macro m(a, b='!') %}[{{ a }}{{ b }}]{% endmacro %}{{ m('x') + m('y', b='?') }}", "[x!][y?]")]
    [InlineData("{{ [1, 2, 3][::-1][0] }}{{ 'abc'[1:] }}{{ 'abc'[-1] }}", "3bcc")]
    [InlineData("{{ {'a': [1, none, true], 'é': 'x\"'} | tojson }}", "{\"a\": [1, null, true], \"é\": \"x\\\"\"}")]
    [InlineData("{{ missing }}{{ missing is defined }}{{ missing | default('d') }}{{ 'a' if false else 'b' }}", "Falsedb")]
    [InlineData("{{ 7 // 2 }} {{ -7 % 3 }} {{ 1 / 2 }} {{ 2 * 3 - 1 }} {{ 1 < 2 and not 2 in [1] }}", "3 2 0.5 5 True")]
    [InlineData("{{ ' a b '.strip().split(' ') | join('+') | upper }}{{ [4, 5] | length }}", "A+B2")]
    public void TheLanguageMeansWhatJinjaMeans(string template, string expected)
    {
        using var none = JsonDocument.Parse("[]");
        Assert.Equal(expected, ChatTemplate.Parse(template, "test").Render(none.RootElement));
    }

    [Theory]
    [InlineData("{% if true %}", "endif")]
    [InlineData("{{ 'abc }}", "string without an end")]
    [InlineData("{{ 1 ", "tag without }}")]
    [InlineData("\n\n{% include 'x' %}", "line 3")]
    [InlineData("{% include 'x' %}", "\"include\"")]
    [InlineData("{{ 'a' | sort }}", "filter \"sort\"")]
    [InlineData("{{ a.b }}", "not defined")]
    [InlineData("{{ strftime_now('%Y') }}", "strftime_now")]
    [InlineData("{{ 'a' is even }}", "test \"even\"")]
    [InlineData("{{ 1 // 0 }}", "divides by zero")]
    [InlineData("{{ range(99999999999) }}", "too far")]
    [InlineData("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "too deep")]
    [InlineData("{% for a in range(4000) %}{% for b in range(4000) %}{% endfor %}{% endfor %}", "does not come to an end")]
    [InlineData("{{ raise_exception('roles must alternate') }}", "roles must alternate")]
    public void WhatIsNotSupportedIsOneClearSentence(string template, string says)
    {
        using var none = JsonDocument.Parse("[]");
        var e = Assert.Throws<SightlineException>(() => ChatTemplate.Parse(template, "chat_template.jinja").Render(none.RootElement));
        Assert.Contains(says, e.Message);
        Assert.Contains("chat_template.jinja", e.Message);
    }

    [Fact]
    public void DeepNestingIsRefused()
    {
        foreach (var template in (string[])[string.Concat(Enumerable.Repeat("{% if 1 %}", 10_000)), "{{ " + new string('(', 100_000), "{{ " + new string('-', 100_000), "{{ " + string.Concat(Enumerable.Repeat("not ", 100_000))])
        {
            Assert.Throws<SightlineException>(() => ChatTemplate.Parse(template, "test"));
        }
    }
}
