using System.Runtime.InteropServices;
using static Sightline.Imaging.Vips.VipsNative;

namespace Sightline.Imaging.Vips;

/// <summary>One libvips operation: created by name, arguments set as properties, built, outputs taken.</summary>
internal unsafe ref struct VipsOperation
{
    private readonly string _name;
    private nint _operation;
    private bool _built;

    public VipsOperation(string name, string options = "")
    {
        VipsLibrary.Require();
        _name = name;
        _operation = vips_operation_new(name);
        if (_operation == 0) throw new VipsException($"this libvips has no {name}: {TakeError()}");
        if (options.Length > 0 && vips_object_set_from_string(_operation, options) != 0) throw Fail();
    }

    public readonly void SetImage(string property, nint image)
    {
        GValue value = default;
        g_value_init(&value, vips_image_get_type());
        g_value_set_object(&value, image);
        g_object_set_property(_operation, property, &value);
        g_value_unset(&value);
    }

    /// <summary>Lends memory to the operation: it must stay where it is until every output is released.</summary>
    public readonly void SetBlob(string property, byte* data, int length)
    {
        var blob = vips_blob_new(0, data, (nuint)length);
        GValue value = default;
        g_value_init(&value, vips_blob_get_type());
        g_value_set_boxed(&value, blob);
        g_object_set_property(_operation, property, &value);
        g_value_unset(&value);
        vips_area_unref(blob);
    }

    public void Build()
    {
        var built = vips_cache_operation_build(_operation);
        if (built == 0) throw Fail();
        g_object_unref(_operation);
        _operation = built;
        _built = true;
    }

    /// <summary>A new reference to an output image; the caller releases it with <c>g_object_unref</c>.</summary>
    public readonly nint GetImage(string property)
    {
        GValue value = default;
        g_value_init(&value, vips_image_get_type());
        g_object_get_property(_operation, property, &value);
        var image = g_object_ref(g_value_get_object(&value));
        g_value_unset(&value);
        return image;
    }

    /// <summary>A copy of an output blob.</summary>
    public readonly byte[] GetBlob(string property)
    {
        GValue value = default;
        g_value_init(&value, vips_blob_get_type());
        g_object_get_property(_operation, property, &value);
        nuint length = 0;
        var data = vips_blob_get(g_value_get_boxed(&value), &length);
        var bytes = new ReadOnlySpan<byte>(data, checked((int)length)).ToArray();
        g_value_unset(&value);
        return bytes;
    }

    public void Dispose()
    {
        if (_operation == 0) return;
        if (_built) vips_object_unref_outputs(_operation);
        g_object_unref(_operation);
        _operation = 0;
    }

    /// <summary>Takes libvips' error text (all threads share one) and makes one line of it.</summary>
    public static string TakeError()
    {
        var text = vips_error_buffer_copy();
        try
        {
            var message = Marshal.PtrToStringUTF8(text) ?? "";
            var line = message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).FirstOrDefault() ?? "no reason given";
            return line.Length > 200 ? line[..200] : line;
        }
        finally
        {
            g_free((void*)text);
        }
    }

    private readonly VipsException Fail()
    {
        var reason = TakeError();
        vips_object_unref_outputs(_operation);
        return new VipsException(reason.StartsWith(_name, StringComparison.Ordinal) ? reason[_name.Length..].TrimStart(':', ' ') : reason);
    }
}

/// <summary>libvips refused; always turned into a <see cref="SightlineException"/> with the file's name.</summary>
internal sealed class VipsException(string message) : Exception(message);
