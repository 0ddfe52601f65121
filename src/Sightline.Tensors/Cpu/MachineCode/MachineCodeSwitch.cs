namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>Whether machine code may be used at all: <c>SIGHTLINE_MACHINE_CODE=0</c> switches it off.</summary>
internal static class MachineCodeSwitch
{
    public static bool IsOn { get; } = Environment.GetEnvironmentVariable("SIGHTLINE_MACHINE_CODE") != "0";
}
