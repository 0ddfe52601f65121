using System.Runtime.InteropServices;

namespace Sightline.Training.Distributed;

/// <summary>
/// The functions of MPI that are needed, as Open MPI 4 and 5 export them: handles are addresses, those of predefined objects the addresses of exported symbols
/// (<c>ompi_mpi_comm_world</c>). The name is resolved by <see cref="MpiLibrary"/>.
/// </summary>
internal static unsafe partial class MpiNative
{
    public const string Mpi = "mpi";
    public const int ThreadSerialized = 2; // calls from any thread, one at a time
    public const int AnySource = -1;
    public const int LongestText = 8192;   // more than MPI_MAX_LIBRARY_VERSION_STRING and MPI_MAX_ERROR_STRING of any version

    [LibraryImport(Mpi)]
    public static partial int MPI_Get_library_version(byte* text, int* length);

    [LibraryImport(Mpi)]
    public static partial int MPI_Init_thread(int* count, byte*** arguments, int required, int* provided);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_set_errhandler(nint communicator, nint handler);

    [LibraryImport(Mpi)]
    public static partial int MPI_Error_string(int code, byte* text, int* length);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_rank(nint communicator, int* rank);

    [LibraryImport(Mpi)]
    public static partial int MPI_Comm_size(nint communicator, int* size);

    [LibraryImport(Mpi)]
    public static partial int MPI_Barrier(nint communicator);

    [LibraryImport(Mpi)]
    public static partial int MPI_Bcast(void* buffer, int count, nint type, int root, nint communicator);

    [LibraryImport(Mpi)]
    public static partial int MPI_Allgatherv(void* send, int sendCount, nint sendType, void* receive, int* receiveCounts, int* places, nint receiveType, nint communicator);

    [LibraryImport(Mpi)]
    public static partial int MPI_Alltoallv(void* send, int* sendCounts, int* sendPlaces, nint sendType, void* receive, int* receiveCounts, int* receivePlaces, nint receiveType, nint communicator);

    [LibraryImport(Mpi)]
    public static partial int MPI_Isend(void* buffer, int count, nint type, int to, int tag, nint communicator, nint* request);

    [LibraryImport(Mpi)]
    public static partial int MPI_Request_free(nint* request);

    [LibraryImport(Mpi)]
    public static partial int MPI_Iprobe(int from, int tag, nint communicator, int* isThere, void* status);

    [LibraryImport(Mpi)]
    public static partial int MPI_Abort(nint communicator, int code);

    [LibraryImport(Mpi)]
    public static partial int MPI_Finalize();
}
