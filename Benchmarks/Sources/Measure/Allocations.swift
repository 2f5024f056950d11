// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

private import CMeasure

/// What the calling thread has allocated, as the preloaded `MallocCount` library saw it.
package struct Allocations {
    package let number: UInt64
    package let liveBytes: Int64

    /// The counts so far; an error when the library is not preloaded.
    package static func now() throws -> Allocations {
        var number: UInt64 = 0
        var bytes: Int64 = 0
        guard measure_malloc(&number, &bytes) else {
            throw RowError("allocations are counted with libMallocCount preloaded, which Scripts/bench does")
        }
        return Allocations(number: number, liveBytes: bytes)
    }
}
